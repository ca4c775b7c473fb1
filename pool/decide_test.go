package pool_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// level returns paths that all have the demand v at each of n steps.
func level(n int, v float64) [][]float64 {
	path := make([]float64, n)
	for i := range path {
		path[i] = v
	}
	return [][]float64{path}
}

// at changes the steps from..to, counted from 1, of the paths to v.
func at(paths [][]float64, from, to int, v float64) [][]float64 {
	for _, p := range paths {
		for h := from; h <= to; h++ {
			p[h-1] = v
		}
	}
	return paths
}

// input is a fleet of two pools of 10 units an instance, four fixed at most, lead time 4 minutes, one turn a minute, 160 of demand.
func input(paths [][]float64) pool.Input {
	in := pool.Input{
		Fleet: "web", Now: noon, Demand: 160, DemandAt: noon, Paths: pool.NewPaths(paths),
		Forecast: forecast.Forecast{Origin: noon, Step: time.Minute, Steps: make([]forecast.Distribution, 60)},
		Pools: []pool.Pool{
			{Name: "fixed", Class: pool.Fixed, Max: 4, Capacity: 10, LeadTime: 4 * time.Minute, Price: pool.Price{Hourly: 1}},
			{Name: "spot", Class: pool.Variable, Max: 100, Capacity: 10, LeadTime: 4 * time.Minute, Price: pool.Price{Hourly: 0.5}},
		},
		Policy: pool.Policy{
			Mode: pool.Act, Probability: 0.99, Interval: time.Minute, Validity: 5 * time.Minute,
			StaleAfter: 5 * time.Minute, Hold: 30 * time.Minute,
		},
	}
	for i := range in.Forecast.Steps {
		in.Forecast.Steps[i] = forecast.Point(1)
	}
	return in
}

func previous(fixed, spot int) []pool.Target {
	return []pool.Target{{Pool: "fixed", Instances: fixed}, {Pool: "spot", Instances: spot}}
}

func decide(t *testing.T, in pool.Input) pool.Decision {
	t.Helper()
	d, err := pool.Decide(in)
	if err != nil {
		t.Fatalf("Decide: %v", err)
	}
	return d
}

func TestDecideWindows(t *testing.T) {
	f := func(paths [][]float64, prev []pool.Target, wantFixed, wantSpot int) {
		t.Helper()
		in := input(paths)
		in.Previous = prev
		d := decide(t, in)
		if d.Plan.Targets[0].Instances != wantFixed || d.Plan.Targets[1].Instances != wantSpot {
			t.Errorf("targets %+v, want fixed %d, spot %d; guards %+v", d.Plan.Targets, wantFixed, wantSpot, d.Guards)
		}
	}
	f(level(60, 160), previous(4, 12), 4, 12)                 // a flat demand needs what it has
	f(at(level(60, 160), 4, 5, 400), previous(4, 12), 4, 36)  // a rise that an instance asked for now can serve
	f(at(level(60, 160), 1, 3, 400), previous(4, 12), 4, 12)  // a rise that comes before one could be ready adds nothing
	f(at(level(60, 160), 6, 60, 400), previous(4, 12), 4, 12) // a rise further off is the next turns' to serve
	f(level(60, 160), previous(4, 30), 4, 12)                 // nothing ahead needs the surplus
	f(at(level(60, 160), 8, 8, 400), previous(4, 30), 4, 30)  // the surplus is needed before it could be back: it stays
	f(at(level(60, 160), 9, 9, 400), previous(4, 30), 4, 12)  // one minute later it is released
	f(level(60, 20), previous(4, 12), 4, 12)                  // a forecast below the present demand lowers nothing
	f(at(level(60, 160), 8, 8, 400), nil, 4, 36)              // after a start without a record what would be kept is asked for
	f(level(60, 160.0000000001), previous(4, 12), 4, 12)      // a rounding error costs no instance
}

func TestDecidePending(t *testing.T) {
	in := input(level(60, 160))
	in.Pending = 45
	if d := decide(t, in); d.Reactive.Total() != 21 || d.Plan.Total() != 21 {
		t.Errorf("reactive %d, plan %d, want 21 for a demand of 160 with 45 pending", d.Reactive.Total(), d.Plan.Total())
	}
}

