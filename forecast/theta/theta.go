// Package theta turns a history into forecasts by the Theta method: simple exponential smoothing of the seasonally adjusted demand with
// half the slope of its straight line as drift.
//
// Theta (Assimakopoulos and Nikolopoulos 2000) is simple exponential smoothing with drift (Hyndman and Billah 2003), as R's thetaf
// has it: a season that passes a test is divided out by classical decomposition, and put back on the forecasts. The dynamic optimised
// Theta model (Fiorucci, Pellegrini, Louzada, Petropoulos and Koehler 2016) goes on learning the line and chooses how much of it to follow.
// Seasonal indices stay as they are until the next fit. A missing observation teaches nothing: the model goes on as it forecast, and
// its intervals widen. Of a long history the latest 8192 observations or four seasons, whichever is more, are fitted on; outages
// (forecast.Outages) count as missing.
package theta

import (
	"context"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Method is the Theta method.
type Method struct {
	// Period is the length of the season, rounded to whole steps. Without one, with two seasons of history or fewer, and where the test
	// finds none, the demand is forecast as it is.
	Period time.Duration
	// Optimised fits the dynamic optimised Theta model in place of Theta.
	Optimised bool
}

// Name returns "theta" or "theta-dynamic".
func (m Method) Name() string {
	if m.Optimised {
		return "theta-dynamic"
	}
	return "theta"
}

// leastHistory is the number of observations that leaves one beyond the parameters: alpha, the initial level, theta and the two
// observations that the dynamic model begins with.
const leastHistory = 6

const (
	// window and windowSeasons say how much of a long history is fitted on: the latest observations that many steps or seasons long,
	// whichever is more.
	window        = 8192
	windowSeasons = 4
)

// Fit needs six observations.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	period := steps(m.Period, y.Step)
	scale := forecast.ScaleOf(y.Values)
	z, gap := recent(scale, forecast.WithoutOutages(y).Values, max(window, windowSeasons*period))
	if n := present(z); n < leastHistory {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: leastHistory, Have: n}
	}
	out := &model{
		Method: m.Name(), Settings: m.settings(), Key: y.Key, Unit: y.Unit, Step: y.Step, End: y.End(), Scale: scale,
		Size: size(z),
	}
	for _, v := range y.Values {
		out.meet(scale.In(v))
	}
	if s := indices(z, period); s != nil {
		dark := 0
		z, dark = adjusted(z, s)
		gap += dark
		out.Season, out.At = s, len(z)%period
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.Optimised {
		out.Line = fitLine(z)
	} else {
		out.Drift = fitDrift(z)
	}
	for range gap {
		out.miss()
	}
	return out, nil
}

// steps returns how many steps a period is, one where it is no season.
func steps(period, step time.Duration) int {
	if period <= 0 || step <= 0 {
		return 1
	}
	return max(1, int((period+step/2)/step))
}

// recent returns a copy of at most the n latest values at the scale, from the first to the last that is not missing, and how many are
// missing after that.
func recent(scale forecast.Scale, values []float64, n int) (z []float64, gap int) {
	for len(values) > 0 && math.IsNaN(scale.In(values[len(values)-1])) {
		values = values[:len(values)-1]
		gap++
	}
	values = values[max(0, len(values)-n):]
	for len(values) > 0 && math.IsNaN(scale.In(values[0])) {
		values = values[1:]
	}
	z = make([]float64, len(values))
	for i, v := range values {
		z[i] = scale.In(v)
	}
	return z, gap
}

// present returns how many of z are not missing.
func present(z []float64) int {
	n := 0
	for _, v := range z {
		if v == v { // not NaN
			n++
		}
	}
	return n
}

// size returns the mean of z, one where that is zero.
func size(z []float64) float64 {
	var sum float64
	for _, v := range z {
		if v == v {
			sum += v
		}
	}
	if sum == 0 {
		return 1
	}
	return sum / float64(present(z))
}
