package actuator

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestBecause(t *testing.T) {
	f := func(want string, change func(s *pool.Snapshot, z *pool.Sizing, t *Target)) {
		t.Helper()
		s, target := snapshot(), web
		change(&s, &s.Decision.Sizing[0], &target)
		got := because(s, target.complete(), 26, &object{path: []string{"spec", "replicas"}, high: 100})
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("demand 310 cores is expected to peak at 402 within 8m with probability 0.99; reactive need 20",
		func(*pool.Snapshot, *pool.Sizing, *Target) {})
	f("demand 310 cores may be back at 410 within 20m with probability 0.99, before which giving up instances does not pay; reactive need 20",
		func(_ *pool.Snapshot, z *pool.Sizing, _ *Target) { z.Add, z.Previous = 22, 30 })
	f("demand 310 cores; reactive need 20", func(_ *pool.Snapshot, z *pool.Sizing, _ *Target) { z.Add, z.Keep = 12, 15 })
	f("demand 310 cores, with 9 to stand by; reactive need 20", func(_ *pool.Snapshot, z *pool.Sizing, _ *Target) { z.Warm = 9 })
	f("demand 310 cores; reactive need 20", func(s *pool.Snapshot, _ *pool.Sizing, _ *Target) { s.Decision.Sizing = nil })
	f("the kill switch is on, so that only the present demand of 310 cores counts; reactive need 20",
		func(s *pool.Snapshot, _ *pool.Sizing, _ *Target) {
			s.Decision.Killed = true
			s.Decision.Guards = []pool.Guard{
				{Name: pool.GuardKillSwitch, From: 30, To: 24, Reason: "the kill switch is on"},
				{Name: pool.GuardStepDown, Pool: "spot", From: 19, To: 25, Reason: "at most 5 fewer in one turn"},
			}
		})
	f("demand 310 cores is expected to peak at 402 within 8m with probability 0.99; reactive need 20; "+
		"guard step_up from 40 to 26: at most 14 more in a turn; guard skill: the naive forecast is planned with",
		func(s *pool.Snapshot, _ *pool.Sizing, _ *Target) {
			s.Decision.Guards = []pool.Guard{
				{Name: pool.GuardStepUp, Pool: "spot", From: 40, To: 26, Reason: "at most 14 more in a turn"},
				{Name: pool.GuardStepUp, Pool: "fixed", From: 9, To: 4, Reason: "another pool"},
				{Name: pool.GuardSkill, From: 30, To: 30, Reason: "the naive forecast is planned with"},
			}
		})
	f("demand 310 cores is expected to peak at 402 within 8m with probability 0.99; reactive need 20; spare 6 of 26",
		func(_ *pool.Snapshot, _ *pool.Sizing, target *Target) { target.Value = Spare })
	f("demand 310 cores is expected to peak at 402 within 8m with probability 0.99; reactive need 20; 26 instances with 2 replicas each",
		func(_ *pool.Snapshot, _ *pool.Sizing, target *Target) { target.PerInstance = 2 })
	f("demand 310 cores is expected to peak at 402 within 8m with probability 0.98766; reactive need 20; "+
		"spare 6 of 26, 6 instances with 0.5 replicas each",
		func(s *pool.Snapshot, _ *pool.Sizing, target *Target) {
			s.Decision.Working, target.Value, target.PerInstance = 0.987655, Spare, 0.5
		})
}

func TestFigure(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := figure(v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0, "0")
	f(310, "310")
	f(12.3456, "12.35")
	f(12345.6, "12346")
	f(1.5e12, "1.5e+12")
	f(math.NaN(), "unknown")
	f(math.Inf(1), "unknown")
}

func TestSpan(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := span(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(8*time.Minute, "8m")
	f(2*time.Hour, "2h")
	f(90*time.Second, "1m30s")
	f(45*time.Second+3*time.Millisecond, "45s")
}

// The API server takes notes of less than 1024 bytes.
func TestNotesAreShort(t *testing.T) {
	x := newFixture(t, web)
	x.board.s.Decision.Guards = []pool.Guard{{Name: pool.GuardLift, Pool: "spot", From: 9, To: 8, Reason: strings.Repeat("a long reason ", 200)}}
	x.pass(t.Context())
	e := x.events.all()
	if len(e) != 1 || len(e[0]) > 1024 || !strings.HasSuffix(e[0], "...") {
		t.Errorf("events: %v", e)
	}
}
