package loop_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	desiredQuery = `max(forethought_pool_instances_desired{fleet="web",pool="p"})`
	boot         = 7 * time.Minute
)

// sawtooth asks for one instance more every half hour, and each midnight for two again.
func sawtooth(at time.Time) float64 { return 2 + float64(at.Unix()%86400/1800) }

// booting is a world where what is asked for is there some time later, after midnight at once.
func booting(later time.Duration) *world {
	return &world{series: map[string]map[string]func(time.Time) float64{
		desiredQuery: {"{}": sawtooth},
		"count": {"{}": func(at time.Time) float64 {
			return min(sawtooth(at), sawtooth(at.Add(-later)))
		}},
	}}
}

func learning(src series.Source) *loop.Configured {
	return loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{
		Pool: pool.Pool{Name: "p", Capacity: 1, LeadTime: 3 * time.Minute}, InstancesQuery: "count", Learn: true,
	}}})
}

func leadAt(t *testing.T, c *loop.Configured, w *world, at time.Time) time.Duration {
	t.Helper()
	w.mu.Lock()
	w.now = at
	w.mu.Unlock()
	pools, err := c.Pools(t.Context(), "web", at)
	if err != nil {
		t.Fatal(err)
	}
	return pools[0].LeadTime
}

func TestLeadTimesAreLearnt(t *testing.T) {
	w := booting(boot)
	c := learning(w)
	if got := leadAt(t, c, w, monday.Add(turnAt)); got != boot {
		t.Errorf("lead time %s, want %s", got, boot)
	}
	if got := leadAt(t, learning(booting(20*time.Minute)), booting(20*time.Minute), monday.Add(turnAt)); got != 3*time.Minute {
		t.Errorf("lead time %s where nothing is known yet, want the configured one", got)
	}
	w = booting(20 * time.Minute)
	if got := leadAt(t, learning(w), w, monday.Add(turnAt)); got != 12*time.Minute {
		t.Errorf("lead time %s, want four times the configured one at most", got)
	}
	if got := (loop.PoolSpec{Pool: pool.Pool{LeadTime: time.Minute}, Learn: true}).MaxLeadTime(); got != 4*time.Minute {
		t.Errorf("longest lead time %s", got)
	}
}

// What is learnt follows from the history alone: a process that begins has the lead time of one that has run, at each turn.
func TestLearntLeadTimesAgree(t *testing.T) {
	w := booting(boot)
	slower := w.series["count"]["{}"]
	w.series["count"]["{}"] = func(at time.Time) float64 {
		if at.After(monday.Add(5 * time.Hour)) {
			return min(slower(at), sawtooth(at.Add(-2*boot)))
		}
		return slower(at)
	}
	running, seen := learning(w), map[time.Duration]bool{}
	for m := 0; m < 40*60; m += 7 {
		at := monday.Add(time.Duration(m)*time.Minute + turnAt)
		a := leadAt(t, running, w, at)
		if b := leadAt(t, learning(w), w, at); a != b {
			t.Fatalf("at %s a process that has run says %s and one that begins %s", at, a, b)
		}
		seen[a] = true
	}
	if !seen[boot] || len(seen) < 2 {
		t.Errorf("lead times %v, want %s and longer ones later", seen, boot)
	}
	if n := w.asked[desiredQuery]; n > 500*8641 {
		t.Errorf("%d points were asked for", n)
	}
}

func TestLearntLeadTimesStayWhileNothingCanBeRead(t *testing.T) {
	w := booting(boot)
	c := learning(w)
	leadAt(t, c, w, monday.Add(turnAt))
	w.broken = map[string]error{desiredQuery: errors.New("down")}
	if got := leadAt(t, c, w, monday.Add(2*time.Hour)); got != boot {
		t.Errorf("lead time %s while nothing can be read, want %s", got, boot)
	}
	next := learning(w)
	next.Adopt(c)
	if got := leadAt(t, next, w, monday.Add(2*time.Hour+time.Minute)); got != boot {
		t.Errorf("lead time %s after a reload, want %s", got, boot)
	}
	before := w.asked[desiredQuery]
	leadAt(t, c, w, monday.Add(2*time.Hour+time.Minute))
	if w.asked[desiredQuery] != before {
		t.Error("a look that failed is repeated at once")
	}
	if got := leadAt(t, learning(w), w, monday.Add(3*time.Hour)); got != 3*time.Minute {
		t.Errorf("lead time %s where nothing could ever be read", got)
	}
}

