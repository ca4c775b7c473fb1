package tree

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// Regressor is gradient boosting of regression trees (Friedman 2001), by squared loss or by the quantile loss. The zero value of a field
// stands for the default named with it. A Regressor is safe for concurrent use.
//
// Trees follow the gradient of the loss; the value of a leaf is then the mean of its rows' residuals or, for the quantile loss, their
// quantile (Friedman 2001, algorithm 3). Targets are held as integers in units of about the largest target's 2^-27.
type Regressor struct {
	// Probability chooses the loss: 0 the squared loss, whose prediction is a mean, and p in (0, 1) the quantile loss at p, whose
	// prediction is a quantile. 0.5 is the absolute error and predicts a median.
	Probability float64
	// Trees is the number of trees (100).
	Trees int
	// Leaves is the most leaves of a tree (31), at least 2.
	Leaves int
	// LeastRows is the fewest rows of a leaf (20).
	LeastRows int
	// Bins is the most bins for a feature's values (255, the largest possible).
	Bins int
	// Rate is the share of each tree's values that counts, in (0, 1] (0.1).
	Rate float64
	// Penalty is added to a leaf's count of rows in gains and means, which draws small leaves towards zero (0). Quantiles are not drawn.
	Penalty float64
	// RowShare and FeatureShare are the shares of rows and of features, drawn anew by Seed, that a tree is grown on (1).
	RowShare, FeatureShare float64
	// Held is the share of rows, the last ones, that no tree is grown on (0). Trees after which the loss there did not fall for Patience
	// (10) trees are dropped.
	Held     float64
	Patience int
	Seed     uint64
}

// defaults returns r with its zero fields filled in, or an error that names the field out of range.
func (r Regressor) defaults() (Regressor, error) {
	r.Trees, r.Leaves = cmp.Or(r.Trees, 100), cmp.Or(r.Leaves, 31)
	r.LeastRows, r.Bins, r.Patience = cmp.Or(r.LeastRows, 20), cmp.Or(r.Bins, mostBins), cmp.Or(r.Patience, 10)
	r.Rate, r.RowShare, r.FeatureShare = cmp.Or(r.Rate, 0.1), cmp.Or(r.RowShare, 1), cmp.Or(r.FeatureShare, 1)
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"Probability", r.Probability >= 0 && r.Probability < 1},
		{"Trees", r.Trees > 0},
		{"Leaves", r.Leaves >= 2},
		{"LeastRows", r.LeastRows > 0},
		{"Bins", r.Bins >= 2 && r.Bins <= mostBins},
		{"Rate", r.Rate > 0 && r.Rate <= 1},
		{"Penalty", r.Penalty >= 0 && r.Penalty <= math.MaxFloat32},
		{"RowShare", r.RowShare > 0 && r.RowShare <= 1},
		{"FeatureShare", r.FeatureShare > 0 && r.FeatureShare <= 1},
		{"Held", r.Held >= 0 && r.Held < 1},
		{"Patience", r.Patience > 0},
	} {
		if !c.ok {
			return r, fmt.Errorf("tree: Regressor.%s is out of range", c.name)
		}
	}
	return r, nil
}

// Fit learns to predict y[i] from x[i]. Rows are of one length, in which NaN is a missing value and infinities the largest numbers;
// features are compared in single precision. It returns an error where there are no rows, more than 16,777,215, rows of several
// lengths or a target that is not finite, and ctx.Err() soon after ctx is done. It keeps no reference to x and y.
func (r Regressor) Fit(ctx context.Context, x [][]float64, y []float64) (*RegressorModel, error) {
	r, err := r.defaults()
	if err != nil {
		return nil, err
	}
	t, err := newTable(x, len(y))
	if err != nil {
		return nil, err
	}
	if err := finite(y); err != nil {
		return nil, err
	}
	return r.fit(ctx, newMatrix(t, r.Bins), y, len(y)-int(r.Held*float64(len(y))))
}

// newTable checks x against the number of targets and brings it to single precision.
func newTable(x [][]float64, targets int) (*table, error) {
	switch {
	case len(x) == 0:
		return nil, fmt.Errorf("tree: no rows")
	case len(x) != targets:
		return nil, fmt.Errorf("tree: %d rows with %d targets", len(x), targets)
	case len(x) > mostRows:
		return nil, fmt.Errorf("tree: %d rows, want at most %d", len(x), mostRows)
	case len(x[0]) == 0 || len(x[0]) > mostFeatures:
		return nil, fmt.Errorf("tree: rows of %d features, want 1 to %d", len(x[0]), mostFeatures)
	}
	t := &table{cols: len(x[0]), x: make([]float32, 0, len(x)*len(x[0]))}
	for i, row := range x {
		if len(row) != t.cols {
			return nil, fmt.Errorf("tree: row %d has %d features, want %d", i, len(row), t.cols)
		}
		for _, v := range row {
			t.x = append(t.x, single(v))
		}
	}
	return t, nil
}

// mostFeatures is what the selector of a node can hold.
const mostFeatures = math.MaxUint16 / 2
