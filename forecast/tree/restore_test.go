package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A head whose quantiles could cross is refused.
func TestHeadOfDamagedState(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	x, y := make([][]float64, 400), make([]float64, 400)
	for i := range y {
		x[i], y[i] = []float64{rng.Float64()}, float64(rng.IntN(30))
	}
	forest, err := Forest{Trees: 3}.Fit(t.Context(), x, y)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, ok bool, change func(s *headState)) {
		t.Helper()
		s := (&forestHead{forest, 0.5}).state()
		s.Targets = slices.Clone(s.Targets)
		s.Forest.Trees[0].Counts = slices.Clone(s.Forest.Trees[0].Counts)
		change(&s)
		if got := s.head(1) != nil; got != ok {
			t.Errorf("%s: restored %v, want %v", name, got, ok)
		}
	}
	f("nothing", true, func(*headState) {})
	f("order of targets", false, func(s *headState) { s.Targets[0], s.Targets[1] = s.Targets[1], s.Targets[0] })
	f("endless target", false, func(s *headState) { s.Targets[len(s.Targets)-1] = math.Inf(1) })
	f("correlation", false, func(s *headState) { s.Rho = -2 })
	f("no count", false, func(s *headState) { s.Forest.Trees[0].Counts[0] = 0 })
	f("fewer counts", false, func(s *headState) { s.Forest.Trees[0].Counts = s.Forest.Trees[0].Counts[1:] })

	errs, steps := make([]float64, 300), make([]int, 300)
	for i := range errs {
		errs[i], steps[i] = rng.NormFloat64(), 1
	}
	m, err := Regressor{Trees: 2}.Fit(t.Context(), x, y)
	if err != nil {
		t.Fatal(err)
	}
	s := (&boostHead{median: m, size: m, errors: errorGrids(errs, steps)}).state()
	if s.head(1) == nil {
		t.Error("a boosted head is refused")
	}
	slices.Reverse(s.Errors[0])
	if s.head(1) != nil {
		t.Error("errors that fall are restored")
	}
}

// A leaf of equal targets holds one rank, whatever the number of its rows.
func TestLeafCountsEqualTargets(t *testing.T) {
	got := newForestTree(tree{}, []span{{0, 4}, {4, 7}}, []int32{5, 5, 5, 5, 9, 2, 9})
	if !slices.Equal(got.ranks, []int32{5, 2, 9}) || !slices.Equal(got.counts, []int32{4, 1, 2}) || got.spans[1] != (span{1, 3}) {
		t.Errorf("ranks %v, counts %v, spans %v", got.ranks, got.counts, got.spans)
	}
	w := newWeights(10)
	w.add(got.ranks[1:], got.counts[1:], 1)
	if math.Abs(w.fine[2]-1./3) > 1e-15 || math.Abs(w.fine[9]-2./3) > 1e-15 {
		t.Errorf("weights %v", w.fine)
	}
}
