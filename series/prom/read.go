package prom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forethought-autoscaler/forethought/series"
)

// reading is one Range under way: the values read so far, on the grid of the query.
type reading struct {
	src   *Source
	q     series.Query
	start time.Time
	n     int

	mu     sync.Mutex
	values map[string][]float64 // by the printed labels, each n long
	read   int                  // slices read, those without any series included
	failed []failure
	halt   error // why slices that have not begun are not worth beginning
}

// failure is a run of grid points that could not be read.
type failure struct {
	from, n int
	err     error
}

func newReading(s *Source, q series.Query, start time.Time, n int) *reading {
	return &reading{src: s, q: q, start: start, n: n, values: map[string][]float64{}}
}

// run reads every slice, as many side by side as the Source allows.
func (r *reading) run(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(cap(r.src.slots))
	size := int(r.src.maxPoints.Load())
	for from := 0; from < r.n; from += size {
		g.Go(func() error {
			r.slice(ctx, from, min(size, r.n-from))
			return nil // every failure is kept in r.failed
		})
	}
	_ = g.Wait()
}

// slice reads the n grid points from index from on in a slot of the Source.
func (r *reading) slice(ctx context.Context, from, n int) {
	select {
	case <-ctx.Done():
		r.fail(from, n, ctx.Err())
		return
	case r.src.slots <- struct{}{}:
	}
	defer func() { <-r.src.slots }()
	if err := r.halted(); err != nil {
		r.fail(from, n, err)
		return
	}
	r.fetch(ctx, from, n)
}

// fetch reads the n grid points from index from on. Where the server says that this is too much at once it reads them in halves.
func (r *reading) fetch(ctx context.Context, from, n int) {
	size := int(r.src.maxPoints.Load()) // may have fallen since the slice was cut
	if n <= size {
		a, err := r.src.query(ctx, r.q.Expr, r.grid(from, n))
		tooMuch, tooLong := exceeds(err)
		switch {
		case err == nil:
			r.merge(from, n, a)
			return
		case !tooMuch || n == 1:
			r.fail(from, n, err)
			return
		}
		size = (n + 1) / 2
		if tooLong {
			lower(&r.src.maxPoints, int64(size))
		}
	}
	for at := from; at < from+n; at += size {
		r.fetch(ctx, at, min(size, from+n-at))
	}
}

// grid returns the grid of the slice with n points from index from on.
func (r *reading) grid(from, n int) grid {
	at := r.start.Add(time.Duration(from) * r.q.Step)
	return grid{start: at.UnixMilli(), step: r.q.Step.Milliseconds(), n: n, maxSeries: r.src.maxSeries}
}

// merge lays the answer for the n grid points from index from on onto the grid of the query.
func (r *reading) merge(from, n int, a answer) {
	r.src.metrics.samples.Add(float64(a.samples))
	r.src.metrics.infinite.Add(float64(a.infinite))
	for _, w := range a.warnings {
		r.src.metrics.warnings.Inc()
		r.src.warnings.add(r.q.Expr, w)
	}
	if err := r.lay(from, n, a.streams); err != nil {
		r.fail(from, n, err)
	}
}

func (r *reading) lay(from, n int, streams []stream) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range streams {
		all, ok := r.values[st.key]
		if !ok {
			if len(r.values) >= r.src.maxSeries {
				return errManySeries(r.src.maxSeries)
			}
			all = missing(r.n)
			r.values[st.key] = all
		}
		copy(all[from:from+n], st.values)
	}
	r.read++
	return nil
}

// missing returns n values, each NaN.
func missing(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}

// fail keeps err as the reason why the n grid points from index from on are missing. An error that every other slice would meet too
// keeps those that have not begun from beginning: one that says so, or a server that never answered through all tries.
func (r *reading) fail(from, n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, failure{from, n, err})
	if r.halt == nil && (permanent(err) || (retryable(err) && r.read == 0)) {
		r.halt = err
	}
}

// halted returns why no further slice is worth beginning, nil where there is no such reason.
func (r *reading) halted() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halt
}

// result returns what was read, and the error that says what was not.
func (r *reading) result(ctx context.Context) ([]series.Series, error) {
	out := r.series()
	if len(r.failed) == 0 {
		return out, nil
	}
	slices.SortFunc(r.failed, func(a, b failure) int { return a.from - b.from })
	err := fmt.Errorf("query_range %q at %s: %w", r.q.Expr, r.src.shown, r.reason(ctx))
	if r.read == 0 || ctx.Err() != nil {
		return nil, err
	}
	return out, &series.PartialError{Missing: r.missing(), Err: err}
}

// reason returns the earliest slice's failure; where the context ended, the earliest that says so.
func (r *reading) reason(ctx context.Context) error {
	if ctx.Err() == nil {
		return r.failed[0].err
	}
	for _, f := range r.failed {
		if errors.Is(f.err, ctx.Err()) {
			return f.err
		}
	}
	return ctx.Err()
}

// missing returns the ranges that could not be read, with adjoining ones joined.
func (r *reading) missing() []series.Interval {
	var out []series.Interval
	at := func(i int) time.Time { return r.start.Add(time.Duration(i) * r.q.Step) }
	end := -1
	for _, f := range r.failed {
		if f.from == end {
			out[len(out)-1].End = at(f.from + f.n - 1)
		} else {
			out = append(out, series.Interval{Start: at(f.from), End: at(f.from + f.n - 1)})
		}
		end = f.from + f.n
	}
	return out
}

// series returns the values read as series, in the order of their keys, and counts the gaps.
func (r *reading) series() []series.Series {
	out := make([]series.Series, 0, len(r.values))
	for key, values := range r.values {
		s := series.Series{Key: series.Key(key), Start: r.start, Step: r.q.Step, Values: values}
		r.src.metrics.gaps.Add(float64(s.Len() - s.Present()))
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b series.Series) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
