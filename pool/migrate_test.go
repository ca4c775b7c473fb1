package pool_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// moveInput is a fleet of two pools of one shape and of price 2: a has 20 instances and must keep 15, and 8 can move; b has 4 and needs 7.
// A new instance takes 6 minutes to start and a released one idles for 24, which costs 1 in all; moving one costs 0.2.
func moveInput() pool.MoveInput {
	shape := pool.Shape{CPU: 4, Memory: 16}
	member := func(name string, class pool.Class, active, keep, add int) pool.MovePool {
		return pool.MovePool{
			Pool: pool.Pool{
				Name: name, Class: class, Observed: true, Active: active, Shape: shape, LeadTime: 6 * time.Minute, Price: pool.Price{Hourly: 2},
			},
			Sizing:  pool.Sizing{Pool: name, Keep: keep, Add: add, Hold: 30 * time.Minute},
			Movable: 8, Idle: 24 * time.Minute, Drain: 2 * time.Minute, Rejoin: time.Minute, Disruption: 3 * time.Minute,
		}
	}
	return pool.MoveInput{
		Now: noon, Pools: []pool.MovePool{member("a", pool.Fixed, 20, 15, 12), member("b", pool.Fixed, 4, 7, 7)},
		Policy: pool.MovePolicy{PerHour: 10},
	}
}

func moves(t *testing.T, in pool.MoveInput) ([]pool.Move, []pool.Unmoved) {
	t.Helper()
	made, unmoved, err := pool.Moves(in)
	if err != nil {
		t.Fatalf("Moves: %v", err)
	}
	return made, unmoved
}

func TestMoves(t *testing.T) {
	f := func(change func(*pool.MoveInput), want string) {
		t.Helper()
		in := moveInput()
		change(&in)
		made, unmoved := moves(t, in)
		var got []string
		for _, m := range made {
			got = append(got, fmt.Sprintf("%d %s>%s", m.Instances, m.From, m.To))
		}
		for _, u := range unmoved {
			got = append(got, fmt.Sprintf("not %d %s>%s: %s", u.Instances, u.From, u.To, u.Reason))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("got  %s\nwant %s", s, want)
		}
	}
	f(func(*pool.MoveInput) {}, "3 a>b")
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Active = 7 }, "") // nothing lacks
	f(func(in *pool.MoveInput) { in.Pools[0].Sizing.Keep = 20 }, "")
	f(func(in *pool.MoveInput) { in.Pools[0].Pool.Min = 18 }, "2 a>b")
	f(func(in *pool.MoveInput) { in.Pools[0].Sizing.Reactive = 19 }, "1 a>b")
	f(func(in *pool.MoveInput) { in.Pools[0].Sizing.Add = 18 }, "2 a>b")
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Max = 5 }, "1 a>b")
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Phases, in.Pools[1].Pool.Warming = true, 2 }, "1 a>b") // what starts counts
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Warming = 2 }, "3 a>b")                                // ...where it is told apart
	f(func(in *pool.MoveInput) { in.Pools[0].Movable = 0 }, "not 3 a>b: no more instances of a are idle or can be drained")
	f(func(in *pool.MoveInput) { in.Pools[0].Movable = 2 }, "2 a>b; not 1 a>b: no more instances of a are idle or can be drained")
	f(func(in *pool.MoveInput) { in.Policy.PerHour = 0 }, "not 3 a>b: the budget of 0 an hour is used up")
	f(func(in *pool.MoveInput) { in.Policy.PerHour = 1 }, "1 a>b; not 2 a>b: the budget of 1 an hour is used up")
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Observed = false }, "not 0 b>: how many instances it has is not observed")
	f(func(in *pool.MoveInput) { in.Pools[0].Disruption = 20 * time.Minute },
		"not 3 a>b: moving one saves 1.00 and costs 0.767, and must save 1.5 times what it costs")
	f(func(in *pool.MoveInput) { in.Policy.Margin = 3.999 }, "3 a>b") // it saves five times what it costs
	f(func(in *pool.MoveInput) { in.Policy.Margin = 4.001 },
		"not 3 a>b: moving one saves 1.00 and costs 0.2, and must save 5.001 times what it costs")
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Price.Hourly = 0; in.Pools[0].Idle = 0 }, // in instance-hours
		"not 3 a>b: moving one saves 0.1 instance-hours and costs 0.1 instance-hours, and must save 1.5 times what it costs")
}

func TestMovesOnlyBetweenAlike(t *testing.T) {
	types := func(names ...string) (out []pool.Type) {
		for _, n := range names {
			out = append(out, pool.Type{Name: n})
		}
		return out
	}
	f := func(a, b pool.Pool, reason string) {
		t.Helper()
		in := moveInput()
		in.Pools[0].Pool.Shape, in.Pools[0].Pool.Types = a.Shape, a.Types
		in.Pools[1].Pool.Shape, in.Pools[1].Pool.Types = b.Shape, b.Types
		made, unmoved := moves(t, in)
		if reason == "" && len(made) == 1 || len(made) == 0 && len(unmoved) == 1 && unmoved[0].Reason == reason {
			return
		}
		t.Errorf("moves %+v, not %+v; want reason %q", made, unmoved, reason)
	}
	f(pool.Pool{Types: types("x", "y")}, pool.Pool{Types: types("y", "x")}, "")
	f(pool.Pool{Types: types("x", "y")}, pool.Pool{Types: types("x")}, "the types differ: x, y and x")
	f(pool.Pool{Shape: pool.Shape{CPU: 4}}, pool.Pool{Shape: pool.Shape{CPU: 4, Memory: 8}}, "the shapes differ: cpu 4 and cpu 4 memory 8")
	f(pool.Pool{}, pool.Pool{}, "the shape of one of them is not known")
}

