package migrate

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestWhatEndsAMigration(t *testing.T) {
	f := func(why string, change func(*world)) {
		t.Helper()
		for _, passes := range []int{1, 3} { // while it drains, and when it has joined
			w := newWorld(t)
			before := shapeOf(w.node("n1"))
			w.pod("web", "n1")
			for range passes {
				w.pass()
				w.leave()
			}
			change(w)
			w.pass()
			w.expect("n1", before)
			if !w.heard("MigrationUndone n1: Left in pool a of fleet web and not moved to pool b: " + why) {
				t.Errorf("after %d passes: no event says %q: %q", passes, why, w.events)
			}
		}
	}
	f("the kill switch is on", func(w *world) { w.decision.Killed = true })
	f("the fleet is in mode shadow", func(w *world) { w.decision.Mode = pool.Shadow })
	f("the fleet is in mode shadow", func(w *world) { w.decision.Mode, w.decision.ValidUntil = pool.Shadow, start })
	f("it is not ready", func(w *world) {
		w.nodes["n1"].Status.Conditions[0].Status = corev1.ConditionUnknown
		w.touch(w.nodes["n1"])
	})
	f("the fleet is on dry run", func(w *world) {
		w.fleet.DryRun = true
		must(t, w.m.SetFleets(map[string]Fleet{"web": w.fleet}))
	})
	f("migrations of the fleet are not configured any more", func(w *world) { must(t, w.m.SetFleets(nil)) })
	f("one of the pools is not configured any more", func(w *world) {
		w.fleet.Pools[1].Name = "c"
		must(t, w.m.SetFleets(map[string]Fleet{"web": w.fleet}))
	})
}

func TestAnOldDecisionHoldsAMigration(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.pod("web", "n1")
	w.pass()
	w.decision.ValidUntil = w.at.Add(-time.Second)
	for range 12 {
		w.pass()
	}
	if w.under("n1") != draining || len(w.evicted) != 0 {
		t.Fatalf("phase %q, evicted %v: nothing goes on without a valid decision", w.under("n1"), w.evicted)
	}
	w.pass()
	w.expect("n1", before)

	w = newWorld(t)
	w.node("n1")
	w.pass()
	w.pass()
	w.decision = pool.Decision{} // as after a restart, before the first turn
	w.pass()
	w.expect("n1", inB()) // nothing is disturbed by uncordoning
}

func TestAPersonWhoUncordonsIsNotFought(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.pod("web", "n1")
	w.pass()
	w.nodes["n1"].Spec.Unschedulable = false
	w.touch(w.nodes["n1"])
	for range 3 {
		w.pass()
	}
	w.expect("n1", before)
	if len(w.evicted) > 0 || !w.heard("somebody uncordoned the node") {
		t.Errorf("evicted %v, events %q", w.evicted, w.events)
	}

	w = newWorld(t)
	w.node("n1")
	w.pass()
	w.pass()
	w.nodes["n1"].Spec.Unschedulable = false
	w.touch(w.nodes["n1"])
	w.decision.Killed = true
	w.pass()
	w.expect("n1", inB()) // it is where it was to go, and whoever uncordoned it wants it to serve there
}

func TestANodeThatWouldGetTwoPoolsIsUndone(t *testing.T) {
	w := newWorld(t)
	other := Fleet{Drain: time.Minute, PerHour: 1, Pools: []Pool{
		{Name: "x", Selector: "x", Labels: map[string]string{"x": "x"}}, {Name: "y", Selector: "y", Labels: map[string]string{"y": "y"}},
	}}
	must(t, w.m.SetFleets(map[string]Fleet{"web": w.fleet, "other": other}))
	w.node("n1")
	w.pass()
	w.nodes["n1"].Labels["x"] = "x"
	w.touch(w.nodes["n1"])
	w.pass()
	if n := w.nodes["n1"]; w.under("n1") != "" || n.Labels["pool"] != "a" || !w.heard("it would be selected by the pools [other/x web/b]") {
		t.Errorf("labels %v, events %q", n.Labels, w.events)
	}
}

func TestANodeThatCannotBeRelabelledInTimeIsUndone(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.pass()
	refusals := 13 // until the deadline, and once more
	w.fail = func(verb, _ string, _ bool) error {
		if verb == "patch" && refusals > 0 {
			refusals--
			return apierrors.NewServiceUnavailable("soon")
		}
		return nil
	}
	for range 13 {
		w.pass()
	}
	w.expect("n1", before)
	if !w.heard("it is not relabelled in time: soon") {
		t.Errorf("events %q", w.events)
	}
}

func TestAPersonWhoRelabelsIsNotFought(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.pass()
	w.pass()
	w.nodes["n1"].Labels["pool"] = "c"
	w.touch(w.nodes["n1"])
	w.pass()
	want := shape{
		labels: map[string]string{"pool": "c", "only-a": "yes", "zone": "z1"},
		taints: []corev1.Taint{noSchedule("dedicated", "a"), noSchedule("other", "x")},
	}
	w.expect("n1", want)
}

func TestAMigrationThatSomebodyElseEnds(t *testing.T) {
	f := func(change func(*world)) {
		t.Helper()
		w := newWorld(t)
		w.node("n1")
		w.pod("web", "n1")
		w.pass()
		w.decide(0)
		change(w)
		w.pass()
		w.pass()
		if w.outcome(undone) != 1 || !strings.Contains(w.log.String(), "migration was ended by somebody else") {
			t.Errorf("undone %v:\n%s", w.outcome(undone), w.log.String())
		}
		if len(w.evicted) > 0 {
			t.Errorf("evicted %v", w.evicted)
		}
	}
	f(func(w *world) { delete(w.nodes, "n1") })
	f(func(w *world) {
		delete(w.nodes["n1"].Labels, migratingLabel)
		w.touch(w.nodes["n1"])
	})
	f(func(w *world) {
		delete(w.nodes["n1"].Annotations, recordKey)
		w.touch(w.nodes["n1"])
	})
	f(func(w *world) { w.nodes["n1"].Annotations[recordKey] = "{" })
	f(func(w *world) { w.nodes["n1"].Annotations[recordKey] = `{"fleet":"web","phase":"flying"}` })
}
