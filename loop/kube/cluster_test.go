package kube

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// at is when these tests count. Each time is far enough from the others that nothing is answered from a former count.
func (c *cluster) at(minutes int, pool string) tally {
	return c.tallies("batch", origin.Add(time.Hour+time.Duration(minutes)*time.Minute))[pool]
}

func TestCountsFollowPods(t *testing.T) {
	c := still(t, poolsA())
	c.putNode(makeNode("n"))
	c.putNode(makeNode("m"))
	minutes := 0
	f := func(want tally) {
		t.Helper()
		if minutes++; c.at(minutes, "a") != want {
			t.Errorf("got %+v, want %+v", c.at(minutes, "a"), want)
		}
	}
	f(tally{warm: 2})
	c.putPod(makePod("p", "n"))
	c.putPod(makePod("q", "n"))
	c.putPod(makePod("p", "n")) // told again
	f(tally{warm: 1, active: 1})
	c.removePod(makePod("p", "n"))
	f(tally{warm: 1, active: 1})
	c.removePod(makePod("p", "n")) // told again
	f(tally{warm: 1, active: 1})
	c.putPod(makePod("q", "n", inPhase(corev1.PodSucceeded)))
	f(tally{warm: 2})
	c.putPod(makePod("r", "n"))
	c.putPod(makePod("r", "m")) // another pod of the name, whose former end was missed
	f(tally{warm: 1, active: 1})
	c.putPod(makePod("s", "gone"))
	f(tally{warm: 1, active: 1})
	c.replacePods([]*corev1.Pod{makePod("t", "n")})
	f(tally{warm: 1, active: 1})
	c.replacePods(nil)
	f(tally{warm: 2})
	c.replaceNodes([]*corev1.Node{makeNode("m")})
	f(tally{warm: 1})
	c.removeNode(makeNode("m"))
	f(tally{})
	if len(c.pods)+len(c.occupied)+len(c.nodes) != 0 {
		t.Errorf("%d pods, %d occupations and %d nodes are kept of none", len(c.pods), len(c.occupied), len(c.nodes))
	}
}

func TestCountsFollowLabels(t *testing.T) {
	c := still(t, poolsA())
	c.putNode(makeNode("n"))
	if got := c.at(1, "a"); got != (tally{warm: 1}) {
		t.Errorf("a: got %+v", got)
	}
	c.putNode(makeNode("n", inPool("b")))
	if a, b := c.at(2, "a"), c.at(2, "b"); a != (tally{}) || b != (tally{warm: 1}) {
		t.Errorf("after the label changed: a %+v, b %+v", a, b)
	}
}

// All fleets of a turn are answered from one count.
func TestCountIsKeptForASecond(t *testing.T) {
	c := still(t, poolsA())
	at := origin.Add(time.Hour)
	f := func(d time.Duration, want int) {
		t.Helper()
		if got := c.tallies("batch", at.Add(d))["a"].warm; got != want {
			t.Errorf("after %s: got %d, want %d", d, got, want)
		}
	}
	f(0, 0)
	c.putNode(makeNode("n"))
	f(999*time.Millisecond, 0)
	f(time.Second, 1)
	c.removeNode(makeNode("n"))
	f(0, 0) // a turn of the past is counted anew
	c.replaceNodes([]*corev1.Node{makeNode("n")})
	f(0, 1) // as is a turn during which everything was read
	c.replacePods([]*corev1.Pod{makePod("p", "n")})
	f(0, 0)
}

func TestOverlappingSelectors(t *testing.T) {
	c := still(t, map[string][]Nodes{
		"web":   {{"all", "pool"}},
		"batch": {{"some", "pool in (a,b)"}, {"a", "pool=a"}},
	})
	l := &logs{}
	c.log = l.log()
	c.putNode(makeNode("n"))
	c.putNode(makeNode("m"))
	c.putNode(makeNode("o", inPool("b")))
	c.putNode(makeNode("q", inPool("c")))
	at := origin.Add(time.Hour)
	if got := c.tallies("batch", at); got["some"].warm != 3 || got["a"].warm != 0 {
		t.Errorf("batch: got %+v", got)
	}
	if got := c.tallies("web", at)["all"].warm; got != 1 {
		t.Errorf("web: got %d, want 1", got)
	}
	if got := l.count("matches the selectors of two pools"); got != 2 { // some and a, some and all
		t.Errorf("said %d times, want once for each two pools:\n%s", got, l)
	}
}

func TestPoolsOfAReload(t *testing.T) {
	c := still(t, poolsA())
	c.putNode(makeNode("n"))
	c.putNode(makeNode("m", inPool("b")))
	if got := len(c.metrics.series(t)); got != 4 {
		t.Errorf("%d series, want two for each pool", got)
	}
	next, err := parsePools(map[string][]Nodes{"batch": {{"a", "pool in (a,b)"}}, "web": {{"a", "pool=c"}}})
	if err != nil {
		t.Fatal(err)
	}
	c.at(1, "a")
	c.setPools(next)
	got := c.tallies("batch", origin.Add(time.Hour+time.Minute)) // within a second of the last count
	if len(got) != 1 || got["a"].warm != 2 {
		t.Errorf("got %+v, want two nodes in pool a and no other pool", got)
	}
	want := map[string]uint64{"batch/a/ready": 2, "batch/a/pod": 0, "web/a/ready": 0, "web/a/pod": 0}
	for name, n := range c.metrics.series(t) {
		if want[name] != n { // n stayed in its pool and is not learnt from again; m is new to it
			t.Errorf("%s has %d observations, want %d", name, n, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no series for %v", want)
	}
}

func TestSelectorsThatAreWrong(t *testing.T) {
	f := func(selector, want string) {
		t.Helper()
		if err := CheckSelector(selector); err == nil || err.Error()[:len(want)] != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("", "selector is missing")
	f("a=b=c", `selector "a=b=c": `)
	if err := CheckSelector("a=b,c in (d,e),!f"); err != nil {
		t.Error(err)
	}
}
