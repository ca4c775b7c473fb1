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

// seasons returns the seasons to try: those given each need two of themselves.
func (m Method) seasons() []season {
	if len(m.Seasons) == 0 {
		return usual
	}
	out := make([]season, 0, len(m.Seasons))
	for _, length := range m.Seasons {
		out = append(out, season{length, 5, 1})
	}
	return out
}

// Fit needs enough history for the shortest season of at least four steps: at least twice the season, the horizon and 150 more
// observations.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if m.Horizon < 1 {
		return nil, fmt.Errorf("ridge: Method.Horizon is %d, want at least 1", m.Horizon)
	}
	if y.Step <= 0 {
		return nil, fmt.Errorf("ridge: series %s has step %s", y.Key, y.Step)
	}
	l := newLayout(y.Step, m.Horizon, y.Len(), m.seasons())
	if need := leastHistory(y.Step, m.Horizon, m.seasons()); len(l.periods) == 0 || y.Len() < need || y.Present() < need/2 {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: need, Have: min(y.Len(), 2*y.Present())}
	}
	scale := forecast.ScaleOf(y.Values)
	clean := forecast.WithoutOutages(scale.Scaled(y))
	t := transform{log: m.Log, offset: offsetOf(clean.Values)}
	for i, v := range clean.Values {
		clean.Values[i] = t.in(v)
	}
	fitted, err := fit(ctx, l, clean.Values)
	if err != nil {
		return nil, err
	}
	if fitted == nil {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: y.Len() + leastRows, Have: y.Len()}
	}
	fitted.name, fitted.key, fitted.unit, fitted.end = m.Name(), y.Key, y.Unit, y.End()
	fitted.scale, fitted.transform, fitted.settings, fitted.length = scale, t, m.settings(), y.Len()
	fitted.remember(clean.Values)
	return fitted, nil
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
