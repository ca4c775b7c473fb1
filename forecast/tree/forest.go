package tree

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Forest is a quantile regression forest (Meinshausen 2006): trees grown by squared loss, each on rows drawn with replacement and each
// node on features drawn anew (Breiman 2001), whose leaves remember their targets. The zero value of a field stands for the default named
// with it. A Forest is safe for concurrent use.
type Forest struct {
	// Trees is the number of trees (100).
	Trees int
	// LeastRows is the fewest rows of a leaf (5).
	LeastRows int
	// FeatureShare is the share of features tried at a node, at least one (1).
	FeatureShare float64
	// RowShare is the number of rows that a tree is grown on, as a share of all (1). They are drawn with replacement.
	RowShare float64
	// Bins is the most bins for a feature's values (255, the largest possible).
	Bins int
	Seed uint64
}

// defaults returns f with its zero fields filled in, or an error that names the field out of range.
func (f Forest) defaults() (Forest, error) {
	f.Trees, f.LeastRows, f.Bins = cmp.Or(f.Trees, 100), cmp.Or(f.LeastRows, 5), cmp.Or(f.Bins, mostBins)
	f.FeatureShare, f.RowShare = cmp.Or(f.FeatureShare, 1), cmp.Or(f.RowShare, 1)
	switch {
	case f.Trees < 1:
		return f, fmt.Errorf("tree: Forest.Trees is %d, want at least 1", f.Trees)
	case f.LeastRows < 1:
		return f, fmt.Errorf("tree: Forest.LeastRows is %d, want at least 1", f.LeastRows)
	case f.Bins < 2 || f.Bins > mostBins:
		return f, fmt.Errorf("tree: Forest.Bins is %d, want 2 to %d", f.Bins, mostBins)
	case !(f.FeatureShare > 0 && f.FeatureShare <= 1):
		return f, fmt.Errorf("tree: Forest.FeatureShare is %v, want more than 0 and at most 1", f.FeatureShare)
	case !(f.RowShare > 0 && f.RowShare <= 1):
		return f, fmt.Errorf("tree: Forest.RowShare is %v, want more than 0 and at most 1", f.RowShare)
	}
	return f, nil
}

// Fit learns the distribution of y[i] given x[i]. What it asks of them is what Regressor.Fit asks.
func (f Forest) Fit(ctx context.Context, x [][]float64, y []float64) (*ForestModel, error) {
	f, err := f.defaults()
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
	return f.fit(ctx, newMatrix(t, f.Bins), y)
}

// finite returns an error that names the first target that is not finite.
func finite(y []float64) error {
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("tree: target %d is %v", i, v)
		}
	}
	return nil
}

// fit grows the trees on the rows of m. f has its defaults.
func (f Forest) fit(ctx context.Context, m *matrix, y []float64) (*ForestModel, error) {
	rank, targets := ranks(y)
	out := &ForestModel{cuts: m.cuts, targets: targets}
	rng := rand.New(rand.NewPCG(f.Seed, 2))
	g := newGrower(m, rule{least: int64(f.LeastRows)}, 0, 1)
	g.drawFeatures(rng, f.FeatureShare)
	unit, shift := unitOf(y), max(0, unitBits+1+bitsOf(m.rows)-sumBits)
	for i, v := range y {
		g.entries[i] = pack(int64(math.Round(math.Ldexp(v, -unit))) >> shift)
	}
	for range f.Trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g.bootstrap(rng, f.RowShare)
		t, spans := g.grow()
		members := make([]int32, len(g.rows))
		for i, row := range g.rows {
			members[i] = rank[row]
		}
		out.trees = append(out.trees, newForestTree(t.clip(), spans, members))
	}
	return out, nil
}

// drawFeatures makes each node try a share of the features, drawn anew.
func (g *grower) drawFeatures(rng *rand.Rand, share float64) {
	if share == 1 {
		return
	}
	features := g.features()
	n := max(1, int(math.Round(share*float64(len(features)))))
	g.features = func() []int {
		for i := range n {
			k := i + rng.IntN(len(features)-i)
			features[i], features[k] = features[k], features[i]
		}
		return features[:n]
	}
}

// bootstrap draws the rows of the next tree with replacement, ascending.
func (g *grower) bootstrap(rng *rand.Rand, share float64) {
	n := max(1, int(math.Round(share*float64(g.m.rows))))
	times := make([]int32, g.m.rows)
	for range n {
		times[rng.IntN(len(times))]++
	}
	g.rows = g.rows[:0]
	for i, t := range times {
		for range t {
			g.rows = append(g.rows, int32(i))
		}
	}
}

// ranks returns the distinct values of y, ascending, and for each y[i] its index there.
func ranks(y []float64) (rank []int32, distinct []float64) {
	distinct = slices.Compact(slices.Sorted(slices.Values(y)))
	rank = make([]int32, len(y))
	for i, v := range y {
		k, _ := slices.BinarySearch(distinct, v)
		rank[i] = int32(k)
	}
	return rank, distinct
}

