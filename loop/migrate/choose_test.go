package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/forethought-autoscaler/forethought/pool"
)

func ofDaemonSet(p *corev1.Pod) {
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "ds", Controller: new(true)}}
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations = map[string]string{key: value} }
}

func withEmptyDir(p *corev1.Pod) {
	p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
}

func bare(p *corev1.Pod) { p.OwnerReferences = nil }

func unready(p *corev1.Pod) { p.Status.Conditions = nil }

func inPhase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase = phase }
}

// onTheirWay returns the nodes that are cordoned by a Migrator.
func (w *world) onTheirWay() []string {
	var out []string
	for name := range w.nodes {
		if w.under(name) != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func TestANodeWithUnevictableWorkIsNotTouched(t *testing.T) {
	f := func(why string, change ...func(*corev1.Pod)) {
		t.Helper()
		w := newWorld(t)
		w.node("n1")
		w.pod("web", "n1", change...)
		w.budget("none", "none", 0)
		w.pass()
		switch {
		case why == "" && w.under("n1") == "":
			t.Errorf("the node is not moved:\n%s", w.log.String())
		case why != "" && (w.under("n1") != "" || !strings.Contains(w.log.String(), why)):
			t.Errorf("the node is moved, or nothing says %q:\n%s", why, w.log.String())
		case why != "" && w.outcome(refused) != 1:
			t.Errorf("refused %v times, want once", w.outcome(refused))
		}
	}
	blocked := func(p *corev1.Pod) { p.Labels["app"] = "none" }
	static := func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", Controller: new(true)}}
	}
	f("")
	f("no controller", bare)
	f("emptyDir", withEmptyDir)
	f(safeToEvictKey, annotated(safeToEvictKey, "false"))
	f(evictableKey, annotated(evictableKey, "false"))
	f(doNotDisruptKey, annotated(doNotDisruptKey, "true"))
	f("PodDisruptionBudget none allows no disruption now", blocked)
	f("PodDisruptionBudget none allows no disruption now", blocked, unready)
	f("no controller", bare, annotated(evictableKey, "true")) // nothing makes up for that
	f("", withEmptyDir, annotated(safeToEvictKey, "true"))
	f("", withEmptyDir, annotated(evictableKey, "true"))
	f("", blocked, inPhase(corev1.PodPending)) // evicted whatever its budget says
	f("", bare, inPhase(corev1.PodSucceeded))  // no work any more
	f("", withEmptyDir, inPhase(corev1.PodFailed))
	f("", withEmptyDir, ofDaemonSet)
	f("", bare, annotated(corev1.MirrorPodAnnotationKey, "x"))
	f("", withEmptyDir, static)
}

func TestBudgets(t *testing.T) {
	w := newWorld(t)
	f := func(never, now bool, status policyv1.PodDisruptionBudgetStatus, always bool, change ...func(*corev1.Pod)) {
		t.Helper()
		b := *w.budget("one", "web", 0)
		b.Generation, b.Status = 2, status
		if always {
			b.Spec.UnhealthyPodEvictionPolicy = new(policyv1.AlwaysAllow)
		}
		list := []policyv1.PodDisruptionBudget{b}
		p := w.pod("web", "n1", change...)
		if never {
			list = append(list, *w.budget("two", "web", 5))
		}
		bs := newBudgets(list)
		if got := bs.never(p) != ""; got != never {
			t.Errorf("never = %v, want %v", got, never)
		}
		if got := bs.refuse(p) != ""; got != now {
			t.Errorf("refuse = %v, want %v", got, now)
		}
	}
	none := policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 2}
	healthy := policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 2, CurrentHealthy: 3, DesiredHealthy: 3}
	f(false, true, none, false)
	f(false, true, none, true)
	f(false, false, none, true, unready)
	f(false, true, none, false, unready)
	f(false, true, healthy, false)
	f(false, false, healthy, false, unready)
	f(false, false, policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 2, DisruptionsAllowed: 1}, false)
	f(false, true, policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, DisruptionsAllowed: 1}, false)
	f(true, true, none, false)
	f(false, false, none, false, func(p *corev1.Pod) { p.Namespace = "elsewhere" })
	if all := newBudgets([]policyv1.PodDisruptionBudget{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: &metav1.LabelSelector{},
	}}}); all.refuse(w.pod("web", "n1")) == "" {
		t.Error("an empty selector matches every pod of the namespace")
	}
}

func TestTheLeastBurdenedNodeMoves(t *testing.T) {
	w := newWorld(t)
	w.fleet.Concurrent = 3
	w.restart()
	for i := range 5 {
		w.node(fmt.Sprintf("n%d", i))
	}
	placeholder := func(p *corev1.Pod) { p.Labels[placeholderLabel] = "" }
	w.pod("a", "n0")
	w.pod("b", "n1")
	w.pod("c", "n1")
	w.pod("d", "n2", placeholder)
	w.pod("e", "n3", ofDaemonSet)
	w.pod("f", "n4", placeholder)
	w.pod("g", "n4", placeholder)
	for i, want := range [][]string{{"n3"}, {"n2", "n3"}, {"n2", "n3", "n4"}} {
		w.decision.Plan.Moves[0].Instances = i + 1
		w.pass()
		if got := w.onTheirWay(); i == 0 && !slices.Equal(got, want) {
			t.Errorf("on their way: %v, want %v", got, want)
		}
		w.fail = func(verb, resource string, dry bool) error { // nothing leaves
			if resource == "pods/eviction" {
				return apierrors.NewTooManyRequests("later", 0)
			}
			return nil
		}
	}
	if got, want := w.log.String(), []string{"node=n3", "node=n2", "node=n4"}; !inOrder(got, want) {
		t.Errorf("moved in another order than %v:\n%s", want, got)
	}
}

