package pool

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// merged returns jobs with equal shapes added up, the largest shapes first, without those whose count is zero.
func merged(jobs []Jobs) []Jobs {
	counts := map[Shape]int{}
	for _, j := range jobs {
		counts[j.Shape] += j.Count
	}
	out := make([]Jobs, 0, len(counts))
	for s, n := range counts {
		if n > 0 {
			out = append(out, Jobs{s, n})
		}
	}
	slices.SortFunc(out, func(a, b Jobs) int {
		return cmp.Or(cmp.Compare(b.Shape.GPU, a.Shape.GPU), cmp.Compare(b.Shape.CPU, a.Shape.CPU), cmp.Compare(b.Shape.Memory, a.Shape.Memory))
	})
	return out
}

// packer holds what does not change while one set of jobs is packed.
type packer struct {
	types  []Type
	offers []vector  // by type, 0 in dimensions that do not count
	costs  []float64 // by type
	priced bool
	jobs   []Jobs   // those that fit some type, merged
	asks   []vector // by job, 0 in dimensions that do not count
	// weights are the mean shares of the dimensions in the demand, which sum to 1; sizes the weighted shares of the largest offer that
	// each job asks for.
	weights   vector
	sizes     []float64
	misfits   []Misfit
	uncounted []string
}

// counted says which dimensions any of the types offers.
func counted(types []Type) (out [len(dimensions)]bool) {
	for _, t := range types {
		for d, v := range t.Shape.vector() {
			out[d] = out[d] || v > 0
		}
	}
	return out
}

func newPacker(jobs []Jobs, types []Type, counted [len(dimensions)]bool) *packer {
	p := &packer{types: types}
	var largest vector
	for _, t := range types {
		offer := t.Shape.vector()
		p.offers = append(p.offers, offer)
		for d := range offer {
			largest[d] = max(largest[d], offer[d])
		}
	}
	p.admit(merged(jobs), largest, counted)
	p.weigh(largest)
	p.price(largest)
	return p
}

// admit sorts out the jobs that no type can hold.
func (p *packer) admit(jobs []Jobs, largest vector, counted [len(dimensions)]bool) {
	var uncounted [len(dimensions)]bool
	for _, j := range jobs {
		ask := j.Shape.vector()
		for d := range ask {
			if !counted[d] && ask[d] > 0 {
				ask[d], uncounted[d] = 0, true
			}
		}
		if m, misfit := p.misfit(j, ask, largest); misfit {
			p.misfits = append(p.misfits, m)
			continue
		}
		p.jobs, p.asks = append(p.jobs, j), append(p.asks, ask)
	}
	for d, is := range uncounted {
		if is {
			p.uncounted = append(p.uncounted, dimensions[d])
		}
	}
}

// misfit says what keeps jobs that ask for ask out of every type, if anything does.
func (p *packer) misfit(j Jobs, ask, largest vector) (Misfit, bool) {
	if ask == (vector{}) {
		return Misfit{Jobs: j, Reason: "it asks for nothing that a type offers: its shape is not known"}, true
	}
	if slices.ContainsFunc(p.offers, func(offer vector) bool { return ask.lacks(offer) < 0 }) {
		return Misfit{}, false
	}
	m := Misfit{Jobs: j}
	var why []string
	for d := range ask {
		if ask[d] > largest[d]*(1+roundOff) {
			m.Dimensions = append(m.Dimensions, dimensions[d])
			why = append(why, fmt.Sprintf("it asks for %s %g and no type has more than %g", dimensions[d], ask[d], largest[d]))
		}
	}
	if len(why) == 0 {
		why = append(why, "no type has all that it asks for together")
		for k, offer := range p.offers {
			d := ask.lacks(offer)
			why = append(why, fmt.Sprintf("%s has %s %g of %g", p.types[k].Name, dimensions[d], offer[d], ask[d]))
		}
	}
	m.Reason = strings.Join(why, ", ")
	return m, true
}

// weigh sets weights and sizes.
func (p *packer) weigh(largest vector) {
	var total float64
	for i, ask := range p.asks {
		for d := range ask {
			if largest[d] > 0 {
				p.weights[d] += float64(p.jobs[i].Count) * ask[d] / largest[d]
			}
		}
	}
	for _, w := range p.weights {
		total += w
	}
	for d := range p.weights {
		p.weights[d] /= max(total, math.SmallestNonzeroFloat64)
	}
	for _, ask := range p.asks {
		p.sizes = append(p.sizes, p.share(ask, largest))
	}
}

// share returns the weighted share of whole that v is.
func (p *packer) share(v, whole vector) float64 {
	var sum float64
	for d := range v {
		if whole[d] > 0 {
			sum += p.weights[d] * v[d] / whole[d]
		}
	}
	return sum
}

// price sets costs: the prices, or sizes in terms of the largest type where a price is unknown.
func (p *packer) price(largest vector) {
	p.priced = !slices.ContainsFunc(p.types, func(t Type) bool { return t.Price.Hourly == 0 })
	var most float64
	for k, t := range p.types {
		cost := t.Price.Hourly
		if !p.priced {
			cost = p.share(p.offers[k], largest)
		}
		p.costs = append(p.costs, cost)
		most = max(most, cost)
	}
	for k := range p.costs {
		if !p.priced && most > 0 {
			p.costs[k] /= most
		}
	}
}
