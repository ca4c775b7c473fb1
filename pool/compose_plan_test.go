package pool

import (
	"math"
	"testing"
	"time"
)

func TestPlanCosts(t *testing.T) {
	od := Pool{Name: "od", Class: Fixed, Capacity: 10, Price: Price{Hourly: 2, Commitment: Commitment{Ratio: 0.5, Instances: 4}}}
	spot := Pool{
		Name: "spot", Class: Variable, Capacity: 20, LeadTime: 6 * time.Minute,
		Price: Price{Hourly: 1, InterruptionsPerHour: 0.1, Restart: time.Hour}, Risk: Risk{Shortage: 0.5},
	}
	f := func(pools []Pool, counts []int, cost, onDemand float64) {
		t.Helper()
		plan := planOf(pools, counts, 0)
		if math.Abs(plan.HourlyCost-cost) > 1e-9 || math.Abs(plan.OnDemandCost-onDemand) > 1e-9 {
			t.Errorf("%v cost %v and %v on demand, want %v and %v", counts, plan.HourlyCost, plan.OnDemandCost, cost, onDemand)
		}
	}
	pools := []Pool{od, spot}
	f(pools, []int{0, 0}, 4, 0) // what is committed is paid, used or not
	f(pools, []int{4, 0}, 4, 8)
	f(pools, []int{6, 0}, 8, 12)
	f(pools, []int{4, 3}, 4+3*(1+0.1*(1+0.5*20*0.1)), 8+3*20*0.2) // 0.2 for a unit on demand
	few := od
	few.Max = 2
	f([]Pool{few}, []int{2}, 4, 4) // four are paid though there may be two
	few.Types = []Type{{Name: "t", Capacity: 10, Max: 2, Price: od.Price}}
	f([]Pool{few}, []int{2}, 4, 4)
	f(pools[1:], []int{3}, 3*1.2, 3) // no pool says what that would be
	spot.Risk.Probability = 0.99
	n, err := Headroom(10, math.Exp(-0.01), 0.99)
	if err != nil {
		t.Fatal(err)
	}
	f([]Pool{od, spot}, []int{0, n}, 4+float64(n)*1.2, 10*20*0.2) // on demand no head-room is needed
	f([]Pool{{Name: "a", Class: Fixed, Capacity: 1}}, []int{5}, 0, 0)
}

// sizes are types of which the larger are cheaper for what they serve.
func sizes() Pool {
	return Pool{Name: "p", Class: Fixed, Capacity: 10, Types: []Type{
		{Name: "small", Capacity: 10, Price: Price{Hourly: 1.2}},
		{Name: "large", Capacity: 40, Price: Price{Hourly: 4}},
		{Name: "middle", Capacity: 20, Max: 2, Price: Price{Hourly: 2.2}},
	}}
}

func TestPlanOfTypes(t *testing.T) {
	f := func(p Pool, demand, cost float64, small, large, middle int) {
		t.Helper()
		counts, _ := fill([]Pool{p}, demand)
		plan := planOf([]Pool{p}, counts, demand)
		types := plan.Targets[0].Types
		if types[0].Instances != small || types[1].Instances != large || types[2].Instances != middle || math.Abs(plan.HourlyCost-cost) > 1e-9 {
			t.Errorf("a demand of %v is served by %+v for %v, want %d, %d and %d for %v", demand, types, plan.HourlyCost, small, large, middle, cost)
		}
		if plan.Unmet != 0 || types[0].Type != "small" || types[2].Type != "middle" {
			t.Errorf("%+v", plan)
		}
	}
	f(sizes(), 0, 0, 0, 0, 0)
	f(sizes(), 40, 4, 0, 1, 0)
	f(sizes(), 45, 5.2, 1, 1, 0)  // the rest by the smallest that serves it
	f(sizes(), 55, 6.2, 0, 1, 1)  //
	f(sizes(), 65, 8, 0, 2, 0)    // three instances would cost 7.4, but 80 needs two
	f(sizes(), 400, 40, 0, 10, 0) //
	f(sizes(), 405, 41.2, 1, 10, 0)
	p := sizes()
	p.Types[1].Max = 2
	f(p, 115, 8+4.4, 0, 2, 2)
	f(p, 155, 8+4.4+1.2*4, 4, 2, 2)
	p.Types[0].Price.Commitment = Commitment{Ratio: 0.5, Instances: 2}
	f(p, 15, 1.2, 2, 0, 0) // what is committed is taken first, and paid
	f(p, 5, 1.2, 1, 0, 0)
	f(p, 35, 1.2+2.2, 2, 0, 1)
	p = sizes()
	p.Types[2].Price = Price{}
	f(p, 25, 3.6, 3, 0, 0) // a price that is not known: in the order given
}

