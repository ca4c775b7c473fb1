package ets

// moment is what is known of a random pair (l, b): its means and the means of ll, lb and bb.
type moment struct{ l, b, ll, lb, bb float64 }

// times returns the moment of the pair times a constant.
func (x moment) times(s float64) moment {
	return moment{x.l * s, x.b * s, x.ll * s * s, x.lb * s * s, x.bb * s * s}
}

// observation returns the mean and the variance of f(1 + e) where f = l + phi b and e is independent with variance sigma2.
func (x moment) observation(phi, sigma2 float64) (mean, variance float64) {
	mean = x.l + phi*x.b
	square := x.ll + 2*phi*x.lb + phi*phi*x.bb
	return mean, (1+sigma2)*square - mean*mean
}

// transition is the linear map of a moment over one step or several: on the means and on the second moments.
type transition struct {
	mean   [2][2]float64
	square [3][3]float64
}

// newTransition returns the step (F + G e)(1 + gamma e) of level and slope, where F is [1 phi; 0 phi], G is [alpha; beta] times
// [1 phi], and e is normal with variance v.
func newTransition(x smoothing, v, gamma float64) transition {
	f := [2][2]float64{{1, x.Phi}, {0, x.Phi}}
	g := [2][2]float64{{x.Alpha, x.Alpha * x.Phi}, {x.Beta, x.Beta * x.Phi}}
	var first [2][2]float64 // the coefficient of e
	var t transition
	for i := range 2 {
		for j := range 2 {
			first[i][j] = g[i][j] + gamma*f[i][j]
			t.mean[i][j] = f[i][j] + gamma*v*g[i][j]
		}
	}
	t.add(f, f, 1)
	t.add(first, first, v)
	t.add(f, g, gamma*v) // F with the coefficient of e^2, both ways round
	t.add(g, f, gamma*v)
	t.add(g, g, 3*v*v*gamma*gamma)
	return t
}

// add adds w times the map X -> A X B' of symmetric 2 by 2 matrices.
func (t *transition) add(a, b [2][2]float64, w float64) {
	entries := [3][2]int{{0, 0}, {0, 1}, {1, 1}}
	for r, e := range entries {
		i, j := e[0], e[1]
		t.square[r][0] += w * a[i][0] * b[j][0]
		t.square[r][1] += w * (a[i][0]*b[j][1] + a[i][1]*b[j][0])
		t.square[r][2] += w * a[i][1] * b[j][1]
	}
}

// apply returns the moment after the transition.
func (t *transition) apply(x moment) moment {
	q := &t.square
	return moment{
		t.mean[0][0]*x.l + t.mean[0][1]*x.b,
		t.mean[1][0]*x.l + t.mean[1][1]*x.b,
		q[0][0]*x.ll + q[0][1]*x.lb + q[0][2]*x.bb,
		q[1][0]*x.ll + q[1][1]*x.lb + q[1][2]*x.bb,
		q[2][0]*x.ll + q[2][1]*x.lb + q[2][2]*x.bb,
	}
}

// then returns the transition t followed by u.
func (t transition) then(u transition) transition {
	var out transition
	for i := range 2 {
		for j := range 2 {
			for k := range 2 {
				out.mean[i][j] += u.mean[i][k] * t.mean[k][j]
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				out.square[i][j] += u.square[i][k] * t.square[k][j]
			}
		}
	}
	return out
}

// power returns n steps of t, by repeated squaring.
func (t transition) power(n int) transition {
	out := transition{mean: [2][2]float64{{1, 0}, {0, 1}}, square: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out = out.then(t)
		}
		t = t.then(t)
	}
	return out
}
