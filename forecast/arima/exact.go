package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// exact is the exact Gaussian likelihood of a model on a differenced series. It is the one that the Kalman filter gives (Gardner 1980;
// Harvey 1989, section 3.4), but found in one least squares problem instead of n steps of a Riccati equation: given the state before the
// first observation the errors follow from a steady-state recursion, in which that state is linear; its prior is the stationary
// distribution (de Jong 1991; Ljung and Box 1979 for the moving average). Missing observations are further unknowns, of
// which nothing is known before (Gomez, Maravall and Pena 1999): the likelihood is that of the observations there are.
type exact struct {
	o    order
	w    []float64
	gaps [][]float64 // what w changes by where a missing observation was one larger

	errors, ones, impulse, back []float64
	unknown                     [][]float64 // minus the errors' derivatives by the missing observations
	prior, upper, gram, half, h square      // half is (L'G) by rows of L'; h ends as the Cholesky factor
	rhs, rhsOnes                []float64
	last                        coefficients
}

// value is the likelihood at some coefficients, with the constant and the innovation variance that are best for them.
type value struct {
	logLik   float64
	logDet   float64 // of the errors' covariance in units of the innovation variance
	sum      float64 // the generalised sum of squares
	constant float64
	used     int // the observations behind logLik
}

// leastVariance is what innovations vary by at least, values being near one: the likelihood of a series that is predicted without
// error stays finite.
const leastVariance = 1e-20

func newExact(o order, h history, w []float64, ws *workspace) *exact {
	ws.reset()
	r, k := o.rank(), o.rank()+len(h.missing)
	e := &exact{o: o, w: w, errors: ws.vector(), impulse: ws.vector(), back: ws.vector()}
	if o.Constant {
		e.ones = ws.vector()
	}
	diff := differencing(o)
	for _, at := range h.missing {
		gap := ws.vector()
		clear(gap)
		e.gaps, e.unknown = append(e.gaps, gap), append(e.unknown, ws.vector())
		if at >= o.lost() {
			gap[at-o.lost()] = 1
		}
		for i, lag := range diff.At {
			if t := at + lag - o.lost(); t >= 0 && t < len(gap) {
				gap[t] = -diff.By[i]
			}
		}
	}
	e.prior, e.upper, e.gram, e.half, e.h = newSquare(r), newSquare(r), newSquare(r), newSquare(r), newSquare(k)
	e.rhs, e.rhsOnes = make([]float64, k), make([]float64, k)
	return e
}

// residuals writes to out the errors of the series in, whose past is zero.
func (e *exact) residuals(out, in []float64, c coefficients) {
	combine(e.back, in, c.sar, e.o.M)
	combine(out, e.back, c.ar, 1)
	e.invert(out, c)
}

// invert divides by the moving average.
func (e *exact) invert(x []float64, c coefficients) {
	recurse(x, c.sma, e.o.M)
	recurse(x, c.ma, 1)
}

// backwards writes to out the products of x with the errors' derivatives, minus one, by each element of the first state.
func (e *exact) backwards(out, x []float64, c coefficients) {
	n := len(x)
	turn(e.back[:n], x)
	e.invert(e.back[:n], c)
	for i := range out {
		out[i] = e.back[n-1-i]
	}
}

// extent returns how long x is without an end that adds nothing to sums of its squares.
func extent(x []float64) int {
	n := len(x)
	for n > 0 && math.Abs(x[n-1]) < 1e-12 {
		n--
	}
	return n
}

// at returns the value at c. It returns false where c is not stationary or not invertible.
func (e *exact) at(c coefficients) (value, bool) {
	o, n, r := e.o, len(e.w), e.o.rank()
	e.last = c
	ar, ma := product(c.ar, c.sar, o.M, -1), product(c.ma, c.sma, o.M, 1)
	if !start(e.prior, ar, ma, o.ar(), o.ma()) {
		return value{}, false
	}
	e.residuals(e.errors, e.w, c)
	e.state(c)
	e.project(e.rhs, e.errors, c)
	for a, gap := range e.gaps {
		e.residuals(e.unknown[a], gap, c)
		negate(e.unknown[a])
		row := e.h[r+a]
		e.project(row[:r], e.unknown[a], c)
		for b := range a + 1 {
			row[r+b] = floats.Dot(e.unknown[a], e.unknown[b])
		}
		e.rhs[r+a] = floats.Dot(e.unknown[a], e.errors)
	}
	logDet, ok := e.h.factor(len(e.h))
	if !ok {
		return value{}, false
	}
	e.h.forward(e.rhs)
	v := value{used: n - len(e.gaps), logDet: logDet, sum: floats.Dot(e.errors, e.errors) - floats.Dot(e.rhs, e.rhs)}
	if o.Constant {
		e.best(&v, c)
	}
	return v, v.concentrate()
}

