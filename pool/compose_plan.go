package pool

import "math"

// planOf makes counts a Plan. The share of demand that they leave unserved is its Unmet. Where a count is what the demand needs and no
// more, the last instances of a pool with types are those that serve the rest of it at least cost.
//
// HourlyCost has what is committed, used or not, and instances at their price with interruptions. OnDemandCost is what the capacity costs
// that the same instances serve, without head-room, at the prices of instances that are neither committed nor interrupted, the cheapest
// ones of the fleet in place of those that are; where it has none, at their own price.
func planOf(pools []Pool, counts []int, demand float64) Plan {
	return planWithin(pools, counts, demand, demand, 0)
}

// planWithin is planOf for counts that limits have cut back. A plan that costs more than limit in an hour, where 0 is none, has in place of
// the last instances those that serve the rest of present at least cost, as the reactive need has: its demand would keep dearer ones.
func planWithin(pools []Pool, counts []int, demand, present, limit float64) Plan {
	plan := composed(pools, counts, demand, demand)
	if limit > 0 && plan.HourlyCost > limit*(1+roundOff) {
		if least := composed(pools, counts, demand, present); least.HourlyCost < plan.HourlyCost {
			return least
		}
	}
	return plan
}

// composed is planOf where the last instances are those that serve the rest of another demand.
func composed(pools []Pool, counts []int, demand, served float64) Plan {
	plan := Plan{Targets: make([]Target, len(pools))}
	f := &filling{supplies: supplies(pools), counts: counts}
	reference := f.reference()
	spare := newSpare(pools, f, served)
	given := spare.left
	for i, p := range pools {
		s, t := f.supplies[i], Target{Pool: p.Name, Class: p.Class, Instances: counts[i]}
		kinds, saved := s.typesOf(p, counts[i], spare.of(i))
		for k, n := range kinds {
			t.Types = append(t.Types, TypeTarget{Type: p.Types[k].Name, Instances: n})
		}
		if kinds == nil {
			kinds = counts[i : i+1]
		}
		plan.Targets[i] = t
		plan.HourlyCost += s.cost(counts[i]) - saved
		plan.OnDemandCost += s.onDemand(kinds, reference)
	}
	given -= spare.left
	if short := demand - (f.capacity() - given); short > roundOff*demand {
		plan.Unmet = short / demand
	}
	return plan
}

// reference returns the lowest price of a unit of capacity for an hour without commitments and interruptions; infinite where none is known.
func (f *filling) reference() float64 {
	lowest := math.Inf(1)
	for _, s := range f.supplies {
		for _, l := range s.lots {
			if l.list > 0 && !l.interruptible {
				lowest = min(lowest, l.list/l.capacity)
			}
		}
	}
	return lowest
}

// onDemand returns what as much capacity as that of instances of each kind costs.
func (s supply) onDemand(kinds []int, reference float64) (sum float64) {
	for _, l := range s.lots {
		switch n := kinds[l.kind]; {
		case l.paid || l.list == 0: // the kind's other lot has its price
		case l.interruptible && !math.IsInf(reference, 1):
			sum += float64(l.left(n)) * l.capacity * reference
		default:
			sum += float64(n) * l.list
		}
	}
	return sum
}

// spare is the capacity beyond a demand that is there only because instances are whole. What a plan keeps for another reason is none.
type spare struct {
	left  float64
	exact []bool // by pool, whether its count is what the demand needs, or less
}

func newSpare(pools []Pool, f *filling, demand float64) *spare {
	typed := false
	for _, p := range pools {
		typed = typed || len(p.Types) > 0
	}
	s := &spare{exact: make([]bool, len(pools))}
	if !typed {
		return s
	}
	want, _ := fill(pools, demand)
	for i, n := range f.counts {
		s.exact[i] = n <= want[i]
		want[i] = min(want[i], n)
	}
	s.left = max((&filling{supplies: f.supplies, counts: want}).capacity()-demand, 0)
	return s
}

// of returns the spare capacity that pool i may give up, nil for none; what it takes from it is taken for all.
func (s *spare) of(i int) *float64 {
	if s.exact[i] && s.left > 0 {
		return &s.left
	}
	return nil
}
