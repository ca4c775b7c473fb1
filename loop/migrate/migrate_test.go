package migrate

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// expect fails the test where a node does not have a shape, or still has a record.
func (w *world) expect(name string, want shape) {
	w.t.Helper()
	n := w.nodes[name]
	if got := shapeOf(n); !reflect.DeepEqual(got, want) {
		w.t.Errorf("node %s is\n%+v, want\n%+v", name, got, want)
	}
	if _, ok := n.Annotations[recordKey]; ok {
		w.t.Errorf("node %s still has the annotation %s", name, recordKey)
	}
	if n.Annotations["mine"] != "1" {
		w.t.Errorf("node %s lost an annotation of somebody else", name)
	}
}

// under returns the phase of a node's migration, empty where there is none.
func (w *world) under(name string) phase {
	r, _, err := read[record](w.nodes[name], recordKey)
	must(w.t, err)
	return r.Phase
}

func (w *world) heard(text string) bool {
	return slices.ContainsFunc(w.events, func(e string) bool { return strings.Contains(e, text) })
}

func TestANodeMovesFromPoolToPool(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.pod("web-1", "n1")
	w.pod("web-2", "n1")
	w.pod("agent", "n1", ofDaemonSet)
	w.pod("done", "n1", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })

	w.pass()
	if n := w.nodes["n1"]; !n.Spec.Unschedulable || w.under("n1") != draining || n.Labels["pool"] != "a" || len(w.evicted) != 0 {
		t.Fatalf("after the first pass the node is cordoned and nothing else: %+v, evicted %v", n.Spec, w.evicted)
	}
	if got := testutil.ToFloat64(w.m.metrics.inProgress.WithLabelValues("web")); got != 1 {
		t.Errorf("in progress = %v, want 1", got)
	}
	w.pass()
	if want := []string{"web-1", "web-2"}; !slices.Equal(w.evicted, want) {
		t.Fatalf("evicted %v, want %v", w.evicted, want)
	}
	w.pass()
	if w.under("n1") != draining || len(w.evicted) != 2 {
		t.Fatalf("pods that are leaving are waited for and not evicted again: phase %q, evicted %v", w.under("n1"), w.evicted)
	}
	w.leave()
	w.pass()
	if n := w.nodes["n1"]; w.under("n1") != joining || !n.Spec.Unschedulable || n.Labels["pool"] != "b" {
		t.Fatalf("a drained node is relabelled and cordoned still: phase %q, %v", w.under("n1"), n.Labels)
	}
	w.decide(0)
	w.pass()
	w.expect("n1", inB())
	e, ok, err := read[ended](w.nodes["n1"], migratedKey)
	if want := (ended{"web", "a", "b", start, start.Add(40 * time.Second), ""}); !ok || err != nil || e != want {
		t.Errorf("annotation %s = %+v, %v, %v, want %+v", migratedKey, e, ok, err, want)
	}
	if w.outcome(migrated) != 1 || w.outcome(undone) != 0 || w.outcome(refused) != 0 {
		t.Error("one migration is to be counted")
	}
	for _, text := range []string{
		"Normal MigrationStarted n1: Moving from pool a to pool b of fleet web, until 2026-03-02T07:02:00Z at the latest: a has more than it must keep",
		"Normal EvictedForMigration web-1: Node n1 moves from pool a to pool b of fleet web: a has more",
		"Normal Migrated n1: Moved from pool a to pool b of fleet web in 40s: a has more than it must keep",
	} {
		if !w.heard(text) {
			t.Errorf("no event says %q: %q", text, w.events)
		}
	}
	if got := testutil.ToFloat64(w.m.metrics.inProgress.WithLabelValues("web")); got != 0 {
		t.Errorf("in progress = %v, want 0", got)
	}
	if problems, err := testutil.GatherAndLint(w.reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

func TestABudgetThatSaysLaterIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.pod("web", "n1")
	w.pod("api", "n1")
	b := w.budget("web", "web", 1)
	w.pass()
	b.Status.DisruptionsAllowed = 0
	var calls int
	w.fail = func(verb, resource string, _ bool) error {
		if resource == "pods/eviction" {
			calls++
		}
		return nil
	}
	for range 6 { // the minute from 10 s on: tried after 0, 10 and 30 s, and api once
		w.pass()
	}
	if calls != 4 || !slices.Equal(w.evicted, []string{"api"}) {
		t.Errorf("%d evictions were asked for, %v were made; want 4, with back-off, and that of api alone", calls, w.evicted)
	}
	b.Status.DisruptionsAllowed = 1
	for range 3 { // 70 s after the start is when it is tried again
		w.pass()
		w.leave()
	}
	w.pass()
	w.expect("n1", inB())
}