func TestMovesBySuitability(t *testing.T) {
	f := func(pattern pool.Pattern, from, to pool.Class, want string) {
		t.Helper()
		in := moveInput()
		in.Pattern, in.Pools[0].Pool.Class, in.Pools[1].Pool.Class = pattern, from, to
		made, unmoved := moves(t, in)
		got := ""
		for _, u := range unmoved {
			got = u.Reason
		}
		for _, m := range made {
			_, got, _ = strings.Cut(m.Reason, "; ")
		}
		if got != want {
			t.Errorf("%s from %s to %s: %q, want %q", pattern, from, to, got, want)
		}
	}
	f(pool.UnknownPattern, pool.Variable, pool.Fixed, "")
	f(pool.Growing, pool.Fixed, pool.Variable, "")
	f(pool.Steady, pool.Variable, pool.Fixed, "the demand is steady, which class fixed suits")
	f(pool.Steady, pool.Variable, pool.Variable, "")
	f(pool.Steady, pool.Fixed, pool.Variable, "the demand is steady, which pools of class fixed suit better than those of class variable")
	f(pool.Bursty, pool.Fixed, pool.Variable, "the demand is bursty, which class variable suits")
	f(pool.Batch, pool.Variable, pool.Fixed, "the demand is batch, which pools of class variable suit better than those of class fixed")
}

func TestMovesRest(t *testing.T) {
	f := func(from, to string, ago time.Duration, want string) {
		t.Helper()
		in := moveInput()
		in.Recent = []pool.PastMove{{From: from, To: to, Instances: 1, At: noon.Add(-ago)}}
		made, unmoved := moves(t, in)
		got := strconv.Itoa(len(made))
		for _, u := range unmoved {
			got = u.Reason
		}
		if got != want {
			t.Errorf("%s to %s %s ago: %s, want %s", from, to, ago, got, want)
		}
	}
	f("a", "b", 5*time.Minute, "the last move between them was 5m ago and the cool-down is 6m")
	f("a", "b", 6*time.Minute, "1")
	f("a", "b", -time.Minute, "the last move between them was 0s ago and the cool-down is 6m")
	f("b", "a", 29*time.Minute, "a was given instances 29m ago: within 30m none moves back or on")
	f("b", "a", 30*time.Minute, "1")
	f("c", "a", 29*time.Minute, "a was given instances 29m ago: within 30m none moves back or on")
	f("b", "c", 29*time.Minute, "b gave instances away 29m ago: within 30m none moves back")
	f("a", "c", time.Minute, "1")
	in := moveInput()
	in.Policy.Cooldown = time.Hour
	in.Recent = []pool.PastMove{{From: "b", To: "a", Instances: 1, At: noon.Add(-40 * time.Minute)}}
	if made, _ := moves(t, in); len(made) != 0 {
		t.Errorf("moved within the cool-down: %+v", made)
	}
}

func TestMovesBudgetOfTheLastHour(t *testing.T) {
	f := func(ago time.Duration, instances, want int) {
		t.Helper()
		in := moveInput()
		in.Recent = []pool.PastMove{{From: "c", To: "d", Instances: instances, At: noon.Add(-ago)}}
		made, _ := moves(t, in)
		n := 0
		for _, m := range made {
			n += m.Instances
		}
		if n != want {
			t.Errorf("%d moved of a budget of 10, %d of them %s ago; want %d", n, instances, ago, want)
		}
	}
	f(59*time.Minute, 9, 1)
	f(59*time.Minute, 20, 0)
	f(time.Hour, 9, 3)
}

func TestMovesBestPairFirst(t *testing.T) {
	in := moveInput()
	c := in.Pools[1]
	c.Pool.Name, c.Pool.LeadTime = "c", time.Hour
	in.Pools = append(in.Pools, c)
	made, unmoved := moves(t, in)
	if len(made) != 2 || made[0].To != "c" || made[0].Instances != 3 || made[1].To != "b" || made[1].Instances != 2 || len(unmoved) != 0 {
		t.Errorf("moves %+v, not %+v; want 3 to c, whose start is dearer, and the other 2 to b", made, unmoved)
	}
}

func TestMoveReason(t *testing.T) {
	made, _ := moves(t, moveInput())
	want := "a has 5 more than it must keep and b lacks 3: starting 3 there and leaving as many idle here costs 3.00, moving them 0.6"
	if len(made) != 1 || made[0].Reason != want || math.Abs(made[0].Saving-3) > 1e-9 || math.Abs(made[0].Disruption-0.6) > 1e-9 {
		t.Errorf("moves %+v, want reason %s", made, want)
	}
}

