package loop_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// sourceFunc is a source made of a function.
type sourceFunc func(q series.Query) ([]series.Series, error)

func (f sourceFunc) Range(_ context.Context, q series.Query) ([]series.Series, error) { return f(q) }

// constant answers every demand query with v, and every other one with nothing.
func constant(v float64) sourceFunc {
	return func(q series.Query) ([]series.Series, error) {
		if q.Expr != "demand" {
			return nil, nil
		}
		start, n := q.Grid()
		y := series.Series{Key: "{}", Start: start, Step: q.Step, Values: make([]float64, n)}
		for i := range y.Values {
			y.Values[i] = v
		}
		return []series.Series{y}, nil
	}
}

// wall is the machine's clock, or that of a bubble.
type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) Wait(ctx context.Context, until time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(until)):
		return nil
	}
}

// build returns a loop of the named fleets with a flat forecast, its board and its registry.
func build(t *testing.T, src series.Source, method forecast.Method, fleets ...string) (*loop.Loop, *loop.Board, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := loop.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	board := loop.NewBoard(fleets)
	specs := map[string][]loop.PoolSpec{}
	o := loop.Options{
		Source: src, Publisher: board, Interval: time.Minute, Clock: wall{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics,
		Background: inPlace,
	}
	for _, name := range fleets {
		specs[name] = []loop.PoolSpec{{Pool: pool.Pool{Name: "p", Class: pool.Variable, Capacity: 10, LeadTime: time.Minute}}}
		o.Fleets = append(o.Fleets, loop.FleetOptions{
			Name: name, Query: "demand", Unit: series.Cores, Step: time.Minute, History: 2 * time.Hour, Exclude: []string{"outage"}, Method: method, Horizon: 30,
			Horizons: []time.Duration{5 * time.Minute}, Probabilities: []float64{0.5}, Pools: []string{"p"}, Policy: defaultPolicy(),
		})
	}
	o.Fleet = loop.NewConfigured(src, specs)
	l, err := loop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l, board, registry
}

func TestRunMakesTurnsAtWholeIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(25 * time.Second) // the bubble's clock begins at midnight
		l, board, registry := build(t, constant(50), flat{}, "web")
		if err := l.Alive(); err != nil {
			t.Errorf("a loop that does not run yet is not alive: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		for range 4 {
			synctest.Wait()
			s, _ := board.Snapshot("web")
			if s.Turn.Second() != 10 || time.Since(s.Turn) > time.Minute {
				t.Errorf("at %s the latest turn is of %s, want ten seconds past the minute", time.Now(), s.Turn)
			}
			time.Sleep(time.Minute)
		}
		if err := l.Alive(); err != nil {
			t.Errorf("a loop that runs is not alive: %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ends with %v", err)
		}
		time.Sleep(5 * time.Minute)
		if err := l.Alive(); err == nil || !strings.Contains(err.Error(), "no turn has begun since") {
			t.Errorf("a loop without turns is alive: %v", err)
		}
		if n := testutil.CollectAndCount(registry, "forethought_guard_applied_total"); n != len(pool.GuardNames()) {
			t.Errorf("%d guards are counted from the start, want %d", n, len(pool.GuardNames()))
		}
	})
}

func TestRunLeavesOutTurnsThatCameTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := constant(50)
		l, board, registry := build(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
			if q.Expr == "demand" {
				time.Sleep(150 * time.Second)
			}
			return slow(q)
		}), flat{}, "web")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		s, _ := board.Snapshot("web")
		if late := time.Since(s.Turn); late > 6*time.Minute {
			t.Errorf("turns fall behind by %s", late)
		}
		want := "# HELP forethought_turns_missed_total Turns left out since the one before took longer than the interval.\n" +
			"# TYPE forethought_turns_missed_total counter\nforethought_turns_missed_total 0\n"
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "forethought_turns_missed_total"); err == nil {
			t.Error("turns that were left out are not counted")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ends with %v", err)
		}
	})
}

