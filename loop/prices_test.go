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

// Jobs with shapes change what an instance serves, and those that fit none are reported.
func TestShapesOfJobs(t *testing.T) {
	jobs := map[string]float64{`{cpu="4",memory="8GiB"}`: 10}
	src := sourceFunc(func(q series.Query) ([]series.Series, error) {
		if q.Expr != "jobs" {
			return constant(50)(q)
		}
		var out []series.Series
		for key, n := range jobs {
			out = append(out, series.Series{Key: series.Key(key), Start: q.Start, Step: q.Step, Values: []float64{n}})
		}
		return out, nil
	})
	p := newProcess(t, src, flat{}, func(o *loop.Options) {
		o.Fleets[0].Shapes = "jobs"
		o.Fleet = loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{Pool: pool.Pool{
			Name: "p", Class: pool.Variable, Capacity: 16, LeadTime: time.Minute, Shape: pool.Shape{CPU: 16, Memory: 16 << 30},
		}}}})
	})
	f := func(minute int, capacity float64, reason string) {
		t.Helper()
		s := p.turn(monday.Add(time.Duration(minute)*time.Minute + turnAt))
		if got := s.Pools[0].Capacity; math.Abs(got-capacity) > 0.1 || !strings.Contains(s.Reason, reason) {
			t.Errorf("an instance serves %v, want %v: %s", got, capacity, s.Reason)
		}
	}
	f(0, 8, "") // the memory holds two jobs of four cores
	jobs[`{cpu="64"}`] = 2
	f(1, 8, "2 jobs fit no instance")
	delete(jobs, `{cpu="4",memory="8GiB"}`)
	f(2, 16, "jobs fit no instance")
	jobs[`{cpu="many"}`] = 1
	f(3, 16, `shapes of jobs: {cpu="many"}: label cpu is "many", want a number at least 0 or a size such as 64GiB`)
	clear(jobs)
	f(4, 16, "shapes of jobs: query returned no jobs; the configured capacities hold")
}
