// Package tree turns rows of numbers, some missing, into fitted numbers by histogram-based decision trees, and the history of a demand into
// forecasts by two such ensembles: gradient boosting and a quantile regression forest.
//
// Every feature is cut into at most 255 bins at its quantiles, with one more bin for what is missing; each split learns to which side
// missing values go. Trees grow leaf by leaf, the split of largest gain first, and of two siblings only the smaller one's histogram is
// added up, the other being what remains of their parent's (Ke et al. 2017, LightGBM, section 2.1). Histograms hold integers, a sum and
// a count packed into one word (the idea of Shi et al. 2022, Quantized Training of Gradient Boosting Decision Trees, with enough bits
// that nothing is lost), so that the sums are exact, the subtraction is too, and the same rows give the same trees to the last bit.
package tree

import "slices"

// node is a split, or a leaf, of which nothing is read.
type node struct {
	// feature selects what is compared: the code of feature/2, its missing values taken as the largest code where feature is even and as
	// the smallest where it is odd.
	feature uint16
	bin     uint8
	kids    [2]int32 // the node for codes up to bin and the one for codes beyond
}

// tree is a grown tree. Its leaves are numbered by leaf.
type tree struct {
	nodes []node
	leaf  []int32 // by node; -1 where the node is a split
}

// missing is the code of a missing value.
const missing = 255

// side returns 0 where code is at most n.bin and otherwise 1, without a branch.
func (n *node) side(code uint8) int { return int(uint32(int32(n.bin)-int32(code)) >> 31) }

// find returns the node at which a row ends. codes holds each feature's code twice: with missing as the largest and as the smallest.
func (t *tree) find(codes []uint8) int32 {
	at := int32(0)
	for t.leaf[at] < 0 {
		n := &t.nodes[at]
		at = n.kids[n.side(codes[n.feature])&1]
	}
	return at
}

// clip returns t without spare capacity.
func (t *tree) clip() tree {
	return tree{nodes: slices.Clone(t.nodes), leaf: slices.Clone(t.leaf)}
}
