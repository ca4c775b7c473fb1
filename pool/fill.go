package pool

import (
	"math"
	"slices"
	"sort"
)

// roundOff is how far above a whole number of instances a quotient still counts as that number: floating-point division of a demand
// that is an exact multiple of the capacity must not cost an instance.
const roundOff = 1e-9

// Fill returns how many instances of each pool serve a demand, in the order of pools, and the demand left over. Every pool gets its
// minimum. Then the pools take what is left, up to their maximum, in this order:
//
//   - instances that are committed, which are paid anyway;
//   - where operators gave shares, all pools together, by share;
//   - where every price is known, and one says what is committed or how often instances are taken away, the cheapest for what they serve
//     first, interruptions included;
//   - otherwise pools of class fixed, which are paid anyway, and then variable ones; so are pools of one price.
//
// What is there already does not matter, or else a plan would be its own reason. With Risk.Probability, interruptible pools have
// head-room for what is lost in a lead time; and interruptible pools with a domain together have so much that what is left without any
// one domain serves its part. Where no pool is left for that, it is given up again before demand is left over.
//
// Each count is non-decreasing in the demand, so that the pool-wise maximum of two fills serves both demands.
func Fill(pools []Pool, demand float64) (counts []int, unmet float64) { return fill(pools, demand) }

func fill(pools []Pool, demand float64) (counts []int, unmet float64) {
	f := &filling{supplies: supplies(pools), demand: demand, counts: make([]int, len(pools))}
	for i, p := range pools {
		f.counts[i] = p.Min
	}
	steps := f.steps(pools)
	for f.strictness = coverDomains; f.strictness >= 0; f.strictness-- {
		if f.run(steps) {
			break
		}
	}
	if short := demand - f.capacity(); short > roundOff*demand {
		return f.counts, short
	}
	return f.counts, 0
}

// How much of the instances counts: without the largest domain and with head-room, with head-room, all.
const (
	countAll = iota
	keepHeadroom
	coverDomains
)

// filling is a fill under way. It only raises counts.
type filling struct {
	supplies   []supply
	counts     []int
	demand     float64
	strictness int
}

// step is a part of a fill: the pool may be filled up to a number of instances; or all pools of a group are, by domain or by share.
type step struct {
	pool, most int
	group      []int
	byShare    bool
	unit       float64
}

// run takes the steps in order and reports whether the demand is served.
func (f *filling) run(steps []step) bool {
	if f.enough() {
		return true
	}
	for _, s := range steps {
		switch {
		case s.byShare:
			f.fillShares(s.group)
		case s.group != nil && f.strictness == coverDomains:
			f.fillDomains(s.group)
		case s.group != nil:
			for _, i := range s.group {
				if f.fillPool(i, f.supplies[i].most()) {
					return true
				}
			}
		case f.fillPool(s.pool, s.most):
			return true
		}
		if s.group != nil && f.enough() {
			return true
		}
	}
	return false
}

// fillPool raises one pool for what the others leave, to most instances at most, and reports whether that is enough.
func (f *filling) fillPool(i, most int) bool {
	n, enough := f.supplies[i].need(f.demand-f.served(i), f.strictness >= keepHeadroom)
	f.counts[i] = max(f.counts[i], min(n, most))
	return enough && n <= most
}

// fillShares raises the pools of a group to the least number of instances in all that is enough, given out by share.
func (f *filling) fillShares(group []int) {
	shares := make([]float64, len(group))
	for k, i := range group {
		shares[k] = f.supplies[i].share / f.supplies[i].lots[0].capacity
	}
	seats, given, floor := newSeats(shares), make([]int, len(group)), slices.Clone(f.counts)
	full := false
	set := func(n int) {
		seats.at(n, given)
		full = true
		for k, i := range group {
			most := f.supplies[i].most()
			f.counts[i] = max(floor[i], min(given[k], most))
			full = full && (f.counts[i] >= most || seats[k] == 0)
		}
	}
	few, most := 0, 1 // none is too few, or there would be nothing to fill
	for set(most); !full && !f.enough() && most < math.MaxInt32; set(most) {
		few, most = most, most*2
	}
	if !f.enough() {
		return
	}
	for most-few > 1 {
		mid := few + (most-few)/2
		if set(mid); f.enough() {
			most = mid
		} else {
			few = mid
		}
	}
	set(most)
}

// fillDomains raises the pools of a group so that each domain serves the same, as far as it can, and that without the largest of them is
// enough: the least such level.
func (f *filling) fillDomains(group []int) {
	floor := slices.Clone(f.counts)
	set := func(level float64) float64 {
		copy(f.counts, floor)
		for _, i := range group {
			rest := level
			for _, j := range group {
				if j != i && f.supplies[j].domain == f.supplies[i].domain {
					rest -= f.supplies[j].reliable(f.counts[j])
				}
			}
			n, _ := f.supplies[i].need(rest, true)
			f.counts[i] = max(f.counts[i], n)
		}
		return f.served(-1)
	}
	// Two domains at the level of the demand serve it without any other. Levels are a grid that does not depend on the demand, so that
	// counts grow with it.
	grid := math.Inf(1)
	for _, i := range group {
		for _, l := range f.supplies[i].lots {
			grid = min(grid, l.capacity/levels)
		}
	}
	top := int(min(math.Ceil(f.demand/grid), levels*math.MaxInt32))
	aim := min(set(float64(top)*grid), f.demand) * (1 - roundOff)
	set(float64(sort.Search(top, func(k int) bool { return set(float64(k)*grid) >= aim })) * grid)
}

// levels is how many levels of a domain there are for each of its smallest instances.
const levels = 8

// enough reports whether the demand is served.
func (f *filling) enough() bool { return f.served(-1) >= f.demand*(1-roundOff) }

// served returns the demand that counts at the present strictness serve without one pool, -1 for with all.
func (f *filling) served(without int) float64 {
	var sum, largest float64
	serves := make([]float64, 0, fewPools)
	for i, s := range f.supplies {
		var v float64
		switch {
		case i == without:
		case f.strictness == countAll:
			v = s.capacity(f.counts[i])
		default:
			v = s.reliable(f.counts[i])
		}
		serves = append(serves, v)
		sum += v
		if f.strictness != coverDomains || s.domain == "" {
			continue
		}
		var domain float64
		for j := range i + 1 {
			if f.supplies[j].domain == s.domain {
				domain += serves[j]
			}
		}
		largest = max(largest, domain)
	}
	return sum - largest
}

// fewPools is how many pools are looked at without memory of their own.
const fewPools = 16

func (f *filling) capacity() (sum float64) {
	for i, s := range f.supplies {
		sum += s.capacity(f.counts[i])
	}
	return sum
}

// capacityOf returns the demand that counts instances of the pools serve.
func capacityOf(pools []Pool, counts []int) float64 {
	f := &filling{supplies: supplies(pools), counts: counts}
	return f.capacity()
}
