package selection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Pool implements forecast.Pooler: it pools every method that can be, twice. What is compared on rolling origins was pooled on what lies
// before each series' window of comparison, so that no method is scored on what it has seen; what forecasts is pooled on all.
func (a Auto) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	var all, before []series.Series
	for _, y := range ys {
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
		if !ok {
			continue
		}
		past, err := p.Pool(ctx, before)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", m.Name(), err)
		}
		if _, twice := m.(forecast.TwiceFitter); twice { // one prior for both is worth more than a few more windows in it
			a.Methods[i] = past
			continue
		}
		if a.Methods[i], err = p.Pool(ctx, all); err != nil {
			return nil, fmt.Errorf("pool %s: %w", m.Name(), err)
		}
		a.past[m.Name()] = past
	}
	return a, nil
}
