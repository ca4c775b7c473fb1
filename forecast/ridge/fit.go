package ridge

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/forethought-autoscaler/forethought/forecast"
)

const (
	// mostRows bounds the number of origins that are learned from.
	mostRows = 1500
	// heldShare is the share of the latest origins on which lambda is chosen and the errors are measured.
	heldShare = 0.2
	// recency draws origins towards the present: a share u of them lies within the last u^recency of the history.
	recency = 1.15
	// huber is the number of robust standard deviations beyond which an error weighs less.
	huber = 2.0
)

// lambdas are the penalties tried, largest first, in units of each feature's own sum of squares. They are large because neighbouring
// origins are not independent.
var lambdas = []float64{3, 1, 0.3, 0.1}

// fit learns the coefficients of every horizon from z. It returns nil where too few origins have what it takes.
func fit(ctx context.Context, l layout, z []float64) (*model, error) {
	v := summed(z)
	horizon := l.knots[len(l.knots)-1]
	rows := l.origins(v)
	if len(rows) < leastRows/2 {
		return nil, nil
	}
	p, s := l.count(), l.sharedCount()
	shared := make([]float64, len(rows)*s)
	level := make([]float64, len(rows))
	for i, n := range rows {
		level[i] = l.anchorAt(v, n)
		l.shared(v, n, level[i], shared[i*s:(i+1)*s])
	}
	m := &model{layout: l, horizon: horizon, step: l.step, normal: forecast.NormalGrid()}
	m.low, m.high = ranges(shared, s)
	for i := range rows {
		m.winsorise(shared[i*s : (i+1)*s])
	}
	w := newWork(len(rows), p)
	for _, h := range l.knots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.reset()
		span := l.anchorFor(h)
		for i, n := range rows {
			y := v.at(n+h-1) - v.mean(n-span, n)
			if y != y {
				continue
			}
			x := w.row(n, y)
			copy(x, shared[i*s:(i+1)*s])
			l.own(v, n, h, x[s:])
		}
		if w.n < leastRows/2 {
			return nil, nil
		}
		coef, errs := w.solve(h)
		m.knotCoef = append(m.knotCoef, coef)
		m.errors = append(m.errors, errs)
	}
	m.interpolate()
	return m, nil
}

// ranges returns the 1 % and 99 % quantiles of each of the n features in x, row by row.
func ranges(x []float64, n int) (low, high []float64) {
	low, high = make([]float64, n), make([]float64, n)
	stride := max(1, len(x)/n/1000)
	column := make([]float64, 0, len(x)/n)
	for j := range n {
		column = column[:0]
		for i := j; i < len(x); i += n * stride {
			column = append(column, x[i])
		}
		s := forecast.NewSample(column)
		low[j], high[j] = s.Quantile(0.01), s.Quantile(0.99)
	}
	return low, high
}

// origins returns the origins to learn from, ascending: up to mostRows, denser towards the end, at positions of the golden-ratio
// sequence, which keeps no fixed phase to any season.
func (l layout) origins(v view) []int {
	const golden = 0.6180339887498949
	from, to := l.deepest()+l.anchor, len(v.z)
	span := to - from
	count := min(mostRows, span)
	out := make([]int, 0, count)
	for i := range count {
		u := math.Mod(golden*float64(i+1), 1)
		out = append(out, to-1-int(math.Pow(u, recency)*float64(span)))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(n int) bool { return n < from || math.IsNaN(l.anchorAt(v, n)) })
}

// work holds the rows of one regression, reused for each horizon.
type work struct {
	p, n      int
	x, y      []float64
	at        []int
	xw        []float64
	residuals []float64
}

func newWork(rows, p int) *work {
	return &work{
		p: p, x: make([]float64, rows*p), xw: make([]float64, rows*p), y: make([]float64, rows),
		at: make([]int, rows), residuals: make([]float64, rows),
	}
}

func (w *work) reset() { w.n = 0 }

// row adds a row for origin at with target y and returns its features to be filled.
func (w *work) row(at int, y float64) []float64 {
	i := w.n
	w.n++
	w.y[i], w.at[i] = y, at
	return w.x[i*w.p : (i+1)*w.p]
}

