package replay

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// brute is the least of instance-ticks plus price times the unmet load, found by trying everything that up to three instances can do:
// in each tick each is off, in one of its ticks of booting, on, or in one of its ticks of lingering, and only one that is on serves. What it
// begins with is free.
func brute(loads []float64, instances int, c Cycle, price float64) float64 {
	start, linger := ticks(c.Start), ticks(c.Linger)
	on := start + 1
	states := on + linger + 1
	next := func(s int) []int {
		idle := 0 // off, or where there is a linger its first tick
		if linger > 0 {
			idle = on + 1
		}
		switch {
		case s == 0:
			return []int{0, 1}
		case s < start:
			return []int{s + 1}
		case s == start:
			return []int{on}
		case s == on:
			return []int{on, idle}
		case s == on+linger:
			return []int{0, on}
		}
		return []int{s + 1, on}
	}
	size := 1
	for range instances {
		size *= states
	}
	now := make([]float64, size)
	for m, load := range loads {
		for q := range minuteTicks {
			then := constant(math.Inf(1), size)
			for from := range now {
				if math.IsInf(now[from], 1) {
					continue
				}
				var move func(rest, left, to, unit, paid, serving int)
				move = func(rest, left, to, unit, paid, serving int) {
					if left == 0 {
						cost := now[from] + float64(paid)
						if short := load - float64(serving); short > 0 {
							cost += price * short
						}
						then[to] = min(then[to], cost)
						return
					}
					options := next(rest % states)
					if m == 0 && q == 0 {
						options = []int{rest % states}
					}
					for _, s := range options {
						p, v := paid, serving
						if s > 0 {
							p++
						}
						if s == on {
							v++
						}
						move(rest/states, left-1, to+s*unit, unit*states, p, v)
					}
				}
				move(from, instances, 0, 1, 0, 0)
			}
			now = then
		}
	}
	best := math.Inf(1)
	for _, v := range now {
		best = min(best, v)
	}
	return best
}

// small returns a few minutes of a load of up to the given instances, with zeros, fractions and unknown minutes.
func small(r *rand.Rand, instances int) []float64 {
	out := make([]float64, 4+r.IntN(5))
	for i := range out {
		switch r.IntN(5) {
		case 0, 1:
			out[i] = 0
		case 2:
			out[i] = float64(r.IntN(instances + 1))
		default:
			out[i] = float64(instances) * r.Float64()
		}
	}
	if r.IntN(4) == 0 {
		out[r.IntN(len(out))] = math.NaN()
	}
	return out
}

func TestOracleAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 5))
	for i := range 400 {
		instances := 1 + i%2
		if i%40 == 0 {
			instances = 3
		}
		c := Cycle{Start: time.Duration(1+r.IntN(7)) * tick, Linger: time.Duration(r.IntN(7)) * tick}
		loads := small(r, instances)
		want := brute(loads, instances, c, math.Inf(1))
		got, err := Oracle(loads, 1, c)
		if err != nil {
			t.Fatal(err)
		}
		if cost := got.InstanceHours / tickHours; math.Abs(cost-want) > 1e-9 {
			t.Errorf("loads %v, cycle %+v: %v instance-ticks, want %v", loads, c, cost, want)
		}
	}
}

func TestOracleFrontierAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 5))
	for i := range 200 {
		instances := 1 + i%2
		c := Cycle{Start: time.Duration(1+r.IntN(7)) * tick, Linger: time.Duration(r.IntN(7)) * tick}
		loads := small(r, instances)
		price := 0.5 + 8*r.Float64()
		got, err := OracleFrontier(loads, 1, c, []float64{price})
		if err != nil {
			t.Fatal(err)
		}
		want := brute(loads, instances, c, price) / float64(minuteTicks)
		if cost := got[0].InstanceHours*60 + price*got[0].Unmet; math.Abs(cost-want) > 1e-9 {
			t.Errorf("loads %v, cycle %+v, price %v: cost %v, want %v (%+v)", loads, c, price, cost, want, got[0])
		}
	}
}

func TestOracleByHand(t *testing.T) {
	f := func(c Cycle, minutes float64, starts int, loads ...float64) {
		t.Helper()
		got, err := Oracle(loads, 10, c)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "instance-minutes", got.InstanceHours*60, minutes)
		if got.Starts != starts {
			t.Errorf("%d starts, want %d", got.Starts, starts)
		}
	}
	two := Cycle{Start: 2 * time.Minute}
	f(two, 0, 0)
	f(two, 0, 0, 0, 0, 0)
	f(two, 3, 0, 10, 5, 1)
	f(two, 2, 0, 0, 10)                  // the minute before the first need
	f(two, 3, 1, 0, 0, 0, 10)            // or its start
	f(two, 4, 0, 10, 0, 0, 10)           // a gap as long as a cycle is kept
	f(two, 4, 1, 10, 0, 0, 0, 10)        // a longer one is not
	f(two, 11, 1, 20, 1, 1, 1, 0, 0, 20) // seven minutes of the first instance; the second starts again
	f(Cycle{Start: 2 * time.Minute, Linger: time.Minute}, 6, 1, 10, 0, 0, 0, 0, 10, 0, 0)
	f(two, 1, 0, 10, math.NaN(), 0)
	f(two, 3, 0, 10, math.NaN(), 10.000000001, 0)
}