func TestDecideQuantileOfTheMaximum(t *testing.T) {
	// Each path peaks at 300 in another minute of the window; no minute reaches 300 on more than one path in two.
	paths := [][]float64{at(level(60, 160), 4, 4, 300)[0], at(level(60, 160), 5, 5, 300)[0]}
	if d := decide(t, input(paths)); d.Plan.Total() != 30 {
		t.Errorf("plan %d, want 30: the quantile of the maximum, not the maximum of the quantiles", d.Plan.Total())
	}
}

func TestGuards(t *testing.T) {
	f := func(name string, change func(*pool.Input), want int) {
		t.Helper()
		in := input(at(level(60, 160), 4, 12, 600))
		in.Previous = previous(4, 12)
		change(&in)
		d := decide(t, in)
		if d.Plan.Total() != want {
			t.Errorf("%s: plan %d, want %d; guards %+v", name, d.Plan.Total(), want, d.Guards)
		}
		for _, g := range d.Guards {
			if g.Name == name {
				return
			}
		}
		t.Errorf("%s: not among the guards applied: %+v", name, d.Guards)
	}
	f(pool.GuardLift, func(in *pool.Input) { in.Policy.Limits.Lift = 2 }, 32)
	f(pool.GuardBudget, func(in *pool.Input) { in.Policy.Limits.HourlyCost = 14 }, 24) // 4 x 1 + 20 x 0.5
	f(pool.GuardBudget, func(in *pool.Input) { in.Policy.Limits.HourlyCost = 1 }, 16)  // the reactive need whatever it costs
	f(pool.GuardStepUp, func(in *pool.Input) { in.Policy.Limits.StepUp = 5 }, 21)
	f(pool.GuardStepDown, func(in *pool.Input) {
		in.Paths, in.Previous, in.Policy.Limits.StepDown = pool.NewPaths(level(60, 160)), previous(4, 30), 5
	}, 29)
	f(pool.GuardStale, func(in *pool.Input) {
		in.Paths, in.Previous, in.DemandAt = pool.NewPaths(level(60, 160)), previous(4, 30), noon.Add(-6*time.Minute)
	}, 34)
	f(pool.GuardDecay, func(in *pool.Input) {
		in.Paths, in.Previous, in.Policy.Limits.StepDown = nil, previous(4, 30), 3
	}, 31)
	f(pool.GuardMaximum, func(in *pool.Input) { in.Pools[1].Max = 20 }, 24)
	f(pool.GuardReactive, func(in *pool.Input) {
		in.Pools[1].Max, in.Policy.Limits.StepUp, in.Previous = 100, 2, previous(4, 3)
	}, 16) // the present demand is met even where that is more than one step
	f(pool.GuardKillSwitch, func(in *pool.Input) { in.Policy.Killed = true }, 60)
}

func TestReactiveFloorRecordsOnlyWhatItChanges(t *testing.T) {
	if d := decide(t, input(level(60, 160))); len(d.Guards) != 0 {
		t.Errorf("a calm turn applies guards: %+v", d.Guards)
	}
}

func TestEffective(t *testing.T) {
	f := func(mode pool.Mode, killed bool, want int) {
		t.Helper()
		in := input(at(level(60, 160), 4, 5, 400))
		in.Policy.Mode, in.Policy.Killed = mode, killed
		if got := decide(t, in).Effective().Total(); got != want {
			t.Errorf("mode %s, killed %t: doors answer %d, want %d", mode, killed, got, want)
		}
	}
	f(pool.Act, false, 40)
	f(pool.Act, true, 16)
	f(pool.Shadow, false, 16)
	f(pool.Shadow, true, 16)
}

