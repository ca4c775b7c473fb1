// Package harmonic turns a history into a forecast by the additive model of Taylor and Letham (2018, "Forecasting at scale", The
// American Statistician 72, 37-45), which users know as Prophet: a piecewise linear trend, seasons as Fourier series, and holidays and
// events as indicators, fitted to the largest posterior density.
//
// The posterior is the one of Prophet with its default priors, and Fit reaches its mode: for a given standard deviation of the noise
// the problem is quadratic but for the Laplace prior of the change points, which an active-set method solves in a finite number of
// steps; the standard deviation is alternated with it. Prophet itself stops earlier, at the tolerance of L-BFGS.
//
// The forecast does not depend on the latest observations more than on any others: Update moves the time on and learns nothing, and
// the level is not corrected by recent residuals. To learn, fit again. A method for the next steps this is not; it is for demands ruled
// by the calendar.
package harmonic

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// leastPoints is the number of observations below which nothing is fitted.
const leastPoints = 20

// Method is the additive model. The zero value has seasons of a day, a week and a year in UTC and no holidays.
type Method struct {
	// Seasons are the periods of the demand; a day, a week and a year where there are none. A season takes part where the history holds
	// two of it and its step resolves it.
	Seasons []time.Duration
	// Calendar gives holidays and events, each of which has a regressor of its own, and the time zone: seasons of whole half days follow
	// the local clock, so that a peak at nine stays at nine when the clocks change. Without one there are none, and the clock is UTC.
	Calendar forecast.Calendar
}

// Name returns "harmonic".
func (Method) Name() string { return "harmonic" }

// Fit needs 20 observations that are not missing. Missing observations and outages (forecast.Outages) are rows that do not exist. A few
// observations far beyond all others are limited: less than 0.2 % of all that are above median + 20 times the interquartile range, the
// largest of them three times as much.
//
// From probability 0.9 on, a quantile of the forecast is at least a thousandth of the largest observation of the longest season at the
// history's end, or of its 20 latest steps where there is none: a demand that is there is never certain to end.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if y.Step <= 0 {
		return nil, fmt.Errorf("harmonic: series %s has step %s", y.Key, y.Step)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	y = y.Slice(y.Len()-mostPoints, y.Len())
	out := &model{
		name: m.Name(), settings: m.settings(), calendar: m.Calendar, key: y.Key, unit: y.Unit, step: y.Step, origin: y.End(),
		scale: forecast.ScaleOf(y.Values),
	}
	scaled := forecast.WithoutOutages(out.scale.Scaled(y))
	forecast.LimitOutliers(scaled.Values)
	h := newHistory(scaled, m.Seasons)
	if h.present < leastPoints {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: leastPoints, Have: h.present}
	}
	d := newDesign(h, m.Calendar)
	q := d.normal()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := q.mode()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out.adopt(d, e)
	out.least = leastUpper(scaled, h.seasons)
	return out, nil
}

// location returns the time zone of the calendar.
func location(c forecast.Calendar) *time.Location {
	if c == nil {
		return time.UTC
	}
	return c.Location()
}

// sigmaFloor is the least standard deviation of the noise, as a share of the largest observation: a history that the model fits exactly
// has a posterior without bound.
const sigmaFloor = 1e-5

// sigmaAt returns the square of the standard deviation that maximises the posterior given the residual sum of squares over n
// observations: the root of 4 s^2 + n s - rss = 0 for s, from the half-normal prior of scale 0.5.
func sigmaAt(rss, n float64) float64 {
	return max(2*rss/(n+math.Sqrt(n*n+16*rss)), sigmaFloor*sigmaFloor)
}
