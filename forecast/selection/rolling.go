package selection

import (
	"cmp"
	"context"
	"errors"
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
	// mid, low and high [member][o][h] are the member's median and 10 % and 90 % quantiles; NaN after the member dropped out.
	mid, low, high [][][]float64
	// out holds which members dropped out.
	out []bool
	// tooShort holds the members that the history before the cut did not suffice for.
	tooShort []shortage
	// failed holds the members that could not be fitted for another reason.
	failed []failure
	// tooDear names the methods that the budget had no room for.
	tooDear []string
}

// failure is a member that could not be fitted, and why.
type failure struct {
	method string
	err    error
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
	add := func(m member) {
		if a.Cost != nil {
			cost := 2 * a.Cost(m.Method, n)
			if spent+cost > a.Budget {
				r.tooDear = append(r.tooDear, m.name())
				return
			}
			spent += cost
		}
		out = append(out, m)
	}
	for _, m := range a.Methods {
		add(member{Method: m})
		if _, ok := m.(forecast.Informed); ok && len(x) > 0 {
			add(member{Method: m, x: x})
		}
	}
	return out
}

// cutOf returns how many of n observations lie before the window in which methods are compared; n where there is no room for one.
func cutOf(n int, step time.Duration) int {
	window := min(n/windowShare, max(windowLeast, int(windowMost/step)))
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
	var models []forecast.Model
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
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			r.failed = append(r.failed, failure{m.name(), err})
			continue
		}
		r.members, r.fitted, models = append(r.members, m), append(r.fitted, whole), append(models, model)
	}
	return r, a.race(ctx, r, models, y, cut)
}

// race rolls the models through the window. At a quarter and at half of the origins, the members go on that belong to the better half, or to
// the best weightMembers, in one of the horizon buckets, and those that scale the scores: successive halving (Jamieson and Talwalkar 2016),
// which spends the time on those that may get a weight.
func (a Auto) race(ctx context.Context, r *rolling, models []forecast.Model, y series.Series, cut int) error {
	n := len(r.at)
	for range models {
		r.mid, r.low, r.high = append(r.mid, unknown(n, r.reach)), append(r.low, unknown(n, r.reach)), append(r.high, unknown(n, r.reach))
	}
	r.out = make([]bool, len(models))
	from := 0
	for _, to := range []int{n / 4, n / 2, n} {
		for i, model := range models {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !r.out[i] {
				told := cut
				if from > 0 {
					told = r.at[from-1]
				}
				r.follow(i, model, y, told, from, to)
			}
		}
		if to < n && !a.fair {
			a.halve(r, to)
		}
		from = to
	}
	return nil
}

// halve drops the members that are too bad in every bucket of the first n origins.
func (a Auto) halve(r *rolling, n int) {
	live := 0
	for _, out := range r.out {
		if !out {
			live++
		}
	}
	keep := max(weightMembers, (live+1)/2)
	if n == 0 || live <= keep {
		return
	}
	stays := make([]bool, len(r.members))
	for b := range bucketsOf(r.reach) {
		errs := make([]float64, len(r.members))
		for i := range errs {
			errs[i] = math.Inf(1)
			if e := r.meanError(b, i, n); !r.out[i] && e == e {
				errs[i] = e
			}
		}
		limit := slices.Sorted(slices.Values(errs))[keep-1]
		for i, e := range errs {
			stays[i] = stays[i] || e <= limit
		}
	}
	for i, m := range r.members {
		r.out[i] = r.out[i] || !stays[i] && !slices.Contains(a.Benchmarks, m.name())
	}
}

// unknown returns n rows of m NaN.
func unknown(n, m int) [][]float64 {
	rows := matrix(n, m)
	for _, row := range rows {
		for i := range row {
			row[i] = math.NaN()
		}
	}
	return rows
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
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.failed = append(r.failed, failure{m.Name(), err})
		}
	}
	return nil
}

// need returns how long the whole history must be so that its part before the cut holds n observations.
func need(n int, y series.Series) int {
	return min(n*windowShare/(windowShare-1)+1, n+max(windowLeast, int(windowMost/y.Step)))
}

// without returns r less member i, which could not be fitted to the whole history.
func (r *rolling) without(i int, err error) *rolling {
	out := *r
	out.failed = append(slices.Clone(r.failed), failure{r.members[i].name(), err})
	out.members = slices.Delete(slices.Clone(r.members), i, i+1)
	out.fitted = slices.Delete(slices.Clone(r.fitted), i, i+1)
	out.out = slices.Delete(slices.Clone(r.out), i, i+1)
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

// follow tells member i's model the values from index told on and notes what it forecasts at the origins [from, to).
func (r *rolling) follow(i int, model forecast.Model, y series.Series, told, from, to int) {
	for o := from; o < to; o++ {
		for ; told < r.at[o]; told++ {
			r.members[i].tell(model, y, told)
		}
		low, mid, high := r.low[i][o], r.mid[i][o], r.high[i][o]
		for h, d := range model.Forecast(r.reach).Steps {
			low[h], mid[h], high[h] = d.Quantile(scoreProbabilities[0]), d.Quantile(scoreProbabilities[1]), d.Quantile(scoreProbabilities[2])
		}
	}
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
