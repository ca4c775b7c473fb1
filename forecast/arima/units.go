package arima

import (
	"math"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// units brings observations to where the arithmetic runs and back.
type units struct {
	Scale  forecast.Scale
	Signed bool
	// Largest is the largest size of the values at the scale, which becomes one.
	Largest float64
}

// limit bounds what a signed model is told, as forecast.Scale does for demands.
const limit = 1 << 40

// unitsOf returns the units for values.
func unitsOf(values []float64, signed bool) units {
	sizes := values
	if signed {
		sizes = make([]float64, len(values))
		for i, v := range values {
			sizes[i] = math.Abs(v)
		}
	}
	u := units{Scale: forecast.ScaleOf(sizes), Signed: signed}
	for _, v := range sizes {
		if s := u.Scale.In(v); s > u.Largest {
			u.Largest = s
		}
	}
	if u.Largest == 0 {
		u.Largest = 1
	}
	return u
}

// in brings an observation to the scale; a missing or infinite one becomes NaN.
func (u units) in(y float64) float64 {
	if !u.Signed {
		return u.Scale.In(y) / u.Largest
	}
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return math.NaN()
	}
	return min(max(math.Ldexp(y, -int(u.Scale)), -limit), limit) / u.Largest
}

// steps is how finely the largest value is resolved in fitting. A search can make a rounding error large; values that are rounded here
// are the same to the last bit in whatever unit they came.
const steps = 1 << 36

// rounded is in for the values that are fitted.
func (u units) rounded(y float64) float64 { return math.Round(u.in(y)*steps) / steps }

// out brings a number of the model back, finite and, for a demand, not negative.
func (u units) out(v float64) float64 {
	if !u.Signed {
		return u.Scale.Out(v)
	}
	return math.Copysign(u.Scale.Out(math.Abs(v)), v)
}

// normal is the distribution of a number that may be negative.
type normal struct {
	mean, deviation float64
	units           units
}

// Quantile implements forecast.Distribution.
func (d *normal) Quantile(p float64) float64 {
	return d.units.out(d.mean + d.deviation*forecast.NormalQuantile(p))
}
