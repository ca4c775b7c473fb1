package harmonic

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// The distribution of a step is that of simulated trends with noise.
func TestOutcomeAgainstSimulation(t *testing.T) {
	f := func(r drift, sigma, d float64) {
		t.Helper()
		const n = 200_000
		rng := rand.New(rand.NewPCG(9, 9))
		values, path := make([]float64, n), make([]float64, 1)
		for i := range values {
			r.wander(rng, []float64{1 + d}, path)
			values[i] = 1e6 + path[0] + sigma*rng.NormFloat64()
		}
		sample := forecast.NewSample(values)
		o := r.outcome(sigma, d)
		o.mean, o.top = 1e6, 1
		for _, p := range []float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999} {
			for _, p := range []float64{p, 1 - p} {
				// The sample's quantile lies between those at p plus and minus three standard errors.
				e := 3*math.Sqrt(p*(1-p)/n) + 1e-9
				lo, hi := sample.Quantile(p-e), sample.Quantile(min(p+e, 1))
				if got, slack := o.Quantile(p), 0.03*o.deviation; got < lo-slack || got > hi+slack {
					t.Errorf("%+v sigma %v d %v: quantile %v is %v, want %v to %v", r, sigma, d, p, got-1e6, lo-1e6, hi-1e6)
				}
			}
		}
	}
	f(drift{25, 0.02}, 0.05, 0.004) // usual: noise rules
	f(drift{25, 0.5}, 0.01, 0.1)    // the trend rules, few changes
	f(drift{25, 0.5}, 0.01, 0.02)   // often none
	f(drift{25, 0.5}, 0.01, 0.5)
	f(drift{25, 0.5}, 0.3, 0.79)
	f(drift{25, 0.5}, 0.01, 2) // many changes
	f(drift{15, 1e-8}, 0.1, 0.3)
}
