package pool

import (
	"cmp"
	"math"
	"slices"
)

// steps returns what is filled one after the other.
func (f *filling) steps(pools []Pool) []step {
	var out []step
	byCost := f.comparable(pools)
	domains, shares := -1, -1
	for _, i := range byClass(pools) {
		s, most := f.supplies[i], 0
		for _, l := range s.lots {
			most += l.most
			next := step{pool: i, most: most}
			if byCost {
				next.unit = l.unit
			}
			switch {
			case l.paid:
				next.unit = -1
				out = append(out, next)
			case s.share > 0:
				shares = join(&out, shares, next, true)
			case s.domain != "":
				domains = join(&out, domains, next, false)
			default:
				out = append(out, next)
			}
		}
	}
	if domains >= 0 && byCost {
		out[domains].unit = f.domainUnit(out[domains].group)
	}
	if shares >= 0 {
		out[shares].unit = math.Nextafter(-1, 0) // after what is paid for, before all else
	}
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Compare(a.unit, b.unit) })
	return out
}

// join adds a pool to the group of step at, which it makes where at is -1, and returns where that is.
func join(out *[]step, at int, s step, byShare bool) int {
	if at < 0 {
		at = len(*out)
		s.byShare = byShare
		*out = append(*out, s)
	}
	if g := &(*out)[at].group; !slices.Contains(*g, s.pool) {
		*g = append(*g, s.pool)
	}
	return at
}

// domainUnit returns the price of a unit of demand served by a group that is spread over domains and outlives any one of them: with k
// domains, each serves a (k-1)-th part. One alone never does.
func (f *filling) domainUnit(group []int) float64 {
	cheapest := map[string]float64{}
	for _, i := range group {
		s := f.supplies[i]
		if unit, ok := cheapest[s.domain]; !ok || s.lots[0].unit < unit {
			cheapest[s.domain] = s.lots[0].unit
		}
	}
	if len(cheapest) < 2 {
		return math.Inf(1)
	}
	units := make([]float64, 0, len(cheapest)) // summed in order, so that the sum is the same each time
	for _, unit := range cheapest {
		units = append(units, unit)
	}
	slices.Sort(units)
	var sum float64
	for _, unit := range units {
		sum += unit
	}
	return sum / float64(len(units)-1)
}

// comparable reports whether pools are chosen by cost: all prices are known, and one says how it is paid.
func (f *filling) comparable(pools []Pool) bool {
	told := false
	for i, p := range pools {
		for _, l := range f.supplies[i].lots {
			if l.list == 0 {
				return false
			}
		}
		for _, t := range p.kinds() {
			told = told || t.Price.Commitment.Ratio > 0 || t.Price.InterruptionsPerHour > 0
		}
	}
	return told
}

// byClass returns the indices of pools, fixed ones first, each class in the order given.
func byClass(pools []Pool) []int {
	out := make([]int, 0, len(pools))
	for _, fixed := range []bool{true, false} {
		for i, p := range pools {
			if (p.Class == Fixed) == fixed {
				out = append(out, i)
			}
		}
	}
	return out
}

// fillOrder returns the indices of pools in the order in which they take demand beyond what is committed.
func fillOrder(pools []Pool) []int {
	f := &filling{supplies: supplies(pools)}
	out := make([]int, 0, len(pools))
	for _, s := range f.steps(pools) {
		group := s.group
		if group == nil {
			group = []int{s.pool}
		}
		for _, i := range group {
			if s.unit != -1 && !slices.Contains(out, i) {
				out = append(out, i)
			}
		}
	}
	return out
}
