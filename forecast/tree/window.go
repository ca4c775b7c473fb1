package tree

import (
	"math"
	"time"
)

// means answers with the mean of a stretch of values, missing ones left out.
type means struct {
	length int
	value  func(i int) float64
	sum    []float64 // sum[i] of the first i values; nil where stretches are added up when asked for
	n      []int32   // how many of them are not missing
}

// newMeans returns the means of length values. With sums the mean of a stretch costs the same whatever its length.
func newMeans(length int, sums bool, value func(i int) float64) means {
	m := means{length: length, value: value}
	if !sums {
		return m
	}
	m.sum, m.n = make([]float64, length+1), make([]int32, length+1)
	for i := range length {
		m.sum[i+1], m.n[i+1] = m.sum[i], m.n[i]
		if v := value(i); v == v { // not NaN
			m.sum[i+1] += v
			m.n[i+1]++
		}
	}
	return m
}

// mean returns the mean of [from, to), NaN where nothing is there.
func (m *means) mean(from, to int) float64 {
	from, to = max(from, 0), min(to, m.length)
	if from >= to {
		return math.NaN()
	}
	if m.sum != nil {
		if n := m.n[to] - m.n[from]; n > 0 {
			return (m.sum[to] - m.sum[from]) / float64(n)
		}
		return math.NaN()
	}
	var sum float64
	n := 0
	for i := from; i < to; i++ {
		if v := m.value(i); v == v {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// past is a history that features are made of.
type past struct {
	layout
	start time.Time // of z[0]
	z     []float64
	level means   // of z
	moves means   // of |z[t]-z[t-1]|
	errs  []means // by season, of z[t]-z[t-season]
	sizes []means // of their absolute values
	leads []means // of the leading indicators
}

// newPast returns the past of z and of leading indicators of the same length. Sums pay where many origins are looked from.
func newPast(l layout, start time.Time, z []float64, leads [][]float64, sums bool) *past {
	p := &past{layout: l, start: start, z: z}
	n := len(z)
	p.level = newMeans(n, sums, func(i int) float64 { return z[i] })
	p.moves = newMeans(n, sums, func(i int) float64 { return math.Abs(z[i] - p.at(i-1)) })
	for _, s := range l.seasons {
		k := lag(s, 1)
		p.errs = append(p.errs, newMeans(n, sums, func(i int) float64 { return z[i] - p.at(i-k) }))
		p.sizes = append(p.sizes, newMeans(n, sums, func(i int) float64 { return math.Abs(z[i] - p.at(i-k)) }))
	}
	for _, x := range leads {
		p.leads = append(p.leads, newMeans(n, sums, func(i int) float64 { return x[i] }))
	}
	return p
}

// at returns z[i], NaN outside.
func (p *past) at(i int) float64 {
	if i < 0 || i >= len(p.z) {
		return math.NaN()
	}
	return p.z[i]
}

// origin is a place in a past from which steps ahead are looked at: the latest observation is z[n-1].
type origin struct {
	*past
	n     int
	now   float64 // the mean of the latest steps
	scale float64 // what differences are divided by
}

const (
	// latest is the number of latest steps that now is the mean of.
	latest = 3
	// scaleWindows is the number of windows that the scale is the mean over.
	scaleWindows = 8
	// leastScale, as a share of the level, keeps a history that never changed from having no scale.
	leastScale = 1e-6
)

// from returns the origin whose latest observation is z[n-1]; ok is false where nothing was observed for a window before it. The scale is
// the mean absolute difference from a season before, or from the step before where there is no season.
func (p *past) from(n int) (o origin, ok bool) {
	w := p.window()
	o = origin{past: p, n: n, now: p.level.mean(n-latest, n), scale: math.NaN()}
	if o.now != o.now {
		o.now = p.level.mean(n-w, n)
	}
	if len(p.sizes) > 0 {
		o.scale = p.sizes[0].mean(n-scaleWindows*w, n)
	}
	if !(o.scale > 0) {
		o.scale = p.moves.mean(n-scaleWindows*w, n)
	}
	if least := leastScale * max(math.Abs(o.now), leastScale); !(o.scale > least) {
		o.scale = least
	}
	return o, o.now == o.now
}
