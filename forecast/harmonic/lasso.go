package harmonic

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// lasso is the problem to minimise x'Hx/2 - c'x + mu sum |x|, solved by the active-set method of Lee, Battle, Raina and Ng (2007,
// "Efficient sparse coding algorithms", algorithm 1): with the signs of x given the problem is a linear system, each of which lowers the
// objective, and there are finitely many of them.
type lasso struct {
	n    int
	h, c []float64 // h row by row, the upper triangle is used
	mu   float64

	sign   []float64
	active []int
	a, z   []float64
}

func newLasso(n int) lasso {
	return lasso{
		n: n, h: make([]float64, n*n), c: make([]float64, n), sign: make([]float64, n), active: make([]int, 0, n),
		a: make([]float64, n*n), z: make([]float64, n),
	}
}

// Violations of the optimality conditions below these shares of mu and of the largest |c| are rounding.
const (
	muTolerance = 1e-10
	cTolerance  = 1e-15
)

// minimise moves x to the minimum.
func (l *lasso) minimise(x []float64) {
	for i, v := range x {
		l.sign[i] = 0
		if v != 0 {
			l.sign[i] = math.Copysign(1, v)
		}
	}
	if !l.descend(x, -1) {
		return
	}
	for range 50 * l.n {
		j := l.worst(x)
		if j < 0 || !l.descend(x, j) {
			return
		}
	}
}

// worst gives the coordinate at zero whose gradient exceeds mu the most its sign and returns it, or -1 where there is none.
func (l *lasso) worst(x []float64) int {
	best, sign, top := -1, 0.0, 0.0
	for i := range l.n {
		top = max(top, math.Abs(l.c[i]))
	}
	limit := l.mu*(1+muTolerance) + cTolerance*top
	for j := range l.n {
		if l.sign[j] != 0 {
			continue
		}
		gradient := -l.c[j]
		for _, i := range l.active {
			gradient += l.at(i, j) * x[i]
		}
		if a := math.Abs(gradient); a > limit {
			best, limit, sign = j, a, math.Copysign(1, -gradient)
		}
	}
	if best >= 0 {
		l.sign[best] = sign
	}
	return best
}

// at returns H's element from its upper triangle.
func (l *lasso) at(i, j int) float64 {
	if i > j {
		i, j = j, i
	}
	return l.h[i*l.n+j]
}

// descend moves x to the minimum among the points with the given signs, dropping the coordinates that reach zero on the way. It
// returns false where the coordinate that came in last goes out at once: rounding rules then.
func (l *lasso) descend(x []float64, last int) bool {
	for {
		l.active = l.active[:0]
		for i, s := range l.sign {
			if s != 0 {
				l.active = append(l.active, i)
			}
		}
		z := l.solve()
		if z == nil {
			return false
		}
		step, out := 1.0, -1
		for k, i := range l.active {
			if z[k]*l.sign[i] > 0 {
				continue
			}
			f := 0.0
			if x[i] != 0 {
				f = x[i] / (x[i] - z[k])
			}
			if f < step {
				step, out = f, i
			}
		}
		for k, i := range l.active {
			x[i] += step * (z[k] - x[i])
		}
		if out < 0 {
			return true
		}
		x[out], l.sign[out] = 0, 0
		if out == last && step == 0 {
			return false
		}
	}
}

// solve returns the minimum over the active coordinates for their signs, nil where there is none. The slice is reused.
func (l *lasso) solve() []float64 {
	k := len(l.active)
	z := l.z[:k]
	if k == 0 {
		return z
	}
	for r, i := range l.active {
		z[r] = l.c[i] - l.mu*l.sign[i]
		row := l.a[r*k : (r+1)*k]
		for s := r; s < k; s++ {
			row[s] = l.h[i*l.n+l.active[s]]
		}
		row[r] *= 1 + 1e-14
	}
	t, ok := lapack64.Potrf(blas64.Symmetric{N: k, Stride: k, Data: l.a[:k*k], Uplo: blas.Upper})
	if !ok {
		return nil
	}
	lapack64.Potrs(t, blas64.General{Rows: k, Cols: 1, Stride: 1, Data: z})
	return z
}
