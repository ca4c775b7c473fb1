package loop_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/series"
)

// cluster serves a load with instances, minute by minute from three days before monday on. Who decides is the test.
type cluster struct {
	start                          time.Time
	offered, served, queue, hidden []float64
	instances                      []int
}

const perInstance = 10

func newCluster(before int) *cluster {
	c := &cluster{start: monday.Add(-3 * 24 * time.Hour)}
	for range before {
		c.serve(100)
	}
	return c
}

// load is a whole number, so that what is summed up differently is the same.
func load(at time.Time) float64 {
	m := at.Unix() / 60
	return math.Round(200+150*math.Sin(2*math.Pi*float64(m)/1440)) + float64(m*7919%23)
}

// serve lets a minute pass in which there are n instances.
func (c *cluster) serve(n int) {
	at := c.start.Add(time.Duration(len(c.served)) * time.Minute)
	waiting := 0.0
	if k := len(c.queue); k > 0 {
		waiting = c.queue[k-1]
	}
	served := min(load(at)+waiting, float64(n*perInstance))
	left := load(at) + waiting - served
	turned := max(left-50_000, 0) // the queue is long
	c.served, c.queue, c.instances = append(c.served, served), append(c.queue, left-turned), append(c.instances, n)
	c.offered = append(c.offered, served+left-waiting)
	c.hidden = append(c.hidden, min(turned, 1))
}

func (c *cluster) Range(_ context.Context, q series.Query) ([]series.Series, error) {
	values := map[string][]float64{"offered": c.offered, "served": c.served, "queue": c.queue, "hidden": c.hidden}[q.Expr]
	if values == nil {
		return nil, nil
	}
	start, n := q.Grid()
	y := series.Series{Key: "{}", Start: start, Step: q.Step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = math.NaN()
		if m := int(y.TimeAt(i).Sub(c.start)/time.Minute) - 1; m >= 0 && m < len(values) { // of the minute before
			y.Values[i] = values[m]
		}
	}
	return []series.Series{y}, nil
}

// recorded is what a fleet was seen to learn and to decide from, turn by turn.
type recorded struct {
	learnt           []string
	demand, pending  []float64
	most, violations int
}

// record runs the loop for hours on a cluster. With follow, instances are those planned three minutes ago, otherwise as many as the peak
// needs.
func record(t *testing.T, demand string, follow bool, hours int) recorded {
	t.Helper()
	c := newCluster(3 * 24 * 60)
	p := newProcess(t, c, chain{}, func(o *loop.Options) {
		f := &o.Fleets[0]
		f.Query, f.Pending, f.Saturated, f.Step, f.History = demand, "queue", "hidden", time.Minute, 2*24*time.Hour
	})
	var out recorded
	planned := []int{100, 100, 100}
	for k := range hours * 60 {
		at := monday.Add(time.Duration(k)*time.Minute + turnAt)
		if len(c.served) != int(at.Sub(c.start)/time.Minute) {
			t.Fatal("the cluster's clock is wrong")
		}
		s := p.turn(at)
		if s.Decision.At != at {
			t.Fatalf("at %s: %s", at, s.Reason)
		}
		out.learnt = append(out.learnt, s.Decision.Forecast.Method)
		out.demand, out.pending = append(out.demand, s.Decision.Demand), append(out.pending, s.Decision.Pending)
		planned = append(planned, s.Decision.Plan.Total())
		n := 100
		if follow {
			n = planned[len(planned)-4]
		}
		c.serve(n)
		if k > 60 {
			out.most = max(out.most, n)
		}
		if c.queue[len(c.queue)-1] > 0 {
			out.violations++
		}
	}
	return out
}

func (r recorded) same(o recorded) bool {
	for i := range r.learnt {
		if r.learnt[i] != o.learnt[i] || math.Float64bits(r.demand[i]) != math.Float64bits(o.demand[i]) {
			return false
		}
	}
	return len(r.learnt) == len(o.learnt)
}

// What is recorded and learnt of the demand does not depend on what is planned: not a bit of it. Pending work does, and enters the
// decision only. Recording what is served instead would learn what was planned.
func TestTheRecordedDemandDoesNotDependOnThePlan(t *testing.T) {
	static, planner := record(t, "offered", false, 20), record(t, "offered", true, 20)
	if !static.same(planner) {
		t.Error("the demand that is learnt differs between a static peak and the planner")
	}
	if planner.violations < 10 || static.violations > 0 || planner.most >= 100 {
		t.Errorf("the planner has %d instances at most and %d minutes of shortage, the static peak %d: they do not differ enough to tell",
			planner.most, planner.violations, static.violations)
	}
	waited := 0.0
	for _, v := range planner.pending {
		waited += v
	}
	if waited == 0 {
		t.Error("no work was ever pending")
	}
	if record(t, "served", false, 20).same(record(t, "served", true, 20)) {
		t.Error("what is served is the same under both plans, so that this test can't fail")
	}
}

