package ets

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The closed formulas equal the moments of paths drawn by the recursion, for every shape and beyond two seasons. This checks what R
// cannot: its class1 has the weight of the season one step early where there is no trend, and its class3 leaves the damping out of the
// first step.
func TestMomentsAreThoseOfPaths(t *testing.T) {
	const n, h = 40000, 11
	f := func(sh shape, x smoothing, slope float64) {
		t.Helper()
		m := &model{Shape: sh, Smoothing: x, Level: 100, Slope: slope, Sigma2: 0.0064, At: 2}
		if sh.Error == AdditiveError {
			m.Sigma2 = 64
		}
		switch sh.Season {
		case AdditiveSeason:
			m.Season = []float64{20, -5, -25, 10}
		case MultiplicativeSeason:
			m.Season = []float64{1.2, 0.95, 0.75, 1.1}
		default:
		}
		mean, variance := m.moments(h)
		rng := rand.New(rand.NewPCG(1, 1))
		var sum, squares [h]float64
		path := make([]float64, h)
		for range n {
			walker := *m
			walker.Season = append([]float64(nil), m.Season...)
			walker.walk(rng, 0, path)
			for k, v := range path {
				sum[k] += v - mean[k]
				squares[k] += (v - mean[k]) * (v - mean[k])
			}
		}
		for k := range h {
			sd := math.Sqrt(variance[k])
			if bias := sum[k] / n; math.Abs(bias) > 5*sd/math.Sqrt(n) {
				t.Errorf("%s: mean of step %d is off by %.3f deviations", sh, k+1, bias/sd)
			}
			if ratio := squares[k] / n / variance[k]; math.Abs(ratio-1) > 0.05 {
				t.Errorf("%s: variance of step %d is %.3f of the paths'", sh, k+1, 1/ratio)
			}
		}
	}
	for _, sh := range candidates(true, true) {
		x, slope := smoothing{Alpha: 0.4, Phi: 1}, 0.0
		if sh.Trend != NoTrend {
			x.Beta, slope = 0.1, 2
		}
		if sh.Trend == DampedTrend {
			x.Phi = 0.85
		}
		if sh.Season != NoSeason {
			x.Gamma = 0.3
		}
		f(sh, x, slope)
	}
}
