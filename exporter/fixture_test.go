package exporter

import (
	"bytes"
	"flag"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

var rewrite = flag.Bool("rewrite", false, "write what is answered into the golden files")

// noon is the time of every test.
var noon = time.Date(2026, 3, 2, 12, 0, 10, 0, time.UTC)

// board is a pool.Board of fixed snapshots.
type board []pool.Snapshot

func (b board) Snapshots() []pool.Snapshot { return b }

func (b board) Snapshot(fleet string) (pool.Snapshot, bool) {
	for _, s := range b {
		if s.Fleet == fleet {
			return s, true
		}
	}
	return pool.Snapshot{}, false
}

// fleets returns one fleet of each kind: acting, shadowing while it learns, killed and held, starting, and with an expired decision.
func fleets() board {
	return board{batch(), web(), gpus(), starting(), expired()}
}

// rising is a forecast whose spread grows with the square root of the horizon, with peaks a little above.
func rising(key series.Key, unit series.Unit, from, slope, spread float64, steps int) (forecast.Forecast, []forecast.Distribution) {
	f := forecast.Forecast{
		Key: key, Unit: unit, Method: "combined", Origin: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Step: time.Minute,
	}
	peaks := make([]forecast.Distribution, 0, steps)
	for h := 1; h <= steps; h++ {
		middle := from + slope*float64(h)
		wide := spread * math.Sqrt(float64(h))
		values := []float64{middle - 2*wide, middle - wide, middle, middle + wide, middle + 2*wide, middle + 3*wide}
		f.Steps = append(f.Steps, forecast.NewSample(values))
		peaks = append(peaks, forecast.NewSample([]float64{middle, middle + wide, middle + 3.5*wide}))
	}
	return f, peaks
}

func batch() pool.Snapshot {
	f, peaks := rising("batch", series.Cores, 96, 0.5, 2, 120)
	return pool.Snapshot{
		Fleet: "batch", Unit: series.Cores, State: pool.Ready, Turn: noon.Add(-5 * time.Second),
		Horizons: []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour}, Probabilities: []float64{0.5, 0.9, 0.99}, Probability: 0.99,
		Selection: forecast.Selection{
			Method: "ridge", RunnerUp: "snaive-week", Reason: "it scores best on 28 days of history",
			Scores: []forecast.Score{
				{Method: "snaive-week", FromStep: 1, ToStep: 120, Quantile: 4, Scaled: 1, Coverage: 0.77, N: 900},
				{Method: "combined", FromStep: 1, ToStep: 10, Quantile: 1.5, Scaled: 0.625, Coverage: 0.81, N: 900},
				{Method: "combined", FromStep: 11, ToStep: 60, Quantile: 2.5, Scaled: 0.75, Coverage: 0.78, N: 900},
				{Method: "combined", FromStep: 61, ToStep: 240, Quantile: 3, Scaled: 1.25, Coverage: math.NaN(), N: 900},
			},
		},
		ForNow: []pool.ForNow{
			{Horizon: 5 * time.Minute, Probability: 0.5, At: noon, Value: 94.5},
			{Horizon: 30 * time.Minute, Probability: 0.5, At: noon, Value: math.NaN()},
		},
		Pools: []pool.Pool{
			{Name: "batch-fixed", Class: pool.Fixed, Observed: true, Phases: true, Min: 2, Max: 6, Active: 6, Capacity: 16, LeadTime: 4 * time.Minute, Price: pool.Price{Hourly: 0.77}},
			{Name: "batch-spot", Class: pool.Variable, Observed: true, Phases: true, Max: 40, Warming: 1, Warm: 1, Capacity: 16, LeadTime: 6 * time.Minute, Price: pool.Price{Hourly: 0.23}, Stock: pool.WarmPolicy{HitRate: 0.95}, Types: []pool.Type{{Name: "small", Capacity: 14}, {Name: "large", Capacity: 28}}},
		},
		Workload: pool.Workload{
			Pattern: pool.Steady, PatternVotes: 0.925, PatternReason: "steady: the time of day explains 94 % of how it varies within a day",
			BoundReason: "unknown: nothing is known of what the workload asks for",
		},
		Decision: pool.Decision{
			Fleet: "batch", At: noon.Add(-4 * time.Second), ValidUntil: noon.Add(296 * time.Second), Mode: pool.Act, Forecast: f, Peaks: peaks,
			Demand: 95, Pending: 4, DemandAt: f.Origin, Probability: 0.99,
			Reactive: plan(99, 6, 1), Plan: composed(plan(141, 6, 2)), Working: 0.97,
			Pace: pool.Pace{Skill: pool.RestoredSkill(1.5, 2)},
			Sizing: []pool.Sizing{
				{Pool: "batch-fixed", LeadTime: 4 * time.Minute, Hold: 6 * time.Minute, AddDemand: 118.4, Foreseen: 101.2, KeepDemand: 123.5, Add: 6, Keep: 6, Reactive: 6, Previous: 6},
				{Pool: "batch-spot", LeadTime: 6 * time.Minute, Hold: 8 * time.Minute, AddDemand: 120.9, KeepDemand: 140.7, Add: 2, Keep: 3, Reactive: 1, Previous: 3, Warm: 1},
			},
			Guards: []pool.Guard{{Name: pool.GuardBudget, Pool: "batch-spot", From: 3, To: 2, Reason: "the plan may cost at most 5.2 an hour"}},
		},
	}
}