// panics is a method that panics for one fleet.
type panics struct{ flat }

func (panics) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if y.Key == "bad" {
		panic("singular")
	}
	return flat{}.Fit(ctx, y)
}

func TestAPanicStopsOneFleetOnly(t *testing.T) {
	l, board, _ := build(t, constant(50), panics{}, "bad", "good")
	l.Turn(t.Context(), monday)
	s, _ := board.Snapshot("bad")
	if s.State != pool.Learning || !strings.Contains(s.Reason, "fit flat to bad panics: singular") || s.Decision.Plan.Total() != 5 {
		t.Errorf("bad is %s with %d instances, want the reactive need of 5: %s", s.State, s.Decision.Plan.Total(), s.Reason)
	}
	if s, _ := board.Snapshot("good"); s.State != pool.Ready || s.Decision.Plan.Total() != 5 {
		t.Errorf("good is %s with %d instances: %s", s.State, s.Decision.Plan.Total(), s.Reason)
	}
}

func TestNegativeDemandIsMissing(t *testing.T) {
	l, board, registry := build(t, constant(-3), flat{}, "web")
	l.Turn(t.Context(), monday)
	if s, _ := board.Snapshot("web"); s.State != pool.Failed || !strings.Contains(s.Reason, "only missing values") {
		t.Errorf("a negative demand leads to %s: %s", s.State, s.Reason)
	}
	if n := testutil.CollectAndCount(registry, "forethought_demand_invalid_samples_total"); n != 1 {
		t.Error("negative observations are not counted")
	}
	l, board, _ = build(t, constant(-1e-12), flat{}, "web")
	l.Turn(t.Context(), monday)
	if s, _ := board.Snapshot("web"); s.Decision.Demand != 0 || s.State != pool.Ready {
		t.Errorf("a rounding error below zero leads to %v, %s", s.Decision.Demand, s.State)
	}
}

func TestAPartialHistoryIsReadAgain(t *testing.T) {
	var reads []series.Query
	partial := true
	l, board, _ := build(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
		all, err := constant(50)(q)
		if q.Expr != "demand" {
			return all, err
		}
		reads = append(reads, q)
		if partial {
			half := all[0].Values[:len(all[0].Values)/2]
			for i := range half {
				half[i] = math.NaN()
			}
			return all, &series.PartialError{Missing: []series.Interval{{Start: q.Start, End: q.End}}, Err: errors.New("timeout")}
		}
		return all, nil
	}), flat{}, "web")
	l.Turn(t.Context(), monday)
	if s, _ := board.Snapshot("web"); s.State != pool.Ready {
		t.Errorf("what could be read is not used: %s", s.Reason)
	}
	partial = false
	for _, m := range []int{1, 10, 11} {
		l.Turn(t.Context(), monday.Add(time.Duration(m)*time.Minute))
	}
	short := func(q series.Query) bool { return q.End.Sub(q.Start) < 15*time.Minute }
	if len(reads) != 4 || short(reads[0]) || !short(reads[1]) || short(reads[2]) || !short(reads[3]) {
		t.Errorf("after a partial history these ranges are read: %+v; want all of it once more after ten minutes, else the new points", reads)
	}
}

