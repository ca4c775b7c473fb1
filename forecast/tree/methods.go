package tree

import (
	"context"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Boost forecasts by gradient boosting. All steps are forecast directly by one model that is told the step, from what the demand did
// lately and at the same phase of earlier seasons; what is learned is the difference from the season before, in units of how much such
// differences usually are, so that the rows of all series can be pooled. The median is boosted by absolute error; the size of the error is
// boosted on later rows than the median was learned from, and the distribution of what remains is theirs too.
type Boost struct {
	// Horizon is the number of steps that are learned; required. Steps beyond it use the last one.
	Horizon int
	// Seasons are the periods that demand may repeat after, ascending; a day and a week where there are none. Those below 4 steps are
	// left out.
	Seasons []time.Duration
	// Calendar, which may be nil, tells holidays and events and in whose time zone a day begins.
	Calendar forecast.Calendar
}

// QuantileForest forecasts by a quantile regression forest on the features of Boost. Its fields are those of Boost.
type QuantileForest struct {
	Horizon  int
	Seasons  []time.Duration
	Calendar forecast.Calendar
}

func (m Boost) settings() settings {
	return settings{name: m.Name(), horizon: m.Horizon, seasons: m.Seasons, calendar: m.Calendar}
}

func (m QuantileForest) settings() settings {
	return settings{name: m.Name(), horizon: m.Horizon, seasons: m.Seasons, calendar: m.Calendar}
}

// Name returns "boost".
func (Boost) Name() string { return "boost" }

// Name returns "forest".
func (QuantileForest) Name() string { return "forest" }

// Fit learns from y alone: at most about 6,000 rows of its latest 131,072 observations. It needs two of the first season and a horizon, and
// on three weeks of five minutes takes about 80 ms of a core.
func (m Boost) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return m.FitWith(ctx, y, nil)
}

// Fit learns from y alone, as Boost.Fit does, and takes about 120 ms.
func (m QuantileForest) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return m.FitWith(ctx, y, nil)
}

// FitWith learns from y and what leading indicators were until each origin.
func (m Boost) FitWith(ctx context.Context, y series.Series, x []series.Series) (forecast.Model, error) {
	return asModel(m.settings().fit(ctx, y, x, onePast))
}

// FitWith learns from y and what leading indicators were until each origin.
func (m QuantileForest) FitWith(ctx context.Context, y series.Series, x []series.Series) (forecast.Model, error) {
	return asModel(m.settings().fit(ctx, y, x, onePastForest))
}

// asModel keeps a nil model from becoming a forecast.Model that is not nil.
func asModel(m *model, err error) (forecast.Model, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Pool learns one model from all of ys: at most about 150,000 rows, as many from each. The Fit of the method returned learns no more and
// needs one season. The methods and their models share the one that was learned.
func (m Boost) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	p, err := m.settings().pool(ctx, ys, manyPasts, onePast)
	if err != nil || p == nil {
		return m, err
	}
	return p, nil
}

// Pool learns one forest from all of ys, as Boost.Pool does, from at most about 60,000 rows.
func (m QuantileForest) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	p, err := m.settings().pool(ctx, ys, manyPastsForest, onePastForest)
	if err != nil || p == nil {
		return m, err
	}
	return p, nil
}

// Restore returns the model that was written.
func (m Boost) Restore(state []byte) (forecast.Model, error) {
	return asModel(m.settings().restore(state, nil))
}

// Restore returns the model that was written.
func (m QuantileForest) Restore(state []byte) (forecast.Model, error) {
	return asModel(m.settings().restore(state, nil))
}

// Restore returns the model that was written by this method or by one that learned from the same pool. The state of a model holds no copy
// of what was learned from the pool.
func (m *pooled) Restore(state []byte) (forecast.Model, error) {
	if out, err := m.restore(state, nil); err == nil {
		return out, nil
	}
	return asModel(m.restore(state, m))
}
