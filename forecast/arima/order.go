package arima

// order is that of a seasonal model (p,d,q)(P,D,Q)m in the notation of FPP3, section 9.9. Its fields are exported for encoding/gob.
type order struct {
	P, D, Q    int
	SP, SD, SQ int // the seasonal part
	M          int // steps per season, 0 where there is none
	// Constant is the mean of the differenced series: the mean, or the drift where it was differenced once.
	Constant bool
}

// lost returns how many observations differencing takes.
func (o order) lost() int { return o.D + o.M*o.SD }

// ar and ma return the degrees of the expanded polynomials.
func (o order) ar() int { return o.P + o.M*o.SP }
func (o order) ma() int { return o.Q + o.M*o.SQ }

// rank returns the dimension of the state of the differenced series in innovations form.
func (o order) rank() int { return max(o.ar(), o.ma()) }

// free returns the number of coefficients without the constant.
func (o order) free() int { return o.P + o.SP + o.Q + o.SQ }

// count returns the number of coefficients.
func (o order) count() int {
	if o.Constant {
		return o.free() + 1
	}
	return o.free()
}

// lags is a polynomial in the lag operator by its coefficients that are not zero; a lag may occur twice and then counts twice. Its
// fields are exported for encoding/gob.
type lags struct {
	At []int
	By []float64
}

// add appends the term by*B^at.
func (l *lags) add(at int, by float64) {
	if by != 0 {
		l.At, l.By = append(l.At, at), append(l.By, by)
	}
}

// product expands the product of a polynomial in B and one in B^m, both without their leading one; the terms of both are multiplied by
// cross: -1 where the polynomials are written with minus signs, as those of autoregressions are, and 1 otherwise.
func product(a, seasonal []float64, m int, cross float64) lags {
	var l lags
	for i, x := range a {
		l.add(i+1, x)
	}
	for j, s := range seasonal {
		l.add(m*(j+1), s)
		for i, x := range a {
			l.add(m*(j+1)+i+1, cross*x*s)
		}
	}
	return l
}

// dense writes the coefficients of lags 1..len(out) to out.
func (l lags) dense(out []float64) {
	clear(out)
	for i, at := range l.At {
		out[at-1] += l.By[i]
	}
}

// differencing returns the polynomial with which an observation is the weighted sum of earlier ones and the differenced observation.
func differencing(o order) lags {
	full := make([]float64, o.lost()+1)
	full[0] = 1
	times := func(lag int) {
		for i := len(full) - 1; i >= lag; i-- {
			full[i] -= full[i-lag]
		}
	}
	for range o.D {
		times(1)
	}
	for range o.SD {
		times(o.M)
	}
	var l lags
	for i, x := range full[1:] {
		l.add(i+1, -x)
	}
	return l
}

// differenced returns the series that o models, lost() shorter than y.
func differenced(y []float64, o order) []float64 {
	w := append([]float64(nil), y...)
	by := func(lag int) {
		for i := len(w) - 1; i >= lag; i-- {
			w[i] -= w[i-lag]
		}
		w = w[lag:]
	}
	for range o.SD {
		by(o.M)
	}
	for range o.D {
		by(1)
	}
	return w
}
