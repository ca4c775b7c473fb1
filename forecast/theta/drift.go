package theta

import "math"

// drift is simple exponential smoothing with drift, which Theta is (Hyndman and Billah 2003). Its fields are exported for gob.
type drift struct {
	Alpha, Level float64
	Slope        float64 // of the forecasts: half that of the straight line through the history
	Forgotten    float64 // (1 - alpha)^n after n observations
	Sigma2       float64 // the variance of the errors
}

// The bounds of alpha, as in R's ses.
const (
	leastAlpha = 1e-4
	mostAlpha  = 0.9999
)

// fitDrift chooses alpha and the initial level by least squares of the errors of one step and the slope by least squares on time.
func fitDrift(z []float64) *drift {
	alpha := smallest(leastAlpha, mostAlpha, func(alpha float64) float64 {
		s, _ := smoothing(z, alpha)
		return s
	})
	squares, level := smoothing(z, alpha)
	n := float64(present(z))
	return &drift{
		Alpha: alpha, Level: level, Slope: slope(z) / 2, Forgotten: math.Pow(1-alpha, float64(len(z))),
		Sigma2: squares / (n - 2),
	}
}

// vanished is the weight at which the initial level is forgotten.
const vanished = 1e-10

// smoothing returns the sum of squared errors of simple exponential smoothing and its last level, for the best initial level: errors are
// linear in that, with weights (1 - alpha)^t, so that it is a regression on one variable.
func smoothing(z []float64, alpha float64) (squares, level float64) {
	keep := 1 - alpha
	level = z[0]
	weight, ew, ww := 1.0, 0.0, 0.0
	for len(z) > 0 && weight > vanished {
		if v := z[0]; v == v { // not NaN
			e := v - level
			squares += e * e
			ew += e * weight
			ww += weight * weight
			level = keep*level + alpha*v
			weight *= keep
		}
		z = z[1:]
	}
	shift := ew / ww
	rest, level := settled(z, alpha, level+shift*weight)
	return max(squares-ew*shift, 0) + rest, level
}

// settled returns the sum of squared errors and the last level from a known level on. It takes two observations at a time, which halves
// the chain of operations that wait for each other.
func settled(z []float64, alpha, level float64) (squares, last float64) {
	keep := 1 - alpha
	both := keep * keep
	for ; len(z) >= 2; z = z[2:] {
		v, w := z[0], z[1]
		if step := alpha * v; step+w == step+w { // neither is missing
			e := v - level
			f := w - (keep*level + step)
			level = both*level + (keep*step + alpha*w)
			squares += e*e + f*f
			continue
		}
		for _, u := range z[:2] {
			if u == u {
				e := u - level
				squares += e * e
				level = keep*level + alpha*u
			}
		}
	}
	if len(z) == 1 && z[0] == z[0] {
		e := z[0] - level
		squares += e * e
		level += alpha * e
	}
	return squares, level
}

// slope returns the slope of the least-squares line through z.
func slope(z []float64) float64 {
	middle := float64(len(z)-1) / 2
	var n, st, sy, stt, sty float64
	for i, v := range z {
		if v == v { // not NaN
			t := float64(i) - middle
			n, st, sy, stt, sty = n+1, st+t, sy+v, stt+t*t, sty+t*v
		}
	}
	det := n*stt - st*st
	if det <= 0 {
		return 0
	}
	return (n*sty - st*sy) / det
}

// observe lets the level follow z, the gap observations before which are missing.
func (d *drift) observe(z float64, gap int) {
	d.Level += d.Slope * float64(gap)
	d.Level += d.Alpha * (z - d.Level)
	d.Forgotten *= 1 - d.Alpha
}

// moments fills mean and variance for the next steps (Hyndman and Billah 2003, section 4, and thetaf's variance).
func (d *drift) moments(mean, variance []float64) {
	for k := range mean {
		mean[k] = d.Level + d.Slope*(float64(k)+(1-d.Forgotten)/d.Alpha)
		variance[k] = d.Sigma2 * (1 + float64(k)*d.Alpha*d.Alpha)
	}
}
