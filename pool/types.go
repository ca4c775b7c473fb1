package pool

import (
	"math"
	"slices"
)

const (
	// exchanged is how many of a pool's last instances are exchanged for other types at once, and exchanges how many ways of that are looked
	// at, which bounds it to fewer where a pool has many types.
	exchanged, exchanges = 3, 5000
)

// typesOf returns how n instances of p are made up, by type; nil where it has none. They are as they are taken, the cheapest for what they
// serve first, but that the last few that are not paid for become the cheapest types, as many of them, that serve the same less spare;
// saved is what that saves in an hour, and what it takes of spare is taken away. Nothing is exchanged without spare, nor where there is
// head-room, since any instance may be lost.
//
// That it is as many instances is what lets a count grow with the demand. Several small instances in place of a large one can cost less, and
// then a little more demand needs fewer instances.
func (s supply) typesOf(p Pool, n int, spare *float64) (counts []int, saved float64) {
	if len(p.Types) == 0 {
		return nil, 0
	}
	counts = make([]int, len(p.Types))
	var last []lot // of each instance that may be exchanged, the last one first
	s.each(n, func(l lot, k int) {
		counts[l.kind] += k
		for range min(k, exchanged) {
			if !l.paid {
				last = slices.Insert(last, 0, l)
			}
		}
	})
	headroom := slices.ContainsFunc(s.lots, func(l lot) bool { return l.survival < 1 })
	if last = last[:min(len(last), s.exchangeable())]; headroom || spare == nil || len(last) == 0 {
		return counts, 0
	}
	e := exchange{lots: s.lots, types: p.Types, counts: counts, best: last}
	for _, l := range last {
		counts[l.kind]--
		e.cost += l.hourly
		e.need += l.capacity
	}
	before, had := e.cost, e.need
	e.need -= *spare
	e.search(0, len(last), 0, 0, nil)
	for _, l := range e.best {
		counts[l.kind]++
		had -= l.capacity
	}
	*spare = max(*spare-had, 0)
	return counts, before - e.cost
}

// exchangeable returns how many instances are exchanged at once.
func (s supply) exchangeable() int {
	ways := 1
	for n := range exchanged {
		if ways *= len(s.lots); ways > exchanges {
			return n
		}
	}
	return exchanged
}

// exchange is the search for the cheapest instances, as many as are given, that serve need.
type exchange struct {
	lots   []lot
	types  []Type
	counts []int // by type, without those that are exchanged
	need   float64
	cost   float64 // of the best so far
	best   []lot
}

// search adds that many more instances to chosen, of lot first and those after it, and keeps the cheapest that serve the need.
func (e *exchange) search(first, more int, cost, serves float64, chosen []lot) {
	if more == 0 {
		if serves >= e.need-roundOff*math.Abs(e.need) && cost < e.cost*(1-roundOff) {
			e.cost, e.best = cost, slices.Clone(chosen)
		}
		return
	}
	for i := first; i < len(e.lots); i++ {
		l := e.lots[i]
		if l.paid || l.hourly == 0 {
			continue
		}
		used := e.counts[l.kind]
		for _, c := range chosen {
			if c.kind == l.kind {
				used++
			}
		}
		if most := e.types[l.kind].Max; most == 0 || used < most {
			e.search(i, more-1, cost+l.hourly, serves+l.capacity, append(chosen, l))
		}
	}
}
