package pool_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// someFleet returns pools with whatever features come up.
func someFleet(r *rand.Rand) []pool.Pool {
	pools := make([]pool.Pool, 1+r.IntN(4))
	priced, shared, risk := r.IntN(4) > 0, r.IntN(5) == 0, pool.Risk{Shortage: float64(r.IntN(3))}
	if r.IntN(3) > 0 {
		risk.Probability = 0.9 + 0.09*r.Float64()
	}
	for i := range pools {
		p := pool.Pool{
			Name: fmt.Sprint("p", i), Class: pool.Fixed, Capacity: 1 + 20*r.Float64(), LeadTime: time.Duration(r.IntN(20)) * time.Minute, Risk: risk,
		}
		if r.IntN(2) == 0 {
			p.Class = pool.Variable
		}
		if r.IntN(2) == 0 {
			p.Min = r.IntN(4)
		}
		if r.IntN(2) == 0 {
			p.Max = p.Min + r.IntN(40)
		}
		p.Price = somePrice(r, priced)
		for k := range r.IntN(4) * r.IntN(2) {
			t := pool.Type{Name: fmt.Sprint("t", k), Capacity: 1 + 30*r.Float64(), Price: somePrice(r, priced)}
			if r.IntN(2) == 0 {
				t.Max = 4 + r.IntN(20)
			}
			p.Types = append(p.Types, t)
		}
		if r.IntN(3) == 0 {
			p.Domain = fmt.Sprint("zone", r.IntN(3))
		}
		if r.IntN(5) == 0 {
			p.Burst = pool.Burst{Baseline: 0.3, Credits: 5 * r.Float64()}
		}
		if shared {
			p.Share = 0.05 + r.Float64()
		}
		pools[i] = p
	}
	sum := 0.0
	for _, p := range pools {
		sum += p.Share
	}
	for i := range pools {
		pools[i].Share /= max(sum, 1e-9)
	}
	return pools
}

func somePrice(r *rand.Rand, known bool) (p pool.Price) {
	if known {
		p.Hourly = 0.1 + r.Float64()
	}
	switch r.IntN(4) {
	case 0:
		p.Commitment = pool.Commitment{Ratio: 0.6, Instances: r.IntN(8)}
	case 1:
		p.InterruptionsPerHour, p.Restart = r.ExpFloat64(), time.Duration(r.IntN(60))*time.Minute
	}
	return p
}

// most returns how many instances a pool can have; math.MaxInt32 without a bound.
func most(p pool.Pool) int {
	n := 0
	for _, t := range p.Types {
		if t.Max == 0 {
			n = math.MaxInt32
			break
		}
		n += t.Max
	}
	if len(p.Types) == 0 {
		n = math.MaxInt32
	}
	if p.Max > 0 {
		n = min(n, p.Max)
	}
	return n
}

// TestFillGrowsWithTheDemand is what the pool-wise maximum of two fills relies on.
func TestFillGrowsWithTheDemand(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for range 600 {
		pools := someFleet(r)
		if err := pool.ValidatePools(pools); err != nil {
			t.Fatalf("%v\n%+v", err, pools)
		}
		demands := []float64{0}
		for range 40 {
			demands = append(demands, 300*r.ExpFloat64())
		}
		for range 5 {
			demands = append(demands, pools[0].Capacity*float64(r.IntN(30))) // exact multiples
		}
		slices.Sort(demands)
		var last []int
		for _, d := range demands {
			counts, unmet := pool.Fill(pools, d)
			full := true
			for i, n := range counts {
				if last != nil && n < last[i] {
					t.Fatalf("pool %d falls from %d to %d at a demand of %v: %v after %v\n%+v", i, last[i], n, d, counts, last, pools)
				}
				if n < pools[i].Min || n > most(pools[i]) {
					t.Fatalf("pool %d has %d at a demand of %v\n%+v", i, n, d, pools)
				}
				full = full && n == most(pools[i])
			}
			if unmet < 0 || math.IsNaN(unmet) || unmet > 0 && !full {
				t.Fatalf("%v of a demand of %v is left over by %v\n%+v", unmet, d, counts, pools)
			}
			last = counts
		}
	}
}

// TestFillServesTheDemand checks that nothing is left over that the counts do not say, and that no pool's last instance is superfluous in
// fleets without anything that keeps more than the demand needs.
func TestFillServesTheDemand(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 2))
	for range 2000 {
		pools := someFleet(r)
		for i := range pools {
			pools[i].Types, pools[i].Burst, pools[i].Share, pools[i].Risk = nil, pool.Burst{}, 0, pool.Risk{}
		}
		d := 300 * r.ExpFloat64()
		counts, unmet := pool.Fill(pools, d)
		var serves, least float64
		least = math.Inf(1)
		for i, n := range counts {
			serves += float64(n) * pools[i].Capacity
			if n > pools[i].Min {
				least = min(least, pools[i].Capacity)
			}
		}
		if math.Abs(max(d-serves, 0)-unmet) > 1e-6 {
			t.Fatalf("%v of %v is left over by %v, which serve %v\n%+v", unmet, d, counts, serves, pools)
		}
		largest := 0.0
		for _, p := range pools {
			largest = max(largest, p.Capacity)
		}
		if !math.IsInf(least, 1) && serves-d >= largest+1e-6 {
			t.Fatalf("%v serve %v of a demand of %v\n%+v", counts, serves, d, pools)
		}
	}
}

