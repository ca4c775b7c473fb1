package migrate

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestErrorsOnTheWay(t *testing.T) {
	gr := schema.GroupResource{Resource: "pods"}
	f := func(verb, resource string, err error, undone bool) {
		t.Helper()
		w := newWorld(t)
		before := shapeOf(w.node("n1"))
		w.pod("web", "n1")
		w.pass()
		if resource == "nodes" {
			w.pass()
			w.leave() // what is next is the relabelling
		}
		broken := true
		w.fail = func(v, r string, _ bool) error {
			if broken && v == verb && r == resource {
				broken = false
				return err
			}
			return nil
		}
		w.pass()
		w.decide(0)
		for range 3 {
			w.pass()
			w.leave()
		}
		want := inB()
		if undone {
			want = before
		}
		w.expect("n1", want)
	}
	f("create", "pods/eviction", apierrors.NewForbidden(gr, "web", nil), true)
	f("create", "pods/eviction", apierrors.NewInternalError(fmt.Errorf("etcd")), false)
	f("create", "pods/eviction", apierrors.NewServiceUnavailable("soon"), false)
	f("create", "pods/eviction", apierrors.NewConflict(gr, "web", nil), false)
	f("list", "pods", apierrors.NewServiceUnavailable("soon"), false)
	f("list", "nodes", apierrors.NewServiceUnavailable("soon"), false)
	f("list", "poddisruptionbudgets", apierrors.NewServiceUnavailable("soon"), false)
	f("patch", "nodes", apierrors.NewConflict(gr, "n1", nil), false)
	f("patch", "nodes", apierrors.NewServiceUnavailable("soon"), false)
	f("patch", "nodes", apierrors.NewBadRequest("no"), true)
}

func TestAPodThatMustStayAppears(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.pod("a", "n1")
	w.pass()
	w.pod("z", "n1", bare)
	w.pass()
	w.expect("n1", before)
	if len(w.evicted) > 0 || !w.heard("pod shop/z can't be evicted: it has no controller") {
		t.Errorf("evicted %v, events %q", w.evicted, w.events)
	}
}

func TestAPodThatIsLeavingAnywayKeepsNothing(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.pass()
	w.pod("z", "n1", bare, func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: w.at} })
	w.pass()
	if w.under("n1") != draining {
		t.Errorf("phase %q, events %q", w.under("n1"), w.events)
	}
	w.leave()
	w.pass()
	w.pass()
	w.expect("n1", inB())
}

func TestAnAPIServerThatSaysWhenIsAskedThen(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.pod("web", "n1")
	w.pass()
	calls := 0
	w.fail = func(_, resource string, _ bool) error {
		if resource == "pods/eviction" {
			calls++
			return apierrors.NewTooManyRequests("later", 600)
		}
		return nil
	}
	for range 7 { // and no later than after a minute
		w.pass()
	}
	if calls != 2 {
		t.Errorf("asked %d times in 70 s, want 2", calls)
	}
}

func TestTwoBudgetsForAPodAppear(t *testing.T) {
	w := newWorld(t)
	before := shapeOf(w.node("n1"))
	w.pod("a", "n1")
	w.budget("one", "a", 1)
	w.pass()
	w.budget("two", "a", 1)
	w.pass()
	w.expect("n1", before)
}
