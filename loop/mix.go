package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// mixSpan is for how long jobs are looked at to tell what an instance serves, and for how long that then holds: a whole hour, for the next
// one. Capacities so follow the mix of jobs without a change every turn, and from the history alone, so that all replicas find the same.
const mixSpan = time.Hour

// mixBack is how far back an hour with jobs is looked for where the last one has none, which covers a weekend; in parts of mixDay.
const (
	mixDay  = 24 * time.Hour
	mixBack = 3 * mixDay
)

// mix is what instances serve when they are filled with the jobs of an hour.
type mix struct {
	end    time.Time // that of the hour, zero where none of mixBack has jobs, and before one was read
	fitted []pool.Effective
	sought time.Time // the end of the hour before which the last one with jobs was looked for
}

// read brings the mix up to the hour that ends at a time, or where that has no jobs or none that can be understood, to the last one that
// has. It then returns an error that says which one holds. Where jobs can't be read the mix stays what it was.
func (m *mix) read(ctx context.Context, w *worker, offers []pool.Type, end time.Time) error {
	if m.end.Equal(end) {
		return nil
	}
	all, err := jobsUntil(ctx, w.source, w.Shapes, end, mixSpan)
	if err == nil {
		var fitted []pool.Effective
		if fitted, err = fit(all, offers, w.Unit, end); err == nil {
			*m = mix{end: end, fitted: fitted}
			return nil
		}
		if !m.sought.Equal(end) {
			last, unread := lastMix(ctx, w, offers, end)
			if unread == nil {
				*m = last
			} else {
				err = fmt.Errorf("%w; the hours before: %w", err, unread)
			}
		}
	}
	if m.end.IsZero() {
		return fmt.Errorf("%w; the configured capacities hold", err)
	}
	return fmt.Errorf("%w; the capacities of the hour until %s hold", err, stamp(m.end))
}

// lastMix returns the mix of the last hour with jobs before the one that ends at a time.
func lastMix(ctx context.Context, w *worker, offers []pool.Type, end time.Time) (mix, error) {
	for day := end; day.After(end.Add(-mixBack)); day = day.Add(-mixDay) {
		all, err := jobsUntil(ctx, w.source, w.Shapes, day, mixDay)
		if err != nil {
			return mix{}, err
		}
		for hour := day; len(all) > 0 && hour.After(day.Add(-mixDay)); hour = hour.Add(-mixSpan) {
			if fitted, err := fit(all, offers, w.Unit, hour); err == nil {
				return mix{end: hour, fitted: fitted, sought: end}, nil
			}
		}
	}
	return mix{sought: end}, nil
}

// fit returns what instances serve when they are filled with the jobs of the hour that ends at a time.
func fit(all []series.Series, offers []pool.Type, unit series.Unit, end time.Time) ([]pool.Effective, error) {
	hour := make([]series.Series, len(all))
	for i, y := range all {
		hour[i] = y.Slice(y.Index(end.Add(-mixSpan)), y.Index(end))
	}
	jobs, err := jobsOf(hour)
	if err == nil && len(jobs) == 0 {
		err = fmt.Errorf("query returned no jobs in the hour until %s", stamp(end))
	}
	if err != nil {
		return nil, err
	}
	return pool.EffectiveCapacity(jobs, offers, unit)
}

// mixOf returns the jobs that there were on average in the hour that ends at a time.
func mixOf(ctx context.Context, src series.Source, expr string, end time.Time) ([]pool.Jobs, error) {
	all, err := jobsUntil(ctx, src, expr, end, mixSpan)
	if err != nil {
		return nil, err
	}
	return jobsOf(all)
}

// jobsUntil asks for the jobs of a span that ends before a time.
func jobsUntil(ctx context.Context, src series.Source, expr string, end time.Time, span time.Duration) ([]series.Series, error) {
	return src.Range(ctx, series.Query{Expr: expr, Start: end.Add(-span), End: end.Add(-time.Minute), Step: time.Minute})
}
