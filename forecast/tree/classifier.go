package tree

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Classifier is a random forest for classes (Breiman 2001): trees grown by Gini's index, each on rows drawn with replacement and each
// node on features drawn anew, whose leaves hold the shares of the classes. The zero value of a field stands for the default named with
// it. A Classifier is safe for concurrent use.
//
// A row describes one thing to be classed, for example a workload by its mean, spread and seasonal strength; NaN is a feature that is
// not known of it.
type Classifier struct {
	// Trees is the number of trees (100).
	Trees int
	// LeastRows is the fewest rows of a leaf (1).
	LeastRows int
	// FeatureShare is the share of features tried at a node, at least one (the square root of their number over their number).
	FeatureShare float64
	// Bins is the most bins for a feature's values (255, the largest possible).
	Bins int
	Seed uint64
}

// mostClasses is what a byte can tell apart.
const mostClasses = 256

// Fit learns the probabilities of class[i], which counts from zero, given x[i]. What it asks of x is what Regressor.Fit asks; there are
// at most 256 classes. It keeps no reference to x and class.
func (c Classifier) Fit(ctx context.Context, x [][]float64, class []int) (*ClassifierModel, error) {
	t, err := newTable(x, len(class))
	if err != nil {
		return nil, err
	}
	c.Trees, c.LeastRows, c.Bins = cmp.Or(c.Trees, 100), cmp.Or(c.LeastRows, 1), cmp.Or(c.Bins, mostBins)
	c.FeatureShare = cmp.Or(c.FeatureShare, math.Sqrt(float64(t.cols))/float64(t.cols))
	// What the two have in common is refused in the words of the regression forest.
	if _, err := (Forest{Trees: c.Trees, LeastRows: c.LeastRows, Bins: c.Bins, FeatureShare: c.FeatureShare}).defaults(); err != nil {
		return nil, fmt.Errorf("tree: Classifier: %w", err)
	}
	for i, k := range class {
		if k < 0 || k >= mostClasses {
			return nil, fmt.Errorf("tree: class %d of row %d, want 0 to %d", k, i, mostClasses-1)
		}
	}
	return c.fit(ctx, t, class)
}

// fit grows the trees. The rows are put in order of class, which is how the grower wants them.
func (c Classifier) fit(ctx context.Context, t *table, class []int) (*ClassifierModel, error) {
	order := make([]int, len(class))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(class[a], class[b]) })
	sorted := &table{cols: t.cols, x: make([]float32, 0, len(t.x))}
	for _, i := range order {
		sorted.x = append(sorted.x, t.row(i)...)
	}
	m := newMatrix(sorted, c.Bins)
	out := &ClassifierModel{cuts: m.cuts, classes: slices.Max(class) + 1}
	g := newGrower(m, rule{least: int64(c.LeastRows), classes: true}, 0, out.classes)
	g.class = make([]uint8, m.rows)
	for k, i := range order {
		g.class[k] = uint8(class[i])
		g.entries[k] = pack(0)
	}
	rng := rand.New(rand.NewPCG(c.Seed, 3))
	g.drawFeatures(rng, c.FeatureShare)
	for range c.Trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g.bootstrap(rng, 1)
		grown, spans := g.grow()
		out.trees = append(out.trees, classTree{grown.clip(), g.shares(spans, out.classes)})
	}
	return out, nil
}

// shares returns the share of each class in each leaf, leaf by leaf.
func (g *grower) shares(spans []span, classes int) []float32 {
	out := make([]float32, len(spans)*classes)
	for k, s := range spans {
		one := 1 / float32(s.to-s.from)
		for _, row := range g.rows[s.from:s.to] {
			out[k*classes+int(g.class[row])] += one
		}
	}
	return out
}

// classTree is a tree with the share of each class in each leaf.
type classTree struct {
	tree
	shares []float32
}

// ClassifierModel is a fitted Classifier. It is immutable and safe for concurrent use.
type ClassifierModel struct {
	cuts    []cuts
	classes int
	trees   []classTree
}

// Probabilities returns the probability of each class, which sum to one, given a row: the mean over trees of the share of the class in the
// leaf that the row ends in. The row has as many features as those fitted on; NaN is missing. The caller owns the result.
func (m *ClassifierModel) Probabilities(x []float64) []float64 {
	codes := make([]uint8, 2*len(m.cuts))
	codeRow(m.cuts, x, codes)
	out := make([]float64, m.classes)
	for i := range m.trees {
		t := &m.trees[i]
		at := int(t.leaf[t.find(codes)]) * m.classes
		for k, v := range t.shares[at : at+m.classes] {
			out[k] += float64(v)
		}
	}
	for k := range out {
		out[k] /= float64(len(m.trees))
	}
	return out
}

// Class returns the most probable class given a row, the first one of equals.
func (m *ClassifierModel) Class(x []float64) int {
	p := m.Probabilities(x)
	k := 0
	for i, v := range p {
		if v > p[k] {
			k = i
		}
	}
	return k
}
