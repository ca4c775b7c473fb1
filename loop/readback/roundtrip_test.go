package readback

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/exporter"
	"github.com/forethought-autoscaler/forethought/pool"
)

// TestRoundTrip exports snapshots and reads them back: doors answer the same.
func TestRoundTrip(t *testing.T) {
	f := func(want pool.Snapshot) {
		t.Helper()
		s := newStore()
		s.scrape(t, noon, []pool.Snapshot{want}, "instance", "10.0.0.1:9095", "job", "forethought")
		g := newReading(t, s, nil)
		g.at(noon.Add(3 * time.Second))
		got := g.fleet(want.Fleet)
		sameAnswers(t, got, want)
		samePools(t, got, want)
	}
	act := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	f(act)
	f(killed(act))
	f(decided("web", pool.Shadow, [2]int{9, 3}, [2]int{5, 1}))
	f(decided("web", pool.Act, [2]int{0, 0}, [2]int{0, 0}))
	f(decided(`odd "name" \ {with=~".*|"}, in {}`, pool.Act, [2]int{9, 3}, [2]int{5, 1}))
	f(turned(act, 123456789*time.Nanosecond))
	f(turned(act, -4*time.Minute-500*time.Millisecond))

	stale := act
	stale.State = pool.Stale
	f(stale)
	bare := act // a fleet without a forecast, whose pools nobody observes
	bare.Decision.Forecast.Steps, bare.Decision.Peaks, bare.Horizons, bare.Probabilities = nil, nil, nil, nil
	bare.Pools = []pool.Pool{{Name: "a-fixed", Class: pool.Fixed}, {Name: "b-spot", Class: pool.Variable}}
	f(bare)
}

// sameAnswers compares all that doors answer with.
func sameAnswers(t *testing.T, got, want pool.Snapshot) {
	t.Helper()
	g, w := got.Decision, want.Decision
	for what, pair := range map[string][2]any{
		"effective": {g.Effective().Targets, w.Effective().Targets}, "plan": {g.Plan.Targets, w.Plan.Targets},
		"reactive": {g.Reactive.Targets, w.Reactive.Targets}, "fleet": {g.Fleet, w.Fleet}, "mode": {g.Mode, w.Mode}, "killed": {g.Killed, w.Killed},
		"demand": {g.Demand, w.Demand}, "pending": {g.Pending, w.Pending}, "probability": {got.Probability, want.Probability}, "unit": {got.Unit, want.Unit},
		"state": {got.State, want.State}, "horizons": {got.Horizons, want.Horizons}, "probabilities": {got.Probabilities, want.Probabilities},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s (-exported +read back):\n%s", what, diff)
		}
	}
	if late := g.ValidUntil.Sub(w.ValidUntil); late > 0 || late < -2*time.Millisecond {
		t.Errorf("valid until %s, exported is %s", g.ValidUntil, w.ValidUntil)
	}
	for _, name := range []string{"a-fixed", "b-spot", "none"} {
		n, ok := g.Spare(name)
		if wn, wok := w.Spare(name); n != wn || ok != wok {
			t.Errorf("%s has %d spare, %t; want %d, %t", name, n, ok, wn, wok)
		}
	}
	sameAhead(t, got, want)
}

func sameAhead(t *testing.T, got, want pool.Snapshot) {
	t.Helper()
	for _, h := range want.Horizons {
		for _, p := range want.Probabilities {
			demand, err := got.Decision.DemandAhead(h, p)
			if w, _ := want.Decision.DemandAhead(h, p); err != nil || demand != w {
				t.Errorf("demand %s ahead at %v is %v, %v; want %v", h, p, demand, err, w)
			}
			peak, err := got.Decision.PeakAhead(h, p)
			if w, _ := want.Decision.PeakAhead(h, p); err != nil || peak != w {
				t.Errorf("peak %s ahead at %v is %v, %v; want %v", h, p, peak, err, w)
			}
		}
	}
	_, err := got.Decision.PeakAhead(7*time.Minute, 0.5)
	unknown, short := (*pool.UnknownAheadError)(nil), (*pool.HorizonError)(nil)
	if len(want.Horizons) > 0 && !errors.As(err, &unknown) || len(want.Horizons) == 0 && !errors.As(err, &short) {
		t.Errorf("what was not exported is answered with %v", err)
	}
}

// samePools compares what is exported of the pools as they stand.
func samePools(t *testing.T, got, want pool.Snapshot) {
	t.Helper()
	stands := slices.Clone(want.Pools)
	if diff := cmp.Diff(stands, got.Pools); diff != "" {
		t.Errorf("pools (-exported +read back):\n%s", diff)
	}
}

// TestReadBackIsShown serves the page, the API and the metrics over what was read back.
func TestReadBackIsShown(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})})
	g := newReading(t, s, nil)
	g.at(noon)
	registry := prometheus.NewRegistry()
	registry.MustRegister(exporter.NewCollector(g.board, g.opts.Clock.Now))
	srv, err := exporter.New(exporter.Options{
		Board: g.board, Gatherer: registry, Now: g.opts.Clock.Now, Log: slog.New(slog.DiscardHandler), Version: "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(path string, code int) {
		t.Helper()
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != code {
			t.Errorf("%s: %d: %s", path, w.Code, w.Body)
		}
	}
	f("/", 200)
	f("/metrics", 200)
	f("/api/v1/fleets", 200)
	f("/api/v1/fleets/web/explain", 200)
	f("/api/v1/fleets/web/forecast?horizon=30m&probability=0.99", 503) // which is about the whole distribution
}

// TestAnEchoIsNotADecision scrapes a process that reads back: what it exports must not come back to it.
func TestAnEchoIsNotADecision(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})}, "instance", "exporter")
	g := newReading(t, s, nil)
	g.at(noon)
	g.wantAsks("web", noon, 9, 3)
	s.scrape(t, noon, g.board.Snapshots(), "instance", "adapter")
	s.scrape(t, noon, []pool.Snapshot{turned(decided("web", pool.Act, [2]int{6, 1}, [2]int{5, 1}), time.Minute)}, "instance", "exporter")
	g.at(noon.Add(time.Minute))
	g.wantAsks("web", noon, 6, 1)
	g.wantReason("web", pool.Ready, "decided at 2026-03-02T12:01:10Z by exporter", "adapter is left out: forethought_decision_checksum is missing")
}