func TestDecideRefuses(t *testing.T) {
	f := func(want string, change func(*pool.Input)) {
		t.Helper()
		in := input(level(60, 160))
		change(&in)
		if _, err := pool.Decide(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	f("no pools", func(in *pool.Input) { in.Pools = nil })
	f("probability", func(in *pool.Input) { in.Policy.Probability = 1 })
	f("none was ever made", func(in *pool.Input) { in.DemandAt = time.Time{} })
	f("not a finite number", func(in *pool.Input) { in.Demand = math.NaN() })
	f("not a finite number", func(in *pool.Input) { in.Demand = -1 })
	f("not a finite number", func(in *pool.Input) { in.Pending = math.Inf(1) })
	f("capacity 0", func(in *pool.Input) { in.Pools[0].Capacity = 0 })
	f("max 2", func(in *pool.Input) { in.Pools[0].Min, in.Pools[0].Max = 3, 2 })
	f("max -1", func(in *pool.Input) { in.Pools[0].Max = -1 })
	in := input(level(60, 160))
	in.DemandAt = noon.Add(-36 * time.Minute)
	if _, err := pool.Decide(in); !errors.Is(err, pool.ErrNoDemand) {
		t.Errorf("error %v, want ErrNoDemand: a demand that has been unknown for longer than it may be held", err)
	}
}

// TestDecideProperties draws inputs and checks the contract of the guards on each.
func TestDecideProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		in := randomInput(r)
		d := decide(t, in)
		for i, target := range d.Plan.Targets {
			p, reactive := in.Pools[i], d.Reactive.Targets[i].Instances
			if n := target.Instances; n < reactive || n < p.Min || p.Max > 0 && n > p.Max {
				t.Fatalf("pool %s has %d, reactive need %d, bounds %d to %d\n%+v", p.Name, n, reactive, p.Min, p.Max, in)
			}
			prev, ok := pool.Plan{Targets: in.Previous}.Instances(p.Name)
			down, up := in.Policy.Limits.StepDown, in.Policy.Limits.StepUp
			if ok && down > 0 && target.Instances < prev-down && target.Instances != p.Max {
				t.Fatalf("pool %s falls from %d to %d, more than %d in a turn\n%+v", p.Name, prev, target.Instances, down, in)
			}
			if ok && up > 0 && target.Instances > max(prev+up, reactive, p.Min) {
				t.Fatalf("pool %s rises from %d to %d, more than %d in a turn\n%+v", p.Name, prev, target.Instances, up, in)
			}
		}
		checkLimits(t, in, d)
		if d.Plan.Unmet < 0 || d.Plan.Unmet > 1 || math.IsNaN(d.Plan.Unmet) {
			t.Fatalf("unmet share %v", d.Plan.Unmet)
		}
		if again := decide(t, in); !reflect.DeepEqual(d, again) {
			t.Fatalf("the same input is decided in two ways:\n%+v\n%+v", d, again)
		}
	}
}

// checkLimits checks I2 and I4 beside what the test above checks.
func checkLimits(t *testing.T, in pool.Input, d pool.Decision) {
	t.Helper()
	held := map[string]bool{} // pools that another guard keeps above a limit
	for _, g := range d.Guards {
		if g.Name == pool.GuardStale || g.Name == pool.GuardStepDown || g.Name == pool.GuardDecay {
			held[g.Pool] = true
		}
	}
	served, reactive := 0.0, 0.0
	for i, p := range in.Pools {
		served += float64(d.Plan.Targets[i].Instances) * p.Capacity
		reactive += float64(d.Reactive.Targets[i].Instances) * p.Capacity
		if age := noon.Sub(in.DemandAt); age > in.Policy.StaleAfter && len(in.Previous) > 0 {
			prev, _ := pool.Plan{Targets: in.Previous}.Instances(p.Name)
			if n := d.Plan.Targets[i].Instances; n < prev && (p.Max == 0 || n < p.Max) {
				t.Fatalf("pool %s shrinks from %d to %d though the demand is %s old\n%+v", p.Name, prev, n, age, in)
			}
		}
	}
	if len(held) > 0 {
		return
	}
	slack := in.Pools[0].Capacity + in.Pools[1].Capacity
	if lift := in.Policy.Limits.Lift; lift > 0 && served > lift*max(reactive, slack)+slack {
		t.Fatalf("the plan serves %v, more than %v times %v\n%+v", served, lift, reactive, in)
	}
	if limit := in.Policy.Limits.HourlyCost; limit > 0 && d.Plan.HourlyCost > max(limit, d.Reactive.HourlyCost)+1e-9 {
		t.Fatalf("the plan costs %v of %v; the reactive need costs %v\n%+v", d.Plan.HourlyCost, limit, d.Reactive.HourlyCost, in)
	}
}

func TestPathsThatAreNoDemandAreNoForecast(t *testing.T) {
	f := func(paths [][]float64) {
		t.Helper()
		in := input(paths)
		in.Previous, in.Policy.Limits.StepDown = previous(4, 30), 3
		d := decide(t, in)
		if d.Plan.Total() != 31 || len(d.Guards) == 0 || d.Guards[0].Name != pool.GuardDecay {
			t.Errorf("plan %d with guards %+v, want a decay to 31", d.Plan.Total(), d.Guards)
		}
	}
	f(at(level(60, 160), 5, 5, math.NaN()))
	f(at(level(60, 160), 60, 60, math.Inf(1)))
	f(at(level(60, 160), 1, 1, -1))
	f([][]float64{{}})
}

