package tree

import (
	"context"
	"math/bits"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// forestHead forecasts by a quantile regression forest.
type forestHead struct {
	forest *ForestModel
	rho    float64
}

// forestRecipe is the size of a forest.
type forestRecipe struct {
	rows   int
	forest Forest
}

// The sizes of forests, which remember a target for each row of each tree.
var (
	onePastForest   = forestRecipe{6000, Forest{Trees: 50, LeastRows: 5, FeatureShare: 0.3, RowShare: 0.3, Bins: 63}}
	manyPastsForest = forestRecipe{60000, Forest{Trees: 100, LeastRows: 10, FeatureShare: 0.4, RowShare: 0.5, Bins: 63}}
)

// learn fits the head on the rows of early and late alike: a forest needs no rows of its own to measure its errors on.
func (r forestRecipe) learn(ctx context.Context, early, late *sample) (head, error) {
	all := newSample(early.layout)
	all.append(early)
	all.append(late)
	f, err := r.forest.defaults()
	if err != nil {
		return nil, err
	}
	m, err := f.fit(ctx, newMatrix(&all.table, f.Bins), all.y)
	if err != nil {
		return nil, err
	}
	return &forestHead{m, signCorrelation(all.y, all.steps, all.from)}, nil
}

func (h *forestHead) correlation() float64 { return h.rho }

// distributions implements head.
func (h *forestHead) distributions(t *table, _ []int) []forecast.Grid {
	out := make([]forecast.Grid, t.rows())
	w := newWeights(len(h.forest.targets))
	eachBatch(h.forest.cuts, codeTable(t, h.forest.cuts), t.rows(), func(b *batch, first int) {
		leaves := h.forest.leaves(b)
		for i := range min(batchRows, t.rows()-first) {
			w.reset()
			for k := range h.forest.trees {
				ranks, counts := h.forest.trees[k].members(leaves[k][i])
				w.add(ranks, counts, 1/float64(len(h.forest.trees)))
			}
			out[first+i] = make(forecast.Grid, len(probabilities))
			w.quantiles(h.forest.targets, probabilities, out[first+i])
		}
	})
	return out
}

// leaves returns the leaf that each row of a batch ends in, tree by tree.
func (m *ForestModel) leaves(b *batch) [][batchRows]int32 {
	out := make([][batchRows]int32, len(m.trees))
	for k := range m.trees {
		m.trees[k].spread(0, b.all, b, func(leaf int32, rows uint64) {
			for ; rows != 0; rows &= rows - 1 {
				out[k][bits.TrailingZeros64(rows)] = leaf
			}
		})
	}
	return out
}

var probabilities = forecast.GridProbabilities()
