package theta

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Simulate draws n paths of the next h steps. The recursion with normal innovations says in which order the paths lie at each step, and
// so how the steps hang together; the values at that step are the forecast's quantiles at evenly spaced probabilities (Schefzik,
// Thorarinsdottir and Gneiting 2013). Each step's marginal is thus the forecast's for any number of paths.
func (m *model) Simulate(h, n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x7468657461)) // the letters "theta"
	cells := make([]float64, n*h)
	paths := make([][]float64, n)
	for i := range paths {
		paths[i] = cells[i*h : (i+1)*h : (i+1)*h]
		if m.Line != nil {
			m.Line.walk(rng, m.Gap, paths[i])
		} else {
			m.Drift.walk(rng, m.Gap, paths[i])
		}
	}
	steps := m.normals(h)
	z, order := make([]float64, n), make([]int, n)
	for i := range z {
		z[i] = forecast.NormalQuantile((float64(i) + 0.5) / float64(n))
		order[i] = i
	}
	for k, d := range steps {
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(paths[a][k], paths[b][k]), cmp.Compare(a, b))
		})
		for rank, i := range order {
			paths[i][k] = d.Scale.Out(d.Mean + d.Deviation*z[rank])
		}
	}
	return paths
}

// walk goes over gap steps and fills path with how the next ones differ from their means.
func (d *drift) walk(rng *rand.Rand, gap int, path []float64) {
	sigma := math.Sqrt(d.Sigma2)
	level := 0.0
	for k := -gap; k < len(path); k++ {
		e := sigma * rng.NormFloat64()
		if k >= 0 {
			path[k] = level + e
		}
		level += d.Alpha * e
	}
}

// walk goes over gap steps and fills path with the next ones.
func (l line) walk(rng *rand.Rand, gap int, path []float64) {
	sigma := math.Sqrt(l.Sigma2)
	for k := -gap; k < len(path); k++ {
		z := l.next() + sigma*rng.NormFloat64()
		if k >= 0 {
			path[k] = z
		}
		l.learn(z)
	}
}
