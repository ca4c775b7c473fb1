package forecast

import (
	"math"

	"github.com/forethought-autoscaler/forethought/series"
)

// Scale is the power of two by which a method divides what it is told, so that its arithmetic runs near one whatever the unit of the
// demand. A power of two, because dividing by it loses no bit: a history and the same history in other units give the same forecast.
type Scale int

// ScaleOf returns the scale that brings the largest finite value into [0.5, 1). Where no value is positive it is the scale of one.
func ScaleOf(values []float64) Scale {
	top := 0.0
	for _, v := range values {
		if v > top && v <= math.MaxFloat64 {
			top = v
		}
	}
	if top == 0 {
		return 0
	}
	_, exp := math.Frexp(top)
	return Scale(exp)
}

// scaledLimit bounds what a method is told: a value 2^40 times the largest of the history is taken as that, so that no sum overflows.
const scaledLimit = 1 << 40

// In brings an observation to the scale. A missing or infinite one becomes NaN; a negative one, which no demand is, becomes 0.
func (s Scale) In(y float64) float64 {
	switch {
	case math.IsNaN(y) || math.IsInf(y, 0):
		return math.NaN()
	case y <= 0:
		return 0
	}
	return min(math.Ldexp(y, -int(s)), scaledLimit)
}

// Out brings a number of the model back to the unit of the demand: finite and not negative, NaN becoming 0.
func (s Scale) Out(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(math.Ldexp(v, int(s)), math.MaxFloat64)
}

// Scaled returns a copy of y's values at the scale.
func (s Scale) Scaled(y series.Series) series.Series {
	values := make([]float64, len(y.Values))
	for i, v := range y.Values {
		values[i] = s.In(v)
	}
	y.Values = values
	return y
}