func TestADrainThatIsNotDoneInTimeIsUndone(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.pod("web", "n1")
	b := w.budget("web", "web", 1)
	w.pass()
	b.Status.DisruptionsAllowed = 0
	for range 12 {
		w.pass()
	}
	if w.under("n1") != draining {
		t.Fatal("the migration ended before its deadline")
	}
	w.pass()
	w.expect("n1", before)
	if w.outcome(undone) != 1 || w.outcome(migrated) != 0 {
		t.Error("one undone migration is to be counted")
	}
	want := "Warning MigrationUndone n1: Left in pool a of fleet web and not moved to pool b: " +
		"not drained within 2m0s, still there: shop/web: Cannot evict pod as it would violate the pod's disruption budget."
	if !w.heard(want) {
		t.Errorf("no event says %q: %q", want, w.events)
	}
	b.Status.DisruptionsAllowed = 1
	for range 6 {
		w.decide(1)
		w.pass()
	}
	if w.under("n1") != "" || w.outcome(refused) == 0 {
		t.Error("a node whose migration was undone is tried again at once")
	}
	w.at = w.at.Add(time.Hour)
	w.decide(1)
	w.pass()
	if w.under("n1") != draining {
		t.Error("a node whose migration was undone is not tried again after it rested")
	}
}

func TestAMigrationGoesOnAfterACrash(t *testing.T) {
	for crash := range 5 {
		w := newWorld(t)
		w.node("n1")
		w.pod("web", "n1")
		for i := range 5 {
			if i == crash {
				w.restart()
			}
			w.pass()
			w.leave()
			w.decide(0)
		}
		w.expect("n1", inB())
		if !slices.Equal(w.evicted, []string{"web"}) {
			t.Errorf("crash before pass %d: evicted %v", crash, w.evicted)
		}
	}
}

func TestAMigrationIsUndoneAfterACrash(t *testing.T) {
	for crash := 1; crash < 4; crash++ {
		w := newWorld(t)
		before := shapeOf(w.node("n1"))
		w.pod("web", "n1")
		for range crash {
			w.pass()
			w.leave()
		}
		if w.under("n1") == "" {
			t.Fatalf("nothing is under way after %d passes", crash)
		}
		w.restart()
		w.decision.Killed = true
		w.pass()
		w.expect("n1", before)
	}
}

func TestAWriteWhoseAnswerIsLost(t *testing.T) {
	for lost := range 4 { // the cordon, the eviction, the relabelling, the uncordon
		w := newWorld(t)
		w.node("n1")
		w.pod("web", "n1")
		writes := -1
		w.lose = func() bool {
			writes++
			return writes == lost
		}
		for range 7 {
			w.pass()
			w.leave()
			w.decide(0)
		}
		w.expect("n1", inB())
		if !slices.Equal(w.evicted, []string{"web"}) || writes != 3 {
			t.Errorf("answer %d lost: evicted %v, %d writes", lost, w.evicted, writes+1)
		}
	}
}

func TestNothingMovesWithoutADecisionThatActs(t *testing.T) {
	f := func(why string, change func(*pool.Decision)) {
		t.Helper()
		w := newWorld(t)
		w.node("n1")
		change(&w.decision)
		w.pass()
		w.pass()
		want := 1.0 // for a decision once, however many passes look at it
		if why == "" {
			want = 0
		}
		if w.under("n1") != "" || w.outcome(refused) != want || !strings.Contains(w.log.String(), why) {
			t.Errorf("%+v: under way %q, refused %v, want %v because %q", w.decision, w.under("n1"), w.outcome(refused), want, why)
		}
	}
	f("mode shadow", func(d *pool.Decision) { d.Mode = pool.Shadow })
	f("kill switch", func(d *pool.Decision) { d.Killed = true })
	f("no nodes that are configured", func(d *pool.Decision) { d.Plan.Moves[0].To = "c" })
	f("", func(d *pool.Decision) { d.ValidUntil = start.Add(-time.Second) })
	f("", func(d *pool.Decision) { d.Plan.Moves = nil })
	f("", func(d *pool.Decision) { *d = pool.Decision{} })
}

func TestAnotherShardsMigrationIsLeftToIt(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	r := record{Fleet: "of-another", From: "a", To: "x", Started: start, Deadline: start.Add(2 * time.Minute)}
	w.nodes["n1"] = r.begin(w.nodes["n1"])
	w.touch(w.nodes["n1"])
	w.at = r.Deadline.Add(orphaned)
	w.pass()
	if w.under("n1") != draining {
		t.Fatal("the migration of a fleet that another process has is undone")
	}
	w.pass()
	if w.under("n1") != "" || w.nodes["n1"].Spec.Unschedulable {
		t.Error("a migration that nobody carries on is not undone")
	}
}

// A process that migrates nothing undoes what one that was configured otherwise left behind.
func TestAMigrationIsUndoneByAProcessWithoutFleets(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	r := record{Fleet: "batch", From: "a", To: "b", Started: start, Deadline: start.Add(2 * time.Minute)}
	w.nodes["n1"] = r.begin(w.nodes["n1"])
	w.touch(w.nodes["n1"])
	w.m.fleets.Store(&map[string]*fleet{})
	clear(w.m.mine)
	w.at = r.Deadline.Add(orphaned + time.Minute)
	w.pass()
	if w.under("n1") != "" || w.nodes["n1"].Spec.Unschedulable {
		t.Error("the node stays cordoned")
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.node("n1")
		w.m.o.Now = time.Now
		w.decision.At, w.decision.ValidUntil = time.Now(), time.Now().Add(time.Hour)
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- w.m.Run(ctx) }()
		time.Sleep(25 * time.Second) // passes at 0, 10 and 20 s
		synctest.Wait()
		w.expect("n1", inB())
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
