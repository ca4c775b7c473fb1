package selection

import (
	"math/rand/v2"
	"slices"
)

// ranks orders sample paths: each path follows one rolling origin, and at each step the paths are ordered as the origins' errors were.
type ranks struct {
	// followers[o] lists the paths that follow origin o, in an order drawn once.
	followers [][]int
	order     []int
}

// newRanks assigns n paths to the origins as evenly as can be. With no origins, every path keeps one rank at all steps.
func newRanks(rng *rand.Rand, n, origins int) *ranks {
	r := &ranks{order: make([]int, 0, n)}
	if origins == 0 {
		r.order = rng.Perm(n)
		return r
	}
	r.followers = make([][]int, origins)
	var pick []int
	for i := range n {
		if i%origins == 0 {
			pick = rng.Perm(origins)
		}
		o := pick[i%origins]
		r.followers[o] = append(r.followers[o], i)
	}
	for _, f := range r.followers {
		rng.Shuffle(len(f), func(a, b int) { f[a], f[b] = f[b], f[a] })
	}
	return r
}

// at returns the paths from the lowest to the highest at a step at which the origins are ordered so. The slice is reused.
func (r *ranks) at(origins []uint16) []int {
	if origins == nil {
		return r.order
	}
	r.order = r.order[:0]
	for _, o := range origins {
		r.order = append(r.order, r.followers[o]...)
	}
	return r.order
}

// sortedBy returns the indices of v by descending value, ties in order.
func sortedBy(v []float64) []int {
	idx := make([]int, len(v))
	for i := range idx {
		idx[i] = i
	}
	slices.SortStableFunc(idx, func(a, b int) int {
		switch {
		case v[a] > v[b]:
			return -1
		case v[a] < v[b]:
			return 1
		}
		return 0
	})
	return idx
}
