package migrate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/forethought-autoscaler/forethought/pool"
)

// turmoil is a world in which anything happens at any time.
type turmoil struct {
	*world
	rng *rand.Rand
	// cordoned are the nodes that a person cordoned, a and b the labels and taints that each node has in each pool.
	cordoned map[string]bool
	a, b     map[string]shape
	// begun are the times at which migrations began, flying the nodes that are under one.
	begun  []time.Time
	flying map[string]bool
	pods   int
}

func newTurmoil(t *testing.T, seed uint64) *turmoil {
	w := newWorld(t)
	w.fleet.PerHour, w.fleet.Concurrent = 3, 2
	u := &turmoil{
		world: w, rng: rand.New(rand.NewPCG(seed, 1)), cordoned: map[string]bool{}, a: map[string]shape{}, b: map[string]shape{}, flying: map[string]bool{},
	}
	w.restart()
	for i := range 6 {
		n := w.node(fmt.Sprintf("n%d", i))
		u.a[n.Name], u.b[n.Name] = shapeOf(n), inB()
	}
	w.fail = func(_, resource string, _ bool) error {
		if u.rng.IntN(40) > 0 {
			return nil
		}
		return []error{
			apierrors.NewServiceUnavailable("soon"), apierrors.NewConflict(schema.GroupResource{Resource: resource}, "x", nil),
			apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "x", nil), apierrors.NewTooManyRequests("later", 3),
		}[u.rng.IntN(4)]
	}
	w.lose = func() bool { return u.rng.IntN(20) == 0 }
	return u
}

// happen does one thing that may happen.
func (u *turmoil) happen() {
	name := fmt.Sprintf("n%d", u.rng.IntN(len(u.nodes)))
	n := u.nodes[name]
	switch u.rng.IntN(16) {
	case 0:
		u.restart()
	case 1:
		u.leading = u.rng.IntN(4) > 0
	case 2:
		u.decision.Killed = u.rng.IntN(4) == 0
	case 3:
		u.decision.Mode = []pool.Mode{pool.Shadow, pool.Act, pool.Act, pool.Act}[u.rng.IntN(4)]
	case 4:
		u.at = u.at.Add(time.Duration(u.rng.IntN(30)) * time.Minute)
	case 5:
		if _, flying := n.Annotations[recordKey]; !flying {
			n.Spec.Unschedulable, u.cordoned[name] = true, true
			u.touch(n)
		}
	case 6:
		n.Spec.Unschedulable, u.cordoned[name] = false, false
		u.touch(n)
	case 7:
		n.Status.Conditions[0].Status = []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionTrue}[u.rng.IntN(3)]
		u.touch(n)
	case 8, 9:
		u.bringPod(name)
	case 10, 11:
		u.leave()
	case 12:
		for _, b := range u.budgets {
			b.Status.DisruptionsAllowed = int32(u.rng.IntN(2))
		}
	default:
		u.decideAnything()
	}
}

func (u *turmoil) bringPod(node string) {
	u.pods++
	name := fmt.Sprintf("p%d", u.pods)
	kinds := []func(*corev1.Pod){func(*corev1.Pod) {}, func(p *corev1.Pod) { p.Labels["app"] = "guarded" }, bare, withEmptyDir, ofDaemonSet}
	u.pod(name, node, kinds[u.rng.IntN(len(kinds))])
	if u.budgets["guarded"] == nil {
		u.budget("guarded", "guarded", 1)
	}
	for _, uid := range slices.Sorted(maps.Keys(u.world.pods)) { // so that some nodes can move at all
		if p := u.world.pods[uid]; u.rng.IntN(3) == 0 && p.DeletionTimestamp == nil && p.Spec.NodeName != node {
			delete(u.world.pods, uid) // its owner scaled in
		}
	}
}

func (u *turmoil) decideAnything() {
	killed, mode := u.decision.Killed, u.decision.Mode
	u.decide(1 + u.rng.IntN(3))
	u.decision.ValidUntil = u.at.Add(time.Duration(u.rng.IntN(5)) * time.Minute)
	if u.rng.IntN(2) == 0 {
		u.decision.Plan.Moves[0].From, u.decision.Plan.Moves[0].To = "b", "a"
	}
	u.decision.Killed, u.decision.Mode = killed, mode
}

// verify fails the test where a node that is under no migration is not wholly in one pool, or more migrate than may.
func (u *turmoil) verify() {
	u.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(u.nodes)) {
		n := u.nodes[name]
		_, flying := n.Annotations[recordKey]
		if flying && !u.flying[name] {
			u.begun = append(u.begun, u.at)
		}
		if u.flying[name] = flying; flying {
			continue
		}
		got := shapeOf(n)
		if got.unschedulable != u.cordoned[name] {
			u.t.Fatalf("node %s: unschedulable %v, want %v\n%s", name, got.unschedulable, u.cordoned[name], u.log.String())
		}
		got.unschedulable = false
		if !u.same(got, u.a[name]) && !u.same(got, u.b[name]) {
			u.t.Fatalf("node %s is in neither pool: %+v\n%s", name, got, u.log.String())
		}
	}
	if n := len(u.onTheirWay()); n > u.fleet.Concurrent {
		u.t.Fatalf("%d nodes at once", n)
	}
	if i := len(u.begun) - 1 - u.fleet.PerHour; i >= 0 && u.begun[len(u.begun)-1].Sub(u.begun[i]) < time.Hour {
		u.t.Fatalf("%d migrations began within %s", u.fleet.PerHour+1, u.begun[len(u.begun)-1].Sub(u.begun[i]))
	}
}

// same compares shapes; a node that went to b and came back has the taints of a in another order.
func (u *turmoil) same(x, y shape) bool {
	key := func(s shape) []string { return slices.Sorted(slices.Values(list(s.taints))) }
	return maps.Equal(x.labels, y.labels) && slices.Equal(key(x), key(y))
}

// settle ends everything that disturbs and lets the passes bring what is under way to an end.
func (u *turmoil) settle() {
	u.fail, u.lose, u.leading = nil, nil, true
	u.decide(0)
	for _, n := range u.nodes {
		n.Status.Conditions[0].Status = corev1.ConditionTrue
		u.touch(n)
	}
	for range 20 {
		u.pass()
		u.leave()
		u.verify()
	}
	if left := u.onTheirWay(); len(left) > 0 {
		u.t.Fatalf("still under way: %v\n%s", left, u.log.String())
	}
}

func TestWhateverHappensANodeIsInOnePool(t *testing.T) {
	moved, undoings := 0, 0
	for seed := range uint64(30) {
		u := newTurmoil(t, seed)
		for range 120 {
			u.happen()
			u.pass()
			u.verify()
		}
		u.settle()
		for _, e := range u.events {
			switch strings.Fields(e)[1] {
			case "Migrated":
				moved++
			case "MigrationUndone":
				undoings++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if moved < 30 || undoings < 15 {
		t.Errorf("only %d migrations and %d undone ones: the test tests nothing", moved, undoings)
	}
}

func TestTheSameSeedIsTheSameStory(t *testing.T) {
	tell := func() []string {
		u := newTurmoil(t, 7)
		for range 120 {
			u.happen()
			u.pass()
		}
		return u.events
	}
	if one, other := tell(), tell(); len(one) == 0 || !reflect.DeepEqual(one, other) {
		t.Errorf("two passes over the same cluster differ: %d and %d events", len(one), len(other))
	}
}