func TestPhasesOfInstances(t *testing.T) {
	answers := map[string]float64{"count": 10, "warm": 2, "warming": 3}
	c := loop.NewConfigured(sourceFunc(func(q series.Query) ([]series.Series, error) {
		v, ok := answers[q.Expr]
		if !ok {
			return nil, nil
		}
		return []series.Series{{Start: q.Start, Step: q.Step, Values: []float64{v}}}, nil
	}), map[string][]loop.PoolSpec{"web": {{
		Pool:           pool.Pool{Name: "p", Capacity: 1, Burst: pool.Burst{Baseline: 0.5, MaxCredits: 10}},
		InstancesQuery: "count", WarmQuery: "warm", WarmingQuery: "warming", CreditsQuery: "credits",
	}}})
	f := func(what string, active, warm, warming int, phases bool) {
		t.Helper()
		pools, err := c.Pools(context.Background(), "web", monday)
		p := pools[0]
		if err != nil || p.Active != active || p.Warm != warm || p.Warming != warming || p.Phases != phases || !p.Observed {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
		if known := p.Burst.Credits == 7; known != (answers["credits"] == 7) || !known && p.Burst.Credits == 0 {
			t.Errorf("%s: credits %v", what, p.Burst.Credits)
		}
	}
	f("all known", 5, 2, 3, true)
	answers["credits"] = 7
	answers["warming"] = 20
	f("more warming than there are", 0, 0, 10, true)
	delete(answers, "warm")
	f("one phase not known", 10, 0, 0, false)
}

// registered is a world where an instance is there a minute after it is asked for and ready after boot, and warming says how many are there
// and not ready; a query of it that nothing answers where there are none is sparse.
func registered(sparse bool) *world {
	w := booting(time.Minute)
	there := w.series["count"]["{}"]
	w.series["warming"] = map[string]func(time.Time) float64{"{}": func(at time.Time) float64 {
		n := there(at) - min(sawtooth(at), sawtooth(at.Add(-boot)))
		if n == 0 && sparse {
			return math.NaN()
		}
		return n
	}}
	return w
}

// Instances that are there and not ready are still waited for, and where nobody says how many these are nothing is learnt.
func TestLeadTimesAreLearntOfReadyInstances(t *testing.T) {
	const configured = 3 * time.Minute
	const doubt = "the lead time of p is not learnt and 3m0s is assumed, as configured: " +
		"how many instances are warming is mostly not known; where nothing is 0, write: or vector(0)"
	begin := func(w *world) *loop.Configured {
		return loop.NewConfigured(w, map[string][]loop.PoolSpec{"web": {{
			Pool: pool.Pool{Name: "p", Capacity: 1, LeadTime: configured}, InstancesQuery: "count", WarmingQuery: "warming", Learn: true,
		}}})
	}
	f := func(what string, c *loop.Configured, w *world, at time.Time, want time.Duration, doubts ...string) {
		t.Helper()
		if got := leadAt(t, c, w, at); got != want || !slices.Equal(c.Doubts("web"), doubts) {
			t.Errorf("%s: lead time %s, doubts %q, want %s and %q", what, got, c.Doubts("web"), want, doubts)
		}
	}
	w := registered(false)
	f("all known", begin(w), w, monday.Add(turnAt), boot)
	gaps, whole := 0, w.series["warming"]["{}"]
	w.series["warming"]["{}"] = func(at time.Time) float64 {
		if m := at.Unix() % 3600 / 60; m >= 5 && m < 20 { // of every other instance the end is not seen
			gaps++
			return math.NaN()
		}
		return whole(at)
	}
	f("gaps", begin(w), w, monday.Add(turnAt), boot)
	if gaps == 0 {
		t.Error("there are no gaps")
	}
	w = registered(true)
	f("no answer where there are none", begin(w), w, monday.Add(turnAt), configured, doubt)
	delete(w.series, "warming")
	c := begin(w)
	f("no answer", c, w, monday.Add(turnAt), configured, doubt)
	f("in the same hour", c, w, monday.Add(2*time.Minute+turnAt), configured, doubt)
	w.series = registered(false).series
	f("mended", c, w, monday.Add(time.Hour+turnAt), boot)

	next := loop.NewConfigured(w, map[string][]loop.PoolSpec{"web": {{
		Pool: pool.Pool{Name: "p", Capacity: 1, LeadTime: configured}, InstancesQuery: "count", WarmingQuery: "nothing", Learn: true,
	}}})
	next.Adopt(c)
	f("a reload with another query", next, w, monday.Add(time.Hour+2*turnAt), configured, doubt)
}
