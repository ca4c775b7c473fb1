package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// candidate is a model with the parameters found for it.
type candidate struct {
	o order
	x []float64
	value
	aicc float64
}

// fitter fits models of one differenced series.
type fitter struct {
	h      history
	w      []float64
	ws     *workspace
	within float64 // the bound of the parameters while screening
	// largest is the largest order that others are compared with: all of them have their likelihood computed in the same way.
	largest order
}

// newFitter prepares to fit models that difference as o does.
func newFitter(h history, o order, within float64) *fitter {
	w := differenced(h.y, o)
	return &fitter{h: h, w: w, ws: &workspace{n: len(w)}, within: within}
}

// kind is how the likelihood is computed.
type kind int

const (
	byUnknowns kind = iota // exact, by least squares
	byFilter               // exact, by the Kalman filter: for many missing observations and a small state
	bySquares              // from the conditional sum of squares, as Hyndman and Khandakar (2008) approximate it
)

const (
	// mostUnknowns bounds the least squares problem of the exact likelihood, whose cost is its cube.
	mostUnknowns = 110
	// mostSolved bounds the cost of the least squares with missing observations, observations times the square of the unknowns: above it
	// the seasonal P and Q of Auto are at most 1.
	mostSolved = 1e7
	// mostFiltered bounds the cost of one pass of the filter: observations times the square of the state.
	mostFiltered = 4e5
)

// kind returns how the likelihood of o is computed.
func (f *fitter) kind(o order) kind {
	rank := max(o.rank(), f.largest.rank())
	state := rank + o.lost()
	unknowns, filtered := rank+len(f.h.missing), len(f.h.y)*state*state
	switch {
	case filtered <= mostFiltered && 2*filtered < len(f.h.y)*unknowns*unknowns && len(f.h.missing) > 0:
		return byFilter
	case unknowns <= mostUnknowns:
		return byUnknowns
	case filtered <= mostFiltered:
		return byFilter
	default:
		return bySquares
	}
}

// fits reports whether the series is long enough for o.
func (f *fitter) fits(o order) bool {
	used := len(f.w) - len(f.h.missing)
	return used > o.count()+2 && len(f.w) > o.ar()+o.count()+2 && len(f.w) > o.rank()
}

// screen minimises the conditional sum of squares from the parameters x, and computes the likelihood there.
func (f *fitter) screen(o order, x []float64, tolerance float64, steps int) candidate {
	c := candidate{o: o, aicc: math.Inf(1)}
	if !f.fits(o) {
		return c
	}
	s := newSquares(o, f.w, f.ws)
	all := append(make([]float64, 0, o.count()), x...)
	if o.Constant {
		all = append(all, floats.Sum(f.w)/float64(len(f.w)))
	}
	sum := minimise(s, all, o.free(), f.within, tolerance, steps)
	c.x = all[:o.free()]
	counted := float64(len(f.w) - s.from)
	if f.kind(o) == bySquares {
		c.value = value{used: len(f.w) - len(f.h.missing), sum: sum}
		nu := float64(c.used)
		c.logLik = -0.5 * nu * (math.Log(2*math.Pi*max(sum/counted, leastVariance)) + 1)
		if o.Constant {
			c.constant = all[o.free()]
		}
		c.score()
		return c
	}
	var ok bool
	if c.value, ok = f.likelihood(o).at(o.at(c.x)); ok {
		c.score()
	}
	return c
}

// score sets the corrected information criterion of Akaike (FPP3, section 9.6); the variance is one more parameter.
func (c *candidate) score() {
	n, k := float64(c.used), float64(c.o.count()+1)
	c.aicc = math.Inf(1)
	if n > k+1 {
		c.aicc = -2*c.logLik + 2*k*n/(n-k-1)
	}
}

// deviation returns the innovations' standard deviation, corrected for the coefficients fitted.
func (f *fitter) deviation(c candidate) float64 {
	n := c.used
	if f.kind(c.o) == bySquares {
		n -= c.o.ar()
	}
	return math.Sqrt(c.sum / float64(max(n-c.o.count(), 1)))
}

// likelihood returns the exact likelihood of o.
func (f *fitter) likelihood(o order) likelihood {
	if f.kind(o) == byUnknowns {
		return newExact(o, f.h, f.w, f.ws)
	}
	return &filtered{o: o, h: f.h}
}

// polish brings c to a maximum of the exact likelihood.
func (f *fitter) polish(c candidate, gained float64, steps int) candidate {
	if f.kind(c.o) == bySquares || math.IsInf(c.aicc, 1) {
		return c
	}
	l := &concentrated{o: c.o, at: f.likelihood(c.o)}
	c.x = append([]float64(nil), c.x...)
	l.maximise(c.x, gained, steps)
	c.value = l.last
	c.score()
	return c
}

// state returns the filter of c after the last observation.
func (f *fitter) state(c candidate) *filter {
	coef := c.o.at(c.x)
	if f.kind(c.o) == byUnknowns && len(f.h.missing) == 0 {
		e := newExact(c.o, f.h, f.w, f.ws)
		e.at(coef)
		g := newFilter(c.o, coef, c.constant)
		g.resume(f.h.y, c.o, e)
		return g
	}
	if c.o.rank()+c.o.lost() <= exactState {
		if g, ok := startFilter(c.o, coef, c.constant, f.h.y[0]); ok {
			g.run(f.h, 0)
			return g
		}
	}
	g := newFilter(c.o, coef, c.constant)
	known := c.o.lost() + c.o.ar()
	for t, y := range f.h.y[:known] {
		if t < c.o.lost() {
			g.push(y)
		} else {
			g.condition(y)
		}
	}
	g.run(f.h, known)
	return g
}

// resume brings the filter over y from the state before the first observation as it is known from all of them.
func (f *filter) resume(y []float64, o order, e *exact) {
	first, columns := e.first(f.Constant)
	for _, v := range y[:o.lost()] {
		f.push(v)
	}
	copy(f.State, first)
	for _, v := range y[o.lost():] {
		f.observe(v)
	}
	for _, c := range columns {
		c = append(c, make([]float64, o.lost())...)
		for range y[o.lost():] {
			f.advance(c, -f.predict(c, 0), 0)
			clear(c[f.Rank:])
		}
		f.Columns = append(f.Columns, c)
	}
	f.compress()
}
