package ets

import (
	"context"
	"math"
)

// objective is a smooth function to be minimised inside a box.
type objective interface {
	// value returns the function at x, +Inf where it is not defined.
	value(x []float64) float64
	// slope fills g with the derivative at the x of the last call of value.
	slope(g []float64)
}

// The line search is Armijo's with backtracking (Nocedal and Wright 2006, algorithm 3.1).
const (
	sufficient = 1e-4
	backtracks = 25
)

// descent is a quasi-Newton minimisation in a box: the inverse Hessian is learned by the BFGS formula (Nocedal and Wright 2006,
// equation 6.17) and variables held by a bound are left out of the direction (Bertsekas 1982).
type descent struct {
	f       objective
	x, g    []float64
	fx      float64
	lo, hi  []float64
	scale   []float64 // a first guess of the diagonal of the inverse Hessian
	h       []float64 // the inverse Hessian
	held    []bool
	d, y, s []float64
	next    []float64
}

// newDescent starts at x, which it takes over.
func newDescent(f objective, x, lo, hi, scale []float64) *descent {
	n := len(x)
	buffer := make([]float64, 5*n+n*n)
	cut := func(k int) []float64 {
		out := buffer[:k:k]
		buffer = buffer[k:]
		return out
	}
	d := &descent{
		f: f, x: x, lo: lo, hi: hi, scale: scale,
		g: cut(n), d: cut(n), y: cut(n), s: cut(n), next: cut(n), h: cut(n * n), held: make([]bool, n),
	}
	for i := range n {
		d.h[i*n+i] = scale[i]
	}
	d.renew()
	return d
}

// renew evaluates the function where it stands, after it was changed.
func (d *descent) renew() {
	d.fx = d.f.value(d.x)
	d.f.slope(d.g)
}

// run iterates until the expected decrease is below tolerance, at most limit times. The result is in x and fx.
func (d *descent) run(ctx context.Context, tolerance float64, limit int) error {
	if math.IsInf(d.fx, 1) {
		return ctx.Err()
	}
	for range limit {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.hold()
		expected := d.direction()
		if expected < tolerance {
			return nil
		}
		if !d.search() {
			if !d.restart() {
				return nil
			}
			continue
		}
		d.learn()
	}
	return nil
}

// hold leaves out the variables at a bound that the slope pushes against. A variable that joins or leaves starts without history.
func (d *descent) hold() {
	n := len(d.x)
	for i, x := range d.x {
		held := x <= d.lo[i] && d.g[i] > 0 || x >= d.hi[i] && d.g[i] < 0
		if held == d.held[i] {
			continue
		}
		d.held[i] = held
		for j := range n {
			d.h[i*n+j], d.h[j*n+i] = 0, 0
		}
		d.h[i*n+i] = d.scale[i]
	}
}

// direction fills d with the step to the minimum of the model and returns the decrease of the function expected of it.
func (d *descent) direction() float64 {
	n := len(d.x)
	var expected float64
	for i := range n {
		d.d[i] = 0
		if d.held[i] {
			continue
		}
		var sum float64
		row := d.h[i*n : (i+1)*n]
		for j, g := range d.g {
			if !d.held[j] {
				sum -= row[j] * g
			}
		}
		d.d[i] = sum
		expected -= sum * d.g[i]
	}
	return expected / 2
}

// search goes along the direction, bent at the bounds, to a point that is lower by enough. It reports whether there is one; x, fx, g, and
// in s and y the steps of x and g, are then of that point.
func (d *descent) search() bool {
	step := 1.0
	for range backtracks {
		var slope float64
		for i, x := range d.x {
			d.next[i] = min(max(x+step*d.d[i], d.lo[i]), d.hi[i])
			slope += d.g[i] * (d.next[i] - x)
		}
		if slope >= 0 {
			return false
		}
		v := d.f.value(d.next)
		if v <= d.fx+sufficient*slope && v < d.fx {
			d.accept(v)
			return true
		}
		step *= shorten(d.fx, slope, v)
	}
	return false
}

// shorten returns the factor to the minimum of the parabola through the value and slope at the start and the value tried.
func shorten(f0, slope, f1 float64) float64 {
	if math.IsInf(f1, 1) || math.IsNaN(f1) {
		return 0.25
	}
	return min(max(-slope/(2*(f1-f0-slope)), 0.1), 0.5)
}

// accept moves to next, where the function is v.
func (d *descent) accept(v float64) {
	copy(d.y, d.g)
	d.f.slope(d.g)
	for i := range d.x {
		d.y[i] = d.g[i] - d.y[i]
		d.s[i] = d.next[i] - d.x[i]
		if d.held[i] {
			d.y[i] = 0
		}
	}
	copy(d.x, d.next)
	d.fx = v
}

// restart forgets the curvature and reports whether there was any.
func (d *descent) restart() bool {
	n := len(d.x)
	changed := false
	for i := range n {
		for j := range n {
			want := 0.0
			if i == j {
				want = d.scale[i]
			}
			changed = changed || d.h[i*n+j] != want
			d.h[i*n+j] = want
		}
	}
	return changed
}

// learn updates the inverse Hessian with the last step, unless the function did not curve upwards along it.
func (d *descent) learn() {
	n := len(d.x)
	var sy, yhy, ss, yy float64
	hy := d.d // the direction is no longer needed
	for i := range n {
		sy += d.s[i] * d.y[i]
		ss += d.s[i] * d.s[i]
		yy += d.y[i] * d.y[i]
		var sum float64
		for j, v := range d.h[i*n : (i+1)*n] {
			sum += v * d.y[j]
		}
		hy[i] = sum
		yhy += sum * d.y[i]
	}
	if !(sy > 1e-10*math.Sqrt(ss*yy)) {
		return
	}
	c := (1 + yhy/sy) / sy
	for i := range n {
		row := d.h[i*n : (i+1)*n]
		si, hi := c*d.s[i]-hy[i]/sy, d.s[i]/sy
		for j := range row {
			row[j] += si*d.s[j] - hi*hy[j]
		}
	}
}
