package pool

import "math"

// mostPaired is the most types of which each pair is tried: pairs are as many as the square of types.
const mostPaired = 8

// batchShare is the share of the jobs of one shape that still fit which is put in at once. Where few fit, it is one, and the order is
// that of job by job; where many do, one more or less is of no account.
const batchShare = 1.0 / 8

// filled is instances of one type that hold counts[i] of each job i.
type filled struct {
	kind      int // index of the type
	instances int
	counts    []int // by job
}

// trial is one way to pack.
type trial struct {
	fillings []filled
	left     []int // by job, what there was no instance for
	cost     float64
	overflow int
}

// better reports whether a leaves fewer jobs over than b, or as many at less cost. Equal ones are not better, but for rounding.
func (a trial) better(b trial) bool {
	if a.overflow != b.overflow {
		return a.overflow < b.overflow
	}
	return a.cost < b.cost*(1-roundOff)
}

// cheapest returns the best of all trials: by dot product and by size, with all types, each alone and each pair. Where the types of a
// trial cannot hold a job, the others take it.
func (p *packer) cheapest() trial {
	sets := [][]int{nil}
	for k := range p.types {
		sets = append(sets, []int{k})
	}
	for i := range p.types {
		for k := i + 1; k < len(p.types) && len(p.types) > 2 && len(p.types) <= mostPaired; k++ {
			sets = append(sets, []int{i, k})
		}
	}
	if len(p.types) == 1 {
		sets = sets[:1]
	}
	var best trial
	for i, set := range sets {
		for r, by := range ranks {
			if t := p.try(set, by); i == 0 && r == 0 || t.better(best) {
				best = t
			}
		}
	}
	return best
}

// try packs everything, into the types of set as long as anything fits one of them; nil stands for all types.
func (p *packer) try(set []int, by rank) trial {
	all := make([]int, len(p.types))
	used := make([]int, len(p.types))
	for k := range all {
		all[k] = k
	}
	t := trial{left: make([]int, len(p.jobs))}
	for i, j := range p.jobs {
		t.left[i] = j.Count
	}
	if set == nil {
		set = all
	}
	for {
		f, ok := p.next(set, used, t.left, by)
		if !ok && len(set) < len(all) {
			f, ok = p.next(all, used, t.left, by)
		}
		if !ok {
			break
		}
		used[f.kind] += f.instances
		t.fillings = append(t.fillings, f)
	}
	for _, f := range t.fillings {
		t.cost += float64(f.instances) * p.costs[f.kind]
	}
	for _, n := range t.left {
		t.overflow += n
	}
	return t
}

// next fills an instance of the type of kinds that costs least for what it takes, and as many alike as there are jobs for, and takes
// these from left. ok is false where no more can be filled.
func (p *packer) next(kinds, used, left []int, by rank) (best filled, ok bool) {
	least := math.Inf(1)
	for _, k := range kinds {
		if p.room(k, used) == 0 {
			continue
		}
		counts, share := p.fill(k, left, by)
		if share > 0 && p.costs[k]/share < least*(1-roundOff) {
			least = p.costs[k] / share
			best, ok = filled{kind: k, counts: counts}, true
		}
	}
	if !ok {
		return filled{}, false
	}
	best.instances = p.room(best.kind, used)
	for i, n := range best.counts {
		if n > 0 {
			best.instances = min(best.instances, left[i]/n)
		}
	}
	for i, n := range best.counts {
		left[i] -= n * best.instances
	}
	return best, true
}

// room returns how many more instances of type k there may be.
func (p *packer) room(k int, used []int) int {
	if p.types[k].Max == 0 {
		return math.MaxInt
	}
	return max(p.types[k].Max-used[k], 0)
}