// firstFixed fills pools in the way that needs no prices: minima, then fixed pools, then variable ones.
func firstFixed(pools []pool.Pool, demand float64) []int {
	counts := make([]int, len(pools))
	for i, p := range pools {
		counts[i] = p.Min
		demand -= float64(p.Min) * p.Capacity
	}
	for _, class := range []pool.Class{pool.Fixed, pool.Variable} {
		for i, p := range pools {
			for p.Class == class && demand > 1e-9*p.Capacity && (p.Max == 0 || counts[i] < p.Max) {
				counts[i]++
				demand -= p.Capacity
			}
		}
	}
	return counts
}

func TestFillWithoutPricesIsFixedFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 3))
	for range 2000 {
		pools := someFleet(r)
		for i, p := range pools {
			pools[i] = pool.Pool{Name: p.Name, Class: p.Class, Min: p.Min, Max: p.Max, Capacity: p.Capacity, Price: pool.Price{Hourly: p.Price.Hourly}}
		}
		d := 200 * r.ExpFloat64()
		if got, _ := pool.Fill(pools, d); !slices.Equal(got, firstFixed(pools, d)) {
			t.Fatalf("a demand of %v is served by %v, want %v\n%+v", d, got, firstFixed(pools, d), pools)
		}
	}
}

func TestFillByShare(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 5))
	for range 1000 {
		pools, weight := make([]pool.Pool, 2+r.IntN(4)), 0.0
		for i := range pools {
			pools[i] = pool.Pool{Name: strconv.Itoa(i), Class: pool.Variable, Capacity: 10, Share: float64(1 + r.IntN(9))}
			weight += pools[i].Share
		}
		for i := range pools {
			pools[i].Share /= weight
		}
		d := 1 + 300*r.ExpFloat64()
		counts, _ := pool.Fill(pools, d)
		total, sum := math.Ceil(d/10), 0
		for i, n := range counts {
			sum += n
			if quota := pools[i].Share * total; math.Abs(float64(n)-quota) > 1+1e-4*total { // shares are rounded a little
				t.Fatalf("pool %d has %d of %v, its share is %v", i, n, total, pools[i].Share)
			}
		}
		if float64(sum) != total {
			t.Fatalf("%v add up to %d, want %v", counts, sum, total)
		}
	}
}

// TestFillByShareOfDifferentCapacities checks that a share is one of the demand, and that whole instances of two sizes cost one more at most.
func TestFillByShareOfDifferentCapacities(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 6))
	for range 2000 {
		share := 0.1 + 0.8*r.Float64()
		pools := []pool.Pool{
			{Name: "a", Class: pool.Fixed, Capacity: 10, Share: share},
			{Name: "b", Class: pool.Variable, Capacity: 5 + 15*r.Float64(), Share: 1 - share},
		}
		d := 1 + 400*r.ExpFloat64()
		counts, _ := pool.Fill(pools, d)
		var exact, serves float64
		for i, p := range pools {
			quota := p.Share * d / p.Capacity
			exact += quota
			serves += float64(counts[i]) * p.Capacity
			if math.Abs(float64(counts[i])-quota) > 3+1e-3*quota {
				t.Fatalf("pool %d has %d, its share of %v is %v instances", i, counts[i], d, quota)
			}
		}
		if n := float64(counts[0] + counts[1]); n < math.Ceil(exact)-1 || n > math.Ceil(exact)+1 || serves < d-1e-6 {
			t.Fatalf("%v serve %v of %v, which are %v instances", counts, serves, d, exact)
		}
	}
}

func TestFillByShareWithBounds(t *testing.T) {
	pools := []pool.Pool{
		{Name: "a", Class: pool.Fixed, Capacity: 10, Share: 0.5, Max: 3},
		{Name: "b", Class: pool.Variable, Capacity: 10, Share: 0.5, Min: 2},
	}
	f := func(demand float64, a, b int) {
		t.Helper()
		if got, unmet := pool.Fill(pools, demand); !slices.Equal(got, []int{a, b}) || unmet != 0 {
			t.Errorf("a demand of %v is served by %v, want %d and %d", demand, got, a, b)
		}
	}
	f(0, 0, 2)
	f(20, 0, 2)
	f(30, 1, 2)
	f(60, 3, 3)
	f(100, 3, 7) // what one may not take the other does
}

func TestFillOfBurstableInstances(t *testing.T) {
	f := func(baseline, credits float64, want int) {
		t.Helper()
		p := pool.Pool{
			Name: "b", Class: pool.Variable, Capacity: 10, LeadTime: 10 * time.Minute, Burst: pool.Burst{Baseline: baseline, Credits: credits},
		}
		if got, _ := pool.Fill([]pool.Pool{p}, 100); got[0] != want {
			t.Errorf("with a baseline of %v and %v credits: %d, want %d", baseline, credits, got[0], want)
		}
	}
	f(0, 0, 10)
	f(0.2, 0, 50)
	f(0.2, math.NaN(), 50)
	f(0.2, 8, 10) // credits that last until another is ready
	f(0.2, 3, 20)
	f(0.2, 100, 10)
}
