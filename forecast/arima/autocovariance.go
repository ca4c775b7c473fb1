package arima

// moments holds what the distribution of the state before the first observation needs, in units of the innovation variance.
type moments struct {
	gamma []float64 // autocovariances of the series at lags 0..r
	psi   []float64 // weights of its infinite moving average at lags 0..r
}

// momentsOf returns the moments up to lag r of the model with these expanded polynomials, whose degrees are p and q. It returns false
// where the autoregression is not stationary.
func momentsOf(ar, ma lags, p, q, r int) (moments, bool) {
	gamma, ok := autoregressive(ar, p, r+q)
	if !ok {
		return moments{}, false
	}
	m := moments{make([]float64, r+1), make([]float64, r+1)}
	weights := correlation(ma, q)
	for k := range m.gamma {
		s := weights[0] * gamma[k]
		for d := 1; d <= q; d++ {
			if x := weights[d]; x != 0 {
				s += x * (gamma[k+d] + gamma[max(k-d, d-k)])
			}
		}
		m.gamma[k] = s
	}
	ma.dense(m.psi[1 : q+1])
	m.psi[0] = 1
	for k := range m.psi {
		for i, at := range ar.At {
			if at <= k {
				m.psi[k] += ar.By[i] * m.psi[k-at]
			}
		}
	}
	return m, true
}

// correlation returns the autocovariances at lags 0..q of the moving average.
func correlation(ma lags, q int) []float64 {
	out := make([]float64, q+1)
	at, by := append([]int{0}, ma.At...), append([]float64{1}, ma.By...)
	for i := range at {
		for j := range at {
			if d := at[i] - at[j]; d >= 0 {
				out[d] += by[i] * by[j]
			}
		}
	}
	return out
}

// autoregressive returns the autocovariances at lags 0..to of the autoregression of degree p, by the recursion of Durbin and Levinson run
// down to order zero and up again.
func autoregressive(ar lags, p, to int) ([]float64, bool) {
	gamma := make([]float64, max(to, p)+1)
	a, table := make([]float64, p), newSquare(p)
	ar.dense(a)
	if !partials(a, table) {
		return nil, false
	}
	gamma[0] = 1
	for k := range table {
		gamma[0] /= 1 - table[k][k]*table[k][k]
	}
	left := gamma[0]
	for k := 1; k <= p; k++ {
		r := table[k-1][k-1]
		s := r * left
		for i := 1; i < k; i++ {
			s += table[k-2][i-1] * gamma[k-i]
		}
		gamma[k] = s
		left *= 1 - r*r
	}
	for k := p + 1; k <= to; k++ {
		for i, at := range ar.At {
			gamma[k] += ar.By[i] * gamma[k-at]
		}
	}
	return gamma, true
}

// start fills the first r rows and columns of out with the covariance of the state before the first observation. The state is x with
// w(t) = x(t,1) + e(t) and x(t+1,i) = x(t,i+1) + ar(i) w(t) + ma(i) e(t). Stationarity makes each covariance the next on the diagonal
// plus terms in Cov(x(t,i), w(t)), which follow from the autocovariances.
func start(out square, ar, ma lags, p, q int) bool {
	r := max(p, q)
	m, ok := momentsOf(ar, ma, p, q, r)
	if !ok {
		return false
	}
	phi, theta, with := make([]float64, r), make([]float64, r), make([]float64, r+1)
	ar.dense(phi)
	ma.dense(theta)
	for j := range r {
		if phi[j] == 0 && theta[j] == 0 {
			continue
		}
		for i := 0; i <= j; i++ {
			with[i] += phi[j]*m.gamma[j-i+1] + theta[j]*m.psi[j-i+1]
		}
	}
	for i := r - 1; i >= 0; i-- {
		row, both, own := out[i], phi[i]*m.gamma[0]+theta[i]+with[i+1], theta[i]+phi[i]
		for k := 0; k <= i; k++ {
			v := phi[k]*both + theta[k]*own + phi[i]*with[k+1]
			if i+1 < r {
				v += out[i+1][k+1]
			}
			row[k], out[k][i] = v, v
		}
	}
	return true
}
