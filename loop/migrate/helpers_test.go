package migrate

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/forethought-autoscaler/forethought/pool"
)

var start = time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)

// world is a cluster, the decisions about the fleet web, and the Migrators that work on both. What a Migrator does other than to list, to
// patch nodes and to evict pods fails the test.
type world struct {
	t        *testing.T
	at       time.Time
	nodes    map[string]*corev1.Node
	pods     map[types.UID]*corev1.Pod
	budgets  map[string]*policyv1.PodDisruptionBudget
	decision pool.Decision
	leading  bool
	fleet    Fleet
	version  int
	// fail, where it is set, may refuse a call before it is answered: verb and what it is about.
	fail func(verb, resource string, dryRun bool) error
	// lose, where it is set, may lose the answer to a write that was made.
	lose func() bool
	// evicted and events are what happened.
	evicted []string
	events  []string
	log     strings.Builder
	m       *Migrator
	reg     *prometheus.Registry
	board   map[string]pool.Decision
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, at: start, nodes: map[string]*corev1.Node{}, pods: map[types.UID]*corev1.Pod{}, budgets: map[string]*policyv1.PodDisruptionBudget{},
		leading: true, board: map[string]pool.Decision{},
	}
	w.fleet = Fleet{
		Pools: []Pool{
			{
				Name: "a", Selector: "pool=a", Labels: map[string]string{"pool": "a", "only-a": "yes"},
				Taints: []corev1.Taint{noSchedule("dedicated", "a")},
			},
			{
				Name: "b", Selector: "pool=b", Labels: map[string]string{"pool": "b"},
				Taints: []corev1.Taint{noSchedule("dedicated", "b"), noSchedule("fast", "")},
			},
		},
		Drain: 2 * time.Minute, PerHour: 10, Cooldown: 30 * time.Minute,
	}
	w.decide(1)
	w.restart()
	return w
}

func noSchedule(key, value string) corev1.Taint {
	return corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffectNoSchedule}
}

// decide publishes a decision in mode act that moves instances from a to b.
func (w *world) decide(instances int) {
	w.decision = pool.Decision{Fleet: "web", At: w.at, ValidUntil: w.at.Add(time.Hour), Mode: pool.Act}
	if instances > 0 {
		w.decision.Plan.Moves = []pool.Move{{From: "a", To: "b", Instances: instances, Reason: "a has more than it must keep"}}
	}
}

// restart replaces the Migrator by one that knows nothing, as after a crash.
func (w *world) restart() {
	w.reg = prometheus.NewRegistry()
	m, err := New(Options{
		Board: w, Now: func() time.Time { return w.at }, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Registerer: w.reg, Client: w.client(), Events: w,
		Fleets: map[string]Fleet{"web": w.fleet}, Interval: 10 * time.Second, Leading: func() bool { return w.leading },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.m = m
}

// Snapshot and Snapshots make a world a pool.Board.
func (w *world) Snapshot(fleet string) (pool.Snapshot, bool) {
	if d, ok := w.board[fleet]; ok {
		return pool.Snapshot{Fleet: fleet, Decision: d}, true
	}
	return pool.Snapshot{Fleet: fleet, Decision: w.decision}, fleet == "web"
}

func (w *world) Snapshots() []pool.Snapshot { return nil }

// Eventf makes a world an events.EventRecorder.
func (w *world) Eventf(about, _ runtime.Object, kind, reason, _, note string, args ...any) {
	m, _ := about.(metav1.Object)
	if len(fmt.Sprintf(note, args...)) > mostNote {
		w.t.Errorf("event %s has a note of more than %d bytes", reason, mostNote)
	}
	w.events = append(w.events, kind+" "+reason+" "+m.GetName()+": "+fmt.Sprintf(note, args...))
}

// pass makes one pass and lets the time of an interval go by.
func (w *world) pass() {
	w.t.Helper()
	w.m.pass(w.t.Context(), w.at)
	w.at = w.at.Add(10 * time.Second)
}

// leave lets the pods that are terminating end, as a kubelet does.
func (w *world) leave() {
	maps.DeleteFunc(w.pods, func(_ types.UID, p *corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// node adds a node of pool a.
func (w *world) node(name string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID("node-" + name), Labels: map[string]string{"pool": "a", "only-a": "yes", "zone": "z1"},
			Annotations: map[string]string{"mine": "1"},
		},
		Spec:   corev1.NodeSpec{Taints: []corev1.Taint{noSchedule("dedicated", "a"), noSchedule("other", "x")}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	for _, c := range change {
		c(n)
	}
	w.touch(n)
	w.nodes[name] = n
	return n
}

func (w *world) touch(n *corev1.Node) {
	w.version++
	n.ResourceVersion = strconv.Itoa(w.version)
}

// pod adds a running pod of a Deployment to a node.
func (w *world) pod(name, node string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "shop", UID: types.UID("pod-" + name), Labels: map[string]string{"app": name},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "rs", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, c := range change {
		c(p)
	}
	w.pods[p.UID] = p
	return p
}

// budget adds a PodDisruptionBudget for pods of an app, which allows some disruptions now.
func (w *world) budget(name, app string, allowed int32) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
	}
	w.budgets[name] = b
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome returns how many migrations had an outcome, between whichever pools.
func (w *world) outcome(outcome string) float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	must(w.t, err)
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "forethought_migrations_total" && slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
				return l.GetName() == "outcome" && l.GetValue() == outcome
			}) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// shape is what a migration changes on a node and must leave exactly as one of two pools has it.
type shape struct {
	labels        map[string]string
	taints        []corev1.Taint
	unschedulable bool
}

func shapeOf(n *corev1.Node) shape {
	return shape{maps.Clone(n.Labels), slices.Clone(n.Spec.Taints), n.Spec.Unschedulable}
}

// inB is the shape of a node that came from a.
func inB() shape {
	return shape{
		labels: map[string]string{"pool": "b", "zone": "z1"},
		taints: []corev1.Taint{noSchedule("other", "x"), noSchedule("dedicated", "b"), noSchedule("fast", "")},
	}
}
