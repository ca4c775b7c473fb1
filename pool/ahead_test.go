package pool_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestSpareIsWhatIsBeyondThePresentNeed(t *testing.T) {
	plan := func(n int) pool.Plan { return pool.Plan{Targets: []pool.Target{{Pool: "a", Instances: n}}} }
	f := func(mode pool.Mode, killed bool, planned, reactive, want int) {
		t.Helper()
		d := pool.Decision{Mode: mode, Killed: killed, Plan: plan(planned), Reactive: plan(reactive)}
		if n, ok := d.Spare("a"); n != want || !ok {
			t.Errorf("%s: %d of %d are spare: %d, %v, want %d", mode, planned, reactive, n, ok, want)
		}
		if _, ok := d.Spare("b"); ok {
			t.Error("a pool that the decision is not about has a spare number")
		}
	}
	f(pool.Act, false, 9, 4, 5)
	f(pool.Act, false, 4, 4, 0)
	f(pool.Act, false, 3, 4, 0)
	f(pool.Act, true, 9, 4, 0)
	f(pool.Shadow, false, 9, 4, 0)
}

func TestADecisionThatWasReadBackKnowsWhatWasExported(t *testing.T) {
	d := pool.Decision{Demand: 30, Pending: 5, Ahead: []pool.Ahead{
		{Horizon: 5 * time.Minute, Probability: 0.5, Demand: 10, Peak: 20}, {Horizon: 5 * time.Minute, Probability: 0.9, Demand: 40, Peak: 50},
	}}
	f := func(p, wantDemand, wantPeak float64) {
		t.Helper()
		demand, err := d.DemandAhead(5*time.Minute, p)
		if err != nil || demand != wantDemand {
			t.Errorf("demand at %v: %v, %v, want %v", p, demand, err, wantDemand)
		}
		peak, err := d.PeakAhead(5*time.Minute, p)
		if err != nil || peak != wantPeak {
			t.Errorf("peak at %v: %v, %v, want %v", p, peak, err, wantPeak)
		}
	}
	f(0.5, 10, 35) // the peak is the present demand at least
	f(0.9, 40, 50)
	_, err := d.PeakAhead(time.Hour, 0.5)
	if unknown := (*pool.UnknownAheadError)(nil); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "5m at 0.5, 5m at 0.9") {
		t.Errorf("a pair that was not exported: %v", err)
	}
}
