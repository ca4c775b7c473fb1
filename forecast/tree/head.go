package tree

import (
	"context"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// head turns rows of features into the distributions of their targets.
type head interface {
	// distributions returns, for each row of t, the target's quantiles at forecast.GridProbabilities, ascending. steps has each row's step.
	distributions(t *table, steps []int) []forecast.Grid
	// correlation returns that of the normal scores of two neighbouring steps of one origin.
	correlation() float64
	// state returns what a later run makes the head from again.
	state() headState
}

// buckets are the first steps of the ranges of steps whose errors are kept apart.
var buckets = []int{1, 2, 7, 25}

// bucketOf returns the index of the range that step h lies in.
func bucketOf(h int) int {
	k := len(buckets) - 1
	for buckets[k] > h {
		k--
	}
	return k
}

// leastErrors is the number of errors below which a range of steps takes those of all steps.
const leastErrors = 60

// boostHead forecasts a median by boosting and the size of the error by boosting again; what remains is a distribution that depends only
// on the range of steps. Both of the latter are learned from rows that the median was not learned from.
type boostHead struct {
	median, size *RegressorModel
	errors       []forecast.Grid // by range, in units of the size
	rho          float64
}

// recipe is the size of the boosting.
type recipe struct {
	rows int
	// trial measures errors on late rows; final learns from all rows, with trees in proportion.
	trial, final, size Regressor
}

const (
	// onePast and manyPasts are the recipes' rows: what one fit of three weeks of five minutes may cost, and what a pool may.
	onePastRows   = 6000
	manyPastsRows = 150000
	// fewRows is the number of rows below which a pool is learned from by the recipe of a series alone.
	fewRows = 20000
)

// The sizes below, and those of forests, were chosen on the last horizon of the training part of M4 hourly (48 steps) and of traces of five
// minutes (24 steps), held out, by the mean absolute error and the quantile score.

// onePast is the recipe for a series alone. Fewer bins than there could be cost nothing in accuracy on few rows.
var onePast = recipe{
	rows:  onePastRows,
	trial: Regressor{Probability: 0.5, Trees: 60, Leaves: 15, LeastRows: 15, Bins: 31, Rate: 0.12, FeatureShare: 0.5, Patience: 8},
	final: Regressor{Probability: 0.5, Leaves: 15, LeastRows: 15, Bins: 31, Rate: 0.06, FeatureShare: 0.5},
	size:  Regressor{Trees: 6, Leaves: 3, LeastRows: 100, Bins: 31, Rate: 0.1, FeatureShare: 0.5},
}

// manyPasts is the recipe for a pool.
var manyPasts = recipe{
	rows:  manyPastsRows,
	trial: Regressor{Probability: 0.5, Trees: 150, Leaves: 63, LeastRows: 50, Bins: 63, Rate: 0.14, FeatureShare: 0.5, Patience: 20},
	final: Regressor{Probability: 0.5, Leaves: 63, LeastRows: 50, Bins: 63, Rate: 0.07, FeatureShare: 0.5},
	size:  Regressor{Trees: 30, Leaves: 8, LeastRows: 100, Bins: 63, Rate: 0.12, FeatureShare: 0.5},
}

// leastSize is added to the absolute errors whose logarithm is learned, in units of a window's scale.
const leastSize = 0.02

// learn fits the head on the rows of early and late.
func (r recipe) learn(ctx context.Context, early, late *sample) (head, error) {
	all := newSample(early.layout)
	all.append(early)
	border := len(all.y)
	all.append(late)
	if len(all.y) < fewRows {
		r = onePast
	}
	m := newMatrix(&all.table, r.final.Bins)
	trial, err := boost(ctx, r.trial, m, all.y, border)
	if err != nil {
		return nil, err
	}
	final := r.final
	final.Trees = max(1, int(float64(trial.Trees())*r.trial.Rate/r.final.Rate))
	h := &boostHead{}
	if h.median, err = boost(ctx, final, m, all.y, m.rows); err != nil {
		return nil, err
	}
	if border == m.rows { // nothing is late: the errors are those of the fit
		border = 0
	}
	errs := trial.predictMatrix(m, border)
	sizes := make([]float64, len(errs))
	for i, f := range errs {
		errs[i] = all.y[border+i] - f
		sizes[i] = math.Log(math.Abs(errs[i]) + leastSize)
	}
	if h.size, err = boost(ctx, r.size, m.from(border), sizes, len(sizes)); err != nil {
		return nil, err
	}
	for i, s := range h.size.predictMatrix(m, border) {
		errs[i] /= math.Exp(s)
	}
	h.errors = errorGrids(errs, all.steps[border:])
	h.rho = signCorrelation(errs, all.steps[border:], all.from[border:])
	return h, nil
}

// boost fits r on the first rows of m, filling in its defaults.
func boost(ctx context.Context, r Regressor, m *matrix, y []float64, train int) (*RegressorModel, error) {
	r, err := r.defaults()
	if err != nil {
		return nil, err
	}
	return r.fit(ctx, m, y, train)
}

// errorGrids returns the distribution of the errors of each range of steps around its median: a lasting error of the late rows is of that
// time and not of the next.
func errorGrids(errs []float64, steps []int) []forecast.Grid {
	out := make([]forecast.Grid, len(buckets))
	for b := range out {
		var own []float64
		for i, e := range errs {
			if bucketOf(steps[i]) == b {
				own = append(own, e)
			}
		}
		if len(own) < leastErrors {
			own = slices.Clone(errs)
		}
		out[b] = forecast.Compact(forecast.NewSample(own))
		middle := out[b].Quantile(0.5)
		for k := range out[b] {
			out[b][k] -= middle
		}
	}
	return out
}

// mostCorrelation keeps sample paths from being one path moved up and down.
const mostCorrelation = 0.995

// signCorrelation estimates the correlation of neighbouring steps from how often the errors of one origin agree in sign: for normal errors
// of correlation r the mean product of signs is 2/pi*asin(r) (Sheppard 1899), and r falls with the distance d as rho^d.
func signCorrelation(errs []float64, steps []int, from []int32) float64 {
	var signs, distance float64
	n := 0
	for i := 1; i < len(errs); i++ {
		if from[i] != from[i-1] || steps[i] <= steps[i-1] {
			continue
		}
		signs += math.Copysign(1, errs[i]) * math.Copysign(1, errs[i-1])
		distance += float64(steps[i] - steps[i-1])
		n++
	}
	if n == 0 || signs <= 0 {
		return 0
	}
	r := math.Sin(math.Pi / 2 * signs / float64(n))
	return min(math.Pow(r, float64(n)/distance), mostCorrelation)
}

func (h *boostHead) correlation() float64 { return h.rho }

// distributions implements head.
func (h *boostHead) distributions(t *table, steps []int) []forecast.Grid {
	n := t.rows()
	medians, sizes := make([]float64, n), make([]float64, n)
	eachBatch(h.median.cuts, codeTable(t, h.median.cuts), n, func(b *batch, first int) {
		end := min(first+batchRows, n)
		h.median.predictBatch(b, medians[first:end])
		h.size.predictBatch(b, sizes[first:end]) // its cuts are those of the median
	})
	out := make([]forecast.Grid, n)
	for i := range out {
		size := math.Exp(sizes[i])
		errs := h.errors[bucketOf(steps[i])]
		out[i] = make(forecast.Grid, len(errs))
		for k, e := range errs {
			out[i][k] = medians[i] + size*e
		}
	}
	return out
}