func plan(demand float64, fixed, spot int) pool.Plan {
	return pool.Plan{
		Targets: []pool.Target{
			{Pool: "batch-fixed", Class: pool.Fixed, Instances: fixed}, {Pool: "batch-spot", Class: pool.Variable, Instances: spot},
		},
		Unmet:      max(0, 1-16*float64(fixed+spot)/demand),
		HourlyCost: 0.77*float64(fixed) + 0.23*float64(spot),
	}
}

// composed adds what a plan has beside its counts: a warm instance, two types, a move, and what it saves.
func composed(p pool.Plan) pool.Plan {
	spot := &p.Targets[1]
	spot.Warm, spot.Types = 1, []pool.TypeTarget{{Type: "small", Instances: 2}, {Type: "large"}}
	p.OnDemandCost = 0.77 * float64(p.Total())
	p.Moves = []pool.Move{{
		From: "batch-fixed", To: "batch-spot", Instances: 1, Saving: 0.25, Disruption: 0.06, Reason: "batch-fixed has 1 to spare and batch-spot lacks 1",
	}}
	p.Unmoved = []pool.Unmoved{
		{From: "batch-fixed", To: "batch-spot", Instances: 2, Reason: "no more instances of batch-fixed are idle or can be drained"},
		{From: "batch-spot", Reason: "how many instances it has is not observed"},
	}
	return p
}

func web() pool.Snapshot {
	f, peaks := rising("web", series.RequestsPerSecond, 410, 0, 12, 30)
	f.Method = "naive"
	return pool.Snapshot{
		Fleet: "web", Unit: series.RequestsPerSecond, State: pool.Learning, Reason: "the history holds 9h of the 2d a daily season needs",
		ReadyAt: noon.Add(39 * time.Hour), Turn: noon.Add(-5 * time.Second),
		Horizons: []time.Duration{5 * time.Minute, 2 * time.Hour}, Probabilities: []float64{0.5, 0.95}, Probability: 0.95,
		Selection: forecast.Selection{Method: "naive", Limited: true, Reason: "nothing else has enough history"},
		Pools:     []pool.Pool{{Name: "web", Class: pool.Variable, Observed: true, Phases: true, Min: 2, Active: 5, Capacity: 100, LeadTime: 150 * time.Second}},
		Workload: pool.Workload{
			PatternVotes: 0.41, PatternReason: "unknown: 41 % of the votes say bursty and 38 % say batch, and 50 % are needed",
			Bound: "memory", BoundVotes: 1, BoundReason: "memory-bound: 70 % of what it asks for is memory",
		},
		Decision: pool.Decision{
			Fleet: "web", At: noon.Add(-4 * time.Second), ValidUntil: noon.Add(296 * time.Second), Mode: pool.Shadow, Forecast: f, Peaks: peaks,
			Demand: 410, DemandAt: f.Origin, Probability: 0.95,
			Reactive: pool.Plan{Targets: []pool.Target{{Pool: "web", Class: pool.Variable, Instances: 5}}},
			Plan:     pool.Plan{Targets: []pool.Target{{Pool: "web", Class: pool.Variable, Instances: 7}}},
			Sizing: []pool.Sizing{
				{Pool: "web", LeadTime: 150 * time.Second, Hold: 4 * time.Minute, AddDemand: 512.5, KeepDemand: 603.1, Add: 6, Keep: 7, Reactive: 5, Previous: -1},
			},
		},
	}
}

