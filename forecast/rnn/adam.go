package rnn

import "math"

// adam is the optimiser of Kingma and Ba (2015, algorithm 1).
type adam struct {
	m, v []float32
	t    int
}

// The settings that Kingma and Ba recommend.
const (
	adamBeta1   = 0.9
	adamBeta2   = 0.999
	adamEpsilon = 1e-8
)

// newAdam returns the optimiser of n parameters.
func newAdam(n int) *adam { return &adam{m: make([]float32, n), v: make([]float32, n)} }

// step moves the parameters w against the gradient g at the given rate.
func (a *adam) step(w, g []float32, rate float64) {
	a.t++
	c1 := 1 - math.Pow(adamBeta1, float64(a.t))
	c2 := 1 - math.Pow(adamBeta2, float64(a.t))
	size, root := float32(rate/c1), float32(1/math.Sqrt(c2))
	m, v := a.m[:len(w)], a.v[:len(w)]
	g = g[:len(w)]
	for i := range w {
		m[i] += (1 - adamBeta1) * (g[i] - m[i])
		v[i] += (1 - adamBeta2) * (g[i]*g[i] - v[i])
		w[i] -= size * m[i] / (float32(math.Sqrt(float64(v[i])))*root + adamEpsilon)
	}
}

// clip scales the gradient g down to the Euclidean norm limit where it is longer (Pascanu, Mikolov and Bengio 2013).
func clip(g []float32, limit float64) {
	var sum float64
	for _, v := range g {
		sum += float64(v) * float64(v)
	}
	norm := math.Sqrt(sum)
	if norm <= limit {
		return
	}
	factor := float32(limit / norm)
	for i := range g {
		g[i] *= factor
	}
}