func TestLeadTimesThatCannotBeReadStay(t *testing.T) {
	answer := map[string]float64{"lead": 90, "count": 7}
	down := false
	src := sourceFunc(func(q series.Query) ([]series.Series, error) {
		v, ok := answer[q.Expr]
		if down {
			return nil, errors.New("down")
		}
		if !ok {
			return nil, nil
		}
		return []series.Series{{Start: q.Start, Step: q.Step, Values: []float64{v}}}, nil
	})
	c := loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{
		Pool: pool.Pool{Name: "p", Capacity: 1, LeadTime: 4 * time.Minute}, LeadTimeQuery: "lead", InstancesQuery: "count",
	}}})
	f := func(what string, wantLead time.Duration, wantObserved bool) {
		t.Helper()
		pools, err := c.Pools(t.Context(), "web", monday)
		if err != nil || pools[0].LeadTime != wantLead || pools[0].Observed != wantObserved {
			t.Errorf("%s: %+v, %v, want a lead time of %s", what, pools, err, wantLead)
		}
	}
	delete(answer, "lead")
	f("before it is known", 4*time.Minute, true)
	answer["lead"] = 90
	f("measured", 90*time.Second, true)
	answer["lead"] = 1e6
	f("further than the forecast reaches", 16*time.Minute, true)
	answer["lead"] = 90
	f("measured again", 90*time.Second, true)
	down = true
	f("while the source is down", 90*time.Second, false)
	next := loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{
		Pool: pool.Pool{Name: "p", Capacity: 1, LeadTime: 4 * time.Minute}, LeadTimeQuery: "lead",
	}}})
	next.Adopt(c)
	if pools, err := next.Pools(t.Context(), "web", monday); err != nil || pools[0].LeadTime != 90*time.Second {
		t.Errorf("a reload forgets the measured lead time: %+v, %v", pools, err)
	}
	if _, err := c.Pools(t.Context(), "none", monday); err == nil {
		t.Error("an unknown fleet has pools")
	}
}

func TestBoard(t *testing.T) {
	b := loop.NewBoard([]string{"a", "b"})
	if s, ok := b.Snapshot("a"); !ok || s.State != pool.Starting || s.Reason == "" {
		t.Errorf("before the first turn: %+v, %t", s, ok)
	}
	if _, ok := b.Snapshot("c"); ok {
		t.Error("the board has a fleet that it was not given")
	}
	if err := b.Publish(t.Context(), pool.Snapshot{Fleet: "c"}); err == nil {
		t.Error("a snapshot of an unknown fleet is taken")
	}
	if err := b.Publish(t.Context(), pool.Snapshot{Fleet: "b", State: pool.Ready}); err != nil {
		t.Fatal(err)
	}
	b.SetFleets([]string{"b", "c"})
	all := b.Snapshots()
	if len(all) != 2 || all[0].State != pool.Ready || all[1].Fleet != "c" {
		t.Errorf("after the set of fleets changed: %+v", all)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if err := b.Publish(context.Background(), pool.Snapshot{Fleet: "b", State: pool.Stale}); err != nil {
					t.Error(err)
				}
				b.Snapshots()
			}
		})
	}
	wg.Wait()
}

func TestNewRefusesByName(t *testing.T) {
	if _, err := loop.New(loop.Options{}); err == nil || !strings.Contains(err.Error(), "Source is missing") {
		t.Errorf("error %v, want one that names Source", err)
	}
	l, _, _ := build(t, constant(1), flat{}, "web")
	if err := l.Kill(t.Context(), "none", true); err == nil {
		t.Error("an unknown fleet has a kill switch")
	}
}

func TestExclusionsThatCannotBeReadLeaveTheReactiveNeed(t *testing.T) {
	broken := true
	l, board, _ := build(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
		if q.Expr == "outage" && broken {
			return nil, errors.New("422: query timed out")
		}
		return constant(50)(q)
	}), flat{}, "web")
	l.Turn(t.Context(), monday)
	s, _ := board.Snapshot("web")
	if s.Decision.Plan.Total() != 5 || !strings.Contains(s.Reason, "read excluded windows of web: 422: query timed out") {
		t.Errorf("the plan is %d instances, want the reactive need of 5: %s", s.Decision.Plan.Total(), s.Reason)
	}
	broken = false
	l.Turn(t.Context(), monday.Add(time.Minute))
	if s, _ := board.Snapshot("web"); s.State != pool.Ready || s.Reason != "" || len(s.Decision.Forecast.Steps) != 30 {
		t.Errorf("once they can be read the fleet is %s: %s", s.State, s.Reason)
	}
}
