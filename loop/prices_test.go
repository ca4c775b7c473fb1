package loop_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// market is a source of prices by query.
type market struct {
	prices map[string]float64
	err    error
}

func (m *market) source() sourceFunc {
	return func(q series.Query) ([]series.Series, error) {
		v, ok := m.prices[q.Expr]
		switch {
		case q.Expr == "demand":
			return constant(50)(q)
		case m.err != nil:
			return nil, m.err
		case !ok:
			return nil, nil
		}
		start, n := q.Grid()
		y := series.Series{Start: start, Step: q.Step, Values: make([]float64, n)}
		for i := range y.Values {
			y.Values[i] = v
		}
		return []series.Series{y}, nil
	}
}

func TestPricesByQuery(t *testing.T) {
	m := &market{prices: map[string]float64{"spot": 0.3, "large": 0.5}}
	spec := loop.PoolSpec{
		Pool: pool.Pool{
			Name: "p", Capacity: 1, Price: pool.Price{Hourly: 0.77, InterruptionsPerHour: 0.05},
			Types: []pool.Type{{Name: "s", Capacity: 1, Price: pool.Price{Hourly: 0.2}}, {Name: "l", Capacity: 2}},
		},
		PriceQuery: "spot", TypePriceQueries: []string{"", "large"},
	}
	specs := map[string][]loop.PoolSpec{"web": {spec}}
	c := loop.NewConfigured(m.source(), specs)
	f := func(what string, c *loop.Configured, hourly, small, large float64, doubts ...string) {
		t.Helper()
		pools, err := c.Pools(t.Context(), "web", monday)
		if err != nil {
			t.Fatal(err)
		}
		p := pools[0]
		if p.Price.Hourly != hourly || p.Types[0].Price.Hourly != small || p.Types[1].Price.Hourly != large || p.Price.InterruptionsPerHour != 0.05 {
			t.Errorf("%s: prices %+v, %+v, want %v, %v and %v", what, p.Price, p.Types, hourly, small, large)
		}
		if got := strings.Join(c.Doubts("web"), "\n"); got != strings.Join(doubts, "\n") {
			t.Errorf("%s: doubts\n%s\nwant\n%s", what, got, strings.Join(doubts, "\n"))
		}
	}
	f("known", c, 0.3, 0.2, 0.5)
	delete(m.prices, "spot")
	f("silent", c, 0.3, 0.2, 0.5, "the price of p is not known and 0.3 is assumed, what it was last: query returned no value")
	m.prices["spot"] = -1
	f("negative", c, 0.3, 0.2, 0.5, "the price of p is not known and 0.3 is assumed, what it was last: query returned -1; a price is above 0")
	m.prices["spot"] = 0
	f("zero", c, 0.3, 0.2, 0.5, "the price of p is not known and 0.3 is assumed, what it was last: query returned 0; a price is above 0")
	next := loop.NewConfigured(m.source(), specs)
	next.Adopt(c)
	f("after a reload", next, 0.3, 0.2, 0.5, "the price of p is not known and 0.3 is assumed, what it was last: query returned 0; a price is above 0")
	m.err = errors.New("down")
	f("never known", loop.NewConfigured(m.source(), specs), 0.77, 0.2, 0, "the price of p is not known and 0.77 is assumed, as configured: down",
		"the price of type l of p is not known and nothing is chosen by it: down")
	m.err = nil
	m.prices["spot"] = 0.4
	f("known again", c, 0.4, 0.2, 0.5)
	if spec.Types[1].Price.Hourly != 0 {
		t.Error("the configuration is changed")
	}
}

// A price that is published seldom is the last one of an hour, also for a process that has just begun.
func TestAPriceOfTheLastHourIsKnown(t *testing.T) {
	w := &world{now: monday, series: map[string]map[string]func(time.Time) float64{"spot": {"{}": func(at time.Time) float64 {
		if at.After(monday.Add(-20 * time.Minute)) {
			return math.NaN()
		}
		return 0.3
	}}}}
	c := loop.NewConfigured(w, map[string][]loop.PoolSpec{"web": {{Pool: pool.Pool{Name: "p", Capacity: 1}, PriceQuery: "spot"}}})
	pools, err := c.Pools(t.Context(), "web", monday)
	if err != nil || pools[0].Price.Hourly != 0.3 || len(c.Doubts("web")) > 0 {
		t.Errorf("price %+v, doubts %q, %v", pools[0].Price, c.Doubts("web"), err)
	}
}

// The probability follows from the price of a shortage and the lowest price of a unit of demand.
func TestProbabilityFromPrices(t *testing.T) {
	m := &market{prices: map[string]float64{"spot": 1}}
	p := newProcess(t, m.source(), flat{}, func(o *loop.Options) {
		o.Fleets[0].Shortage, o.Fleets[0].Policy.Paced = 0.9, false
		o.Fleet = loop.NewConfigured(m.source(), map[string][]loop.PoolSpec{"web": {
			{Pool: pool.Pool{Name: "p", Class: pool.Variable, Capacity: 10, LeadTime: time.Minute}, PriceQuery: "spot"},
			{Pool: pool.Pool{Name: "q", Class: pool.Fixed, Max: 1, Capacity: 1, LeadTime: time.Minute, Price: pool.Price{Hourly: 5}}},
		}})
	})
	f := func(minute int, want float64, reason string) {
		t.Helper()
		s := p.turn(monday.Add(time.Duration(minute)*time.Minute + turnAt))
		if math.Abs(s.Decision.Probability-want) > 1e-9 || s.Probability != s.Decision.Probability || !strings.Contains(s.Reason, reason) {
			t.Errorf("probability %v, shown %v, want %v: %s", s.Decision.Probability, s.Probability, want, s.Reason)
		}
	}
	f(0, 0.9, "") // 0.9 / (0.9 + 0.1)
	m.prices["spot"] = 9
	f(1, 0.5, "")
	delete(m.prices, "spot")
	f(2, 0.5, "the price of p is not known and 9 is assumed")
	m.prices["spot"] = 1e9
	f(3, 0.9/5.9, "") // the other pool is the cheaper one
	m.prices["spot"] = 1e-9
	f(4, 0.999, "")
	if IdlePrice := loop.IdlePrice([]pool.Pool{{Capacity: 2, Price: pool.Price{Hourly: 4}, Types: []pool.Type{{Capacity: 4, Price: pool.Price{Hourly: 4}}, {Capacity: 1}}}}); IdlePrice != 1 {
		t.Errorf("idle price %v, want that of the cheapest type", IdlePrice)
	}
	if got := loop.IdlePrice([]pool.Pool{{Capacity: 2}}); got != 0 {
		t.Errorf("idle price %v where there is none", got)
	}
}

