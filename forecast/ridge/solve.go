package ridge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// work holds the rows of one regression, feature by feature, reused for each horizon.
type work struct {
	p  int
	x  [][]float64 // by feature
	y  []float64
	at []int // the origin of each row
	// gram is X'X (upper triangle) of the first n rows.
	gram []float64
	n    int

	fitted, clipped, size []float64
	own                   []float64
}

func newWork(rows, p int) *work {
	return &work{
		p: p, x: columnsOf(p, rows), y: make([]float64, 0, rows), at: make([]int, 0, rows), gram: make([]float64, p*p), own: make([]float64, p),
		fitted: make([]float64, rows), clipped: make([]float64, rows), size: make([]float64, rows),
	}
}

// fill takes the rows of step h: those origins that are followed by an observation h steps later.
func (w *work) fill(l layout, v view[float64], rows []int, shared [][]float64, h int) {
	w.y, w.at, w.n = w.y[:0], w.at[:0], 0
	clear(w.gram)
	s, span := len(shared), l.anchorFor(h)
	own := w.own[:w.p-s]
	for i, n := range rows {
		y := v.at(n+h-1) - v.level(n, span)
		if y != y {
			continue
		}
		r := len(w.y)
		w.y, w.at = append(w.y, y), append(w.at, n)
		v.own(l, n, h, own)
		for j, f := range own {
			w.x[s+j][r] = f
		}
		if r != i {
			for j, column := range shared {
				w.x[j][r] = column[i]
			}
		}
	}
	if len(w.y) == len(rows) {
		for j, column := range shared {
			copy(w.x[j], column)
		}
	}
}

// before returns how many rows have their target of step h before index end.
func (w *work) before(end, h int) int {
	n, _ := slices.BinarySearch(w.at, end-h+1)
	return n
}

// reach brings gram to the first n rows.
func (w *work) reach(n int) {
	if n < w.n {
		clear(w.gram)
		w.n = 0
	}
	for j, a := range w.x {
		for k := j; k < w.p; k++ {
			w.gram[j*w.p+k] += floats.Dot(a[w.n:n], w.x[k][w.n:n])
		}
	}
	w.n = n
}

// solve returns the coefficients of the first n rows and the distribution of their held-out errors h steps ahead. Lambda is chosen on the
// latest of the rows, from whose windows the earlier ones keep h steps apart. What an observation lies beyond huber standard deviations
// from this first fit is then taken off it, and the fit repeated: a step of Huber's algorithm with modified residuals (Huber 1981, 7.8),
// on the earlier rows to measure errors and on all to forecast.
func (w *work) solve(n, h int) ([]float64, forecast.Grid) {
	held := n - int(heldShare*float64(n))
	train := held
	for train > 0 && w.at[train-1]+h > w.at[held] {
		train--
	}
	if train < n/2 {
		train = held
	}
	w.reach(train)
	b := w.right(w.y, train)
	var best []float64
	var factor blas64.Triangular
	bestLambda, bestErr := lambdas[0], math.Inf(1)
	for _, lambda := range lambdas {
		t, ok := w.factor(lambda)
		if !ok {
			continue
		}
		coef := solved(t, b)
		if e := w.meanAbs(coef, held, n); e < bestErr {
			best, factor, bestLambda, bestErr = coef, t, lambda, e
		}
	}
	if best == nil {
		return make([]float64, w.p), make(forecast.Grid, len(forecast.GridProbabilities()))
	}
	y := w.clip(best, n)
	f := w.predict(solved(factor, w.right(y, train)), held, n)
	errs := make([]float64, n-held)
	for i := range errs {
		errs[i] = w.y[held+i] - f[i]
	}
	w.reach(n)
	coef := best
	if t, ok := w.factor(bestLambda); ok {
		coef = solved(t, w.right(y, n))
	}
	return coef, forecast.Compact(forecast.NewSample(errs))
}

// right returns X'y of the first n rows.
func (w *work) right(y []float64, n int) []float64 {
	b := make([]float64, w.p)
	for j := range b {
		b[j] = floats.Dot(w.x[j][:n], y[:n])
	}
	return b
}

// factor decomposes the normal equations' matrix with penalty lambda times each feature's sum of squares; the constant has none.
func (w *work) factor(lambda float64) (blas64.Triangular, bool) {
	p := w.p
	a := slices.Clone(w.gram)
	var trace float64
	for j := range p {
		trace += a[j*p+j]
	}
	for j := range p {
		if j > 0 {
			a[j*p+j] *= 1 + lambda
		}
		a[j*p+j] += 1e-12*trace + 1e-200
	}
	return lapack64.Potrf(blas64.Symmetric{N: p, Stride: p, Data: a, Uplo: blas.Upper})
}

// solved returns the solution of the decomposed equations for the right-hand side b.
func solved(t blas64.Triangular, b []float64) []float64 {
	x := slices.Clone(b)
	v := blas64.Vector{N: len(x), Inc: 1, Data: x}
	blas64.Trsv(blas.Trans, t, v)
	blas64.Trsv(blas.NoTrans, t, v)
	return x
}

// predict returns what coefficients expect of the rows [from, to); the slice is reused.
func (w *work) predict(coef []float64, from, to int) []float64 {
	f := w.fitted[:to-from]
	clear(f)
	for j, c := range coef {
		floats.AddScaled(f, c, w.x[j][from:to])
	}
	return f
}

// meanAbs returns the mean absolute residual of the rows [from, to).
func (w *work) meanAbs(coef []float64, from, to int) float64 {
	var s float64
	for i, f := range w.predict(coef, from, to) {
		s += math.Abs(w.y[from+i] - f)
	}
	return s / float64(to-from)
}

// clip returns the targets of the first n rows, those beyond the limit brought to it; the slice is reused.
func (w *work) clip(coef []float64, n int) []float64 {
	f := w.predict(coef, 0, n)
	size, y := w.size[:n], w.clipped[:n]
	for i, v := range f {
		size[i] = math.Abs(w.y[i] - v)
	}
	limit := huber * 1.4826 * nth(size, n/2) // 1.4826 makes the median absolute deviation a standard deviation for normal errors
	if limit == 0 {
		limit = huber * nth(size, n*9/10)
	}
	if limit == 0 {
		limit = math.Inf(1)
	}
	for i, v := range f {
		y[i] = v + min(max(w.y[i]-v, -limit), limit)
	}
	return y
}
