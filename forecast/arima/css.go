package arima

import "gonum.org/v1/gonum/floats"

// squares is the conditional sum of squares of a model on a differenced series (Box, Jenkins and Reinsel 2008, section 7.1.2): errors
// before the first observation that has all its predecessors are zero.
type squares struct {
	o    order
	w    []float64
	from int // the first error that counts

	z, seasonal, regular, e []float64
	columns                 []column
}

// column is the derivative of the errors by one coefficient: v[t-shift] at t.
type column struct {
	v     []float64
	shift int
}

// workspace lends vectors, so that a search over many orders allocates once.
type workspace struct {
	n    int
	all  [][]float64
	used int
}

// vector returns a vector of n numbers that stays the caller's until the next reset.
func (s *workspace) vector() []float64 {
	if s.used == len(s.all) {
		s.all = append(s.all, make([]float64, s.n))
	}
	s.used++
	return s.all[s.used-1]
}

// reset takes every vector back.
func (s *workspace) reset() { s.used = 0 }

func newSquares(o order, w []float64, ws *workspace) *squares {
	ws.reset()
	s := &squares{o: o, w: w, from: o.ar(), z: ws.vector(), seasonal: ws.vector(), regular: ws.vector(), e: ws.vector()}
	for range o.P {
		s.columns = append(s.columns, column{v: ws.vector()})
	}
	for range o.SP {
		s.columns = append(s.columns, column{v: ws.vector()})
	}
	v := ws.vector()
	for j := range o.Q {
		s.columns = append(s.columns, column{v, j + 1})
	}
	v = ws.vector()
	for j := range o.SQ {
		s.columns = append(s.columns, column{v, (j + 1) * o.M})
	}
	if o.Constant {
		s.columns = append(s.columns, column{v: ws.vector()})
	}
	return s
}

// sum returns the sum of squares of the errors at the parameters x, the last of which is the constant where there is one.
func (s *squares) sum(x []float64) float64 {
	c := s.o.at(x)
	s.centre(x)
	combine(s.seasonal, s.z, c.sar, s.o.M)
	combine(s.e, s.seasonal, c.ar, 1)
	clear(s.e[:s.from])
	recurse(s.e, c.sma, s.o.M)
	recurse(s.e, c.ma, 1)
	return floats.Dot(s.e, s.e)
}

// centre takes the constant from the series.
func (s *squares) centre(x []float64) {
	copy(s.z, s.w)
	if s.o.Constant {
		floats.AddConst(-x[s.o.free()], s.z)
	}
}

// derive fills the columns with the derivatives of the errors by the coefficients at x. It must follow sum at the same x.
func (s *squares) derive(x []float64) {
	o, c := s.o, s.o.at(x)
	combine(s.regular, s.z, c.ar, 1)
	finish := func(v []float64) {
		recurse(v, c.sma, o.M)
		recurse(v, c.ma, 1)
	}
	lagged := func(v, of []float64, lag int) {
		clear(v[:s.from])
		for t := s.from; t < len(v); t++ {
			v[t] = -of[t-lag]
		}
		finish(v)
	}
	for i := range o.P {
		lagged(s.columns[i].v, s.seasonal, i+1)
	}
	for i := range o.SP {
		lagged(s.columns[o.P+i].v, s.regular, o.M*(i+1))
	}
	minus := func(v []float64) {
		for t, e := range s.e {
			v[t] = -e
		}
	}
	if o.Q > 0 {
		v := s.columns[o.P+o.SP].v
		minus(v)
		recurse(v, c.ma, 1)
	}
	if o.SQ > 0 {
		v := s.columns[o.P+o.SP+o.Q].v
		minus(v)
		recurse(v, c.sma, o.M)
	}
	if o.Constant {
		v, by := s.columns[o.free()].v, -(1-floats.Sum(c.ar))*(1-floats.Sum(c.sar))
		for t := range v {
			v[t] = by
		}
		clear(v[:s.from])
		finish(v)
	}
}

// normal returns the Gauss-Newton matrix and half the gradient of the sum of squares by the parameters x. It must follow sum at the
// same x.
func (s *squares) normal(x []float64) (h square, g []float64) {
	s.derive(x)
	k := s.o.count()
	h, g = newSquare(k), make([]float64, k)
	e := column{v: s.e}
	for i, a := range s.columns {
		g[i] = a.dot(e)
		for j, b := range s.columns[:i+1] {
			h[i][j] = a.dot(b)
			h[j][i] = h[i][j]
		}
	}
	s.o.chain(x, h, g)
	return h, g
}

// dot returns the product of two columns.
func (a column) dot(b column) float64 {
	from, n := max(a.shift, b.shift), len(a.v)
	if from >= n {
		return 0
	}
	return floats.Dot(a.v[from-a.shift:n-a.shift], b.v[from-b.shift:n-b.shift])
}

// chain turns a gradient and a Gauss-Newton matrix by the coefficients into those by the parameters x, in place.
func (o order) chain(x []float64, h square, g []float64) {
	at := 0
	a, jac, out := make([]float64, o.free()), make([]float64, o.free()*o.free()), make([]float64, o.free())
	for i, n := range []int{o.P, o.SP, o.Q, o.SQ} {
		stationary(x[at:at+n], a[:n], jac[:n*n])
		if i >= 2 {
			negate(jac[:n*n])
		}
		turnBlock := func(v []float64) {
			for j := range n {
				out[j] = 0
				for k := range n {
					out[j] += jac[k*n+j] * v[at+k]
				}
			}
			copy(v[at:at+n], out[:n])
		}
		turnBlock(g)
		for _, row := range h {
			turnBlock(row)
		}
		columnOf := make([]float64, len(h))
		for r := range h {
			for c := range h {
				columnOf[c] = h[c][r]
			}
			turnBlock(columnOf)
			for c := range h {
				h[c][r] = columnOf[c]
			}
		}
		at += n
	}
}
