package pool_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

// The bound does not know that a few jobs of one or two shapes cannot fill whole instances, which the enumeration below does.
func TestPackAgainstLowerBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var worst, sum float64
	const n = 300
	for range n {
		jobs, types := someJobs(rng, 8+rng.IntN(13), 60), someTypes(rng, 1+rng.IntN(3))
		p := pack(t, jobs, types)
		ratio := p.Cost / p.LowerBound
		sum += ratio
		worst = max(worst, ratio)
	}
	t.Logf("cost over lower bound: mean %.3f, worst %.3f of %d", sum/n, worst, n)
	if sum/n > 1.07 || worst > 1.3 {
		t.Errorf("cost over lower bound: mean %.3f, worst %.3f; want 1.07 and 1.3", sum/n, worst)
	}
}

// exact returns the least cost of packing jobs, one per entry, by dynamic programming over all sets of jobs: the cheapest instance that
// holds the first job of a set with any others of it, and what the rest then costs.
func exact(jobs []pool.Jobs, types []pool.Type) float64 {
	price, cost := make([]float64, 1<<len(jobs)), make([]float64, 1<<len(jobs))
	for set := 1; set < len(price); set++ {
		var sum pool.Shape
		for i, j := range jobs {
			if set>>i&1 == 1 {
				sum.CPU, sum.Memory, sum.GPU = sum.CPU+j.Shape.CPU, sum.Memory+j.Shape.Memory, sum.GPU+j.Shape.GPU
			}
		}
		price[set], cost[set] = math.Inf(1), math.Inf(1)
		for _, t := range types {
			if sum.CPU <= t.Shape.CPU*(1+1e-9) && sum.Memory <= t.Shape.Memory*(1+1e-9) && sum.GPU <= t.Shape.GPU*(1+1e-9) {
				price[set] = min(price[set], t.Price.Hourly)
			}
		}
		first := 1 << bits.TrailingZeros(uint(set))
		for part := set; part > 0; part = (part - 1) & set {
			if part&first != 0 {
				cost[set] = min(cost[set], price[part]+cost[set^part])
			}
		}
	}
	return cost[len(cost)-1]
}

func TestPackAgainstEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	equal, worst := 0, 1.0
	const n = 300
	for range n {
		types := someTypes(rng, 1+rng.IntN(3))
		var jobs []pool.Jobs
		for range 1 + rng.IntN(10) {
			jobs = append(jobs, someJobs(rng, 1, 1)...)
		}
		p, least := pack(t, jobs, types), exact(jobs, types)
		if p.Cost < least*(1-1e-9) || p.LowerBound > least*(1+1e-9) {
			t.Fatalf("cost %v, bound %v, and the least possible is %v: %+v into %+v", p.Cost, p.LowerBound, least, jobs, types)
		}
		if p.Cost <= least*(1+1e-9) {
			equal++
		}
		worst = max(worst, p.Cost/least)
	}
	t.Logf("least possible cost in %d of %d, at worst %.3f of it", equal, n, worst)
	if equal < n*97/100 || worst > 1.5 {
		t.Errorf("least possible cost in %d of %d, at worst %.3f of it", equal, n, worst)
	}
}
