package selection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// rolling is what each member said at each rolling origin, and what came.
type rolling struct {
	members []forecast.Method
	// reach is the number of steps that were forecast: the horizon, or less where the history is short.
	reach int
	// at holds for each origin the index of the first step after it.
	at []int
	// actual[o][h] came h+1 steps after origin o; NaN where missing.
	actual [][]float64
	// mid, low and high [member][o][h] are the member's median and 10 % and 90 % quantiles.
	mid, low, high [][][]float64
	// first is the index of the first observation that is not missing; what lies before it is no history.
	first int
	// tooShort holds the members that the history before the cut did not suffice for.
	tooShort []shortage
}

// shortage is a member that needs a longer history.
type shortage struct {
	method string
	need   int // grid points of the whole history from the first observation on, the window of comparison included
}

// roll fits the members before the cut and rolls them through the window after it. There are no members in the result where there is no
// room to compare them.
func (a Auto) roll(ctx context.Context, y series.Series) (*rolling, error) {
	r := &rolling{first: slices.IndexFunc(y.Values, func(v float64) bool { return !math.IsNaN(v) })}
	y = y.Slice(r.first, y.Len())
	window := min(y.Len()/windowShare, int(windowMost/y.Step))
	if window < windowLeast {
		return r, a.shortages(ctx, y, r)
	}
	r.reach = min(a.Horizon, window/2)
	cut := y.Len() - window
	r.at = origins(cut, y.Len()-r.reach, cmp.Or(a.Origins, defaultOrigins))
	for _, o := range r.at {
		r.actual = append(r.actual, y.Values[o:o+r.reach])
	}
	for _, m := range a.Methods {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		model, err := m.Fit(ctx, y.Slice(0, cut))
		if short, ok := errors.AsType[*forecast.TooShortError](err); ok {
			r.tooShort = append(r.tooShort, shortage{m.Name(), need(short.Need, y)})
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("fit %s on the first %d observations of %s: %w", m.Name(), cut, y.Key, err)
		}
		r.members = append(r.members, m)
		r.follow(model, y.Values, cut)
	}
	return r, nil
}

// shortages notes which members need a longer history than y, which is too short to compare any.
func (a Auto) shortages(ctx context.Context, y series.Series, r *rolling) error {
	for _, m := range a.Methods {
		_, err := m.Fit(ctx, y)
		var short *forecast.TooShortError
		switch {
		case errors.As(err, &short):
			r.tooShort = append(r.tooShort, shortage{m.Name(), max(need(short.Need, y), windowLeast*windowShare)})
		case err != nil:
			return fmt.Errorf("fit %s on %s: %w", m.Name(), y.Key, err)
		}
	}
	return nil
}

// need returns how long the whole history must be so that its part before the cut holds n observations.
func need(n int, y series.Series) int {
	return min(n*windowShare/(windowShare-1)+1, n+int(windowMost/y.Step))
}

// without returns r less member i.
func (r *rolling) without(i int) *rolling {
	out := *r
	out.members = slices.Delete(slices.Clone(r.members), i, i+1)
	out.mid = slices.Delete(slices.Clone(r.mid), i, i+1)
	out.low = slices.Delete(slices.Clone(r.low), i, i+1)
	out.high = slices.Delete(slices.Clone(r.high), i, i+1)
	return &out
}

// origins returns up to n indices in [from, to], spread evenly but for a shift by the golden ratio within each interval, so that they
// keep no fixed phase to the hour or the day. The last one is to.
func origins(from, to, n int) []int {
	const golden = 0.6180339887498949
	n = min(n, to-from+1)
	out := make([]int, 0, n)
	gap := float64(to-from+1) / float64(n)
	for i := range n {
		shift := math.Mod(golden*float64(i), 1)
		out = append(out, from+min(int((float64(i)+shift)*gap), to-from))
	}
	out[n-1] = to
	return slices.Compact(out)
}

// follow tells model the values after the cut one by one and notes what it forecasts at each origin.
func (r *rolling) follow(model forecast.Model, values []float64, cut int) {
	n := len(r.at)
	mid, low, high := matrix(n, r.reach), matrix(n, r.reach), matrix(n, r.reach)
	i := cut
	for o, at := range r.at {
		for ; i < at; i++ {
			model.Update(values[i])
		}
		for h, d := range model.Forecast(r.reach).Steps {
			mid[o][h], low[o][h], high[o][h] = d.Quantile(0.5), d.Quantile(0.1), d.Quantile(0.9)
		}
	}
	r.mid, r.low, r.high = append(r.mid, mid), append(r.low, low), append(r.high, high)
}

// matrix returns n rows of m zeros that share one array.
func matrix(n, m int) [][]float64 {
	all := make([]float64, n*m)
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = all[i*m : (i+1)*m : (i+1)*m]
	}
	return rows
}
