package pool

import (
	"testing"
	"time"
)

func TestChecksum(t *testing.T) {
	made := func() Decision {
		return Decision{
			ValidUntil: time.Unix(1_700_000_010, 0), Mode: Act,
			Plan:     Plan{Targets: []Target{{Pool: "a", Instances: 7}, {Pool: "b", Instances: 1}}},
			Reactive: Plan{Targets: []Target{{Pool: "a", Instances: 5}, {Pool: "b", Instances: 1}}},
		}
	}
	// f checks whether a change is seen.
	f := func(seen bool, change func(d *Decision)) {
		t.Helper()
		d := made()
		change(&d)
		if got := d.Checksum() != made().Checksum(); got != seen {
			t.Errorf("changed is %t, want %t", got, seen)
		}
	}
	f(true, func(d *Decision) { d.ValidUntil = d.ValidUntil.Add(time.Second) })
	f(true, func(d *Decision) { d.Mode = Shadow })
	f(true, func(d *Decision) { d.Killed = true })
	f(true, func(d *Decision) { d.Plan.Targets[1].Instances = 2 })
	f(true, func(d *Decision) { d.Reactive.Targets[1].Instances = 2 })
	f(true, func(d *Decision) { d.Plan.Targets = d.Plan.Targets[:1] })
	f(true, func(d *Decision) { d.Plan, d.Reactive = d.Reactive, d.Plan })
	f(true, func(d *Decision) { d.Plan.Targets[0].Pool = `a" 7 "c` })
	f(true, func(d *Decision) { // one pool's instances go to the other in both plans
		d.Plan.Targets[0].Instances, d.Plan.Targets[1].Instances = 1, 7
	})
	f(false, func(d *Decision) { d.Plan.Targets[0], d.Plan.Targets[1] = d.Plan.Targets[1], d.Plan.Targets[0] })
	f(false, func(d *Decision) { d.ValidUntil = d.ValidUntil.Add(300 * time.Millisecond) })
	f(false, func(d *Decision) { d.Demand = 12 })
}

// TestChecksumStays compares with numbers computed once: processes of different versions compare theirs.
func TestChecksumStays(t *testing.T) {
	f := func(d Decision, want uint32) {
		t.Helper()
		if got := d.Checksum(); got != want {
			t.Errorf("checksum is %d, want %d", got, want)
		}
	}
	f(Decision{}, 2645405848)
	f(Decision{
		ValidUntil: time.Unix(1_700_000_010, 0), Mode: Shadow, Killed: true,
		Plan:     Plan{Targets: []Target{{Pool: "web", Instances: 7}}},
		Reactive: Plan{Targets: []Target{{Pool: "web", Instances: 5}}},
	}, 228927978)
}

func TestReadBack(t *testing.T) {
	f := func(d Decision, want bool) {
		t.Helper()
		if got := d.ReadBack(); got != want {
			t.Errorf("read back is %t, want %t", got, want)
		}
	}
	f(Decision{}, false)
	f(Decision{Ahead: []Ahead{}}, true)
	f(Decision{Ahead: []Ahead{{Horizon: time.Minute, Probability: 0.5, Demand: 1, Peak: 2}}}, true)
}
