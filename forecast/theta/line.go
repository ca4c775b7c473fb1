package theta

import "math"

// line is the dynamic optimised Theta model (Fiorucci et al. 2016, section 2.3): a level by exponential smoothing, and the straight line
// through all observations so far. Its fields are exported for gob.
type line struct {
	Alpha  float64
	Share  float64 // 1 - 1/theta, from 0 to 1: how much of the line the forecasts follow
	Level  float64
	Mean   float64 // of the observations so far
	Slope  float64 // of the line
	Count  float64 // observations so far
	Sigma2 float64 // the variance of the errors
}

// The bounds of alpha. The paper leaves the open unit interval; near its ends the weights of the line are no longer told apart.
const (
	leastLineAlpha = 0.1
	mostLineAlpha  = 0.99
	mostShare      = 1 - 1e-10
	// begun is the number of observations that the line begins with, whose errors do not count.
	begun = 2
)

// fitLine chooses alpha, the share of the line and the initial level by least squares of the errors of one step. Given alpha, errors are
// linear in the other two.
func fitLine(z []float64) *line {
	at0, slopes := lines(z)
	alpha := smallest(leastLineAlpha, mostLineAlpha, func(alpha float64) float64 {
		s, _, _ := regress(z, at0, slopes, alpha)
		return s
	})
	squares, share, level := regress(z, at0, slopes, alpha)
	l := &line{Alpha: alpha, Share: share, Level: level, Sigma2: squares / float64(present(z)-begun-3)}
	gap := 0
	for _, v := range z {
		if v != v {
			gap++
			continue
		}
		l.observe(v, gap)
		gap = 0
	}
	return l
}

// lines returns, by observation, the least-squares line through it and all before: its value at time 0, the first observation being at
// time 1, and its slope (Fiorucci et al. 2016, equations 13 to 15). A missing observation is taken to lie on the line.
func lines(z []float64) (at0, slopes []float64) {
	at0, slopes = make([]float64, len(z)), make([]float64, len(z))
	l := line{}
	for i, v := range z {
		if v != v {
			v = l.at(l.Count + 1)
		}
		l.extend(v)
		at0[i], slopes[i] = l.at(0), l.Slope
	}
	return at0, slopes
}

// at returns the line at time t, the first observation being at time 1.
func (l *line) at(t float64) float64 { return l.Mean + l.Slope*(t-(l.Count+1)/2) }

// extend updates the line with the next observation.
func (l *line) extend(v float64) {
	l.Count++
	t := l.Count
	if t == 1 {
		l.Mean = v
		return
	}
	l.Slope = ((t-2)*l.Slope + 6*(v-l.Mean)/t) / (t + 1)
	l.Mean += (v - l.Mean) / t
}

// products are the sums that the regression of the errors e on the line d and the weight w of the initial level is made of.
type products struct{ ee, ed, ew, dd, dw, ww float64 }

// solve returns the smallest sum of squared errors, and the share of the line and the initial level that it takes.
func (p products) solve() (squares, share, level float64) {
	if det := p.dd*p.ww - p.dw*p.dw; det > 1e-12*p.dd*p.ww {
		share = min(max((p.ed*p.ww-p.ew*p.dw)/det, 0), mostShare)
	}
	if p.ww > 0 {
		level = (p.ew - share*p.dw) / p.ww
	}
	squares = p.ee - 2*share*p.ed - 2*level*p.ew + share*share*p.dd + 2*share*level*p.dw + level*level*p.ww
	return max(squares, 0), share, level
}

// regress returns the smallest sum of squared errors for alpha, and the share of the line and the initial level that it takes.
func regress(z, at0, slopes []float64, alpha float64) (squares, share, level float64) {
	keep := 1 - alpha
	weight, l := 1.0, 0.0 // the weight of the initial level, and the level without it
	var p products
	i := 0
	for ; i < len(z) && (weight > vanished || i <= begun); i++ {
		v := z[i]
		if v != v { // missing
			continue
		}
		if i >= begun {
			d := weight*at0[i-1] + (1-weight*keep)/alpha*slopes[i-1]
			e := v - l
			p.ee, p.ed, p.ew = p.ee+e*e, p.ed+e*d, p.ew+e*weight
			p.dd, p.dw, p.ww = p.dd+d*d, p.dw+d*weight, p.ww+weight*weight
		}
		l = keep*l + alpha*v
		weight *= keep
	}
	z, slopes = z[i:], slopes[i-1:len(z)-1]
	var ee, ed, dd float64
	for j, v := range z {
		if v != v {
			continue
		}
		d, e := slopes[j], v-l
		ee += e * e
		ed += e * d
		dd += d * d
		l = keep*l + alpha*v
	}
	p.ee += ee
	p.ed += ed / alpha
	p.dd += dd / (alpha * alpha)
	return p.solve()
}

// weights returns by how much the next forecast follows the line's value at time 0 and its slope.
func (l *line) weights() (at0, slope float64) {
	at0 = math.Pow(1-l.Alpha, l.Count)
	return l.Share * at0, l.Share * (1 - at0*(1-l.Alpha)) / l.Alpha
}

// next returns the forecast of the next observation (Fiorucci et al. 2016, equation 12). That of the first is the initial level.
func (l *line) next() float64 {
	a, b := l.weights()
	return l.Level + a*l.at(0) + b*l.Slope
}

// learn lets level and line follow z.
func (l *line) learn(z float64) {
	l.Level += l.Alpha * (z - l.Level)
	l.extend(z)
}

// observe learns z, the gap observations before which are missing: they are taken as they were forecast.
func (l *line) observe(z float64, gap int) {
	for range gap {
		l.learn(l.next())
	}
	l.learn(z)
}

// moments fills mean and variance for the next steps. Level, mean and slope are linear in themselves and the innovation, with
// coefficients that depend on time alone, so that their covariance follows step by step.
func (l line) moments(mean, variance []float64) {
	var p [3][3]float64 // of level, mean and slope
	for k := range mean {
		a, b := l.weights()
		t := l.Count + 1
		h := [3]float64{1, a, b - a*t/2} // at(0) is Mean - Slope t/2
		mean[k] = l.next()
		var ph [3]float64
		v := 0.0
		for i := range 3 {
			for j := range 3 {
				ph[i] += p[i][j] * h[j]
			}
			v += h[i] * ph[i]
		}
		variance[k] = v + l.Sigma2
		p = l.carry(p, h, l.gain())
		l.learn(mean[k])
	}
}

// gain returns by how much level, mean and slope follow the next observation.
func (l *line) gain() [3]float64 {
	t := l.Count + 1
	return [3]float64{l.Alpha, 1 / t, 6 / (t * (t + 1))}
}

// carry returns the covariance of level, mean and slope one step on: each keeps a share of itself and takes its gain g of the
// observation, which is h times the three and an innovation.
func (l *line) carry(p [3][3]float64, h, g [3]float64) [3][3]float64 {
	t := l.Count + 1
	keep := [3]float64{1 - g[0], 1 - g[1], (t - 2) / (t + 1)}
	var step, half, out [3][3]float64
	for i := range 3 {
		step[i][i] = keep[i]
		for j := range 3 {
			step[i][j] += g[i] * h[j]
		}
	}
	step[2][1] -= g[2] // the slope follows the distance from the mean
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				half[i][j] += step[i][k] * p[k][j]
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				out[i][j] += half[i][k] * step[j][k]
			}
			out[i][j] += g[i] * g[j] * l.Sigma2
		}
	}
	return out
}
