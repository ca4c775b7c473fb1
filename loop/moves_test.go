package loop_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// unequal is a world in which pool a has two warm instances to spare and pool b lacks two, in every other forty minutes: of these a person
// moves one after thirty, and the other at the end. What is proposed is stored as a scrape finds it.
type unequal struct {
	*world
	stored map[time.Time]float64 // by the time of the turn
	decide func(pool.Input) (pool.Decision, error)
}

const movesQuery = `max by (from, to) (forethought_plan_moves{fleet="web"})`

func newUnequal() *unequal {
	u := &unequal{world: demandOnly(func(time.Time) float64 { return 60 }), stored: map[time.Time]float64{}}
	set := func(name string, unmoved, half, moved float64) {
		u.series[name] = map[string]func(time.Time) float64{"{}": func(at time.Time) float64 {
			switch m := at.Sub(monday).Minutes(); {
			case math.Mod(m, 80) < 40:
				return moved
			case math.Mod(m, 40) < 30:
				return unmoved
			}
			return half
		}}
	}
	set("a", 5, 4, 3)
	set("a_warm", 2, 1, 0)
	set("none", 0, 0, 0)
	set("b", 1, 2, 3)
	u.series[movesQuery] = map[string]func(time.Time) float64{`{from="a",to="b"}`: func(at time.Time) float64 {
		if v, ok := u.stored[at.Add(-time.Nanosecond).Truncate(time.Minute).Add(turnAt)]; ok && v > 0 {
			return v
		}
		return math.NaN()
	}}
	return u
}

func (u *unequal) begin(t *testing.T, m *loop.Migration, change func(a, b *loop.PoolSpec, f *loop.FleetOptions)) *process {
	t.Helper()
	a := loop.PoolSpec{
		Pool: pool.Pool{
			Name: "a", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute, Share: 0.5, Shape: pool.Shape{CPU: 1}, Price: pool.Price{Hourly: 2},
		}, InstancesQuery: "a", WarmQuery: "a_warm", WarmingQuery: "none",
	}
	b := a
	b.Name, b.InstancesQuery, b.WarmQuery = "b", "b", "none"
	return newProcess(t, u, flat{}, func(o *loop.Options) {
		o.Decide = u.decide
		f := &o.Fleets[0]
		f.Pools, f.Step, f.Policy, f.Migration = []string{"a", "b"}, time.Minute, defaultPolicy(), m
		if change != nil {
			change(&a, &b, f)
		}
		o.Fleet = loop.NewConfigured(u, map[string][]loop.PoolSpec{"web": {a, b}})
	})
}

func (u *unequal) turn(p *process, at time.Time) pool.Plan {
	s := u.world.turn(p, at)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stored[at] = 0
	for _, m := range s.Decision.Plan.Moves {
		u.stored[at] += float64(m.Instances)
	}
	return s.Decision.Plan
}

// One process runs all the time, and others begin at some time: they propose the same.
func TestMovesAreRememberedOverARestart(t *testing.T) {
	u := newUnequal()
	m := &loop.Migration{Policy: pool.MovePolicy{PerHour: 2, Cooldown: 45 * time.Minute}, Drain: time.Minute}
	a := u.begin(t, m, nil)
	proposed, rested := 0, 0
	for k := range 10 * 60 {
		at := monday.Add(time.Duration(k)*time.Minute + turnAt)
		want := u.turn(a, at)
		proposed += len(want.Moves)
		if len(want.Unmoved) > 0 {
			rested++
		}
		if k%7 == 0 {
			if got := u.turn(u.begin(t, m, nil), at); fmt.Sprint(got.Moves, got.Unmoved) != fmt.Sprint(want.Moves, want.Unmoved) {
				t.Fatalf("at %s a process that begins proposes\n%+v\n%+v\nand one that runs\n%+v\n%+v", at.Sub(monday), got.Moves, got.Unmoved, want.Moves, want.Unmoved)
			}
		}
	}
	// The pair lacks instances 7 times. First the two are proposed all the time; then it rests for some minutes, and the budget of the hour is
	// used up for as many as stood at most.
	if proposed < 7*15 || proposed > 40+6*25 || rested < 6*15 || proposed+rested < 7*40 {
		t.Errorf("a move is proposed in %d turns and something rests in %d", proposed, rested)
	}
}

