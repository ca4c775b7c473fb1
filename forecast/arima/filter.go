package arima

import "gonum.org/v1/gonum/floats"

// combine writes in(t) - sum c[j-1] in(t-j*stride) to out, in(t) being zero before the beginning. out must not be in.
func combine(out, in, c []float64, stride int) {
	copy(out, in)
	for j, x := range c {
		if lag := (j + 1) * stride; lag < len(in) && x != 0 {
			floats.AddScaled(out[lag:], -x, in[:len(in)-lag])
		}
	}
}

// recurse replaces x by the solution e of e(t) = x(t) - sum c[j-1] e(t-j*stride), e(t) being zero before the beginning.
func recurse(x, c []float64, stride int) {
	switch {
	case len(c) == 0:
	case stride > 1:
		recurseSeasonal(x, c, stride)
	case len(c) == 1:
		var e1 float64
		a := c[0]
		for i, v := range x {
			e1 = v - a*e1
			x[i] = e1
		}
	case len(c) == 2:
		var e1, e2 float64
		a, b := c[0], c[1]
		for i, v := range x {
			e1, e2 = v-b*e2-a*e1, e1
			x[i] = e1
		}
	case len(c) == 3:
		var e1, e2, e3 float64
		a, b, d := c[0], c[1], c[2]
		for i, v := range x {
			e1, e2, e3 = v-d*e3-b*e2-a*e1, e1, e2
			x[i] = e1
		}
	case len(c) <= 5:
		recurseFive(x, c)
	default:
		recurseLong(x, c)
	}
}

// recurseFive is recurse for up to five lags. The latest error is used last, so that the rest need not wait for it.
func recurseFive(x, c []float64) {
	var k [5]float64
	copy(k[:], c)
	var e1, e2, e3, e4, e5 float64
	for i, v := range x {
		e1, e2, e3, e4, e5 = v-k[4]*e5-k[3]*e4-k[2]*e3-k[1]*e2-k[0]*e1, e1, e2, e3, e4
		x[i] = e1
	}
}

// recurseLong is recurse for any number of lags.
func recurseLong(x, c []float64) {
	for i := range x {
		v := x[i]
		for j := min(i, len(c)); j > 0; j-- {
			v -= c[j-1] * x[i-j]
		}
		x[i] = v
	}
}

// recurseSeasonal is recurse a season at a time, within which nothing depends on anything.
func recurseSeasonal(x, c []float64, m int) {
	for from := m; from < len(x); from += m {
		to := min(from+m, len(x))
		for j, a := range c {
			if back := (j + 1) * m; back <= from {
				floats.AddScaled(x[from:to], -a, x[from-back:to-back])
			}
		}
	}
}

// turn writes in to out, last first.
func turn(out, in []float64) {
	n := len(in)
	for i, v := range in {
		out[n-1-i] = v
	}
}
