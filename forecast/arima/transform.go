package arima

// bound is how large a partial autocorrelation may be: a unit root is never reached.
const bound = 1 - 1e-6

// coefficients are those of the four factors of a model: w(t) = sum ar w(t-i) + e(t) + sum ma e(t-j), and the same in B^m.
type coefficients struct{ ar, sar, ma, sma []float64 }

// blocks splits parameters in the order ar, sar, ma, sma.
func blocks(o order, x []float64) coefficients {
	a, b, c := o.P, o.P+o.SP, o.P+o.SP+o.Q
	return coefficients{x[:a], x[a:b], x[b:c], x[c:o.free()]}
}

// at returns the coefficients at the parameters x, which are partial autocorrelations between -1 and 1, so that every model is stationary
// and invertible (Jones 1980; Monahan 1984). They are not stretched to all real numbers, as they are there: the likelihood of a moving
// average is nearly a parabola up to a unit root, where its slope is zero (Cryer and Ledolter 1981), and a search gets there in few steps.
func (o order) at(x []float64) coefficients {
	out := make([]float64, o.free())
	from, to := blocks(o, x), blocks(o, out)
	stationary(from.ar, to.ar, nil)
	stationary(from.sar, to.sar, nil)
	stationary(from.ma, to.ma, nil)
	stationary(from.sma, to.sma, nil)
	negate(out[o.P+o.SP:])
	return to
}

func negate(x []float64) {
	for i := range x {
		x[i] = -x[i]
	}
}

// stationary writes to a the coefficients of the autoregression whose partial autocorrelations are x, by the recursion of Durbin
// and Levinson (Monahan 1984, equation 1). jac, if not nil, receives the derivative of a[i] by x[j] at i*len(x)+j.
func stationary(x, a, jac []float64) {
	p := len(x)
	clear(jac)
	for k := range p {
		r := x[k]
		if jac != nil {
			slopes(a, jac, k, p, r)
		}
		for i, j := 0, k-1; i <= j; i, j = i+1, j-1 {
			a[i], a[j] = a[i]-r*a[j], a[j]-r*a[i]
		}
		a[k] = r
	}
}

// slopes brings the derivatives in jac from order k to k+1.
func slopes(a, jac []float64, k, p int, r float64) {
	for j := range k {
		for lo, hi := 0, k-1; lo <= hi; lo, hi = lo+1, hi-1 {
			u, v := jac[lo*p+j], jac[hi*p+j]
			jac[lo*p+j], jac[hi*p+j] = u-r*v, v-r*u
		}
	}
	for i := range k {
		jac[i*p+k] = -a[k-1-i]
	}
	jac[k*p+k] = 1
}

// partials writes to table the coefficients of the optimal predictors of orders len(a), len(a)-1, ..., 1 of the autoregression a, that of
// order k in the first k places of row k-1, by the recursion of Durbin and Levinson backwards. It returns false where a is not stationary.
func partials(a []float64, table [][]float64) bool {
	p := len(a)
	if p == 0 {
		return true
	}
	copy(table[p-1], a)
	for k := p - 1; k >= 0; k-- {
		row := table[k]
		r := row[k]
		s := 1 - r*r
		if !(s > 0) {
			return false
		}
		for i := range k {
			table[k-1][i] = (row[i] + r*row[k-1-i]) / s
		}
	}
	return true
}

// nearest is how far from the unit circle the roots of each factor must stay in a model that is chosen automatically (Hyndman and
// Khandakar 2008, section 3.2, who ask it of the roots of the product).
const nearest = 1.01

// distant reports whether all roots of the four factors keep their distance from the unit circle.
func (c coefficients) distant() bool {
	for _, f := range [][]float64{c.ar, c.sar} {
		if !rootsBeyond(f, 1) {
			return false
		}
	}
	for _, f := range [][]float64{c.ma, c.sma} {
		if !rootsBeyond(f, -1) {
			return false
		}
	}
	return true
}

// rootsBeyond reports whether the roots of 1 - sign*(f[0]B + f[1]B^2 + ...) all lie beyond nearest: then the polynomial in nearest*B is
// stationary.
func rootsBeyond(f []float64, sign float64) bool {
	scaled, table := make([]float64, len(f)), make([][]float64, len(f))
	by := sign
	for i := range f {
		by *= nearest
		scaled[i], table[i] = by*f[i], make([]float64, len(f))
	}
	return partials(scaled, table)
}