// concentrate sets the log-likelihood from the sum of squares and the determinant, at the best innovation variance. It returns false
// where it is no number.
func (v *value) concentrate() bool {
	nu := float64(v.used)
	v.sum = max(v.sum, nu*leastVariance)
	v.logLik = -0.5 * (nu*(math.Log(2*math.Pi*v.sum/nu)+1) + v.logDet)
	return v.used > 0 && !math.IsNaN(v.logLik)
}

// best finds the constant by generalised least squares and takes its part from the sum of squares.
func (e *exact) best(v *value, c coefficients) {
	r := e.o.rank()
	for i := range e.impulse {
		e.impulse[i] = 1
	}
	e.residuals(e.ones, e.impulse, c)
	e.project(e.rhsOnes, e.ones, c)
	for a, u := range e.unknown {
		e.rhsOnes[r+a] = floats.Dot(u, e.ones)
	}
	e.h.forward(e.rhsOnes)
	with := floats.Dot(e.ones, e.errors) - floats.Dot(e.rhsOnes, e.rhs)
	own := floats.Dot(e.ones, e.ones) - floats.Dot(e.rhsOnes, e.rhsOnes)
	if own > 0 {
		v.constant = with / own
		v.sum -= v.constant * with
	}
}

// state fills the part of h that belongs to the first state: I + L'GL, where LL' is the state's prior covariance and G the product of
// the errors' derivatives by the state. These are the weights of the inverted moving average, shifted by one from element to element.
func (e *exact) state(c coefficients) {
	r, n, q := e.o.rank(), len(e.w), e.o.ma()
	if r == 0 {
		return
	}
	e.prior.half(r)
	for i := range r {
		for j := range i + 1 {
			e.upper[j][i] = e.prior[i][j]
		}
	}
	if q == 0 {
		for i := range r {
			for j := range i + 1 {
				e.h[i][j] = floats.Dot(e.upper[i][i:], e.upper[j][i:])
			}
			e.h[i][i]++
		}
		return
	}
	pi := e.impulse
	clear(pi)
	pi[0] = 1
	e.invert(pi, c)
	e.backwards(e.gram[0], pi[:max(extent(pi), r)], c)
	for i := 1; i < r; i++ {
		e.gram[i][0] = e.gram[0][i]
		for j := 1; j < r; j++ {
			e.gram[i][j] = e.gram[i-1][j-1] - pi[n-i]*pi[n-j]
		}
	}
	for i := range r {
		for j := range r {
			e.half[i][j] = floats.Dot(e.upper[i][i:], e.gram[j][i:])
		}
		for j := range i + 1 {
			e.h[i][j] = floats.Dot(e.half[i][j:], e.upper[j][j:])
		}
		e.h[i][i]++
	}
}

// project writes L'A'x to the first places of out, A being minus the errors' derivatives by the first state.
func (e *exact) project(out, x []float64, c coefficients) {
	r := e.o.rank()
	if r == 0 {
		return
	}
	out = out[:r]
	e.backwards(out, x, c)
	for i := range out {
		out[i] = floats.Dot(e.upper[i][i:], out[i:])
	}
}

// solve returns the unknowns given all observations: the first state before its factor L is applied, and the missing observations.
func (e *exact) solve(constant float64) []float64 {
	d := append([]float64(nil), e.rhs...)
	if e.o.Constant {
		floats.AddScaled(d, -constant, e.rhsOnes)
	}
	e.h.backward(d)
	return d
}

// apply returns Ld.
func (e *exact) apply(d []float64) []float64 {
	out := make([]float64, e.o.rank())
	for i := range out {
		out[i] = floats.Dot(e.prior[i][:i+1], d[:i+1])
	}
	return out
}

// standard implements likelihood: the errors given the unknowns, and the first state by its prior.
func (e *exact) standard(v value) []float64 {
	n, r := len(e.w), e.o.rank()
	d := e.solve(v.constant)
	out := make([]float64, n+r)
	copy(out[n:], d)
	if r > 0 {
		copy(out, e.apply(d))
		clear(out[r:n])
		e.invert(out[:n], e.last)
	}
	for i, x := range e.errors {
		out[i] = x - out[i]
	}
	if e.o.Constant {
		floats.AddScaled(out[:n], -v.constant, e.ones)
	}
	for a, u := range e.unknown {
		floats.AddScaled(out[:n], -d[r+a], u)
	}
	return out
}

// first returns the mean of the first state given all observations and the columns of a square root of its covariance, in units of the
// innovations' standard deviation. It must follow at, with no observation missing.
func (e *exact) first(constant float64) (mean []float64, columns [][]float64) {
	for i := range e.o.rank() {
		unit := make([]float64, e.o.rank())
		unit[i] = 1
		e.h.backward(unit)
		columns = append(columns, e.apply(unit))
	}
	return e.apply(e.solve(constant)), columns
}
