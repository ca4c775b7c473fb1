// Package ridge turns a history with seasons into forecasts by a ridge regression on seasonal lags.
//
// What is forecast is the difference between a step ahead and the level at the origin, so that a shift of level does no harm. What it
// is forecast from are the latest differences and means, which all steps share, and what the same step did an hour, a day and a week
// ago, alone and averaged over several such times, at the full resolution of the series: a job that runs on the minute each hour is
// seen on the minute. Coefficients are fitted at a few horizons and interpolated between them; the seasonal values never are.
//
// Outages are missing to the regression (forecast.Outages). A missing seasonal value is answered by the season before it, then by a
// shorter season. The features that all steps share are winsorised at their 1 % and 99 % quantiles, and errors beyond two standard
// deviations weigh less (Huber 1964), so that neither a launch day nor a shift of level bends the rest.
package ridge

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Method is the seasonal-lag ridge regression.
type Method struct {
	// Horizon is the number of steps that coefficients are fitted for; required. Steps beyond it use the last ones.
	Horizon int
	// Seasons are the periods that demand may repeat after, ascending; an hour, a day and a week where there are none.
	Seasons []time.Duration
	// Log fits the logarithm of the demand, for a demand whose swings are in proportion to its level.
	Log bool
}

// Name returns "ridge" or "ridge-log".
func (m Method) Name() string {
	if m.Log {
		return "ridge-log"
	}
	return "ridge"
}

// longSeason is the length from which on averages go over two seasons only, as those of a week do.
const longSeason = 4 * 24 * time.Hour

// seasons returns the seasons to try: those given each need two of themselves.
func (m Method) seasons() []season {
	if len(m.Seasons) == 0 {
		return usual
	}
	out := make([]season, 0, len(m.Seasons))
	for _, length := range m.Seasons {
		back := 5
		if length >= longSeason {
			back = 2
		}
		out = append(out, season{length, back, 1})
	}
	return out
}

// validate refuses what cannot be fitted.
func (m Method) validate(y series.Series) error {
	switch {
	case m.Horizon < 1:
		return fmt.Errorf("ridge: Method.Horizon is %d, want at least 1", m.Horizon)
	case y.Step <= 0:
		return fmt.Errorf("ridge: series %s has step %s", y.Key, y.Step)
	}
	return nil
}

// Fit needs enough history for the shortest season of at least four steps: at least twice the season, the horizon and 150 more
// observations.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	models, err := m.fit(ctx, y, []int{y.Len()})
	if err != nil {
		return nil, err
	}
	return models[0], nil
}

// FitTwice implements forecast.TwiceFitter: the features are those that the history before the cut allows, and built once.
func (m Method) FitTwice(ctx context.Context, y series.Series, cut int) (before, all forecast.Model, err error) {
	if cut < 1 || cut > y.Len() {
		return nil, nil, fmt.Errorf("ridge: cut at %d of %d observations", cut, y.Len())
	}
	models, err := m.fit(ctx, y, []int{cut, y.Len()})
	if err != nil {
		return nil, nil, err
	}
	return models[0], models[1], nil
}

// fit returns the models of the beginnings of y that end at ends, ascending.
func (m Method) fit(ctx context.Context, y series.Series, ends []int) ([]*model, error) {
	if err := cmp.Or(m.validate(y), ctx.Err()); err != nil {
		return nil, err
	}
	known := y.Slice(0, ends[0])
	l := newLayout(y.Step, m.Horizon, known.Len(), m.seasons())
	if need := leastHistory(y.Step, m.Horizon, m.seasons()); len(l.periods) == 0 || known.Len() < need || known.Present() < need/2 {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: need, Have: min(known.Len(), 2*known.Present())}
	}
	scale := forecast.ScaleOf(known.Values)
	clean := forecast.WithoutOutages(scale.Scaled(y)).Values
	t := transform{log: m.Log, offset: offsetOf(clean[:known.Len()])}
	for i, v := range clean {
		clean[i] = t.in(v)
	}
	found, low, high, err := fit(ctx, l, clean, ends)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: known.Len() + leastRows, Have: known.Len()}
	}
	models := make([]*model, len(ends))
	for i, end := range ends {
		models[i] = &model{
			settings: m.settings(), length: known.Len(), name: m.Name(), key: y.Key, unit: y.Unit, step: y.Step, end: y.TimeAt(end - 1),
			scale: scale, transform: t, layout: l, horizon: m.Horizon, learnt: found[i], low: low, high: high, normal: forecast.NormalGrid(),
		}
		models[i].remember(clean[:end])
	}
	return models, nil
}

// transform is the space in which the regression is linear.
type transform struct {
	log    bool
	offset float64
}

// in brings a scaled observation into the space.
func (t transform) in(y float64) float64 {
	if t.log {
		return math.Log1p(y / t.offset)
	}
	return y
}

// out brings a number of the space back.
func (t transform) out(z float64) float64 {
	if t.log {
		return t.offset * math.Expm1(z)
	}
	return z
}

// offsetShare is the share of the mean that is added before taking logarithms, so that values near zero do not rule.
const offsetShare = 0.2

// offsetOf returns the offset for these values.
func offsetOf(values []float64) float64 {
	var sum float64
	n := 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if n == 0 || sum == 0 {
		return 1
	}
	return offsetShare * sum / float64(n)
}

// leastHistory returns the number of observations that Fit needs.
func leastHistory(step time.Duration, horizon int, seasons []season) int {
	for _, s := range seasons {
		if s.length/step >= leastSeason {
			lag := int(s.length / step)
			return s.need(lag, horizon)
		}
	}
	return math.MaxInt
}
