package ets

// moments returns the mean and the variance of the next n observations at the scale, from the state after the latest one that is not
// missing. They are the closed formulas of Hyndman, Koehler, Ord and Snyder (2008), section 6.3, for the three classes that the
// shapes fall into.
func (m *model) moments(n int) (mean, variance []float64) {
	buffer := make([]float64, 2*n, 4*n)
	mean, variance = buffer[:n:n], buffer[n:]
	if m.Shape.Season == MultiplicativeSeason {
		m.products(mean, variance)
		return mean, variance
	}
	m.path(mean)
	if m.Shape.Error == AdditiveError {
		m.linear(variance)
	} else {
		m.relative(mean, variance, buffer[2*n:4*n])
	}
	return mean, variance
}

// path fills mean with the forecasts of a shape whose season is not multiplicative.
func (m *model) path(mean []float64) {
	l, b, at := m.Level, m.slope(), m.At
	for k := range mean {
		b *= m.Smoothing.Phi
		l += b
		mean[k] = l
		if len(m.Season) > 0 {
			mean[k] += m.Season[at]
			if at++; at == len(m.Season) {
				at = 0
			}
		}
	}
}

// response yields c_1, c_2, ...: by how much one unit of innovation moves the forecast of the observation j steps later.
type response struct {
	smoothing
	m, j  int
	power float64 // phi^j
	trend float64 // beta times the sum of phi^1 ... phi^j
}

// newResponse returns the response before its first step.
func (m *model) newResponse() response {
	return response{smoothing: m.Smoothing, m: len(m.Season), power: 1}
}

// next returns the next c.
func (r *response) next() float64 {
	r.j++
	r.power *= r.Phi
	r.trend += r.Beta * r.power
	c := r.Alpha + r.trend
	if r.m > 0 && r.j%r.m == 0 {
		c += r.Gamma
	}
	return c
}

// linear fills variance for class 1, additive throughout: sigma^2 (1 + c_1^2 + ... + c_(h-1)^2).
func (m *model) linear(variance []float64) {
	r := m.newResponse()
	sum := 1.0
	for k := range variance {
		variance[k] = m.Sigma2 * sum
		c := r.next()
		sum += c * c
	}
}

// relative fills variance for class 2, a multiplicative error with additive states: (1 + sigma^2) theta_h - mean_h^2 with
// theta_h = mean_h^2 + sigma^2 (c_1^2 theta_(h-1) + ... + c_(h-1)^2 theta_1). work has room for twice as many numbers.
func (m *model) relative(mean, variance, work []float64) {
	n := len(mean)
	theta, squares := work[:n], work[n:2*n]
	r := m.newResponse()
	for k, f := range mean {
		sum := 0.0
		for j, c := range squares[:k] {
			sum += c * theta[k-1-j]
		}
		theta[k] = f*f + m.Sigma2*sum
		variance[k] = m.Sigma2 * (theta[k] + sum)
		c := r.next()
		squares[k] = c * c
	}
}

// products fills mean and variance for class 3, multiplicative in error and season: the exact moments of the product of level and
// season. Seen from one phase of the season, level and slope times that season's state are two numbers that every innovation e
// multiplies by a matrix: F + G e, and at the phase itself (F + G e)(1 + gamma e). Means and second moments follow one step at a time,
// with E e^2 = sigma^2 and E e^4 = 3 sigma^4, and from one season to the next by a power of the step.
func (m *model) products(mean, variance []float64) {
	p := len(m.Season)
	step, hit := newTransition(m.Smoothing, m.Sigma2, 0), newTransition(m.Smoothing, m.Sigma2, m.Smoothing.Gamma)
	season := step.power(p - 1)
	b := m.slope()
	base := moment{m.Level, b, m.Level * m.Level, m.Level * b, b * b}
	phases := make([]moment, min(p, len(mean)))
	for k := range mean {
		var x moment
		if k < p {
			x = base.times(m.Season[(m.At+k)%p])
			base = step.apply(base)
		} else {
			x = season.apply(hit.apply(phases[k%p]))
		}
		phases[k%p] = x
		mean[k], variance[k] = x.observation(m.Smoothing.Phi, m.Sigma2)
	}
}
