package forecast_test

import (
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// TestSpaced compares with calls of Quantile, at probabilities that hit those of the grid and at others.
func TestSpaced(t *testing.T) {
	g := forecast.Compact(forecast.Gaussian{Mean: 3, Deviation: 2})
	for _, n := range []int{1, 2, 10, 50, 400, 2000} {
		out := make([]float64, n)
		g.Spaced(out)
		for i, v := range out {
			if want := g.Quantile((float64(i) + 0.5) / float64(n)); v != want {
				t.Fatalf("value %d of %d is %v, want %v", i, n, v, want)
			}
		}
	}
}
