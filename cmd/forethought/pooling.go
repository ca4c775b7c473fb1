package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// poolLeast is the number of series of one step from which on they are learnt from together.
	poolLeast = 20
	// poolShare is the share of the series that must end at one time for a pool of its own. Without such a time there is one pool, as of
	// the time that poolEarly of the series end before.
	poolShare = 0.2
	poolEarly = 0.1
)

// fileMethods are the methods of the series of one step of a file: alone, and those that learnt from many series up to a time.
type fileMethods struct {
	alone forecast.Method
	pools []timedMethod // by time, ascending
}

// timedMethod learnt from nothing after until.
type timedMethod struct {
	until  time.Time
	method forecast.Method
}

// of returns the method for y: what was learnt from many series up to a time that lies not after y's end, so that no series is forecast
// with what others showed later.
func (f fileMethods) of(y series.Series) forecast.Method {
	for _, p := range slices.Backward(f.pools) {
		if !p.until.After(y.End()) {
			return p.method
		}
	}
	return f.alone
}

// poolMethods chooses the methods called name for series of one step that are forecast together. It is the one place that sees all of them
// before any is fitted.
func poolMethods(ctx context.Context, all []series.Series, name string, r recipe, alone bool) (fileMethods, error) {
	m, err := r.called(name)
	if err != nil {
		return fileMethods{}, err
	}
	f := fileMethods{alone: m}
	if alone || len(all) < poolLeast {
		return f, nil
	}
	r.pooled = true
	if m, err = r.called(name); err != nil {
		return fileMethods{}, err
	}
	pooler, ok := m.(forecast.Pooler)
	if !ok {
		return f, nil
	}
	type outcome struct {
		method forecast.Method
		err    error
	}
	times := poolTimes(all)
	inOrder(len(times), runtime.GOMAXPROCS(0), func(i int) outcome {
		var o outcome
		o.method, o.err = pooler.Pool(ctx, upTo(all, times[i]))
		return o
	}, func(i int, o outcome) {
		if o.err != nil {
			err = fmt.Errorf("learn from %d series together: %w", len(all), o.err)
			return
		}
		f.pools = append(f.pools, timedMethod{times[i], o.method})
	})
	return f, err
}

// called returns the method of this name.
func (r recipe) called(name string) (forecast.Method, error) {
	known := r.known()
	i := slices.IndexFunc(known, func(m forecast.Method) bool { return m.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("--method=%s: unknown method, want one of %s", name, methodNames(known))
	}
	return known[i], nil
}

// poolTimes returns the times up to which series are learnt from together, ascending: those at which many of them end.
func poolTimes(all []series.Series) []time.Time {
	ends := make([]time.Time, 0, len(all))
	for _, y := range all {
		ends = append(ends, y.End())
	}
	slices.SortFunc(ends, time.Time.Compare)
	var times []time.Time
	least := max(poolLeast, int(poolShare*float64(len(ends))))
	for i := 0; i < len(ends); {
		n := i
		for n < len(ends) && ends[n].Equal(ends[i]) {
			n++
		}
		if n-i >= least {
			times = append(times, ends[i])
		}
		i = n
	}
	if times == nil {
		times = append(times, ends[int(poolEarly*float64(len(ends)))])
	}
	return times
}

// upTo returns what the series hold up to a time.
func upTo(all []series.Series, until time.Time) []series.Series {
	var out []series.Series
	for _, y := range all {
		if s := y.Slice(0, y.Index(until)+1); s.Present() > 0 {
			out = append(out, s)
		}
	}
	return out
}

// tellPooling says on a terminal what takes a while.
func tellPooling(w io.Writer, n int) func() {
	if !isTerminal(w) || n < poolLeast {
		return func() {}
	}
	fmt.Fprintf(w, "learning from %d series together", n)
	return func() { fmt.Fprint(w, "\r\x1b[K") }
}
