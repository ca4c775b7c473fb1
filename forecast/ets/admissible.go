package ets

import "math"

// distance measures how far the parameters are inside the region where a seasonal model forgets the start of the history, which is where
// all roots of its characteristic polynomial lie inside the unit circle (Hyndman, Koehler, Ord and Snyder 2008, section 10.3). It is a
// barrier: it grows to +Inf, which it is outside, as a root nears the circle. Of the parameters inside the usual bounds only those of a
// model with a trend and a season can leave the region. work has room for m+2 numbers twice.
func distance(x smoothing, m int, work []float64) float64 {
	n := m + 1
	a := work[:n+1]
	a[0], a[1] = 1, x.Alpha+x.Beta-x.Phi
	for i := 2; i < m; i++ {
		a[i] = x.Alpha + x.Beta - x.Alpha*x.Phi
	}
	a[m] = x.Alpha + x.Beta - x.Alpha*x.Phi + x.Gamma - 1
	a[n] = x.Phi * (1 - x.Alpha - x.Gamma)
	return barrier(a, work[n+1:])
}

// barrier returns minus the logarithm of the product of 1 - k^2 over the reflection coefficients k of the polynomial a[0]z^n + ... +
// a[n], a[0] > 0: finite where all roots lie inside the unit circle and +Inf elsewhere, by the recursion of Schur and Cohn (Jury 1964).
// a is used up; work is as long.
func barrier(a, work []float64) float64 {
	logs := logger{product: 1}
	for n := len(a) - 1; n > 0; n-- {
		k := a[n] / a[0]
		room := 1 - k*k
		if !(room > 0) {
			return math.Inf(1)
		}
		logs.add(room)
		next := work[:n]
		for i, v := range a[:n] {
			next[i] = v - k*a[n-i]
		}
		a, work = next, a
	}
	return -logs.total()
}
