package ets

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
	rng := rand.New(rand.NewPCG(seed, 0x657473)) // the letters "ets"
	cells := make([]float64, n*h)
	paths := make([][]float64, n)
	walker := *m
	for i := range paths {
		paths[i] = cells[i*h : (i+1)*h : (i+1)*h]
		walker.Level, walker.Slope, walker.At = m.Level, m.slope(), m.At
		walker.Season = append(walker.Season[:0:0], m.Season...)
		walker.walk(rng, m.Gap, paths[i])
	}
	spread(paths, m.normals(h))
	return paths
}

// walk goes over gap steps and fills path with the next ones.
func (m *model) walk(rng *rand.Rand, gap int, path []float64) {
	sigma := math.Sqrt(max(m.Sigma2, 0))
	for k := -gap; k < len(path); k++ {
		f := m.next()
		e := sigma * rng.NormFloat64()
		if m.Shape.Error == MultiplicativeError {
			e *= f
		}
		m.observe(f + e)
		if k >= 0 {
			path[k] = f + e
		}
	}
}

// spread replaces the values of each step by the quantiles of its distribution, in the same order.
func spread(paths [][]float64, steps []normal) {
	n := len(paths)
	z := make([]float64, n)
	order := make([]int, n)
	for i := range z {
		z[i] = forecast.NormalQuantile((float64(i) + 0.5) / float64(n))
		order[i] = i
	}
	for k, d := range steps {
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(paths[a][k], paths[b][k]), cmp.Compare(a, b))
		})
		for rank, i := range order {
			paths[i][k] = d.at(z[rank])
		}
	}
}
