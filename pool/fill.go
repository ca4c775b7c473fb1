package pool

import "math"

// roundOff is how far above a whole number of instances a quotient still counts as that number: floating-point division of a demand
// that is an exact multiple of the capacity must not cost an instance.
const roundOff = 1e-9

// fill returns how many instances of each pool serve a demand, in the order of pools, and the demand left over. Every pool gets its
// minimum; then pools of class fixed, which are paid anyway, and then variable ones take what is left up to their maximum. Each count is
// non-decreasing in the demand, so that the pool-wise maximum of two fills serves both demands.
func fill(pools []Pool, demand float64) (counts []int, unmet float64) {
	counts = make([]int, len(pools))
	for i, p := range pools {
		counts[i] = p.Min
		demand -= float64(p.Min) * p.Capacity
	}
	for _, i := range fillOrder(pools) {
		if demand <= 0 {
			return counts, 0
		}
		p := pools[i]
		n := math.Ceil(demand/p.Capacity - roundOff)
		if room := float64(p.Max - p.Min); p.Max > 0 && n > room {
			n = room
		}
		n = min(n, math.MaxInt32)
		counts[i] += int(n)
		demand -= n * p.Capacity
	}
	return counts, max(demand, 0)
}

// fillOrder returns the indices of pools in the order in which they take demand: fixed ones first, each class in the order given.
func fillOrder(pools []Pool) []int {
	order := make([]int, 0, len(pools))
	for _, class := range []Class{Fixed, Variable} {
		for i, p := range pools {
			if p.Class == class {
				order = append(order, i)
			}
		}
	}
	return order
}

// capacityOf returns the demand that counts instances of the pools serve.
func capacityOf(pools []Pool, counts []int) float64 {
	var sum float64
	for i, p := range pools {
		sum += float64(counts[i]) * p.Capacity
	}
	return sum
}

// planOf makes counts a Plan. The share of demand that they leave unserved is its Unmet.
func planOf(pools []Pool, counts []int, demand float64) Plan {
	plan := Plan{Targets: make([]Target, len(pools))}
	for i, p := range pools {
		plan.Targets[i] = Target{Pool: p.Name, Class: p.Class, Instances: counts[i]}
		plan.HourlyCost += float64(counts[i]) * p.Price.Hourly
	}
	if short := demand - capacityOf(pools, counts); short > roundOff*demand {
		plan.Unmet = short / demand
	}
	return plan
}
