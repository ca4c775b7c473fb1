package harmonic

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// estimate is a point of the posterior.
type estimate struct {
	free    []float64 // offset, slope, waves, occasions
	changes []float64
	sigma   float64
}

const (
	// mostAlternations and sigmaTolerance end the alternation between the coefficients and the variance of the noise, which converges
	// linearly at a rate of about the number of coefficients over that of the observations.
	mostAlternations = 100
	sigmaTolerance   = 1e-11
)

// mode returns the mode of the posterior that is reached from large noise: where the posterior has several, because there are few
// observations, it is the one that explains the least as signal.
func (q *quadratic) mode() estimate {
	e := estimate{free: make([]float64, q.free), changes: make([]float64, q.changes)}
	variance := sigmaAt(q.yy, q.n)
	w := newWorkspace(q)
	for range mostAlternations {
		q.given(variance, w, &e)
		next := sigmaAt(q.residual(e), q.n)
		done := math.Abs(next-variance) <= sigmaTolerance*variance
		variance = next
		if done {
			break
		}
	}
	e.sigma = math.Sqrt(variance)
	return e
}

// residual returns the sum of squared residuals.
func (q *quadratic) residual(e estimate) float64 {
	p := q.size()
	theta := slices.Concat(e.free, e.changes)
	sum := q.yy
	for i, v := range theta {
		row := q.g[i*p : (i+1)*p]
		var dot float64
		for j, u := range theta {
			dot += row[j] * u
		}
		sum += v * (dot - 2*q.b[i])
	}
	return max(sum, 0)
}

// workspace holds the matrices of given, reused for each variance.
type workspace struct {
	a, c, z []float64
	lasso   lasso
}

func newWorkspace(q *quadratic) *workspace {
	return &workspace{
		a: make([]float64, q.free*q.free), c: make([]float64, q.free*q.changes), z: make([]float64, q.free),
		lasso: newLasso(q.changes),
	}
}

// given sets the coefficients of e, which is where the search begins, to the mode for the given variance of the noise. The free ones
// are eliminated: with X'X = [A C; C' D] and P the prior's precisions, the change points minimise
// d'(D - C'(A+vP)^-1 C)d/2 - (b_d - C'(A+vP)^-1 b_u)'d + v/tau |d|, which is a lasso.
func (q *quadratic) given(variance float64, w *workspace, e *estimate) {
	p, nf, nc := q.size(), q.free, q.changes
	for i := range nf {
		copy(w.a[i*nf:(i+1)*nf], q.g[i*p:i*p+nf])
		w.a[i*nf+i] += variance * q.prior[i]
		copy(w.c[i*nc:(i+1)*nc], q.g[i*p+nf:(i+1)*p])
	}
	t, ok := lapack64.Potrf(blas64.Symmetric{N: nf, Stride: nf, Data: w.a, Uplo: blas.Upper})
	if !ok {
		return // the precisions make it positive definite but for rounding; what was found for a larger variance stands
	}
	// With A + vP = U'U: c becomes U'^-1 C and z becomes U'^-1 b_u, so that the products above are c'c and c'z.
	c := blas64.General{Rows: nf, Cols: nc, Stride: nc, Data: w.c}
	z := blas64.Vector{N: nf, Inc: 1, Data: w.z}
	copy(w.z, q.b[:nf])
	blas64.Trsm(blas.Left, blas.Trans, 1, t, c)
	blas64.Trsv(blas.Trans, t, z)
	l := &w.lasso
	for i := range nc {
		copy(l.h[i*nc:(i+1)*nc], q.g[(nf+i)*p+nf:(nf+i+1)*p])
	}
	copy(l.c, q.b[nf:])
	blas64.Syrk(blas.Trans, -1, c, 1, blas64.Symmetric{N: nc, Stride: nc, Data: l.h, Uplo: blas.Upper})
	blas64.Gemv(blas.Trans, -1, c, z, 1, blas64.Vector{N: nc, Inc: 1, Data: l.c})
	l.mu = variance / changePrior
	l.minimise(e.changes)
	// U u = z - c d.
	blas64.Gemv(blas.NoTrans, -1, c, blas64.Vector{N: nc, Inc: 1, Data: e.changes}, 1, z)
	blas64.Trsv(blas.NoTrans, t, z)
	copy(e.free, w.z)
}
