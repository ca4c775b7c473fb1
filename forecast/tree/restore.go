package tree

import (
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// head returns the head of a state for rows of features, nil where the state is damaged.
func (s headState) head(features int) head {
	if math.IsNaN(s.Rho) || s.Rho < 0 || s.Rho > mostCorrelation || !ascending(s.Targets) {
		return nil
	}
	if len(s.Targets) > 0 {
		return s.forest(features)
	}
	s.Size.Cuts = s.Median.Cuts
	median, size := s.Median.model(features), s.Size.model(features)
	if median == nil || size == nil || len(s.Errors) != len(buckets) {
		return nil
	}
	h := &boostHead{median: median, size: size, rho: s.Rho}
	for _, g := range s.Errors {
		if len(g) != len(probabilities) || !ascending(g) {
			return nil
		}
		h.errors = append(h.errors, forecast.Grid(g))
	}
	return h
}

// forest returns the head of the state of a forest, nil where it is damaged.
func (s headState) forest(features int) head {
	f := &ForestModel{cuts: s.Forest.cuts(), targets: s.Targets}
	for _, w := range s.Forest.Trees {
		t, ok := w.forestTree(f.cuts, len(s.Targets))
		if !ok {
			return nil
		}
		f.trees = append(f.trees, t)
	}
	if len(f.cuts) != features || len(f.trees) == 0 {
		return nil
	}
	return &forestHead{f, s.Rho}
}

// ascending reports whether values are finite and do not fall.
func ascending(values []float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return slices.IsSorted(values)
}

func (s ensembleState) cuts() []cuts {
	out := make([]cuts, len(s.Cuts))
	for i, c := range s.Cuts {
		out[i] = c
	}
	return out
}

// model returns the regressor of a state, nil where it is damaged.
func (s ensembleState) model(features int) *RegressorModel {
	m := &RegressorModel{cuts: s.cuts(), unit: s.Unit, start: s.Start}
	for _, w := range s.Trees {
		t, ok := w.tree(m.cuts, len(w.Values))
		if !ok {
			return nil
		}
		m.trees = append(m.trees, ensembleTree{t, w.Values})
	}
	if len(m.cuts) != features {
		return nil
	}
	return m
}

// tree returns the tree of a state; ok is false where a walk could leave it, turn in a circle or end in no leaf.
func (s treeState) tree(c []cuts, leaves int) (t tree, ok bool) {
	n := len(s.Leaf)
	if n == 0 || len(s.Features) != n || len(s.Bins) != n || len(s.Kids) != 2*n {
		return t, false
	}
	t = tree{nodes: make([]node, n), leaf: s.Leaf}
	for i := range t.nodes {
		kids := [2]int32{s.Kids[2*i], s.Kids[2*i+1]}
		t.nodes[i] = node{s.Features[i], s.Bins[i], kids}
		split := s.Leaf[i] < 0
		switch {
		case !split && int(s.Leaf[i]) >= leaves:
			return t, false
		case split && (int(s.Features[i]) >= 2*len(c) || int(s.Bins[i]) > len(c[s.Features[i]/2])):
			return t, false
		case split && (min(kids[0], kids[1]) <= int32(i) || max(kids[0], kids[1]) >= int32(n)):
			return t, false
		}
	}
	return t, true
}

// forestTree returns the tree of a state whose ranks are those of targets.
func (s treeState) forestTree(c []cuts, targets int) (t forestTree, ok bool) {
	base, ok := s.tree(c, len(s.Spans)/2)
	if !ok {
		return t, false
	}
	t = forestTree{tree: base, ranks: s.Ranks, counts: s.Counts}
	if len(s.Counts) != len(s.Ranks) {
		return t, false
	}
	for i := 0; i+1 < len(s.Spans); i += 2 {
		p := span{s.Spans[i], s.Spans[i+1]}
		if p.from < 0 || p.from >= p.to || p.to > len(s.Ranks) {
			return t, false
		}
		t.spans = append(t.spans, p)
	}
	for i, k := range s.Ranks {
		if k < 0 || int(k) >= targets || s.Counts[i] < 1 || s.Counts[i] > mostRows {
			return t, false
		}
	}
	return t, true
}
