package ets

import "slices"

// gradient is the derivative of the objective by the smoothing parameters and the initial level and slope; those by the initial
// seasonal states are left in tape.ring.
type gradient struct {
	smoothing
	state
}

// backward runs the adjoint of the last forward pass: reverse-mode differentiation of the recursions, one pass for all derivatives
// (Griewank and Walther 2008, chapter 3). weight is the derivative of the objective by the sum of squares.
func (t *tape) backward(sh shape, x smoothing, weight float64) gradient {
	switch sh.Season {
	case AdditiveSeason:
		return t.backwardAdditive(sh.Error == MultiplicativeError, x, 2*weight)
	case MultiplicativeSeason:
		return t.backwardMultiplicative(x, 2*weight)
	default:
		return t.backwardPlain(sh.Error == MultiplicativeError, x, 2*weight)
	}
}

// direct returns the derivative of the objective by the forecast f = y - e of an observation, its effect on later ones left out. It is
// zero for a missing one.
func direct(relative bool, y, e, w float64) float64 {
	if !relative {
		return -w * e
	}
	f := 1 / (y - e)
	return f * (2 - w*e*f*y*f)
}

func (t *tape) backwardPlain(relative bool, x smoothing, w float64) gradient {
	var g gradient
	var l, b float64
	te, tb := t.e[:len(t.y)], t.b[:len(t.y)]
	for i, y := range slices.Backward(t.y) {
		e, slope := te[i], tb[i]
		g.Alpha += l * e
		g.Beta += b * e
		p := l
		if y == y { // not missing
			p += direct(relative, y, e, w) - x.Alpha*l - x.Beta*b
		}
		g.Phi += slope * (p + b)
		b = x.Phi * (p + b)
		l = p
	}
	g.state = state{l, b}
	return g
}

func (t *tape) backwardAdditive(relative bool, x smoothing, w float64) gradient {
	var g gradient
	var l, b float64
	te, tb, ring := t.e[:len(t.y)], t.b[:len(t.y)], t.ring
	clear(ring)
	j := (len(t.y) - 1) % len(ring)
	for i, y := range slices.Backward(t.y) {
		e, slope, s := te[i], tb[i], ring[j]
		g.Alpha += l * e
		g.Beta += b * e
		g.Gamma += s * e
		p := l
		if y == y { // not missing
			f := direct(relative, y, e, w) - x.Alpha*l - x.Beta*b - x.Gamma*s
			p += f
			ring[j] = s + f
		}
		g.Phi += slope * (p + b)
		b = x.Phi * (p + b)
		l = p
		if j--; j < 0 {
			j = len(ring) - 1
		}
	}
	g.state = state{l, b}
	return g
}

func (t *tape) backwardMultiplicative(x smoothing, w float64) gradient {
	var g gradient
	var l, b float64
	n := len(t.y)
	te, tb, tp, ts, ring := t.e[:n], t.b[:n], t.p[:n], t.s[:n], t.ring
	clear(ring)
	j := (n - 1) % len(ring)
	for i, y := range slices.Backward(t.y) {
		r, slope, p, season, s := te[i], tb[i], tp[i], ts[i], ring[j]
		g.Alpha += l * p * r
		g.Beta += b * p * r
		g.Gamma += s * season * r
		level := l + (x.Alpha*l+x.Beta*b)*r // the adjoint of p
		s2 := s + x.Gamma*s*r               // and of the season
		if y == y {
			dr := w*r + p*(x.Alpha*l+x.Beta*b) + x.Gamma*season*s
			f := (2 - dr*(1+r)) / (p * season)
			level += f * season
			s2 += f * p
		}
		ring[j] = s2
		g.Phi += slope * (level + b)
		b = x.Phi * (level + b)
		l = level
		if j--; j < 0 {
			j = len(ring) - 1
		}
	}
	g.state = state{l, b}
	return g
}
