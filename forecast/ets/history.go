package ets

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// longest is the longest season, in steps, of which every initial state is estimated, as in R's ets.
	longest = 24
	// window and windowSeasons say how much of a long history is fitted on: the latest observations that many steps or seasons long,
	// whichever is more. What is older hardly moves the parameters of exponential smoothing.
	window        = 2500
	windowSeasons = 8
)

// history is the end of a series as fits see it.
type history struct {
	y        []float64 // at the scale, NaN where missing, begins and ends with an observation
	gap      int       // how many observations are missing after the end of y
	present  int
	scale    scale
	positive bool    // whether all of y is above zero
	unit     float64 // the mean size of y, one where that is zero
}

// newHistory cuts the part of y that is fitted on, for a season of m steps.
func newHistory(y series.Series, m int, signed bool) history {
	h := history{scale: scaleOf(y.Values, signed), positive: true}
	if !signed {
		y = forecast.WithoutOutages(y)
	}
	values := y.Values
	for len(values) > 0 && math.IsNaN(h.scale.in(values[len(values)-1])) {
		values = values[:len(values)-1]
		h.gap++
	}
	values = values[max(0, len(values)-max(window, windowSeasons*m)):]
	for len(values) > 0 && math.IsNaN(h.scale.in(values[0])) {
		values = values[1:]
	}
	h.y = make([]float64, len(values))
	for i, v := range values {
		v = h.scale.in(v)
		h.y[i] = v
		if v == v { // not NaN
			h.present++
			h.unit += math.Abs(v)
			h.positive = h.positive && v > 0
		}
	}
	h.unit /= float64(max(h.present, 1))
	if h.unit == 0 {
		h.unit = 1
	}
	return h
}

// steps returns how many steps a period is, one where it is no season.
func steps(period, step time.Duration) int {
	if period <= 0 || step <= 0 {
		return 1
	}
	return max(1, int((period+step/2)/step))
}

// scale brings observations near one and back, as forecast.Scale does, and keeps their sign where Signed says so.
type scale struct {
	Power  forecast.Scale
	Signed bool
}

// scaleOf returns the scale of a history.
func scaleOf(values []float64, signed bool) scale {
	if !signed {
		return scale{Power: forecast.ScaleOf(values)}
	}
	sizes := make([]float64, len(values))
	for i, v := range values {
		sizes[i] = math.Abs(v)
	}
	return scale{forecast.ScaleOf(sizes), true}
}

// in brings an observation to the scale, NaN where it is missing or infinite.
func (s scale) in(y float64) float64 {
	if s.Signed && y < 0 {
		return -s.Power.In(-y)
	}
	return s.Power.In(y)
}

// out brings a number of the model back.
func (s scale) out(v float64) float64 {
	if s.Signed && v < 0 {
		return -s.Power.Out(-v)
	}
	return s.Power.Out(v)
}
