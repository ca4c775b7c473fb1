// Package naive turns a history into the forecasts that every other method has to beat: the last value, a smoothed last value, and the
// value one season ago (FPP3, section 5.2), with intervals from each method's own past errors.
//
// The methods need one observation. The intervals are those of the past errors blended with a prior whose standard deviation is 40 % of
// the level and whose share falls by e with every eight errors seen: wide at first, and never of no width. Fitting is the
// repetition of Update over the history, so that a model that was updated equals one that was fitted on the longer history.
package naive

import (
	"context"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Last forecasts the last observation.
type Last struct{}

// Smooth forecasts the level of simple exponential smoothing (FPP3, section 8.1). The smoothing parameter is the one of a fixed set
// that had the smallest errors lately.
type Smooth struct{}

// Seasonal forecasts the observation one Period ago; the one before that where it is missing, and the last observation where all are.
type Seasonal struct {
	// Period is the season, for example 24 hours. It is rounded to whole steps.
	Period time.Duration
}

// Name returns "last".
func (Last) Name() string { return "last" }

// Name returns "smooth".
func (Smooth) Name() string { return "smooth" }

// Name returns "snaive-day" and "snaive-week" for these periods and otherwise the period, as in "snaive-1h0m0s".
func (s Seasonal) Name() string {
	const day = 24 * time.Hour
	switch s.Period {
	case day:
		return "snaive-day"
	case 7 * day:
		return "snaive-week"
	default:
		return "snaive-" + s.Period.String()
	}
}

// Fit needs one observation that is not missing.
func (m Last) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return fit(ctx, y, m.Name(), 1, &last{value: math.NaN()})
}

// Fit needs one observation that is not missing.
func (m Smooth) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return fit(ctx, y, m.Name(), 1, newSmooth())
}

// Fit needs one season and one observation.
func (m Seasonal) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	period := max(1, int((m.Period+y.Step/2)/max(y.Step, 1)))
	return fit(ctx, y, m.Name(), period+1, newSeasonal(period))
}

// fit repeats Update over y.
func fit(ctx context.Context, y series.Series, name string, need int, c centre) (forecast.Model, error) {
	if y.Len() < need || y.Present() == 0 {
		return nil, &forecast.TooShortError{Method: name, Need: max(need, 1), Have: min(y.Len(), y.Present())}
	}
	m := &model{
		name: name, key: y.Key, unit: y.Unit, step: y.Step, end: y.Start.Add(-y.Step),
		scale: forecast.ScaleOf(y.Values), level: math.NaN(),
	}
	m.centre = c
	m.errors = newErrors(m.centre.knots(), y.Step)
	for i, v := range y.Values {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		m.Update(v)
	}
	return m, nil
}