func inOrder(text string, parts []string) bool {
	for _, p := range parts {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i:]
	}
	return true
}

func TestANodeThatIsNotFitIsNotTouched(t *testing.T) {
	f := func(why string, change func(*corev1.Node)) {
		t.Helper()
		w := newWorld(t)
		w.node("n1", change)
		before := shapeOf(w.nodes["n1"])
		w.pass()
		w.pass()
		if got := shapeOf(w.nodes["n1"]); fmt.Sprint(got) != fmt.Sprint(before) || !strings.Contains(w.log.String(), why) {
			t.Errorf("node is %+v, want %+v, since %q:\n%s", got, before, why, w.log.String())
		}
	}
	mark := func(key, value string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Annotations[key] = value }
	}
	taint := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Spec.Taints = append(n.Spec.Taints, noSchedule(key, "")) }
	}
	f("it is cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true })
	f("it is not ready", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse })
	f("it is not ready", func(n *corev1.Node) { n.Status.Conditions = nil })
	f("it is being deleted", func(n *corev1.Node) { n.DeletionTimestamp = &metav1.Time{Time: start} })
	f("ToBeDeletedByClusterAutoscaler", taint("ToBeDeletedByClusterAutoscaler"))
	f("karpenter.sh/disrupted", taint("karpenter.sh/disrupted"))
	f("it rests for another 50m0s", mark(migratedKey, `{"fleet":"web","from":"b","to":"a","at":"2026-03-02T06:50:00Z"}`))
	f("it rests for another 59m0s", mark(undoneKey, `{"fleet":"else","from":"b","to":"a","at":"2026-03-02T06:59:00Z"}`))
	f("annotation "+migratedKey, mark(migratedKey, `soon`))
	f("it is on its way", mark(recordKey, `{"fleet":"else","phase":"draining"}`))
	f("it is on its way", func(n *corev1.Node) { n.Labels[migratingLabel] = "true" })
}

func TestANodeOfTwoPoolsIsNotTouched(t *testing.T) {
	w := newWorld(t)
	w.fleet.Pools[0].Selector = "only-a"
	other := w.fleet
	other.Pools = []Pool{
		{Name: "x", Selector: "zone=z1,x", Labels: map[string]string{"zone": "z1", "x": "x"}},
		{Name: "y", Selector: "y", Labels: map[string]string{"y": "y"}},
	}
	must(t, w.m.SetFleets(map[string]Fleet{"web": w.fleet, "other": other}))
	w.node("n1", func(n *corev1.Node) { n.Labels["x"] = "x" })
	w.pass()
	if want := "would be selected by the pools [other/x web/b]"; w.under("n1") != "" || !strings.Contains(w.log.String(), want) {
		t.Errorf("under way %q, and nothing says %q:\n%s", w.under("n1"), want, w.log.String())
	}
}

func TestWhatTheAPIServerWouldRefuseIsNotBegun(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "nodes"}, "n1", nil)
	f := func(dry bool) {
		t.Helper()
		w := newWorld(t)
		before := shapeOf(w.node("n1"))
		w.fail = func(verb, _ string, isDry bool) error {
			if verb == "patch" && isDry == dry {
				return forbidden
			}
			return nil
		}
		w.pass()
		w.expect("n1", before)
		if w.outcome(refused) != 1 || !strings.Contains(w.log.String(), "forbidden") {
			t.Errorf("refused %v times:\n%s", w.outcome(refused), w.log.String())
		}
	}
	f(true)
	f(false)
}

func TestAMigrationReplacesWhatAnEarlierOneLeft(t *testing.T) {
	w := newWorld(t)
	w.node("n1", func(n *corev1.Node) {
		n.Annotations[undoneKey] = `{"fleet":"web","from":"a","to":"b","at":"2026-03-02T05:00:00Z"}`
		n.Annotations[migratedKey] = `{"fleet":"web","from":"b","to":"a","at":"2026-03-01T05:00:00Z"}`
	})
	for range 3 {
		w.pass()
	}
	w.expect("n1", inB())
	e, _, err := read[ended](w.nodes["n1"], migratedKey)
	if _, old := w.nodes["n1"].Annotations[undoneKey]; old || err != nil || e.To != "b" {
		t.Errorf("annotations %v", w.nodes["n1"].Annotations)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.fleet.DryRun = true
	w.restart()
	w.pass()
	w.pass()
	w.expect("n1", before)
	if !strings.Contains(w.log.String(), "dry run: node n1 would be moved") || len(w.events) > 0 || w.outcome(refused) != 1 {
		t.Errorf("events %q, refused %v:\n%s", w.events, w.outcome(refused), w.log.String())
	}
}

func TestMovesOfSeveralPairs(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.node("m1", func(n *corev1.Node) {
		n.Labels = map[string]string{"pool": "b"}
		n.Spec.Taints = nil
	})
	w.fleet.Concurrent = 2
	w.restart()
	w.decision.Plan.Moves = append(w.decision.Plan.Moves, pool.Move{From: "b", To: "a", Instances: 1})
	w.pass()
	if got := w.onTheirWay(); !slices.Equal(got, []string{"m1", "n1"}) {
		t.Errorf("on their way: %v", got)
	}
}
