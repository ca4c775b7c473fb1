package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// likelihood is the exact likelihood of a model.
type likelihood interface {
	// at returns the value at some coefficients; false where there is none.
	at(c coefficients) (value, bool)
	// standard returns independent errors of the same variance, the sum of whose squares is that of the value: the observations'
	// prediction errors, or an orthogonal transform of them. It follows at, and the caller owns what it returns.
	standard(v value) []float64
}

// difference is the step of the numerical derivatives: at it, rounding and curvature cost about as much.
const difference = 1e-6

// concentrated is minus the exact log-likelihood as a sum of squares: with the innovation variance at its best, the likelihood is largest
// where the sum of squares times the determinant's n-th root is smallest (Ansley 1979), so that the errors times the root of
// that root are the residuals of a least squares problem.
type concentrated struct {
	o  order
	at likelihood
	// last is the value at the parameters of the last sum.
	last value
}

// sum returns the sum of squares.
func (c *concentrated) sum(x []float64) float64 {
	var ok bool
	if c.last, ok = c.at.at(c.o.at(x)); !ok {
		return math.Inf(1)
	}
	return c.last.sum * math.Exp(c.last.logDet/float64(c.last.used))
}

// residuals returns the residuals at the parameters of the last sum.
func (c *concentrated) residuals() []float64 {
	e := c.at.standard(c.last)
	floats.Scale(math.Exp(c.last.logDet/float64(2*c.last.used)), e)
	return e
}

// curvature returns the Gauss-Newton matrix of minus the log-likelihood at x, its derivatives taken by differences towards zero so that
// the bounds are kept. It must follow sum at x.
func (c *concentrated) curvature(x []float64) square {
	h, errs, n := newSquare(len(x)), c.residuals(), float64(c.last.used)
	scale := n / floats.Dot(errs, errs)
	columns := make([][]float64, len(x))
	for i, v := range x {
		step := towards(v)
		x[i] = v + step
		if columns[i] = errs; !math.IsInf(c.sum(x), 1) {
			columns[i] = c.residuals()
		}
		x[i] = v
		floats.Sub(columns[i], errs)
		floats.Scale(math.Sqrt(scale)/step, columns[i])
		for j := range i + 1 {
			h[i][j] = floats.Dot(columns[i], columns[j])
			h[j][i] = h[i][j]
		}
	}
	return h
}

// towards returns the step of a derivative at v.
func towards(v float64) float64 {
	if v > 0 {
		return -difference
	}
	return difference
}

// cost returns minus the log-likelihood at x, up to a constant.
func (c *concentrated) cost(x []float64) float64 {
	s := c.sum(x)
	return 0.5 * float64(c.last.used) * math.Log(s)
}

// gradient returns the derivatives of the cost at x, where it is fx.
func (c *concentrated) gradient(x []float64, fx float64) []float64 {
	g := make([]float64, len(x))
	for i, v := range x {
		step := towards(v)
		x[i] = v + step
		g[i] = (c.cost(x) - fx) / step
		x[i] = v
	}
	return g
}

// maximise brings x to a maximum of the likelihood by the method of Broyden, Fletcher, Goldfarb and Shanno (Nocedal and Wright 2006,
// algorithm 6.1), begun with the Gauss-Newton matrix. It ends when a step gains less than gained in log-likelihood, or after so many
// steps, and leaves the value there in last.
func (c *concentrated) maximise(x []float64, gained float64, steps int) {
	fx := c.cost(x)
	if len(x) == 0 || math.IsInf(fx, 0) || math.IsNaN(fx) {
		return
	}
	inverse := inverted(c.curvature(x))
	g := c.gradient(x, fx)
	for range steps {
		next, fn, ok := c.backtrack(x, inverse.downhill(x, g), fx, g)
		if !ok {
			break
		}
		gain := fx - fn
		if gain < gained {
			copy(x, next)
			break
		}
		after := c.gradient(next, fn)
		inverse.learn(next, x, after, g)
		copy(x, next)
		fx, g = fn, after
	}
	c.cost(x)
}

// downhill returns the step that the quadratic model with this inverse asks for, without the parameters that it would push over a bound.
func (s square) downhill(x, g []float64) []float64 {
	d := make([]float64, len(g))
	for i := range d {
		d[i] = -floats.Dot(s[i], g)
		if math.Abs(x[i]) >= bound && x[i]*d[i] > 0 {
			d[i] = 0
		}
	}
	return d
}

// backtrack halves the step d from x until it gains a share of what its slope promises (Armijo's rule).
func (c *concentrated) backtrack(x, d []float64, fx float64, g []float64) (next []float64, fn float64, ok bool) {
	slope := floats.Dot(d, g)
	next = make([]float64, len(x))
	for step := 1.0; slope < 0 && step > 1e-5; step /= 2 {
		floats.AddScaledTo(next, x, step, d)
		confine(next, x, len(x), bound)
		if fn = c.cost(next); fn <= fx+1e-4*step*slope {
			return next, fn, true
		}
	}
	return nil, 0, false
}

// inverted returns the inverse of s, with a little added to the diagonal where s is not positive definite.
func inverted(s square) square {
	n := len(s)
	out := newSquare(n)
	for ridge := 1e-9; ; ridge *= 10 {
		a := newSquare(n)
		for i := range n {
			copy(a[i], s[i])
			a[i][i] += ridge * (a[i][i] + 1)
		}
		if _, ok := a.factor(n); !ok && ridge < 1e20 {
			continue
		}
		for i := range n {
			out[i][i] = 1
			a.forward(out[i])
			a.backward(out[i])
		}
		return out
	}
}

// learn updates the inverse of the second derivatives with what a step from x to next did to the gradient.
func (s square) learn(next, x, after, g []float64) {
	n := len(x)
	d, y, sy := make([]float64, n), make([]float64, n), make([]float64, n)
	floats.SubTo(d, next, x)
	floats.SubTo(y, after, g)
	curve := floats.Dot(d, y)
	if curve <= 1e-10*math.Sqrt(floats.Dot(d, d)*floats.Dot(y, y)) {
		return
	}
	for i := range s {
		sy[i] = floats.Dot(s[i], y)
	}
	by := (1 + floats.Dot(y, sy)/curve) / curve
	for i := range s {
		for j := range s {
			s[i][j] += by*d[i]*d[j] - (d[i]*sy[j]+sy[i]*d[j])/curve
		}
	}
}