// full says that capacity was full for two hours of each afternoon.
func full(at time.Time) float64 {
	if h := at.UTC().Hour(); h == 14 || h == 15 {
		return 1
	}
	return math.NaN()
}

// cut is a demand that is cut off in these hours at a level that falls from day to day, so that the first day of a lesson is learnt from
// and each later one is not.
func cut(at time.Time) float64 {
	if full(at) == 1 {
		return min(wiggle(at), 80-math.Floor(at.Sub(monday).Hours()/24))
	}
	return wiggle(at)
}

func TestProcessesAgreeOnHiddenDemand(t *testing.T) {
	src := demandOnly(cut)
	src.series["full"] = map[string]func(time.Time) float64{`{}`: full}
	method := chain{shift: 60}
	change := func(o *loop.Options) { o.Fleets[0].Saturated = "full" }
	a, plain := newProcess(t, src, method, change), newProcess(t, src, method, nil)
	differ := 0
	for k := range 40 * 60 {
		at := monday.Add(time.Duration(k)*time.Minute + turnAt)
		s := src.turn(a, at)
		if o := src.turn(plain, at); o.Decision.Forecast.Method != s.Decision.Forecast.Method {
			differ++
		}
		if k%37 != 0 {
			continue
		}
		want := published(s)
		if got := published(src.turn(newProcess(t, src, method, change), at)); got != want {
			t.Fatalf("at %s a process that has run says\n%s\nand one that begins\n%s", at.Sub(monday), want, got)
		}
	}
	if differ < 39*60 {
		t.Errorf("only in %d turns what is learnt differs from what it is without the query", differ)
	}
	if n := a.counter(t, "forethought_demand_saturated_samples_total"); n < 5*24 || n > 9*24 {
		t.Errorf("%g observations are counted as hidden", n)
	}
}

// An observation that is a lower bound is the present demand, whether it is learnt or not, and the reason says so.
func TestTheReactiveNeedFollowsALowerBound(t *testing.T) {
	src := demandOnly(func(at time.Time) float64 {
		switch {
		case at.Before(monday):
			return 200
		case at.Before(monday.Add(30 * time.Minute)):
			return 50
		}
		return 40
	})
	src.series["full"] = map[string]func(time.Time) float64{`{}`: func(at time.Time) float64 {
		if at.Before(monday.Add(30 * time.Minute)) {
			return 0
		}
		return 1
	}}
	p := newProcess(t, src, flat{}, func(o *loop.Options) {
		o.Fleets[0].Saturated, o.Fleets[0].Step = "full", time.Minute
		o.Fleets[0].History = 2 * 24 * time.Hour
	})
	f := func(minute int, demand, forecast float64, reason string) {
		t.Helper()
		s := src.turn(p, monday.Add(time.Duration(minute)*time.Minute+turnAt))
		if got := s.Decision.Forecast.Steps[0].Quantile(0.5); s.Decision.Demand != demand || got != forecast || s.Decision.Reactive.Total() != int(demand)/10 {
			t.Errorf("minute %d: demand %v, forecast %v, reactive %d, want %v and %v", minute, s.Decision.Demand, got, s.Decision.Reactive.Total(), demand, forecast)
		}
		if s.Reason != reason {
			t.Errorf("minute %d: reason %q, want %q", minute, s.Reason, reason)
		}
	}
	f(29, 50, 50, "")
	f(31, 40, 50, "full capacity hides a part of the demand, which is 40 at least") // 40 where 200 was is not learnt
	src.series["demand"]["{}"] = func(at time.Time) float64 {
		if at.Before(monday) {
			return 20
		}
		return 90
	}
	p = newProcess(t, src, flat{}, func(o *loop.Options) { o.Fleets[0].Saturated = "full" })
	f(65, 90, 90, "full capacity hides a part of the demand, which is 90 at least") // 90 where 20 was is
}

func TestAHiddenDemandThatCannotBeReadIsSaid(t *testing.T) {
	src := demandOnly(wiggle)
	src.broken = map[string]error{"full": context.DeadlineExceeded}
	p := newProcess(t, src, flat{}, func(o *loop.Options) { o.Fleets[0].Saturated = "full" })
	if s := src.turn(p, monday.Add(turnAt)); !strings.Contains(s.Reason, "read when the demand of web is hidden: context deadline exceeded") || s.Decision.Plan.Total() == 0 {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
}