func TestMovesRefuse(t *testing.T) {
	f := func(change func(*pool.MoveInput), want string) {
		t.Helper()
		in := moveInput()
		change(&in)
		if _, _, err := pool.Moves(in); err == nil || err.Error() != "moves: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(func(in *pool.MoveInput) { in.Policy.Margin = math.NaN() }, "margin NaN is not a finite number at least 0")
	f(func(in *pool.MoveInput) { in.Policy.Margin = -1 }, "margin -1 is not a finite number at least 0")
	f(func(in *pool.MoveInput) { in.Policy.Cooldown = -time.Second }, "cool-down -1s is negative")
	f(func(in *pool.MoveInput) { in.Policy.PerHour = -1 }, "budget of -1 an hour is negative")
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Name = "a" }, `there are two pools called "a"`)
	f(func(in *pool.MoveInput) { in.Pools[1].Pool.Price.Hourly = math.Inf(1) }, "pool b: hourly price +Inf is not a finite number at least 0")
	f(func(in *pool.MoveInput) { in.Pools[0].Movable = -1 }, "pool a: -1 movable instances")
	f(func(in *pool.MoveInput) { in.Pools[0].Drain = -1 }, "pool a: a time is negative")
}

// TestMovesOverTime plays out random needs, minute by minute, in which every proposal is carried out.
func TestMovesOverTime(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		in := moveInput()
		in.Policy = pool.MovePolicy{Margin: 0.5 + rng.Float64(), Cooldown: time.Duration(rng.IntN(20)) * time.Minute, PerHour: 1 + rng.IntN(12)}
		for i := range 3 {
			p := in.Pools[i%2]
			p.Pool.Name = fmt.Sprint("p", i)
			p.Pool.LeadTime = time.Duration(1+rng.IntN(15)) * time.Minute
			p.Sizing.Hold = p.Pool.LeadTime + time.Duration(rng.IntN(40))*time.Minute
			p.Idle, p.Pool.Price.Hourly = p.Sizing.Hold/2, rng.Float64()
			in.Pools = append(in.Pools, p)
		}
		in.Pools = in.Pools[2:]
		total := 0
		for minute := range 1000 {
			in.Now = noon.Add(time.Duration(minute) * time.Minute)
			for i := range in.Pools {
				p := &in.Pools[i]
				p.Sizing.Add = rng.IntN(20)
				p.Sizing.Keep, p.Movable = p.Sizing.Add+rng.IntN(3), rng.IntN(6)
			}
			made, unmoved := moves(t, in)
			if again, other := moves(t, in); !reflect.DeepEqual(made, again) || !reflect.DeepEqual(unmoved, other) {
				t.Fatal("the same input gave other moves")
			}
			for _, m := range made {
				total += carryOut(t, &in, m)
			}
		}
		if total == 0 {
			t.Errorf("seed %d: nothing moved in %d minutes", seed, 1000)
		}
	}
}

// carryOut makes a move and returns how many instances moved. It asserts that the move is worth it, keeps within what may be moved and
// within the budget, and takes nothing back.
func carryOut(t *testing.T, in *pool.MoveInput, m pool.Move) int {
	t.Helper()
	var a, b *pool.MovePool
	for i := range in.Pools {
		switch in.Pools[i].Pool.Name {
		case m.From:
			a = &in.Pools[i]
		case m.To:
			b = &in.Pools[i]
		}
	}
	if m.Saving-m.Disruption < in.Policy.Margin*m.Disruption*(1-1e-9) {
		t.Errorf("saving %v does not beat disruption %v by %v", m.Saving, m.Disruption, in.Policy.Margin)
	}
	rest := max(a.Sizing.Hold, b.Sizing.Hold)
	hour := m.Instances
	for _, r := range in.Recent {
		age := in.Now.Sub(r.At)
		if r.From == m.To && r.To == m.From && age < rest {
			t.Errorf("%s after a move of %s to %s, %+v", age, r.From, r.To, m)
		}
		if r.From == m.From && r.To == m.To && age > 0 && age < in.Policy.Cooldown {
			t.Errorf("%s after the last move of this pair, %+v", age, m)
		}
		if age < time.Hour {
			hour += r.Instances
		}
	}
	if hour > in.Policy.PerHour {
		t.Errorf("%d moved within an hour, budget %d", hour, in.Policy.PerHour)
	}
	a.Pool.Active -= m.Instances
	b.Pool.Active += m.Instances
	a.Movable -= m.Instances
	if m.Instances < 1 || a.Movable < 0 || a.Pool.Active < a.Sizing.Keep || b.Pool.Active > b.Sizing.Add {
		t.Errorf("move %+v leaves %d movable, %d of %d to keep, and %d where %d are needed",
			m, a.Movable, a.Pool.Active, a.Sizing.Keep, b.Pool.Active, b.Sizing.Add)
	}
	in.Recent = append(in.Recent, pool.PastMove{From: m.From, To: m.To, Instances: m.Instances, At: in.Now})
	return m.Instances
}
