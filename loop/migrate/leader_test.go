package migrate

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestAnotherLeaderGoesOn(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.pass()
	w.leading = false
	w.pass() // it learns that it does not lead
	first := w.m
	w.restart()
	w.leading = true
	w.pass()
	w.decide(0)
	w.pass()
	w.expect("n1", inB())
	first.pass(t.Context(), w.at) // and leads again
	if got := testutil.ToFloat64(first.metrics.total.WithLabelValues("web", "a", "b", undone)); got != 0 {
		t.Errorf("a migration that another leader finished counts %v times as undone", got)
	}
}

func TestOnlyTheLeaderActs(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.leading = false
	w.fail = func(verb, resource string, _ bool) error {
		t.Errorf("a process that does not lead asks to %s %s", verb, resource)
		return nil
	}
	w.pass()
	if _, err := testutil.GatherAndCount(w.reg, "forethought_migrations_in_progress"); err != nil {
		t.Error(err)
	}
	if n, _ := testutil.GatherAndCount(w.reg, "forethought_migrations_in_progress"); n != 0 {
		t.Errorf("%d series say what is in progress, of a process that does not know", n)
	}
}

func TestALeaderThatResignsWritesNoMore(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.fail = func(verb, resource string, _ bool) error {
		if verb != "list" {
			t.Errorf("a process that has resigned asks to %s %s", verb, resource)
		}
		w.leading = false // the Lease is lost after the pass began
		return nil
	}
	w.pass()
	w.leading, w.fail = true, nil
	w.pod("web", "n1")
	before := w.under("n1")
	w.pass()
	w.fail = func(_, resource string, _ bool) error {
		w.leading = w.leading && resource != "pods" // it is lost within a drain
		return nil
	}
	w.pass()
	if before != "" || len(w.evicted) > 0 || strings.Contains(w.log.String(), "WARN") {
		t.Errorf("a process that resigned acts or complains:\n%s", w.log.String())
	}
}
