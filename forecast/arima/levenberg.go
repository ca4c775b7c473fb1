package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// residuals are errors that depend on parameters, and whose sum of squares is to be as small as can be.
type residuals interface {
	// sum returns the sum of squares at x, infinite or NaN where there is none.
	sum(x []float64) float64
	// normal returns the Gauss-Newton matrix and half the gradient of the sum of squares at x. It follows sum at the same x.
	normal(x []float64) (h square, g []float64)
}

// longest is the longest step of a bounded parameter, a quarter of its range.
const longest = 0.5

// minimise brings x to a minimum of the sum of squares by the method of Levenberg and Marquardt (Marquardt 1963) and returns the sum
// there. It ends when a step gains less than the share tolerance, or after so many steps. The first bounded parameters stay within
// -within and within.
func minimise(r residuals, x []float64, bounded int, within, tolerance float64, steps int) float64 {
	best, damping := r.sum(x), 1e-3
	next := make([]float64, len(x))
	for range steps {
		if len(x) == 0 || best == 0 || math.IsNaN(best) || math.IsInf(best, 0) {
			break
		}
		h, g := r.normal(x)
		before := best
		for range 8 {
			copy(next, x)
			if damped(next, h, g, damping) {
				confine(next, x, bounded, within)
				if sum := r.sum(next); sum < best {
					copy(x, next)
					best, damping = sum, max(damping/10, 1e-9)
					break
				}
			}
			damping = max(10*damping, 1e-4)
		}
		if !(before-best > tolerance*before) {
			break
		}
		r.sum(x)
	}
	return r.sum(x)
}

// damped moves x by the damped Gauss-Newton step. It returns false where there is none.
func damped(x []float64, h square, g []float64, damping float64) bool {
	a, d := newSquare(len(x)), append([]float64(nil), g...)
	for i := range a {
		copy(a[i], h[i])
		a[i][i] += damping*h[i][i] + 1e-300
	}
	if _, ok := a.factor(len(x)); !ok {
		return false
	}
	a.forward(d)
	a.backward(d)
	floats.Sub(x, d)
	return true
}

// nearBound is the share of the way to a bound that is as far as one step goes: a unit root is a stationary point of the likelihood, at
// which a search that jumped there would stay.
const nearBound = 0.9

// confine shortens the step from x to next where it is too long, and keeps the first parameters within the bounds.
func confine(next, x []float64, bounded int, within float64) {
	shrink := 1.0
	for i := range bounded {
		shrink = min(shrink, longest/math.Abs(next[i]-x[i]))
	}
	for i := range next {
		next[i] = x[i] + shrink*(next[i]-x[i])
		if i < bounded {
			up, down := nearBound*(within-x[i]), nearBound*(-within-x[i])
			next[i] = x[i] + min(max(next[i]-x[i], down), up)
		}
	}
}