// solve returns the coefficients and the distribution of the held-out errors. Lambda is chosen on the latest origins, from whose
// windows the earlier ones keep h steps apart; the coefficients are then fitted on all, with large errors weighing less.
func (w *work) solve(h int) ([]float64, forecast.Grid) {
	held := w.n - int(heldShare*float64(w.n))
	train := held
	for train > 0 && w.at[train-1]+h > w.at[held] {
		train--
	}
	if train < w.n/2 {
		train = held
	}
	g, b := w.gram(0, train, nil)
	var best []float64
	bestLambda, bestErr := lambdas[0], math.Inf(1)
	for _, lambda := range lambdas {
		coef := w.coefficients(g, b, lambda)
		if coef == nil {
			continue
		}
		if e := w.meanAbs(coef, held, w.n); e < bestErr {
			best, bestLambda, bestErr = coef, lambda, e
		}
	}
	if best == nil {
		return make([]float64, w.p), forecast.Grid(make([]float64, len(forecast.GridProbabilities())))
	}
	// One step of iteratively reweighted least squares for Huber's loss, on the earlier origins to measure errors and on all to forecast.
	weight := w.huberWeights(best)
	g, b = w.gram(0, train, weight)
	errs := slices.Clone(w.residualsOf(either(w.coefficients(g, b, bestLambda), best), held, w.n))
	g2, b2 := w.gram(train, w.n, weight)
	for i := range g {
		g[i] += g2[i]
	}
	for i := range b {
		b[i] += b2[i]
	}
	coef := either(w.coefficients(g, b, bestLambda), best)
	return coef, forecast.Compact(forecast.NewSample(errs))
}

// either returns a, or b where a is nil.
func either(a, b []float64) []float64 {
	if a != nil {
		return a
	}
	return b
}

// gram returns X'WX (upper triangle) and X'Wy of the rows [from, to); all weights are one where weight is nil.
func (w *work) gram(from, to int, weight []float64) (g, b []float64) {
	p := w.p
	x, y := w.x[from*p:to*p], w.y[from:to]
	if weight != nil {
		xw := w.xw[from*p : to*p]
		yw := make([]float64, to-from)
		for i := range yw {
			s := math.Sqrt(weight[from+i])
			yw[i] = s * y[i]
			for j := i * p; j < (i+1)*p; j++ {
				xw[j] = s * x[j]
			}
		}
		x, y = xw, yw
	}
	g, b = make([]float64, p*p), make([]float64, p)
	if to <= from {
		return g, b
	}
	a := blas64.General{Rows: to - from, Cols: p, Stride: p, Data: x}
	blas64.Syrk(blas.Trans, 1, a, 0, blas64.Symmetric{N: p, Stride: p, Data: g, Uplo: blas.Upper})
	blas64.Gemv(blas.Trans, 1, a, blas64.Vector{N: to - from, Inc: 1, Data: y}, 0, blas64.Vector{N: p, Inc: 1, Data: b})
	return g, b
}

// coefficients solves the normal equations with penalty lambda times each feature's sum of squares; the constant has none. It returns
// nil where they have no solution.
func (w *work) coefficients(g, b []float64, lambda float64) []float64 {
	p := w.p
	a := slices.Clone(g)
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
	t, ok := lapack64.Potrf(blas64.Symmetric{N: p, Stride: p, Data: a, Uplo: blas.Upper})
	if !ok {
		return nil
	}
	x := slices.Clone(b)
	lapack64.Potrs(t, blas64.General{Rows: p, Cols: 1, Stride: 1, Data: x})
	return x
}

// residualsOf returns the residuals of the rows [from, to); the slice is reused.
func (w *work) residualsOf(coef []float64, from, to int) []float64 {
	r := w.residuals[:to-from]
	for i := range r {
		x := w.x[(from+i)*w.p : (from+i+1)*w.p]
		var f float64
		for j, c := range coef {
			f += c * x[j]
		}
		r[i] = w.y[from+i] - f
	}
	return r
}

// meanAbs returns the mean absolute residual.
func (w *work) meanAbs(coef []float64, from, to int) float64 {
	var s float64
	for _, r := range w.residualsOf(coef, from, to) {
		s += math.Abs(r)
	}
	return s / float64(to-from)
}

// huberWeights returns the weight of every row for Huber's loss with the given coefficients.
func (w *work) huberWeights(coef []float64) []float64 {
	r := w.residualsOf(coef, 0, w.n)
	abs := make([]float64, len(r))
	for i, v := range r {
		abs[i] = math.Abs(v)
	}
	slices.Sort(abs)
	limit := huber * 1.4826 * abs[len(abs)/2] // 1.4826 makes the median absolute deviation a standard deviation for normal errors
	if limit == 0 {
		limit = huber * abs[len(abs)*9/10]
	}
	weight := make([]float64, len(r))
	for i, v := range r {
		weight[i] = 1
		if a := math.Abs(v); a > limit && limit > 0 {
			weight[i] = limit / a
		}
	}
	return weight
}
