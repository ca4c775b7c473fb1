package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestHowManyNodesMove(t *testing.T) {
	f := func(instances, perHour, concurrent, nodes, want int) {
		t.Helper()
		w := newWorld(t)
		w.fleet.PerHour, w.fleet.Concurrent = perHour, concurrent
		w.restart()
		for i := range nodes {
			w.node(fmt.Sprintf("n%d", i))
		}
		for range 24 {
			w.decide(instances) // as if nobody saw what was moved
			w.decision.At = start
			w.pass()
			if got := len(w.onTheirWay()); got > max(concurrent, 1) {
				t.Errorf("%d nodes at once, want at most %d", got, max(concurrent, 1))
			}
		}
		moved := 0
		for _, n := range w.nodes {
			if n.Labels["pool"] == "b" {
				moved++
			}
		}
		if moved != want {
			t.Errorf("%d of %d nodes moved in four minutes, want %d", moved, nodes, want)
		}
	}
	f(1, 10, 0, 5, 1) // no more than the plan says
	f(3, 10, 0, 5, 3)
	f(3, 10, 2, 5, 3)
	f(3, 2, 0, 5, 2) // no more than the budget of the hour
	f(9, 10, 4, 5, 5)
}

func TestTheBudgetIsReadFromTheNodes(t *testing.T) {
	w := newWorld(t)
	w.fleet.PerHour = 2
	w.restart()
	for i := range 4 {
		w.node(fmt.Sprintf("n%d", i))
	}
	w.nodes["n0"].Annotations[undoneKey] = `{"fleet":"web","from":"a","to":"b","at":"2026-03-02T06:30:00Z"}`
	w.node("n9", func(n *corev1.Node) {
		n.Labels = map[string]string{"pool": "b"}
		n.Annotations[migratedKey] = `{"fleet":"web","from":"a","to":"b","at":"2026-03-02T06:10:00Z"}`
	})
	w.pass()
	if len(w.onTheirWay()) != 0 || !strings.Contains(w.log.String(), "the budget of 2 an hour is used up") {
		t.Fatalf("on their way: %v:\n%s", w.onTheirWay(), w.log.String())
	}
	w.restart() // who knows nothing but the nodes
	w.at = start.Add(11 * time.Minute)
	w.decide(3)
	w.pass()
	if len(w.onTheirWay()) != 1 {
		t.Fatalf("on their way: %v, want one: an hour after the first", w.onTheirWay())
	}
	for range 4 {
		w.decide(3)
		w.pass()
	}
	if got := w.onTheirWay(); len(got) != 0 || w.outcome(refused) == 0 {
		t.Errorf("on their way: %v, refused %v", got, w.outcome(refused))
	}
}

func TestWhatThePlanDoesNotSeeYetIsTakenOffIt(t *testing.T) {
	w := newWorld(t)
	w.node("n1")
	w.node("n2")
	for range 5 {
		w.decide(1) // the plan still counts n1 in its old pool
		w.pass()
	}
	if got := w.onTheirWay(); len(got) != 0 {
		t.Fatalf("on their way: %v", got)
	}
	w.at = w.at.Add(lag)
	w.decide(1)
	w.pass()
	if got := w.onTheirWay(); !slices.Equal(got, []string{"n2"}) {
		t.Errorf("on their way: %v, want n2: the plan has seen n1 by then and wants one more", got)
	}
}

func TestALargePoolIsLookedThroughInParts(t *testing.T) {
	w := newWorld(t)
	for i := range 3 * looks {
		name := fmt.Sprintf("n%03d", i)
		w.node(name)
		if i != 2*looks+5 {
			w.pod("p"+name, name, bare)
		}
	}
	listed := 0
	w.fail = func(verb, resource string, _ bool) error {
		if resource == "pods" {
			listed++
		}
		return nil
	}
	for i := range 3 {
		listed = 0
		w.decide(1)
		w.pass()
		if listed > looks {
			t.Errorf("pods of %d nodes are listed in a pass", listed)
		}
		if got := len(w.onTheirWay()); got != i/2 {
			t.Errorf("after %d passes %d nodes are on their way", i+1, got)
		}
	}
}

func TestLeftOutNodesAreSaidOnceAMinute(t *testing.T) {
	w := newWorld(t)
	for i := range 8 {
		w.node(fmt.Sprintf("n%d", i))
		w.pod(fmt.Sprintf("p%d", i), fmt.Sprintf("n%d", i), bare)
	}
	for range 6 {
		w.decide(1)
		w.pass()
	}
	text := w.log.String()
	if n := strings.Count(text, "nodes are left out"); n != 1 || !strings.Contains(text, "and 3 more") {
		t.Errorf("%d lines in a minute, want 1 with five reasons:\n%s", n, text)
	}
	w.decide(1)
	w.pass()
	if n := strings.Count(w.log.String(), "nodes are left out"); n != 2 {
		t.Errorf("%d lines after a minute, want 2", n)
	}
	if w.outcome(refused) != 7 {
		t.Errorf("refused %v times in seven turns", w.outcome(refused))
	}
}