func gpus() pool.Snapshot {
	return pool.Snapshot{
		Fleet: "training <b>", Unit: series.GPUs, State: pool.Stale, Reason: "no observation since 11:52", Turn: noon.Add(-5 * time.Second),
		Horizons: []time.Duration{5 * time.Minute}, Probabilities: []float64{0.9}, Probability: 0.9,
		Pools: []pool.Pool{{Name: "a100", Class: pool.Fixed, Observed: true, Phases: true, Max: 8, Active: 4, Capacity: 8, LeadTime: 10 * time.Minute}},
		Decision: pool.Decision{
			Fleet: "training <b>", At: noon.Add(-4 * time.Second), ValidUntil: noon.Add(56 * time.Second), Mode: pool.Act, Killed: true,
			Demand: 22, DemandAt: noon.Add(-8 * time.Minute), Probability: 0.9,
			Reactive: pool.Plan{Targets: []pool.Target{{Pool: "a100", Class: pool.Fixed, Instances: 3}}},
			Plan:     pool.Plan{Targets: []pool.Target{{Pool: "a100", Class: pool.Fixed, Instances: 4}}},
			Sizing:   []pool.Sizing{{Pool: "a100", LeadTime: 10 * time.Minute, AddDemand: 22, KeepDemand: 22, Add: 3, Keep: 3, Reactive: 3, Previous: 4}},
			Guards: []pool.Guard{
				{Name: pool.GuardStale, Pool: "a100", From: 3, To: 4, Reason: "the last observation is 8m0s old: nothing shrinks"},
				{Name: pool.GuardKillSwitch, From: 4, To: 3, Reason: "the kill switch is on: doors answer with the reactive need"},
			},
		},
	}
}

func starting() pool.Snapshot {
	return pool.Snapshot{
		Fleet: "new", Unit: series.Jobs, State: pool.Starting, Reason: "the first turn has not ended",
		Horizons: []time.Duration{5 * time.Minute}, Probabilities: []float64{0.5}, Probability: 0.9,
	}
}

func expired() pool.Snapshot {
	s := batch()
	s.Fleet, s.State, s.Reason = "dead", pool.Failed, "read history of dead: connection refused"
	s.Decision.DemandAt = noon.Add(-11 * time.Minute)
	s.Decision.Forecast.Origin = s.Decision.DemandAt
	s.Decision.Fleet, s.Decision.At, s.Decision.ValidUntil = "dead", noon.Add(-10*time.Minute), noon.Add(-5*time.Minute)
	return s
}

// serve returns a server over the fleets; change may alter its options.
func serve(t *testing.T, b pool.Board, change func(*Options)) *Server {
	t.Helper()
	now := func() time.Time { return noon }
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(b, now))
	o := Options{
		Board: b, Gatherer: registry, Now: now, Log: slog.New(slog.DiscardHandler), Version: "0.1.0",
		Links: []Link{{Name: "External metrics", URL: "https://127.0.0.1:6443/apis/external.metrics.k8s.io/v1beta1", What: "what the HPA asks"}},
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s differs (-want +got); accept with go test -rewrite:\n%s", path, bytes.TrimSpace([]byte(diff)))
	}
}
