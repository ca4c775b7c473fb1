package mstl

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// point is one place at which loess is evaluated: the tricube weights of the observations from, from+1... around it, and what turns the
// weighted sums of the observations and of the observations times their distance from the place into the local fit there.
type point struct {
	at, from      int
	base          []float64
	first, second []float64 // base times the distance from the place and times its square, for a slope under other weights
	alpha, beta   float64
}

// newPoint returns the place at of a series of n observations, seen through those with indices [from, to). The place may lie one step
// outside the series. The window is the nominal one, which may be longer than the series (Cleveland et al. 1990).
func newPoint(n, window, degree, at, from, to int) point {
	p := point{at: at, from: from, base: make([]float64, to-from)}
	h := float64(max(at-from, to-1-at))
	if window > n {
		h += float64((window - n) / 2)
	}
	for i := range p.base {
		p.base[i] = tricube(math.Abs(float64(from+i-at)), h)
	}
	var s [3]float64
	for i, b := range p.base {
		u := float64(from + i - at)
		s[0] += b
		s[1] += b * u
		s[2] += b * u * u
	}
	if at-from == to-1-at {
		degree = 0 // a slope changes nothing at the centre of symmetric weights
	}
	p.alpha, p.beta = coefficients(s, degree, n)
	return p
}

// tricube returns the weight of an observation at distance r under bandwidth h. Distances within 0.1 % of 0 and of h count as such, as
// in the authors' implementation.
func tricube(r, h float64) float64 {
	switch {
	case r > 0.999*h:
		return 0
	case r <= 0.001*h:
		return 1
	}
	q := r / h
	q = 1 - q*q*q
	return q * q * q
}

// coefficients returns what the sums of the weighted observations and of those times their distance are multiplied by, s holding the
// moments 0 to 2 of the weights about the place. Where the weights lie too close together for a slope, the fit is a mean.
func coefficients(s [3]float64, degree, n int) (alpha, beta float64) {
	if s[0] <= 0 {
		return 0, 0
	}
	alpha = 1 / s[0]
	if degree == 0 {
		return alpha, 0
	}
	a := s[1] / s[0]
	c := s[2]/s[0] - a*a
	if c <= 0 || math.Sqrt(c) <= 0.001*float64(n-1) {
		return alpha, 0
	}
	b := -a / c
	return alpha * (1 - a*b), alpha * b
}

// moments prepares p for fitWeighted.
func (p *point) moments() {
	p.first, p.second = make([]float64, len(p.base)), make([]float64, len(p.base))
	for i, b := range p.base {
		u := float64(p.from + i - p.at)
		p.first[i], p.second[i] = b*u, b*u*u
	}
}

// fit returns the local fit to y, all weights being one.
func (p *point) fit(y []float64) float64 {
	y = y[p.from : p.from+len(p.base)]
	v := p.alpha * floats.Dot(p.base, y)
	if p.beta != 0 {
		v += p.beta * floats.Dot(p.first, y)
	}
	return v
}

// fitWeighted returns the local line's value for weights w and observations that were multiplied by them, of a series of n. It is false
// where all weights in reach are zero.
func (p *point) fitWeighted(w, wy []float64, n int) (float64, bool) {
	w, wy = w[p.from:p.from+len(p.base)], wy[p.from:p.from+len(p.base)]
	s := [3]float64{floats.Dot(p.base, w), floats.Dot(p.first, w), floats.Dot(p.second, w)}
	alpha, beta := coefficients(s, 1, n)
	return alpha*floats.Dot(p.base, wy) + beta*floats.Dot(p.first, wy), s[0] > 0
}

// loess smooths series of n observations. It is evaluated at the points, every jump-th place and the last one, and interpolated
// between them.
type loess struct {
	n      int
	points []point
}

// newLoess prepares the smoothing of n observations with an odd window and a local polynomial of degree 0 or 1. The jump is a tenth of
// the window, rounded up, as R's stl chooses it.
func newLoess(n, window, degree int) loess {
	l := loess{n: n}
	jump := max(1, min((window+9)/10, n-1))
	length := min(window, n)
	half := (window - 1) / 2
	for at := 0; at < n; at += jump {
		l.add(window, degree, at, min(max(at-half, 0), n-length), length)
	}
	if l.points[len(l.points)-1].at != n-1 {
		l.add(window, degree, n-1, n-length, length)
	}
	return l
}

// add adds a point; one whose window lies about it as that of the point before shares its weights.
func (l *loess) add(window, degree, at, from, length int) {
	if k := len(l.points) - 1; k >= 0 && l.points[k].at-l.points[k].from == at-from {
		p := l.points[k]
		p.at, p.from = at, from
		l.points = append(l.points, p)
		return
	}
	p := newPoint(l.n, window, degree, at, from, from+length)
	if degree > 0 {
		p.moments()
	}
	l.points = append(l.points, p)
}

// smooth writes the smoothed y to out, all weights being one where w is nil. Otherwise l is of degree 1, and wy holds the observations
// times their weights w.
func (l *loess) smooth(y, w, wy, out []float64) {
	before := 0
	for i := range l.points {
		p := &l.points[i]
		out[p.at] = l.at(p, y, w, wy)
		interpolate(out[before : p.at+1])
		before = p.at
	}
}

// at returns the fit at p; where all weights in reach are zero, y itself.
func (l *loess) at(p *point, y, w, wy []float64) float64 {
	if w == nil || ones(w[p.from:p.from+len(p.base)]) {
		return p.fit(y)
	}
	if v, ok := p.fitWeighted(w, wy, l.n); ok {
		return v
	}
	return y[p.at]
}

// ones reports whether all weights are one.
func ones(w []float64) bool {
	for _, v := range w {
		if v != 1 {
			return false
		}
	}
	return true
}

// interpolate fills v between its ends with a line.
func interpolate(v []float64) {
	last := len(v) - 1
	if last < 2 {
		return
	}
	delta := (v[last] - v[0]) / float64(last)
	for j := 1; j < last; j++ {
		v[j] = v[0] + delta*float64(j)
	}
}
