package ets

import "math"

// smoothing holds the smoothing parameters. Without a trend beta is 0 and phi is 1, without a season gamma is 0.
type smoothing struct {
	Alpha, Beta, Gamma, Phi float64
}

// leastForecast is the smallest one-step forecast, at the scale, that a relative error is taken of.
const leastForecast = 1e-10

// tape runs the recursions of one shape over a history and back again. The point recursions are those of FPP3, table 8.7, which are the
// same for additive and multiplicative errors once written in y - f; only the likelihood differs.
type tape struct {
	y       []float64 // NaN where missing
	present int
	m       int

	// What the pass over the history leaves for the way back, by observation: the error (relative to the forecast for a multiplicative
	// error or season), the slope before it, the level and slope of the forecast, and the season.
	e, b, p, s []float64
	ring       []float64 // seasonal states by phase, then their adjoints
}

// newTape returns a tape over y, which is kept and not changed.
func newTape(y []float64, m int) *tape {
	t := &tape{y: y, m: m, ring: make([]float64, m)}
	for _, v := range y {
		if v == v { // not NaN
			t.present++
		}
	}
	buffer := make([]float64, 4*len(y))
	t.e, t.b, t.p, t.s = buffer[:len(y)], buffer[len(y):2*len(y)], buffer[2*len(y):3*len(y)], buffer[3*len(y):]
	return t
}

// state is the level, the slope and, in tape.ring, the season.
type state struct{ l, b float64 }

// sums are what the likelihood is made of: the sum of squared errors, relative ones for a multiplicative error, and the sum of the
// logarithms of the forecasts, which counts for a multiplicative error alone. ok is false where such a forecast is not positive.
type sums struct {
	squares, logs float64
	ok            bool
}

// forward runs the recursions from state s and the seasonal states in t.ring, and returns the state after the last observation.
func (t *tape) forward(sh shape, x smoothing, s state) (state, sums) {
	switch sh.Season {
	case AdditiveSeason:
		return t.forwardAdditive(sh.Error == MultiplicativeError, x, s)
	case MultiplicativeSeason:
		return t.forwardMultiplicative(x, s)
	default:
		return t.forwardPlain(sh.Error == MultiplicativeError, x, s)
	}
}

// logger adds logarithms many at a time: it multiplies and takes the logarithm of the product before that leaves the range.
type logger struct{ sum, product float64 }

func (g *logger) add(f float64) {
	g.product *= f
	if g.product < 1e-200 || g.product > 1e200 {
		g.sum += math.Log(g.product)
		g.product = 1
	}
}

func (g *logger) total() float64 { return g.sum + math.Log(g.product) }

func (t *tape) forwardPlain(relative bool, x smoothing, s state) (state, sums) {
	l, b := s.l, s.b
	alpha, beta, phi := x.Alpha, x.Beta, x.Phi
	logs := logger{product: 1}
	var squares float64
	te, tb := t.e[:len(t.y)], t.b[:len(t.y)]
	for i, y := range t.y {
		growth := phi * b
		f := l + growth
		e := y - f
		switch {
		case e != e:
			e = 0
		case relative:
			if f < leastForecast {
				return s, sums{}
			}
			r := e / f
			squares += r * r
			logs.add(f)
		default:
			squares += e * e
		}
		te[i], tb[i] = e, b
		l = f + alpha*e
		b = growth + beta*e
	}
	return state{l, b}, sums{squares, logs.total(), true}
}

func (t *tape) forwardAdditive(relative bool, x smoothing, s state) (state, sums) {
	l, b := s.l, s.b
	alpha, beta, gamma, phi := x.Alpha, x.Beta, x.Gamma, x.Phi
	logs := logger{product: 1}
	var squares float64
	te, tb, ring := t.e[:len(t.y)], t.b[:len(t.y)], t.ring
	j := 0
	for i, y := range t.y {
		growth := phi * b
		p := l + growth
		season := ring[j]
		e := y - season - p
		switch {
		case e != e:
			e = 0
		case relative:
			f := p + season
			if f < leastForecast {
				return s, sums{}
			}
			r := e / f
			squares += r * r
			logs.add(f)
		default:
			squares += e * e
		}
		te[i], tb[i] = e, b
		l = p + alpha*e
		b = growth + beta*e
		ring[j] = season + gamma*e
		if j++; j == len(ring) {
			j = 0
		}
	}
	return state{l, b}, sums{squares, logs.total(), true}
}

func (t *tape) forwardMultiplicative(x smoothing, s state) (state, sums) {
	l, b := s.l, s.b
	alpha, beta, gamma, phi := x.Alpha, x.Beta, x.Gamma, x.Phi
	logs := logger{product: 1}
	var squares float64
	n := len(t.y)
	te, tb, tp, ts, ring := t.e[:n], t.b[:n], t.p[:n], t.s[:n], t.ring
	j := 0
	for i, y := range t.y {
		growth := phi * b
		p := l + growth
		season := ring[j]
		f := p * season
		var r float64
		if y == y { // not missing
			if f < leastForecast {
				return s, sums{}
			}
			r = y/f - 1
			squares += r * r
			logs.add(f)
		}
		te[i], tb[i], tp[i], ts[i] = r, b, p, season
		l = p + alpha*p*r
		b = growth + beta*p*r
		ring[j] = season + gamma*season*r
		if j++; j == len(ring) {
			j = 0
		}
	}
	return state{l, b}, sums{squares, logs.total(), true}
}