// fill fills one instance of type k with what is left, and returns how many of each job it holds and their size.
func (p *packer) fill(k int, left []int, by rank) (counts []int, size float64) {
	counts = make([]int, len(left))
	whole := p.offers[k]
	free := whole
	for {
		best, most := -1, math.Inf(-1)
		for i, ask := range p.asks {
			if left[i] == counts[i] || !ask.fits(free, whole) {
				continue
			}
			score := by(p, i, free, whole)
			if best < 0 || score > most+roundOff*math.Abs(most) {
				best, most = i, score
			}
		}
		if best < 0 {
			return counts, size
		}
		n := min(left[best]-counts[best], batch(p.asks[best], free))
		for d, a := range p.asks[best] {
			free[d] = max(free[d]-float64(n)*a, 0)
		}
		counts[best] += n
		size += float64(n) * p.sizes[best]
	}
}

// rank says how well the i-th job suits an instance that offers whole and has free left: the larger, the sooner it is put in.
type rank func(p *packer, i int, free, whole vector) float64

var ranks = []rank{along, bySize, byLargest, byRest}

// along is the weighted dot product of what the job asks for and what is free, both as shares of the whole.
func along(p *packer, i int, free, whole vector) float64 {
	var sum float64
	for d, ask := range p.asks[i] {
		if whole[d] > 0 {
			sum += p.weights[d] * ask / whole[d] * free[d] / whole[d]
		}
	}
	return sum
}

// bySize is the job's size, as in first-fit decreasing.
func bySize(p *packer, i int, _, _ vector) float64 { return p.sizes[i] }

// byLargest is the largest share of the whole that the job asks for.
func byLargest(p *packer, i int, _, whole vector) float64 {
	var most float64
	for d, ask := range p.asks[i] {
		if whole[d] > 0 {
			most = max(most, ask/whole[d])
		}
	}
	return most
}

// byRest is how little the job leaves free, by the weighted sum of squares.
func byRest(p *packer, i int, free, whole vector) float64 {
	var sum float64
	for d, ask := range p.asks[i] {
		if whole[d] > 0 {
			rest := (free[d] - ask) / whole[d]
			sum -= p.weights[d] * rest * rest
		}
	}
	return sum
}

// batch returns how many jobs to put in at once of those that ask for ask.
func batch(ask, free vector) int {
	many := math.Inf(1)
	for d := range ask {
		if ask[d] > 0 {
			many = min(many, free[d]/ask[d])
		}
	}
	return max(int(min(many*batchShare, math.MaxInt32)), 1)
}

// sum returns what counts of each job ask for together.
func (p *packer) sum(counts []int) (sum vector) {
	for i, n := range counts {
		for d, a := range p.asks[i] {
			sum[d] += float64(n) * a
		}
	}
	return sum
}

// packing tells what a trial came to.
func (p *packer) packing(t trial) Packing {
	out := Packing{
		Instances: make([]TypeTarget, len(p.types)), Cost: t.cost, Priced: p.priced, Misfits: p.misfits, Uncounted: p.uncounted,
	}
	for k := range p.types {
		out.Instances[k].Type = p.types[k].Name
	}
	var asked, offered vector
	placed := make([]int, len(p.jobs))
	for _, f := range t.fillings {
		out.Instances[f.kind].Instances += f.instances
		filling := Filling{Type: p.types[f.kind].Name, Instances: f.instances}
		for d, sum := range p.sum(f.counts) {
			asked[d] += float64(f.instances) * sum
			offered[d] += float64(f.instances) * p.offers[f.kind][d]
		}
		for i, n := range f.counts {
			if n > 0 {
				filling.Jobs = append(filling.Jobs, Jobs{p.jobs[i].Shape, n})
			}
			placed[i] += n * f.instances
		}
		out.Fillings = append(out.Fillings, filling)
	}
	for i, n := range t.left {
		if n > 0 {
			out.Overflow = append(out.Overflow, Jobs{p.jobs[i].Shape, n})
		}
	}
	for d := range asked {
		if offered[d] > 0 {
			asked[d] = min(asked[d]/offered[d], 1)
		}
	}
	out.Utilisation, out.LowerBound = asked.shape(), p.bound(placed)
	return out
}