func TestMovesSaySomethingWhereNothingMoves(t *testing.T) {
	at := monday.Add(time.Hour + turnAt)
	f := func(m loop.Migration, change func(a, b *loop.PoolSpec, f *loop.FleetOptions), moved int, reason string) {
		t.Helper()
		m.Policy.PerHour = 5
		u := newUnequal()
		plan := u.turn(u.begin(t, &m, change), at)
		got := 0
		for _, v := range plan.Moves {
			got += v.Instances
		}
		if got != moved || !strings.Contains(fmt.Sprintf("%+v", plan.Unmoved), reason) {
			t.Errorf("%d instances move, want %d; %+v, want %q", got, moved, plan.Unmoved, reason)
		}
	}
	same := func(_, _ *loop.PoolSpec, _ *loop.FleetOptions) {}
	f(loop.Migration{Drain: time.Minute}, same, 2, "")
	f(loop.Migration{Drain: 4 * time.Minute}, same, 0, "must save 1.5 times what it costs")
	// An instance costs 2 an hour and boots for four minutes, which is 0.133.
	f(loop.Migration{Disruption: 0.08}, same, 2, "")
	f(loop.Migration{Disruption: 0.1}, same, 0, "moving one saves 0.133 and costs 0.1,")
	f(loop.Migration{Disruption: 1e300}, same, 0, "must save")
	f(loop.Migration{Disruption: 0.01}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.Price.Hourly = 0 }, 0, "its price is not known")
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.Price.Hourly = 0 }, 2, "")
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.WarmQuery = "" }, 0, "{From:a To: Instances:0 Reason:which of its instances are idle is not known")
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.WarmQuery = "none" }, 0, "no more instances of a are idle")
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.InstancesQuery = "" }, 0, "how many instances it has is not observed")
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.Shape.CPU = 2 }, 0, "the shapes differ")
	// The time that a released instance idles anyway, and the churn of a stop and a start, are saved too.
	f(loop.Migration{Drain: 4 * time.Minute}, func(_, _ *loop.PoolSpec, f *loop.FleetOptions) {
		f.Policy.Linger, f.Policy.Churn = time.Minute, time.Minute
	}, 2, "")
	// What the plan keeps is no surplus, and what it does not want is no deficit.
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, _ *loop.FleetOptions) { a.Min = 4 }, 1, "")
	f(loop.Migration{}, func(_, b *loop.PoolSpec, _ *loop.FleetOptions) { b.Max = 2 }, 1, "")
	f(loop.Migration{}, func(a, _ *loop.PoolSpec, f *loop.FleetOptions) {
		a.Class = pool.Fixed
		f.Classify = func(series.Series, []pool.Jobs, pool.Shape) pool.Workload {
			return pool.Workload{Pattern: pool.Steady, PatternReason: "it is"}
		}
	}, 0, "the demand is steady, which pools of class fixed suit better")
}

// A pool lacks the instances that are to stand by too, as many as the plan has, and has none to spare that the plan keeps.
func TestMovesFollowThePlan(t *testing.T) {
	f := func(kept, warm, planned, unmoved int) {
		t.Helper()
		u := newUnequal()
		u.decide = func(in pool.Input) (pool.Decision, error) {
			d, err := pool.Decide(in)
			if err == nil {
				d.Sizing[0].Add, d.Sizing[0].Keep, d.Sizing[0].Reactive, d.Plan.Targets[0].Instances = 2, 2, 2, kept
				d.Sizing[1].Warm, d.Plan.Targets[1].Instances = warm, planned
			}
			return d, err
		}
		plan := u.turn(u.begin(t, &loop.Migration{Policy: pool.MovePolicy{PerHour: 5}}, nil), monday.Add(time.Hour+turnAt))
		n := 0
		for _, v := range plan.Unmoved {
			n += v.Instances
		}
		if len(plan.Moves) != 1 || plan.Moves[0].Instances != 2 || n != unmoved {
			t.Errorf("%d warm of %d planned: %+v, %d unmoved, want %d", warm, planned, plan.Moves, n, unmoved)
		}
	}
	// Pool a has five, of which it needs two, and two are warm. Pool b has one and needs three.
	f(2, 0, 4, 0) // one is kept from the turn before, and is nothing that it lacks
	f(2, 1, 4, 1)
	f(3, 1, 4, 0) // a guard keeps one in a
	f(2, 1, 3, 0) // a guard has left out the warm one
}