func TestAheadCountsFromNow(t *testing.T) {
	in := input(at(level(60, 160), 20, 20, 400))
	in.Forecast.Steps[14] = forecast.Point(300) // 15 minutes after the origin
	in.Forecast.Origin, in.DemandAt = noon.Add(-10*time.Minute), noon.Add(-10*time.Minute)
	d := decide(t, in)
	if v, err := d.DemandAhead(5*time.Minute, 0.5); err != nil || v != 300 {
		t.Errorf("5m ahead of a forecast that is 10m old: %v, %v, want 300", v, err)
	}
	if _, err := d.DemandAhead(55*time.Minute, 0.5); err == nil {
		t.Error("a forecast answers beyond its end")
	}
	in = input(level(60, 20))
	if v, err := decide(t, in).PeakAhead(30*time.Minute, 0.5); err != nil || v != 160 {
		t.Errorf("the peak from now on is %v, %v, want the present demand of 160 at least", v, err)
	}
}

func randomInput(r *rand.Rand) pool.Input {
	paths := make([][]float64, 1+r.IntN(20))
	for i := range paths {
		paths[i] = make([]float64, 30)
		for h := range paths[i] {
			paths[i][h] = 500 * r.Float64() * r.Float64()
		}
	}
	if r.IntN(8) == 0 {
		paths = nil
	}
	in := input(paths)
	in.Demand, in.Pending = 400*r.Float64(), float64(r.IntN(2))*50*r.Float64()
	in.DemandAt = noon.Add(-time.Duration(r.IntN(10)) * time.Minute)
	in.Pools[0].Min, in.Pools[1].Min = r.IntN(4), r.IntN(3)
	in.Pools[1].Max = []int{0, 5, 100}[r.IntN(3)]
	in.Pools[1].Capacity = 3 + 20*r.Float64()
	in.Policy.Limits = pool.Limits{Lift: 3 * float64(r.IntN(2)), StepUp: r.IntN(8), StepDown: r.IntN(8), HourlyCost: float64(r.IntN(2)) * 12}
	if r.IntN(3) > 0 {
		in.Previous = previous(min(4, in.Pools[0].Min+r.IntN(3)), r.IntN(40))
	}
	return in
}

func TestReach(t *testing.T) {
	in := input(nil)
	in.Policy.Linger = 10 * time.Minute
	if got := pool.Reach(in.Pools, in.Policy); got != 18*time.Minute {
		t.Errorf("reach %s, want 18m: lead time, and the boot and linger of a cycle", got)
	}
	in.Policy.Linger, in.Policy.Interval = 0, 10*time.Minute
	if got := pool.Reach(in.Pools, in.Policy); got != 14*time.Minute {
		t.Errorf("reach %s, want 14m: lead time and one turn", got)
	}
	in.Pools[0].Stock.LeadTime = 30 * time.Minute
	if got := pool.Reach(in.Pools, in.Policy); got != 14*time.Minute {
		t.Errorf("reach %s, want 14m: no warm instances are asked for", got)
	}
	in.Pools[0].Stock.HitRate = 0.9
	if got := pool.Reach(in.Pools, in.Policy); got != 40*time.Minute {
		t.Errorf("reach %s, want 40m: the time that a warm instance takes and one turn", got)
	}
}

func TestAhead(t *testing.T) {
	d := decide(t, input(level(60, 160)))
	if v, err := d.PeakAhead(30*time.Minute, 0.5); err != nil || v != 160 {
		t.Errorf("peak %v, %v, want 160", v, err)
	}
	var far *pool.HorizonError
	if _, err := d.DemandAhead(2*time.Hour, 0.5); !errors.As(err, &far) || far.Longest != time.Hour {
		t.Errorf("error %v, want one that names the hour that the forecast reaches", err)
	}
	if _, err := (pool.Decision{}).DemandAhead(time.Minute, 0.5); !errors.As(err, &far) {
		t.Errorf("a decision without a forecast answers %v", err)
	}
}

func TestValid(t *testing.T) {
	d := decide(t, input(level(60, 160)))
	if !d.Valid(noon.Add(5*time.Minute)) || d.Valid(noon.Add(5*time.Minute+1)) || (pool.Decision{}).Valid(noon) {
		t.Error("a decision holds until it runs out, and one that was never made does not")
	}
}

