package ridge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/forethought-autoscaler/forethought/forecast"
)

var (
	// windowLambdas are the penalties tried, per row and in units of the squared spread.
	windowLambdas = []float64{10, 1, 0.1, 0.01, 0.001}
	// priorWeights are how many windows of its own the prior counts as.
	priorWeights = []float64{0, 30, 300, 3000}
)

// sums grow row by row, so that a later fit goes on where the one before it ended.
type sums struct {
	d           *windows
	prior       *prior
	n           int // rows summed
	gram, right []float64
}

func newSums(d *windows, p *prior) *sums {
	return &sums{d: d, prior: p, gram: make([]float64, d.layout.P*d.layout.P), right: make([]float64, d.layout.P*d.layout.H)}
}

// reach sums the rows up to n, or begins again where that lies before.
func (s *sums) reach(n int) {
	if n < s.n {
		clear(s.gram)
		clear(s.right)
		s.n = 0
	}
	s.d.sum(s.n, n, s.gram, s.right)
	s.n = n
}

// solve fits the rows before index n of the history: the penalty and the weight of the prior are those that forecast the last fifth best,
// whose errors by step it returns too; coefficients come from all rows, step after step for each feature.
func (s *sums) solve(n int) ([]float32, []forecast.Grid) {
	d, h := s.d, s.d.layout.H
	rows := d.before(n)
	held := rows - max(rows/5, min(2*h, rows/3))
	train := held
	for train > 0 && d.at[train-1]+h > d.at[held] {
		train--
	}
	if train < held/2 {
		train = held
	}
	s.reach(train)
	weights := priorWeights
	if s.prior == nil {
		weights = weights[:1]
	}
	bestWeight, bestLambda, bestErr := 0.0, windowLambdas[0], math.Inf(1)
	var best []float64
	for _, weight := range weights {
		for _, lambda := range windowLambdas {
			c := s.coefficients(weight, lambda)
			if c == nil {
				continue
			}
			if e := d.meanAbs(c, held, rows); e < bestErr {
				best, bestWeight, bestLambda, bestErr = c, weight, lambda, e
			}
		}
	}
	if best == nil {
		return make([]float32, d.layout.P*h), d.errors(make([]float64, d.layout.P*h), held, rows)
	}
	errs := d.errors(best, held, rows)
	s.reach(rows)
	final := either(s.coefficients(bestWeight, bestLambda), best)
	out := make([]float32, len(final))
	for i, v := range final {
		out[i] = float32(v)
	}
	return out, errs
}

// coefficients solves the normal equations, nil where they have no solution. The constant has no penalty.
func (s *sums) coefficients(weight, lambda float64) []float64 {
	p, h := s.d.layout.P, s.d.layout.H
	a, x := slices.Clone(s.gram), slices.Clone(s.right)
	if weight > 0 {
		for i, v := range s.prior.gram {
			a[i] += weight * v
		}
		for i, v := range s.prior.right {
			x[i] += weight * v
		}
	}
	for j := 1; j < p; j++ {
		a[j*p+j] += lambda * float64(s.n)
	}
	t, ok := lapack64.Potrf(blas64.Symmetric{N: p, Stride: p, Data: a, Uplo: blas.Upper})
	if !ok {
		return nil
	}
	lapack64.Potrs(t, blas64.General{Rows: p, Cols: h, Stride: h, Data: x})
	return x
}

// meanAbs returns the mean absolute error of coefficients on the rows [from, to).
func (d *windows) meanAbs(coefficients []float64, from, to int) float64 {
	var sum float64
	f := d.predict(coefficients, from, to)
	for i, y := range d.y[from*d.layout.H : to*d.layout.H] {
		sum += math.Abs(y - f[i])
	}
	return sum / float64(len(f))
}

// errors returns the distribution of the errors of each step on the rows [from, to).
func (d *windows) errors(coefficients []float64, from, to int) []forecast.Grid {
	f := d.predict(coefficients, from, to)
	out := make([]forecast.Grid, d.layout.H)
	for h := range out {
		var e []float64
		for i := from; i < to; i++ {
			if y := d.z[d.at[i]+h]; y == y {
				e = append(e, d.y[i*d.layout.H+h]-f[(i-from)*d.layout.H+h])
			}
		}
		if len(e) == 0 {
			e = []float64{-1, 1}
		}
		out[h] = forecast.Compact(forecast.NewSample(e))
	}
	return out
}