func TestCycles(t *testing.T) {
	s := oneSite(HPA())
	s.Pools[0].LeadTime = 50 * time.Second
	if got, want := s.Physical(), (Cycle{Start: 75 * time.Second}); got != want {
		t.Errorf("physical cycle %+v, want %+v", got, want)
	}
	if got, want := s.Physical().OnTheMinute(), (Cycle{Start: 2 * time.Minute}); got != want || got.OnTheMinute() != want {
		t.Errorf("cycle on the minute %+v, want %+v", got, want)
	}
	s.Pools = append(s.Pools, pool.Pool{LeadTime: 30 * time.Second})
	if got, want := s.Bound(), (Cycle{Start: 45 * time.Second, Linger: 10 * time.Minute}); got != want {
		t.Errorf("bound %+v, want %+v", got, want)
	}
}

func TestOracleRefuses(t *testing.T) {
	f := func(want string, loads []float64, capacity float64) {
		t.Helper()
		if _, err := Oracle(loads, capacity, Cycle{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
		if _, err := OracleFrontier(loads, capacity, Cycle{}, []float64{1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("frontier: error %v, want one that says %q", err, want)
		}
	}
	f("capacity 0", []float64{1}, 0)
	f("capacity NaN", []float64{1}, math.NaN())
	f("load -1 of minute 1", []float64{1, -1}, 1)
	f("load +Inf of minute 0", []float64{math.Inf(1)}, 1)
	f("load 1e+09 of minute 0", []float64{1e9}, 1)
	if _, err := OracleFrontier([]float64{1}, 1, Cycle{}, []float64{0}); err == nil {
		t.Error("a price of 0 is not refused")
	}
}

// lifo returns the instances that stand in every minute under whoever knows all loads and decides on the minute: the k-th stands while it
// is needed, and through each gap that is no longer than a cycle of whole minutes, the start of which comes before the next need.
func lifo(loads []float64, capacity float64, start, linger int) []int {
	need, err := needs(loads, capacity)
	if err != nil {
		panic(err)
	}
	most := 0
	for _, n := range need {
		most = max(most, n)
	}
	out := make([]int, len(need))
	for k := range most {
		last := -1 // the end of the last need
		for t, n := range need {
			if n <= k {
				continue
			}
			from := last
			switch {
			case last < 0:
				from = max(t-start, 0)
			case t-last > start+linger:
				from = t - start
			}
			for m := from; m <= t; m++ {
				out[m] = max(out[m], k+1)
			}
			last = t + 1
		}
	}
	return out
}

func TestClairvoyantAttainsTheOracle(t *testing.T) {
	s := oneSite(Direct())
	for seed := range uint64(5) {
		loads := days(4, 25, seed)
		for m := 3000; m < 3050; m++ {
			loads[m] = math.NaN()
		}
		plan := lifo(loads, 1, 5, 0)
		out, err := Simulate(loadOf(loads), s, 0, len(loads), func(m int, out []int) { out[0] = plan[m] })
		if err != nil {
			t.Fatal(err)
		}
		if out.Violations != 0 || out.Unmet != 0 {
			t.Fatalf("the clairvoyant leaves %d minutes short", out.Violations)
		}
		scored := loads[120:]
		bound, err := Oracle(scored, 1, s.Physical())
		if err != nil {
			t.Fatal(err)
		}
		exact, err := Oracle(scored, 1, s.Physical().OnTheMinute())
		if err != nil {
			t.Fatal(err)
		}
		if out.InstanceHours < bound.InstanceHours-1e-9 || out.InstanceHours > 1.01*bound.InstanceHours {
			t.Errorf("%v instance-hours are not from %v to one percent above", out.InstanceHours, bound.InstanceHours)
		}
		near(t, "instance-hours", out.InstanceHours, exact.InstanceHours)
		if slack := out.InstanceHours - bound.InstanceHours; slack > 0.75/60*float64(bound.Starts)+1e-9 {
			t.Errorf("%v instance-hours above the bound with %d starts", slack, bound.Starts)
		}
	}
}

func TestNothingBeatsTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 5))
	served := map[string]int{}
	for i := range 240 {
		a := []Actuator{Direct(), HPAZero(), HPA()}[i%3]
		s := oneSite(a)
		s.MinimumBill = time.Duration(r.IntN(3)) * time.Minute
		s.Pools[0].LeadTime = time.Duration(r.IntN(6)) * 50 * time.Second
		loads := days(1, 2+10*r.Float64(), r.Uint64())[:600]
		for range 3 {
			loads[r.IntN(600)] += 5 * r.Float64()
		}
		// The largest need of a window, with random additions that change now and then.
		need, _ := needs(loads, 1)
		ahead, behind, add := 5+r.IntN(8), r.IntN(6), 0
		out, err := Simulate(loadOf(loads), s, 0, len(loads), func(m int, out []int) {
			if r.IntN(40) == 0 {
				add = r.IntN(3) * r.IntN(2)
			}
			out[0] = add
			for u := max(m-behind, 0); u <= min(m+ahead, 599); u++ {
				out[0] = max(out[0], need[u]+add)
			}
			if a.Tolerance > 0 {
				out[0] += 1 + out[0]/8
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.Violations > 0 {
			continue
		}
		served[a.Name]++
		for _, c := range []Cycle{s.Physical(), s.Bound()} {
			best, oracleErr := Oracle(loads[120:], 1, c)
			if oracleErr != nil {
				t.Fatal(oracleErr)
			}
			if out.InstanceHours < best.InstanceHours-1e-9 {
				t.Errorf("%s, %+v: %v instance-hours are below the oracle's %v", a.Name, s.Pools[0], out.InstanceHours, best.InstanceHours)
			}
		}
	}
	for _, name := range []string{"direct", "hpa-zero", "hpa"} {
		if served[name] < 20 {
			t.Errorf("%s: only %d runs without a violation", name, served[name])
		}
	}
}

// An HPA window can be known ahead: who asks for less five minutes early pays no more than the node autoscaler's patience for it.
func TestWindowIsNoPartOfTheBound(t *testing.T) {
	a := HPAZero()
	a.UpPods, a.UpPercent = 0, 0
	s := oneSite(a)
	loads := days(4, 25, 9)
	plan := lifo(loads, 1, 5, 10)
	out, err := Simulate(loadOf(loads), s, 0, len(loads), func(m int, out []int) {
		out[0] = plan[m]
		for u := m; u < min(m+5, len(plan)); u++ {
			out[0] = min(out[0], plan[u])
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := Oracle(loads[120:], 1, s.Bound())
	if err != nil {
		t.Fatal(err)
	}
	c := s.Bound()
	c.Linger += a.DownWindow
	window, err := Oracle(loads[120:], 1, c)
	if err != nil {
		t.Fatal(err)
	}
	if out.Violations > 0 || out.InstanceHours < bound.InstanceHours {
		t.Errorf("%d violations with %v instance-hours, bound %v", out.Violations, out.InstanceHours, bound.InstanceHours)
	}
	if out.InstanceHours > window.InstanceHours {
		t.Errorf("%v instance-hours are not below %v, which would count the window", out.InstanceHours, window.InstanceHours)
	}
}

func TestFrontierEndsAtTheOracle(t *testing.T) {
	loads := days(3, 20, 4)
	s := oneSite(HPA())
	for _, c := range []Cycle{s.Physical(), s.Bound()} {
		best, err := Oracle(loads, 1.5, c)
		if err != nil {
			t.Fatal(err)
		}
		front, err := OracleFrontier(loads, 1.5, c, []float64{1, 2, 5, 10, 50, math.Inf(1)})
		if err != nil {
			t.Fatal(err)
		}
		last := front[len(front)-1]
		near(t, "instance-hours", last.InstanceHours, best.InstanceHours)
		if last.Violations != 0 || last.Unmet != 0 || last.Starts != best.Starts {
			t.Errorf("%+v without shortage, want %+v", last, best)
		}
		for i := 1; i < len(front); i++ {
			if front[i].Unmet > front[i-1].Unmet || front[i].InstanceHours < front[i-1].InstanceHours {
				t.Errorf("%+v after %+v", front[i], front[i-1])
			}
		}
		if front[0].Violations == 0 {
			t.Error("a low price leaves nothing unmet")
		}
	}
	front, err := OracleFrontier([]float64{0, 0, 13, 20, 0}, 10, Cycle{Start: 5 * time.Minute}, []float64{2})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "instance-minutes of the first instance", front[0].InstanceHours*60, 4)
	near(t, "unmet of the second", front[0].Unmet, 13)
	if front[0].Violations != 2 || front[0].Starts != 0 {
		t.Errorf("%+v, want 2 violations and no start", front[0])
	}
}

func BenchmarkOracle(b *testing.B) {
	loads := days(28, 40, 3)
	c := oneSite(Direct()).Physical()
	b.Run("closed", func(b *testing.B) {
		for b.Loop() {
			if _, err := Oracle(loads, 1, c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("frontier", func(b *testing.B) {
		for b.Loop() {
			if _, err := OracleFrontier(loads, 1, c, []float64{10}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