// TestCollapse lets the demand fall to a tenth, with and without a failing workload.
func TestCollapse(t *testing.T) {
	f := func(demand float64, failing bool, total int, guarded bool) {
		t.Helper()
		in := input(level(60, demand))
		in.Demand, in.Failing, in.Recent, in.Previous = demand, failing, 160, previous(4, 12)
		d := decide(t, in)
		found := false
		for _, g := range d.Guards {
			found = found || g.Name == pool.GuardCollapse
		}
		if got := d.Plan.Total(); got != total || found != guarded {
			t.Errorf("at a demand of %g, failing %v, there are %d instances, guarded %v; want %d, %v", demand, failing, got, found, total, guarded)
		}
	}
	f(16, true, 16, true)
	f(16, false, 2, false)
	f(81, true, 9, false) // not far below
	f(160, true, 16, false)
	f(200, true, 20, false)
}

// TestLiftDoesNotLiftHeadroom has two spot pools of which either may be lost: the head-room of the present need is not lifted again.
func TestLiftDoesNotLiftHeadroom(t *testing.T) {
	in := input(level(60, 1000))
	spot := pool.Price{Hourly: 1, InterruptionsPerHour: 0.1}
	in.Demand, in.Policy.Limits.Lift = 100, 1.5
	in.Pools = []pool.Pool{
		{Name: "a", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute, Price: spot, Domain: "a", Risk: pool.Risk{Probability: 0.99}},
		{Name: "b", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute, Price: spot, Domain: "b", Risk: pool.Risk{Probability: 0.99}},
	}
	d := decide(t, in)
	reactive, plan := d.Reactive.Total(), d.Plan.Total()
	if float64(plan) > 1.6*float64(reactive) || plan <= reactive {
		t.Errorf("the reactive need takes %d instances and the plan, lifted 1.5 times, %d", reactive, plan)
	}
}

// TestStockIsOfItsPool has a warm stock in a pool that the forecast does not reach, since the one before it takes all.
func TestStockIsOfItsPool(t *testing.T) {
	in := input(level(60, 300))
	in.Demand = 30
	in.Pools = []pool.Pool{
		{Name: "a", Class: pool.Fixed, Capacity: 10, LeadTime: 4 * time.Minute},
		{Name: "b", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute, Stock: pool.WarmPolicy{HitRate: 0.99}},
	}
	if d := decide(t, in); d.Plan.Targets[1].Instances != 0 {
		t.Errorf("the pool that takes nothing has %d instances", d.Plan.Targets[1].Instances)
	}
	in.Pools[0].Max = 10
	if d := decide(t, in); d.Plan.Targets[1].Warm < 20 {
		t.Errorf("of 20 instances that are claimed of it %d stand by", d.Plan.Targets[1].Warm)
	}
}

// TestBudgetOfTypes draws fleets whose pools have types, and budgets that cut their plans back to the reactive need.
func TestBudgetOfTypes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	bound := 0
	for range 2000 {
		in := input(level(60, 1000*r.Float64()))
		in.Demand = 10 + 400*r.Float64()
		for i := range in.Pools {
			p := &in.Pools[i]
			for k, size := range []float64{1, 4, 2} {
				p.Types = append(p.Types, pool.Type{
					Name: string(rune('a' + k)), Capacity: 10 * size, Max: 20 * r.IntN(2), Price: pool.Price{Hourly: size * (0.8 + 0.4*r.Float64())},
				})
			}
		}
		reactive := decide(t, in).Reactive
		in.Policy.Limits.HourlyCost = reactive.HourlyCost * (0.9 + 0.3*r.Float64())
		d := decide(t, in)
		if limit := max(in.Policy.Limits.HourlyCost, reactive.HourlyCost); d.Plan.HourlyCost > limit+1e-9 {
			t.Fatalf("the plan costs %v of %v; the reactive need costs %v\n%+v\n%+v", d.Plan.HourlyCost, in.Policy.Limits.HourlyCost, reactive.HourlyCost, d.Plan, reactive)
		}
		for _, g := range d.Guards {
			if g.Name == pool.GuardBudget {
				bound++
				break
			}
		}
	}
	if bound < 100 {
		t.Errorf("the budget binds in %d cases", bound)
	}
}
