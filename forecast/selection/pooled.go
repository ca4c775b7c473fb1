package selection

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Pool implements forecast.Pooler: it pools the methods that can be, twice, and learns which members do well on such series. What is
// compared on rolling origins was pooled on what lies before each series' window of comparison, so that no method is scored on what it
// has seen; what forecasts is pooled on all. A method that fits twice at once is left as it is: a series that is long enough for it
// gains little from others, and the combination loses variety.
func (a Auto) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	var all, before []series.Series
	for _, y := range byKey(ys) {
		if y.Present() == 0 {
			continue
		}
		y = forecast.WithoutOutages(y)
		all = append(all, y)
		before = append(before, y.Slice(0, cutOf(y.Len(), y.Step)))
	}
	a.Methods = slices.Clone(a.Methods)
	a.past = maps.Clone(a.past)
	if a.past == nil {
		a.past = map[string]forecast.Method{}
	}
	for i, m := range a.Methods {
		p, ok := m.(forecast.Pooler)
		if _, twice := m.(forecast.TwiceFitter); !ok || twice {
			continue
		}
		past, err := p.Pool(ctx, before)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", m.Name(), err)
		}
		if a.Methods[i], err = p.Pool(ctx, all); err != nil {
			return nil, fmt.Errorf("pool %s: %w", m.Name(), err)
		}
		a.past[m.Name()] = past
	}
	var err error
	a.prior, err = a.learn(ctx, all)
	return a, err
}

// byKey returns ys in an order that does not depend on the one they are given in.
func byKey(ys []series.Series) []series.Series {
	ordered := slices.Clone(ys)
	slices.SortStableFunc(ordered, func(a, b series.Series) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), a.Start.Compare(b.Start), cmp.Compare(a.Len(), b.Len()))
	})
	return ordered
}

// experience is how well members did on many series: the mean logarithm of their errors over the best one's, by name and bucket.
type experience map[string][]float64

const (
	// experienceSeries bounds the number of series that experience is gathered on.
	experienceSeries = 48
	// experienceMost bounds what one series says against a member: an error ten times the best one's.
	experienceMost = 2.302585092994046
	// experiencePower is p in weight = error^-p: means over many series are sure.
	experiencePower = 10.0
)

// learn gathers experience on up to experienceSeries of ys, spread evenly. It is nil where there are fewer than two.
func (a Auto) learn(ctx context.Context, ys []series.Series) (*experience, error) {
	a.fair = true
	sum, count := experience{}, experience{}
	learnt := 0
	stride := max(1, (len(ys)+experienceSeries-1)/experienceSeries)
	for i := 0; i < len(ys); i += stride {
		y := ys[i]
		r, err := a.roll(ctx, forecast.ScaleOf(y.Values).Scaled(y.Slice(firstOf(y), y.Len())), nil)
		if err != nil {
			return nil, err
		}
		if len(r.members) == 0 {
			continue
		}
		learnt++
		for b, errs := range weigh(r, nil).errs {
			best := slices.Min(errs)
			for i, e := range errs {
				if !(best > 0) || math.IsNaN(e) {
					continue
				}
				name := r.members[i].name()
				sum.add(name, b, min(math.Log(e/best), experienceMost))
				count.add(name, b, 1)
			}
		}
	}
	if learnt < 2 {
		return nil, nil
	}
	for name, n := range count {
		for b := range n {
			sum[name][b] /= n[b] // NaN, which is unknown, where nothing was learnt
		}
	}
	return &sum, nil
}

// add adds v in bucket b of a member.
func (e experience) add(name string, b int, v float64) {
	for len(e[name]) <= b {
		e[name] = append(e[name], 0)
	}
	e[name][b] += v
}

// weights returns the members' shares by bucket; a member without experience has none.
func (e experience) weights(r *rolling) [][]float64 {
	var out [][]float64
	for b := range bucketsOf(r.reach) {
		errs := make([]float64, len(r.members))
		for i, m := range r.members {
			errs[i] = math.Inf(1)
			if known := e[m.name()]; b < len(known) && !math.IsNaN(known[b]) {
				errs[i] = math.Exp(known[b])
			}
		}
		if math.IsInf(slices.Min(errs), 1) {
			for i := range errs {
				errs[i] = 1
			}
		}
		out = append(out, softWeights(errs, experiencePower))
	}
	return out
}
