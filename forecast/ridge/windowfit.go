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
	penalty     int // index of the penalty to try first
}

func newSums(d *windows, p *prior) *sums {
	l := d.layout
	return &sums{d: d, prior: p, gram: make([]float64, l.P*l.P), right: make([]float64, l.P*l.H), penalty: len(windowLambdas) / 2}
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

// trial is a weight of the prior, a penalty and the normal equations with both, decomposed.
type trial struct {
	weight  float64
	penalty int
	factor  blas64.Triangular
	err     float64 // the mean absolute error on the held-out rows
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
	best := s.search(held, rows)
	final := make([]float64, d.layout.P*h)
	if !(best.err < math.Inf(1)) {
		return make([]float32, len(final)), d.errors(final, held, rows)
	}
	final = s.coefficients(best.factor, best.weight, 0, 1)
	errs := d.errors(final, held, rows)
	s.penalty = best.penalty
	s.reach(rows)
	if t, ok := s.factor(best.weight, windowLambdas[best.penalty]); ok {
		final = s.coefficients(t, best.weight, 0, 1)
	}
	out := make([]float32, len(final))
	for i, v := range final {
		out[i] = float32(v)
	}
	return out, errs
}

// search returns the best trial on the rows [held, rows). For each weight of the prior it goes from the first penalty to its neighbours as
// long as they do better.
func (s *sums) search(held, rows int) trial {
	best := trial{err: math.Inf(1)}
	weights := priorWeights
	if s.prior == nil {
		weights = weights[:1]
	}
	for _, weight := range weights {
		at := s.try(weight, s.penalty, held, rows)
		for _, step := range []int{1, -1} {
			moved := false
			for i := at.penalty + step; i >= 0 && i < len(windowLambdas); i += step {
				t := s.try(weight, i, held, rows)
				if !(t.err < at.err) {
					break
				}
				at, moved = t, true
			}
			if moved {
				break
			}
		}
		if at.err < best.err {
			best = at
		}
	}
	return best
}

// triedSteps is about how many steps of the horizon a trial is judged by.
const triedSteps = 8

// try fits and forecasts the rows [held, rows), at a few steps.
func (s *sums) try(weight float64, penalty, held, rows int) trial {
	d := s.d
	t := trial{weight: weight, penalty: penalty, err: math.Inf(1)}
	factor, ok := s.factor(weight, windowLambdas[penalty])
	if !ok {
		return t
	}
	stride := max(1, d.layout.H/triedSteps)
	first := stride / 2
	c := s.coefficients(factor, weight, first, stride)
	steps := len(c) / d.layout.P
	f := make([]float64, rows-held)
	var sum float64
	for k := range steps {
		d.predict(c, steps, k, held, f)
		for i, y := range d.y[first+k*stride][held:rows] {
			sum += math.Abs(y - f[i])
		}
	}
	if e := sum / float64(steps*len(f)); e == e {
		t.factor, t.err = factor, e
	}
	return t
}

// factor decomposes the normal equations with a prior and a penalty; the constant has none. It reports whether they have a solution.
func (s *sums) factor(weight, lambda float64) (blas64.Triangular, bool) {
	p := s.d.layout.P
	a := slices.Clone(s.gram)
	if weight > 0 {
		floats.AddScaled(a, weight, s.prior.gram)
	}
	for j := 1; j < p; j++ {
		a[j*p+j] += lambda * float64(s.n)
	}
	return lapack64.Potrf(blas64.Symmetric{N: p, Stride: p, Data: a, Uplo: blas.Upper})
}

// coefficients solves the decomposed equations for every stride-th step from first on.
func (s *sums) coefficients(t blas64.Triangular, weight float64, first, stride int) []float64 {
	p, h := s.d.layout.P, s.d.layout.H
	steps := (h - first + stride - 1) / stride
	x := make([]float64, p*steps)
	for j := range p {
		for k := range steps {
			i := j*h + first + k*stride
			x[j*steps+k] = s.right[i]
			if weight > 0 {
				x[j*steps+k] += weight * s.prior.right[i]
			}
		}
	}
	lapack64.Potrs(t, blas64.General{Rows: p, Cols: steps, Stride: steps, Data: x})
	return x
}

// errors returns the distribution of the errors of each step on the rows [from, to).
func (d *windows) errors(coefficients []float64, from, to int) []forecast.Grid {
	f := make([]float64, to-from)
	out := make([]forecast.Grid, d.layout.H)
	for h := range out {
		d.predict(coefficients, d.layout.H, h, from, f)
		e := make([]float64, 0, len(f))
		for i := from; i < to; i++ {
			if y := d.z[d.at[i]+h]; y == y {
				e = append(e, d.y[h][i]-f[i-from])
			}
		}
		if len(e) == 0 {
			e = []float64{-1, 1}
		}
		out[h] = forecast.Compact(forecast.NewSample(e))
	}
	return out
}