// TestPlanOfTypesIsTheCheapest compares with all ways to serve the demand by as many instances.
func TestPlanOfTypesIsTheCheapest(t *testing.T) {
	p := sizes()
	p.Types = append(p.Types, Type{Name: "odd", Capacity: 27, Price: Price{Hourly: 2.75}})
	for demand := 1.0; demand <= 120; demand++ {
		counts, _ := fill([]Pool{p}, demand)
		got := planOf([]Pool{p}, counts, demand).HourlyCost
		best := math.Inf(1)
		for s := range counts[0] + 1 {
			for l := range counts[0] - s + 1 {
				for m := range min(2, counts[0]-s-l) + 1 {
					o := counts[0] - s - l - m
					if 10*float64(s)+40*float64(l)+20*float64(m)+27*float64(o) >= demand {
						best = min(best, 1.2*float64(s)+4*float64(l)+2.2*float64(m)+2.75*float64(o))
					}
				}
			}
		}
		if math.Abs(got-best) > 1e-9 {
			t.Errorf("%d instances for %v cost %v, the cheapest %v", counts[0], demand, got, best)
		}
	}
}

func TestPlanExchangesNothingThatIsHeld(t *testing.T) {
	p := sizes()
	if plan := planOf([]Pool{p}, []int{3}, 45); plan.Targets[0].Types[1].Instances != 3 {
		t.Errorf("three instances are kept for a later demand as %+v", plan.Targets[0].Types)
	}
	p.Risk.Probability = 0.99
	for i := range p.Types {
		p.Types[i].Price.InterruptionsPerHour = 0.1
	}
	p.LeadTime = time.Hour
	plan := planOf([]Pool{p}, []int{2}, 45)
	if plan.Targets[0].Types[1].Instances != 2 {
		t.Errorf("instances with head-room are exchanged: %+v", plan.Targets[0].Types)
	}
}

// TestPlanWithinABudget cuts a plan back to the counts of the present demand: it is made up of what the present demand needs, and says how
// much more is not served.
func TestPlanWithinABudget(t *testing.T) {
	f := func(demand, limit, cost, unmet float64) {
		t.Helper()
		const present = 405
		p := []Pool{sizes()}
		counts, _ := fill(p, present)
		plan := planWithin(p, counts, demand, present, limit)
		if math.Abs(plan.HourlyCost-cost) > 1e-9 || math.Abs(plan.Unmet-unmet) > 1e-9 {
			t.Errorf("a demand of %v within %v costs %v and leaves %v unserved, want %v and %v", demand, limit, plan.HourlyCost, plan.Unmet, cost, unmet)
		}
		if reactive := planOf(p, counts, present); plan.HourlyCost > max(limit, reactive.HourlyCost) && limit > 0 {
			t.Errorf("a demand of %v within %v costs %v; the present one costs %v", demand, limit, plan.HourlyCost, reactive.HourlyCost)
		}
	}
	f(405, 0, 41.2, 0)
	f(600, 0, 44, 160./600)
	f(600, 42, 41.2, 190./600) // the last one serves 10, not 40
	f(600, 1, 41.2, 190./600)
	f(600, 44, 44, 160./600)
	f(440, 42, 41.2, 30./440) // nothing is cut back, and the types that serve all are too dear
	f(420, 42, 41.2, 10./420)
	f(420, 43, 42.2, 0)
}

func TestFillOrder(t *testing.T) {
	f := func(pools []Pool, want ...int) {
		t.Helper()
		got := fillOrder(pools)
		for i := range want {
			if len(got) != len(want) || got[i] != want[i] {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	}
	pools := []Pool{
		{Class: Variable, Capacity: 1, Price: Price{Hourly: 1}},
		{Class: Fixed, Capacity: 1, Price: Price{Hourly: 3}},
		{Class: Fixed, Capacity: 1, Price: Price{Hourly: 2}},
	}
	f(pools, 1, 2, 0)
	pools[1].Price.Commitment.Ratio = 0.5
	f(pools, 0, 2, 1)
	pools[1].Price.Commitment.Instances = 3
	f(pools, 0, 2, 1) // what is committed comes before all and is no room
	for i := range pools {
		pools[i].Share = 1. / 3
	}
	f(pools, 1, 2, 0)
}
