package selection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// rolling is what each member said at each rolling origin, and what came.
type rolling struct {
	members []member
	// fitted holds the member's model of the whole history where that came with the one before the cut, nil elsewhere.
	fitted []forecast.Model
	// reach is the number of steps that were forecast: the horizon, or less where the history is short.
	reach int
	// at holds for each origin the index of the first step after it.
	at []int
	// actual[o][h] came h+1 steps after origin o; NaN where missing.
	actual [][]float64
	// mid, low and high [member][o][h] are the member's median and 10 % and 90 % quantiles.
	mid, low, high [][][]float64
	// tooShort holds the members that the history before the cut did not suffice for.
	tooShort []shortage
	// tooDear names the methods that the budget had no room for.
	tooDear []string
}

// member is a method that takes part. Where x is not nil it is told the leading indicators too.
type member struct {
	forecast.Method
	x []series.Series
}

// leadingSuffix marks the name of a member that is told the leading indicators.
const leadingSuffix = "-leading"

// name says whether the member is told the leading indicators.
func (m member) name() string {
	if m.x != nil {
		return m.Name() + leadingSuffix
	}
	return m.Name()
}

// fit fits the member to the points [from, to) of y.
func (m member) fit(ctx context.Context, y series.Series, from, to int) (forecast.Model, error) {
	if m.x == nil {
		return m.Fit(ctx, y.Slice(from, to))
	}
	x := make([]series.Series, len(m.x))
	for i := range x {
		x[i] = m.x[i].Slice(from, to)
	}
	return m.Method.(forecast.Informed).FitWith(ctx, y.Slice(from, to), x)
}

// tell tells model the observation with index i of y and, where it takes them, the indicators at that time.
func (m member) tell(model forecast.Model, y series.Series, i int) {
	if m.x == nil {
		model.Update(y.Values[i])
		return
	}
	x := make([]float64, len(m.x))
	for k := range x {
		x[k] = m.x[k].Values[i]
	}
	model.(forecast.InformedModel).UpdateWith(y.Values[i], x)
}

// shortage is a member that needs a longer history.
type shortage struct {
	method string
	need   int // grid points of the whole history, the window of comparison included
}

// candidates returns the members: every method that the budget has room for and, where there are leading indicators, those that can use
// them once more with these. Each is fitted twice.
func (a Auto) candidates(r *rolling, n int, x []series.Series) []member {
	var out []member
	var spent time.Duration
	for _, m := range a.Methods {
		if a.Cost != nil {
			cost := 2 * a.Cost(m, n)
			if spent+cost > a.Budget {
				r.tooDear = append(r.tooDear, m.Name())
				continue
			}
			spent += cost
		}
		out = append(out, member{Method: m})
		if _, ok := m.(forecast.Informed); ok && len(x) > 0 {
			out = append(out, member{Method: m, x: x})
		}
	}
	return out
}

// cutOf returns how many of n observations lie before the window in which methods are compared; n where there is no room for one.
func cutOf(n int, step time.Duration) int {
	window := min(n/windowShare, int(windowMost/step))
	if window < windowLeast {
		return n
	}
	return n - window
}

// roll fits the members before the cut and rolls them through the window after it. There are no members in the result where there is no
// room to compare them.
func (a Auto) roll(ctx context.Context, y series.Series, x []series.Series) (*rolling, error) {
	r := &rolling{}
	cut := cutOf(y.Len(), y.Step)
	if cut == y.Len() {
		return r, a.shortages(ctx, y, r)
	}
	r.reach = min(a.Horizon, (y.Len()-cut)/2)
	r.at = origins(cut, y.Len()-r.reach, cmp.Or(a.Origins, defaultOrigins))
	for _, o := range r.at {
		r.actual = append(r.actual, y.Values[o:o+r.reach])
	}
	for _, m := range a.candidates(r, y.Len(), x) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		model, whole, err := a.fitAt(ctx, m, y, cut)
		if short, ok := errors.AsType[*forecast.TooShortError](err); ok {
			if m.x == nil {
				r.tooShort = append(r.tooShort, shortage{m.name(), need(short.Need, y)})
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("fit %s on the first %d observations of %s: %w", m.name(), cut, y.Key, err)
		}
		r.members, r.fitted = append(r.members, m), append(r.fitted, whole)
		r.follow(m, model, y, cut)
	}
	return r, nil
}

// fitAt fits m to what lies before the cut and, where that costs little more, to all of y. Where methods were pooled, it is the one that
// was pooled on what lay before the cuts.
func (a Auto) fitAt(ctx context.Context, m member, y series.Series, cut int) (before, all forecast.Model, err error) {
	if past, ok := a.past[m.Name()]; ok {
		m.Method = past
	} else if t, ok := m.Method.(forecast.TwiceFitter); ok && m.x == nil {
		return t.FitTwice(ctx, y, cut)
	}
	before, err = m.fit(ctx, y, 0, cut)
	return before, nil, err
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
	out.fitted = slices.Delete(slices.Clone(r.fitted), i, i+1)
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
func (r *rolling) follow(m member, model forecast.Model, y series.Series, cut int) {
	n := len(r.at)
	mid, low, high := matrix(n, r.reach), matrix(n, r.reach), matrix(n, r.reach)
	i := cut
	for o, at := range r.at {
		for ; i < at; i++ {
			m.tell(model, y, i)
		}
		for h, d := range model.Forecast(r.reach).Steps {
			low[o][h], mid[o][h], high[o][h] = d.Quantile(scoreProbabilities[0]), d.Quantile(scoreProbabilities[1]), d.Quantile(scoreProbabilities[2])
		}
	}
	r.mid, r.low, r.high = append(r.mid, mid), append(r.low, low), append(r.high, high)
}

// thinned returns r and what was said with about n of the origins, spread evenly.
func (r *rolling) thinned(f [][]said, n int) (*rolling, [][]said) {
	if len(r.at) <= n {
		return r, f
	}
	out := &rolling{reach: r.reach}
	var said [][]said
	for k := range n {
		o := (2*k + 1) * len(r.at) / (2 * n)
		out.at, out.actual, said = append(out.at, r.at[o]), append(out.actual, r.actual[o]), append(said, f[o])
	}
	return out, said
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