// What was proposed before a start must be known before anything is.
func TestNothingIsProposedBeforeThePastIsKnown(t *testing.T) {
	u := newUnequal()
	p := u.begin(t, &loop.Migration{Policy: pool.MovePolicy{PerHour: 5}}, nil)
	at := monday.Add(time.Hour + turnAt)
	u.broken = map[string]error{movesQuery: errors.New("refused")}
	plan := u.turn(p, at)
	if len(plan.Moves) > 0 || len(plan.Unmoved) != 1 || !strings.Contains(plan.Unmoved[0].Reason, "refused") {
		t.Errorf("moves %+v, unmoved %+v", plan.Moves, plan.Unmoved)
	}
	delete(u.broken, movesQuery)
	if plan = u.turn(p, at.Add(time.Minute)); len(plan.Moves) != 1 {
		t.Errorf("moves %+v, unmoved %+v once that is known", plan.Moves, plan.Unmoved)
	}
}

// A workload is classified once for each model, by what that was fitted to, and decides which way instances move.
func TestWorkloadIsClassifiedWithTheModel(t *testing.T) {
	src := demandOnly(wiggle)
	src.series["jobs"] = map[string]func(time.Time) float64{`{cpu="4",gpu="1"}`: func(time.Time) float64 { return 10 }}
	var spans []string
	change := func(o *loop.Options) {
		f := &o.Fleets[0]
		f.Shapes = "jobs"
		f.Classify = func(y series.Series, mix []pool.Jobs, offer pool.Shape) pool.Workload {
			spans = append(spans, fmt.Sprintf("%s %d", y.End().Sub(monday), y.Len()))
			return pool.Workload{Pattern: pool.Steady, PatternReason: fmt.Sprintf("%v of %v", mix, offer), Bound: "gpu", BoundReason: "gpu"}
		}
		o.Fleet = loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {
			{Pool: pool.Pool{Name: "p", Class: pool.Fixed, Capacity: 10, LeadTime: time.Minute, Shape: pool.Shape{CPU: 8}}},
			{Pool: pool.Pool{Name: "q", Class: pool.Variable, Capacity: 10, LeadTime: time.Minute, Shape: pool.Shape{CPU: 8, GPU: 4}}},
		}})
	}
	p := newProcess(t, src, chain{}, change)
	var boundaries []string
	for k := range 10 * 60 {
		s := src.turn(p, monday.Add(time.Duration(k)*time.Minute+turnAt))
		if want := "[{{4 0 1} 10}] of {16 0 4}"; s.Workload.PatternReason != want || s.Workload.Bound != "gpu" {
			t.Fatalf("workload %+v, want %q", s.Workload, want)
		}
		if b := fmt.Sprintf("%s ", fittedAt(t, s)); len(boundaries) == 0 || boundaries[len(boundaries)-1] != b {
			boundaries = append(boundaries, b)
		}
	}
	if len(spans) != len(boundaries) || len(spans) < 2 {
		t.Errorf("classified %q for models of %q", spans, boundaries)
	}
	for i := range min(len(spans), len(boundaries)) {
		if !strings.HasPrefix(spans[i], boundaries[i]) {
			t.Errorf("classified a history until %s for a model of %s", spans[i], boundaries[i])
		}
	}
}

func TestWorkloadNeverCostsADecision(t *testing.T) {
	src := demandOnly(wiggle)
	src.broken = map[string]error{"jobs": errors.New("refused")}
	asked := 0
	p := newProcess(t, src, chain{}, func(o *loop.Options) {
		o.Fleets[0].Shapes = "jobs"
		o.Fleets[0].Classify = func(_ series.Series, mix []pool.Jobs, _ pool.Shape) pool.Workload {
			if asked++; asked == 2 {
				panic("oops")
			}
			return pool.Workload{Pattern: pool.Batch, PatternReason: "b", BoundReason: fmt.Sprint(mix)}
		}
	})
	f := func(minute int, pattern pool.Pattern, bound string) {
		t.Helper()
		s := src.turn(p, monday.Add(time.Duration(minute)*time.Minute+turnAt))
		if s.Decision.At.IsZero() || s.Workload.Pattern != pattern || !strings.Contains(s.Workload.BoundReason, bound) {
			t.Errorf("workload %+v of %s: %s", s.Workload, s.State, s.Reason)
		}
	}
	f(0, pool.Batch, "unknown: shapes of jobs: refused")
	f(1, pool.UnknownPattern, "the classifier panics: oops")
	delete(src.broken, "jobs")
	f(2, pool.Batch, "[]")
	if f(3, pool.Batch, "[]"); asked != 3 {
		t.Errorf("classified %d times", asked)
	}
}
