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

// mix is what instances serve when they are filled with the jobs of an hour.
type mix struct {
	end    time.Time // that of the hour, zero before one was read
	fitted []pool.Effective
}

// read brings the mix up to the hour that ends at a time. On error it stays what it was.
func (m *mix) read(ctx context.Context, w *worker, offers []pool.Type, end time.Time) error {
	if m.end.Equal(end) {
		return nil
	}
	jobs, err := mixOf(ctx, w.source, w.Shapes, end)
	if err == nil && len(jobs) == 0 {
		err = fmt.Errorf("query returned no jobs in the hour until %s", stamp(end))
	}
	var fitted []pool.Effective
	if err == nil {
		fitted, err = pool.EffectiveCapacity(jobs, offers, w.Unit)
	}
	switch {
	case err == nil:
		*m = mix{end: end, fitted: fitted}
		return nil
	case m.end.IsZero():
		return fmt.Errorf("%w; the configured capacities hold", err)
	}
	return fmt.Errorf("%w; the capacities of the hour until %s hold", err, stamp(m.end))
}

// mixOf returns the jobs that there were on average in the hour that ends at a time.
func mixOf(ctx context.Context, src series.Source, expr string, end time.Time) ([]pool.Jobs, error) {
	all, err := src.Range(ctx, series.Query{Expr: expr, Start: end.Add(-mixSpan), End: end.Add(-time.Minute), Step: time.Minute})
	if err != nil {
		return nil, err
	}
	return jobsOf(all)
}