// forestTree is a tree whose leaf k holds the targets of the ranks ranks[spans[k].from:spans[k].to], ascending and distinct, each as often
// as counts says.
type forestTree struct {
	tree
	spans  []span
	ranks  []int32
	counts []int32
}

// newForestTree returns a tree whose leaf k holds the targets of the ranks members[spans[k].from:spans[k].to], which it sorts.
func newForestTree(t tree, spans []span, members []int32) forestTree {
	out := forestTree{tree: t}
	for _, s := range spans {
		from := len(out.ranks)
		slices.Sort(members[s.from:s.to])
		for _, k := range members[s.from:s.to] {
			if last := len(out.ranks) - 1; last >= from && out.ranks[last] == k {
				out.counts[last]++
				continue
			}
			out.ranks, out.counts = append(out.ranks, k), append(out.counts, 1)
		}
		out.spans = append(out.spans, span{from, len(out.ranks)})
	}
	out.ranks, out.counts = slices.Clip(out.ranks), slices.Clip(out.counts)
	return out
}

// ForestModel is a fitted Forest. It is immutable and safe for concurrent use.
type ForestModel struct {
	cuts    []cuts
	targets []float64 // distinct, ascending
	trees   []forestTree
}

// Predict returns the mean prediction for a row, which has as many features as those fitted on; NaN is missing.
func (m *ForestModel) Predict(x []float64) float64 {
	codes := make([]uint8, 2*len(m.cuts))
	codeRow(m.cuts, x, codes)
	var sum float64
	for i := range m.trees {
		ranks, counts := m.trees[i].at(codes)
		var s, n float64
		for j, k := range ranks {
			s += float64(counts[j]) * m.targets[k]
			n += float64(counts[j])
		}
		sum += s / n
	}
	return sum / float64(len(m.trees))
}

// members returns the ranks of the targets in a leaf and how often it holds each.
func (t *forestTree) members(leaf int32) (ranks, counts []int32) {
	s := t.spans[leaf]
	return t.ranks[s.from:s.to], t.counts[s.from:s.to]
}

// at returns the members of the leaf that a row ends in.
func (t *forestTree) at(codes []uint8) (ranks, counts []int32) {
	return t.members(t.leaf[t.find(codes)])
}

// Distribution returns the distribution of the target given a row (Meinshausen 2006, equation 6): the targets of the leaves that the row
// ends in, each leaf with the same weight. Its quantile at p is the smallest target whose distribution function reaches p.
func (m *ForestModel) Distribution(x []float64) forecast.Distribution {
	codes := make([]uint8, 2*len(m.cuts))
	codeRow(m.cuts, x, codes)
	w := newWeights(len(m.targets))
	for i := range m.trees {
		ranks, counts := m.trees[i].at(codes)
		w.add(ranks, counts, 1/float64(len(m.trees)))
	}
	var out weighted
	for k, v := range w.fine {
		if v > 0 {
			out.values = append(out.values, m.targets[k])
			out.weights = append(out.weights, v)
		}
	}
	return out
}

// coarseRanks is the number of ranks whose weights are also held as one sum.
const coarseRanks = 64

// weights holds the weights of targets by rank.
type weights struct{ fine, coarse []float64 }

func newWeights(n int) *weights {
	return &weights{make([]float64, n), make([]float64, n/coarseRanks+1)}
}

// add shares weight among the targets of these ranks in proportion to their counts.
func (w *weights) add(ranks, counts []int32, weight float64) {
	var n int32
	for _, c := range counts {
		n += c
	}
	share := weight / float64(n)
	for j, k := range ranks {
		v := share * float64(counts[j])
		w.fine[k] += v
		w.coarse[k/coarseRanks] += v
	}
}

// reset makes all weights zero.
func (w *weights) reset() {
	for c, v := range w.coarse {
		if v != 0 {
			clear(w.fine[c*coarseRanks : min((c+1)*coarseRanks, len(w.fine))])
		}
	}
	clear(w.coarse)
}

// rounding is what sums of weights may be short by.
const rounding = 1e-9

// quantiles writes the targets at the probabilities, which ascend, into out.
func (w *weights) quantiles(targets, probabilities, out []float64) {
	var sum, within float64 // of the coarse sums before c, and of those of c up to k
	c, k := 0, 0
	for i, p := range probabilities {
		for c < len(w.coarse)-1 && sum+w.coarse[c] < p-rounding {
			sum += w.coarse[c]
			c++
			k, within = c*coarseRanks, 0
		}
		for k < len(targets)-1 && sum+within+w.fine[k] < p-rounding {
			within += w.fine[k]
			k++
		}
		out[i] = targets[k]
	}
}

// weighted is the distribution of values, ascending, with weights that sum to one.
type weighted struct{ values, weights []float64 }

// Quantile implements forecast.Distribution.
func (w weighted) Quantile(p float64) float64 {
	var sum float64
	for k, v := range w.weights {
		if sum += v; sum >= p-rounding {
			return w.values[k]
		}
	}
	return w.values[len(w.values)-1]
}
