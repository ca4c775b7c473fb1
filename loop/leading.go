package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// mostIndicators is how many leading indicators a fleet's model uses: each is a column in a regression of a few hundred rows at least.
const mostIndicators = 16

// indicator names a leading indicator: one series of one expression, as the source calls it.
type indicator struct {
	Expr string
	Key  series.Key
}

// leading holds what is known of a fleet's leading indicators, on the grid of its demand.
type leading struct {
	start       time.Time
	expressions []*expression
}

// expression is one query of leading indicators. One that can't be read costs the forecast its indicators and nothing else.
type expression struct {
	expr  string
	found []observed // in the order of their keys
	// to is the grid point up to which the source has answered; before it has answered for the whole history, which is then asked for
	// again after retry, it is zero.
	to, retry time.Time
	// refused says that there are too many indicators; it is not asked for again until the history is read anew.
	refused bool
	err     error // why it is not known
}

type observed struct {
	indicator
	values []float64
}

// read extends the indicators to the end of y. It reports whether one came that was not known for the whole of y.
func (l *leading) read(ctx context.Context, w *worker, y series.Series, at time.Time) (came bool) {
	if l.expressions == nil {
		for _, expr := range w.Leading {
			l.expressions = append(l.expressions, &expression{expr: expr})
		}
		l.start = y.Start
	}
	gone := max(int(y.Start.Sub(l.start)/y.Step), 0)
	l.start = y.Start
	for _, e := range l.expressions {
		for i := range e.found {
			e.found[i].values = padded(e.found[i].values, gone, y.Len())
		}
		if e.refused || e.to.IsZero() && at.Before(e.retry) {
			continue
		}
		whole := e.to.IsZero()
		e.read(ctx, w, y, at)
		came = came || whole && len(e.found) > 0
	}
	return came
}

// padded returns values without the first gone of them, and of length n with what is missing at the end.
func padded(values []float64, gone, n int) []float64 {
	if gone > 0 {
		values = slices.Clone(values[min(gone, len(values)):])
	}
	for len(values) < n {
		values = append(values, math.NaN())
	}
	return values
}

func (e *expression) read(ctx context.Context, w *worker, y series.Series, at time.Time) {
	q := series.Query{Expr: e.expr, Step: y.Step, Start: y.Start, End: y.End()}
	if !e.to.IsZero() {
		q.Start = later(y.Start, e.to.Add(y.Step*time.Duration(1-e.trailing(y))))
	}
	all, err := w.source.Range(ctx, q)
	e.err, e.retry = err, at.Add(10*w.Policy.Interval)
	if _, partial := errors.AsType[*series.PartialError](err); err != nil && !partial {
		return
	}
	for _, s := range all {
		if s.Present() > 0 {
			e.put(s, y)
		}
	}
	if err == nil {
		e.to = y.End()
	}
	if n := len(e.found); n > mostIndicators {
		e.found, e.refused = nil, true
		e.err = fmt.Errorf("it yields %d series, at most %d are used; aggregate it, for example with sum by (group) (...)", n, mostIndicators)
	}
}

// trailing returns how many grid points at the end are asked for again, since an observation may come late.
func (e *expression) trailing(y series.Series) int {
	if len(e.found) == 0 {
		return lateness
	}
	most, last := 0, y.Index(e.to)
	for _, o := range e.found {
		n := 0
		for n < lateness && n < last && math.IsNaN(o.values[last-n]) {
			n++
		}
		most = max(most, n)
	}
	return most
}

// put takes the observations of s over.
func (e *expression) put(s, y series.Series) {
	i, known := slices.BinarySearchFunc(e.found, s.Key, func(o observed, key series.Key) int { return cmp.Compare(o.Key, key) })
	if !known {
		e.found = slices.Insert(e.found, i, observed{indicator{e.expr, s.Key}, padded(nil, 0, y.Len())})
	}
	from := y.Index(s.Start)
	for k, v := range s.Values {
		if at := from + k; at >= 0 && at < y.Len() && !math.IsNaN(v) && !math.IsInf(v, 0) {
			e.found[i].values[at] = v
		}
	}
}

// between returns the indicators that have an observation at y's grid points [from, to), and all that were seen there. Where they are too
// many, an expression is left out as a whole, the later one first.
func (l *leading) between(y series.Series, from, to int) (x []series.Series, inputs, seen []indicator, left error) {
	for _, e := range l.expressions {
		some := make([]series.Series, 0, len(e.found))
		for _, o := range e.found {
			s := series.Series{Key: o.Key, Start: y.Start, Step: y.Step, Values: o.values}.Slice(from, to)
			if s.Present() > 0 {
				some, seen = append(some, s), append(seen, o.indicator)
			}
		}
		if n := len(x) + len(some); n > mostIndicators {
			left = fmt.Errorf("leading indicator %s is left out: with it there are %d series, at most %d are used", e.expr, n, mostIndicators)
			continue
		}
		x, inputs = append(x, some...), append(inputs, seen[len(seen)-len(some):]...)
	}
	return x, inputs, seen, left
}

// at returns the observations of the named indicators at a grid point, NaN for one that is missing.
func (l *leading) at(names []indicator, i int) []float64 {
	x := make([]float64, len(names))
	for k, name := range names {
		x[k] = math.NaN()
		for _, e := range l.expressions {
			for _, o := range e.found {
				if o.indicator == name && i < len(o.values) {
					x[k] = o.values[i]
				}
			}
		}
	}
	return x
}

// isNew reports whether an indicator that was not seen up to a grid point has an observation after it, up to another one.
func (l *leading) isNew(seen []indicator, after, upTo time.Time, step time.Duration) bool {
	from, to := int(after.Sub(l.start)/step)+1, int(upTo.Sub(l.start)/step)
	for _, e := range l.expressions {
		for _, o := range e.found {
			if slices.Contains(seen, o.indicator) {
				continue
			}
			for i := max(from, 0); i <= to && i < len(o.values); i++ {
				if !math.IsNaN(o.values[i]) {
					return true
				}
			}
		}
	}
	return false
}

// doubts says which expressions are not known at a time.
func (l *leading) doubts(at time.Time, step, staleAfter time.Duration) []error {
	var out []error
	for _, e := range l.expressions {
		latest, known := time.Time{}, false
		for _, o := range e.found {
			if last, _, ok := (series.Series{Start: l.start, Step: step, Values: o.values}).Last(); ok {
				latest, known = later(latest, last), true
			}
		}
		switch {
		case e.err != nil:
			out = append(out, fmt.Errorf("leading indicator %s is not known: %w", e.expr, e.err))
		case !known:
			out = append(out, fmt.Errorf("leading indicator %s is not known: %w", e.expr, series.ErrNoSeries))
		case at.Sub(latest) > staleAfter:
			out = append(out, fmt.Errorf("leading indicator %s has no value since %s", e.expr, stamp(latest)))
		}
	}
	return out
}
