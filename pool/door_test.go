package pool_test

import (
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestDefaultHorizon(t *testing.T) {
	f := func(want time.Duration, lead time.Duration, horizons ...time.Duration) {
		t.Helper()
		s := pool.Snapshot{Horizons: horizons, Pools: []pool.Pool{{LeadTime: lead}, {LeadTime: time.Minute}}}
		if got := s.DefaultHorizon(); got != want {
			t.Errorf("lead time %v, horizons %v: %s, want %s", lead, horizons, got, want)
		}
	}
	f(5*time.Minute, 4*time.Minute, 5*time.Minute, 30*time.Minute)
	f(5*time.Minute, 5*time.Minute, 30*time.Minute, 5*time.Minute)
	f(30*time.Minute, 5*time.Minute+1, 30*time.Minute, 5*time.Minute)
	f(30*time.Minute, time.Hour, 30*time.Minute, 5*time.Minute) // none covers it
	f(0, time.Minute)
}

func TestPoolNamesAreThoseOfTheFleetAndOfItsDecision(t *testing.T) {
	s := pool.Snapshot{
		Pools:    []pool.Pool{{Name: "a"}, {Name: "b"}},
		Decision: pool.Decision{Mode: pool.Act, Plan: pool.Plan{Targets: []pool.Target{{Pool: "b"}, {Pool: "gone"}}}},
	}
	if got := s.PoolNames(); !slices.Equal(got, []string{"a", "b", "gone"}) {
		t.Errorf("names %v", got)
	}
}

func TestNoDecisionSaysSinceWhenAndWhy(t *testing.T) {
	f := func(at time.Time, reason, want string) {
		t.Helper()
		s := pool.Snapshot{Fleet: "web", Reason: reason, Decision: pool.Decision{At: at, ValidUntil: at.Add(5 * time.Minute)}}
		if got := s.NoDecision(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	made := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	f(time.Time{}, "", "fleet web has no valid decision")
	f(time.Time{}, "starting", "fleet web has no valid decision: starting")
	f(made, "", "fleet web has no valid decision: the last one was valid until 2026-03-02T12:05:00Z")
	f(made, "gone", "fleet web has no valid decision: the last one was valid until 2026-03-02T12:05:00Z: gone")
}