func TestProbabilityWithoutAPrice(t *testing.T) {
	p := newProcess(t, constant(50), flat{}, func(o *loop.Options) { o.Fleets[0].Shortage = 3 })
	s := p.turn(monday.Add(turnAt))
	if s.Decision.Probability != 0.99 || !strings.Contains(s.Reason, "no pool has a price that is known, and the demand is met with probability 0.99") {
		t.Errorf("probability %v: %s", s.Decision.Probability, s.Reason)
	}
}

// Jobs with shapes say what an instance serves: those of the last whole hour, until the next one ends, in every process alike. Those that fit
// none are reported at once.
func TestShapesOfJobs(t *testing.T) {
	src := demandOnly(func(time.Time) float64 { return 50 })
	jobs := map[string]func(time.Time) float64{}
	src.series["jobs"] = jobs
	between := func(from, to, n float64) func(time.Time) float64 {
		return func(at time.Time) float64 {
			if m := at.Sub(monday).Minutes(); m < from || m >= to {
				return math.NaN()
			}
			return n
		}
	}
	jobs[`{cpu="4",memory="8GiB"}`] = between(-60, 1, 10) // the memory holds two jobs of four cores
	jobs[`{cpu="1",memory="256MiB"}`] = between(1, 120, 10)
	jobs[`{cpu="64"}`] = between(5, 10, 2)
	begin := func() *process {
		return newProcess(t, src, flat{}, func(o *loop.Options) {
			o.Fleets[0].Shapes = "jobs"
			o.Fleet = loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{Pool: pool.Pool{
				Name: "p", Class: pool.Variable, Capacity: 14, LeadTime: time.Minute, Shape: pool.Shape{CPU: 16, Memory: 16 << 30},
			}}}})
		})
	}
	p := begin()
	f := func(p *process, minute int, capacity float64, reason string) {
		t.Helper()
		s := src.turn(p, monday.Add(time.Duration(minute)*time.Minute+turnAt))
		got := s.Pools[0].Capacity
		if math.Abs(got-capacity) > 0.1 || !strings.Contains(s.Reason, reason) || reason == "" && s.Reason != "" {
			t.Errorf("minute %d: an instance serves %v, want %v: %s", minute, got, capacity, s.Reason)
		}
	}
	f(p, 0, 8, "")
	f(p, 2, 8, "")
	f(p, 6, 8, "2 jobs fit no instance: it asks for cpu 64 and no type has more than 16")
	f(p, 59, 8, "")
	if n := src.asked["jobs"]; n != 60+4 {
		t.Errorf("%d points of the jobs are asked for in four turns, want one hour and the present ones", n)
	}
	f(begin(), 59, 8, "")
	jobs[`{cpu="many"}`] = between(20, 60, 2)
	for _, p := range []*process{p, begin()} {
		f(p, 60, 8, `shapes of jobs: {cpu="many"}: label cpu is "many", want a number at least 0 or a size such as 64GiB; the capacities of the hour until 2026-03-02T00:00:00Z hold`)
	}
	delete(jobs, `{cpu="many"}`)
	f(p, 61, 16, "") // of that hour, in which two jobs of cpu 64 were there for five minutes
	f(begin(), 110, 16, "")
	f(p, 130, 16, "")
	f(p, 180, 16, "shapes of jobs: query returned no jobs in the hour until 2026-03-02T03:00:00Z; the capacities of the hour until 2026-03-02T02:00:00Z hold")
	const since = "; the capacities of the hour until 2026-03-02T02:00:00Z hold"
	f(begin(), 180, 16, "shapes of jobs: query returned no jobs in the hour until 2026-03-02T03:00:00Z"+since)
	before := src.asked["jobs"]
	f(p, 181, 16, since)
	if n := src.asked["jobs"] - before; n != 60 {
		t.Errorf("%d points of the jobs are asked for, want the last hour: the hours before it have been looked at", n)
	}
	const end = 74 * 60 // from here on the hour until 02:00 is three days back
	f(p, end-1, 16, since)
	f(begin(), end-1, 16, since)
	src.broken = map[string]error{"jobs": errors.New("down")}
	f(p, end, 16, "down"+since)
	f(begin(), end, 14, "down; the configured capacities hold")
	src.broken = nil
	f(p, end, 14, "query returned no jobs in the hour until 2026-03-05T02:00:00Z; the configured capacities hold")
	f(begin(), end, 14, "query returned no jobs in the hour until 2026-03-05T02:00:00Z; the configured capacities hold")
}
