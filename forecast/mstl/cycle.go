package mstl

import "gonum.org/v1/gonum/floats"

// cycles smooths the cycle-subseries of a series, the observations at each phase of the season, by loess of degree 0 and extends each
// by one season at both ends (Cleveland et al. 1990, step 2 of the inner loop). All phases are smoothed side by side, because they
// differ in their numbers only and not in their weights.
type cycles struct {
	period int
	parts  []part
	den    []float64
}

// part holds the phases [lo, hi), of which the series has n observations each.
type part struct {
	lo, hi, n     int
	inner         loess
	before, after point
}

// newCycles prepares for series of n observations.
func newCycles(n, period, window int) cycles {
	c := cycles{period: period, den: make([]float64, period)}
	long := n % period
	for _, p := range []part{{lo: 0, hi: long, n: n/period + 1}, {lo: long, hi: period, n: n / period}} {
		if p.lo == p.hi {
			continue
		}
		length := min(window, p.n)
		p.inner = newLoess(p.n, window, 0)
		p.before = newPoint(p.n, window, 0, -1, 0, length)
		p.after = newPoint(p.n, window, 0, p.n, p.n-length, p.n)
		c.parts = append(c.parts, p)
	}
	return c
}

// smooth writes the smoothed subseries of y to out, which begins one season earlier than y and ends one later. w holds the weights and
// wy the weighted observations; both are nil where all weights are one.
func (c *cycles) smooth(y, w, wy, out []float64) {
	for i := range c.parts {
		p := &c.parts[i]
		row := func(v []float64, k int) []float64 { return v[k*c.period+p.lo : k*c.period+p.hi] }
		evaluate := func(pt *point, otherwise []float64) {
			if w == nil {
				c.fit(pt, p, y, row(out, pt.at+1))
			} else {
				c.fitWeighted(pt, p, w, wy, otherwise, row(out, pt.at+1))
			}
		}
		last := 0
		for j := range p.inner.points {
			pt := &p.inner.points[j]
			evaluate(pt, row(y, pt.at))
			for k := last + 1; k < pt.at; k++ {
				t := float64(k-last) / float64(pt.at-last)
				between(row(out, last+1), row(out, pt.at+1), t, row(out, k+1))
			}
			last = pt.at
		}
		evaluate(&p.before, row(out, 1))
		evaluate(&p.after, row(out, p.n))
	}
}

// fit writes the local mean of each phase at pt to out.
func (c *cycles) fit(pt *point, p *part, y, out []float64) {
	clear(out)
	for i, b := range pt.base {
		at := (pt.from+i)*c.period + p.lo
		floats.AddScaled(out, b*pt.alpha, y[at:at+len(out)])
	}
}

// fitWeighted is fit with weights. A phase whose weights in reach are all zero takes its value from otherwise.
func (c *cycles) fitWeighted(pt *point, p *part, w, wy, otherwise, out []float64) {
	den := c.den[:len(out)]
	clear(out)
	clear(den)
	for i, b := range pt.base {
		at := (pt.from+i)*c.period + p.lo
		floats.AddScaled(out, b, wy[at:at+len(out)])
		floats.AddScaled(den, b, w[at:at+len(out)])
	}
	for i, d := range den {
		if d > 0 {
			out[i] /= d
		} else {
			out[i] = otherwise[i]
		}
	}
}

// between writes the point t of the way from a to b to out.
func between(a, b []float64, t float64, out []float64) {
	for i, v := range a {
		out[i] = v + t*(b[i]-v)
	}
}
