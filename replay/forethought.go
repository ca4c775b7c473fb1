package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// Forethought is the policy of the program itself: its own loop, with the demand of the load, makes every turn that would have been due.
// Its setting is the probability with which demand is to be met. Models are fitted in place, and each turn's forecast serves all settings.
type Forethought struct {
	// Fleet is the fleet as the loop is given it. Its query stands for the load; of its other queries none finds anything. Step is that
	// of the grid that it learns on: a whole number of minutes, or a part of one.
	Fleet loop.FleetOptions
	// Interval is the time between turns.
	Interval time.Duration
	// Probabilities are the settings, ascending.
	Probabilities []float64
	// Watch is told each decision that is made with a setting, if not nil.
	Watch func(setting int, d pool.Decision)
	// Faulty changes the sample paths of a turn before anything is decided, for tests of what a wrong forecast does; nil for none.
	Faulty func(paths [][]float64) [][]float64
}

// Name returns "forethought".
func (Forethought) Name() string { return "forethought" }

// Settings returns the probabilities.
func (f Forethought) Settings() []float64 { return slices.Clone(f.Probabilities) }

// Start refuses what the loop refuses.
func (f Forethought) Start(s Site, settings []float64) (Planner, error) {
	if len(settings) == 0 {
		return nil, errors.New("start forethought: no settings")
	}
	for _, p := range settings {
		if !(p > 0 && p < 1) {
			return nil, fmt.Errorf("start forethought: probability %v is outside (0, 1)", p)
		}
	}
	metrics, err := loop.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	p := &forethoughtPlanner{
		Forethought: f, pools: s.Pools, settings: slices.Clone(settings),
		decided: make([]pool.Decision, len(settings)), source: &pastSource{query: f.Fleet.Query},
	}
	p.Fleet.Policy.Mode = pool.Act
	p.Fleet.Policy.Probability = slices.Max(settings) // there are sample paths for all of them
	p.Fleet.Horizons, p.Fleet.Probabilities = nil, nil
	p.loop, err = loop.New(loop.Options{
		Source: p.source, Fleet: p, Publisher: p, Fleets: []loop.FleetOptions{p.Fleet}, Interval: f.Interval, Clock: p,
		Log: slog.New(slog.DiscardHandler), Metrics: metrics, Background: func(f func()) { f() }, Decide: p.decide,
	})
	if err != nil {
		return nil, fmt.Errorf("start forethought: %w", err)
	}
	return p, nil
}

// forethoughtPlanner is the loop under way. It is the loop's fleet, publisher and clock as well.
type forethoughtPlanner struct {
	Forethought
	loop     *loop.Loop
	source   *pastSource
	pools    []pool.Pool
	settings []float64
	decided  []pool.Decision // the latest, by setting
	now      time.Time
	turned   bool // a turn was made and published
}

// Plan makes the turns that are due in the minute. Where one has no decision, what was wanted stays.
func (p *forethoughtPlanner) Plan(at time.Time, past []float64, wanted [][]int) error {
	p.source.hand(at, past)
	defer p.source.hand(at, nil)
	for due := p.loop.Due(at.Add(-1)); due.Before(at.Add(time.Minute)); due = p.loop.Due(due) {
		p.now, p.turned = due, false
		p.loop.Turn(context.Background(), due)
		if !p.turned {
			return errors.New("the loop published nothing")
		}
	}
	for k, d := range p.decided {
		for i := range wanted[k] {
			if n, ok := d.Plan.Instances(p.pools[i].Name); ok {
				wanted[k][i] = n
			}
		}
	}
	return nil
}

// decide makes the decisions of a turn, one with each setting.
func (p *forethoughtPlanner) decide(in pool.Input) (pool.Decision, error) {
	if p.Faulty != nil && in.Paths != nil {
		in.Paths = pool.NewPaths(p.Faulty(in.Paths.Values()))
	}
	in.Lean = true
	for k, setting := range p.settings {
		in.Policy.Probability = setting
		in.Previous, in.Pace = p.decided[k].Plan.Targets, p.decided[k].Pace
		d, err := pool.Decide(in)
		if err != nil {
			return d, err
		}
		p.decided[k] = d
		if p.Watch != nil {
			p.Watch(k, d)
		}
	}
	return p.decided[0], nil
}

// Close ends the loop.
func (p *forethoughtPlanner) Close() { p.loop.Close() }

// Pools implements loop.Fleet.
func (p *forethoughtPlanner) Pools(context.Context, string, time.Time) ([]pool.Pool, error) {
	return slices.Clone(p.pools), nil
}

// Publish implements loop.Publisher.
func (p *forethoughtPlanner) Publish(context.Context, pool.Snapshot) error {
	p.turned = true
	return nil
}

// Now implements loop.Clock.
func (p *forethoughtPlanner) Now() time.Time { return p.now }

// Wait implements loop.Clock. Nothing waits: turns are made one after the other.
func (p *forethoughtPlanner) Wait(context.Context, time.Time) error {
	return errors.New("a replay does not wait")
}

// pastSource answers the fleet's query with what lies before a minute, and every other one with nothing. On a grid of a minute or less the
// observation at a time is the load of the minute that ends then, as that of a rate is. On a coarser grid it is the load of the minute that
// begins then, which holds for the whole step, and is known when that minute is over.
type pastSource struct {
	query string
	at    time.Time // the end of past
	past  []float64
}

func (s *pastSource) hand(at time.Time, past []float64) { s.at, s.past = at, past }

// Range implements series.Source. A query for one time is answered as an instant query is: with the latest observation, for five minutes.
func (s *pastSource) Range(_ context.Context, q series.Query) ([]series.Series, error) {
	if q.Expr != s.query {
		return nil, nil
	}
	start, n := q.Grid()
	y := series.Series{Key: q.Key, Unit: q.Unit, Start: start, Step: q.Step, Values: make([]float64, n)}
	var ahead time.Duration
	if q.Step > time.Minute {
		ahead = time.Minute
	}
	for i := range y.Values {
		y.Values[i] = s.ending(y.TimeAt(i).Add(ahead))
	}
	if late := start.Sub(s.at); n == 1 && q.Start.Equal(q.End) && late > 0 && late <= 5*time.Minute && len(s.past) > 0 {
		y.Values[0] = s.past[len(s.past)-1]
	}
	if y.Present() == 0 {
		return nil, nil
	}
	return []series.Series{y}, nil
}

// ending returns the load of the minute that ends at t, or that holds t, NaN where it is not over yet or lies before all that is known.
func (s *pastSource) ending(t time.Time) float64 {
	back := s.at.Sub(t)
	if back < 0 {
		return math.NaN()
	}
	i := len(s.past) - 1 - int(back/time.Minute)
	if i < 0 {
		return math.NaN()
	}
	return s.past[i]
}
