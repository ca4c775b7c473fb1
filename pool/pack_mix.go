package pool

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/series"
)

// manyInstances is how many instances a mix is scaled to before it is packed to learn how much of it one instance holds. One that is
// filled in part is then one of as many.
const manyInstances = 1000

// Effective is the demand that one instance of a type serves when it is filled with jobs of a mix.
type Effective struct {
	Type string
	// Capacity is in the fleet's unit and means the jobs that fit the type; 0 where none does. Share is the share, 0 to 1, of the mix that
	// they are, in that unit.
	Capacity, Share float64
}

// EffectiveCapacity returns, type by type, how much demand of the given mix of jobs an instance serves: what a large number of such jobs
// ask for over the instances that they are packed into. It is below the type's own shape where a dimension other than the unit's runs
// out first, and where jobs leave gaps. The unit is cores, bytes, gpus or jobs. It returns an error for another unit, for a mix that asks
// for nothing in the unit, and for what Pack refuses.
func EffectiveCapacity(mix []Jobs, types []Type, unit series.Unit) ([]Effective, error) {
	if err := packable(mix, types); err != nil {
		return nil, fmt.Errorf("effective capacity: %w", err)
	}
	total, err := demandOf(mix, unit)
	if err != nil {
		return nil, fmt.Errorf("effective capacity: %w", err)
	}
	out := make([]Effective, len(types))
	for k, t := range types {
		t.Max, t.Price = 0, Price{Hourly: 1}
		out[k].Type = t.Name
		p := newPacker(mix, []Type{t}, counted(types))
		if len(p.jobs) == 0 {
			continue
		}
		jobs := p.scaled(manyInstances)
		instances := newPacker(jobs, []Type{t}, counted(types)).cheapest().cost
		for i, j := range jobs {
			one := amount(j.Shape, unit)
			out[k].Capacity += float64(j.Count) * one / instances
			out[k].Share += float64(p.jobs[i].Count) * one / total
		}
		out[k].Share = min(out[k].Share, 1)
	}
	return out, nil
}

// scaled returns the jobs multiplied so that they need at least many instances, where they do not already.
func (p *packer) scaled(many float64) []Jobs {
	counts := make([]int, len(p.jobs))
	for i, j := range p.jobs {
		counts[i] = j.Count
	}
	factor := max(int(math.Ceil(many/p.bound(counts))), 1)
	out := slices.Clone(p.jobs)
	for i := range out {
		out[i].Count *= factor
	}
	return out
}

// JobsFor returns as many jobs of the mix as make up a demand in the given unit: each shape's share of them, rounded so that their sum is
// at least the demand and exceeds it by less than one job. The shapes come in an order of their own. Errors are those of
// EffectiveCapacity, and one for a demand that is not a finite number at least 0.
func JobsFor(demand float64, mix []Jobs, unit series.Unit) ([]Jobs, error) {
	if !finite(demand) {
		return nil, fmt.Errorf("jobs for a demand: %v is not a finite number at least 0", demand)
	}
	for i, j := range mix {
		if err := j.Shape.sound(); err != nil || j.Count < 0 {
			return nil, fmt.Errorf("jobs for a demand: jobs[%d]: %w", i, cmp.Or(err, fmt.Errorf("count %d is negative", j.Count)))
		}
	}
	total, err := demandOf(mix, unit)
	if err != nil {
		return nil, fmt.Errorf("jobs for a demand: %w", err)
	}
	out := merged(mix)
	scale := demand / total
	rest := make([]float64, len(out))
	order := make([]int, len(out))
	for i := range out {
		exact := scale * float64(out[i].Count)
		if exact > math.MaxInt32 {
			return nil, fmt.Errorf("jobs for a demand: %g of one shape are more than can be counted", exact)
		}
		out[i].Count = int(exact + roundOff)
		rest[i], order[i] = exact-float64(out[i].Count), i
		demand -= float64(out[i].Count) * amount(out[i].Shape, unit)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order {
		if demand <= roundOff*total*scale {
			break
		}
		out[i].Count++
		demand -= amount(out[i].Shape, unit)
	}
	return slices.DeleteFunc(out, func(j Jobs) bool { return j.Count == 0 }), nil
}

// demandOf returns what jobs ask for in a unit.
func demandOf(jobs []Jobs, unit series.Unit) (float64, error) {
	switch unit {
	case series.Cores, series.Bytes, series.GPUs, series.Jobs:
	default:
		return 0, fmt.Errorf("jobs have no demand in %q: the unit must be %s, %s, %s or %s", unit,
			series.Cores, series.Bytes, series.GPUs, series.Jobs)
	}
	var sum float64
	for _, j := range jobs {
		sum += float64(j.Count) * amount(j.Shape, unit)
	}
	switch {
	case math.IsInf(sum, 1):
		return 0, errors.New("the mix asks for more than can be counted")
	case sum == 0:
		return 0, fmt.Errorf("the mix asks for no %s", unit)
	}
	return sum, nil
}

// amount returns what one job asks for in a unit.
func amount(s Shape, unit series.Unit) float64 {
	switch unit {
	case series.Cores:
		return s.CPU
	case series.Bytes:
		return s.Memory
	case series.GPUs:
		return s.GPU
	default:
		return 1
	}
}
