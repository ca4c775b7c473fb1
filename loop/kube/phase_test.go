package kube

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
)

// still returns a cluster that is told of nodes and pods by hand.
func still(t testing.TB, pools map[string][]Nodes) *cluster {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	all, err := parsePools(pools)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(slog.New(slog.DiscardHandler), m, []string{"example.com/booting"})
	c.setPools(all)
	return c
}

func TestPhaseOfNode(t *testing.T) {
	const hour = time.Hour
	f := func(want tally, at time.Duration, n *corev1.Node, pods ...*corev1.Pod) {
		t.Helper()
		c := still(t, poolsA())
		for _, p := range pods {
			c.putPod(p)
		}
		c.putNode(n)
		if got := c.tallies("batch", origin.Add(at))["a"]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	none, isWarming, isWarm, isActive := tally{}, tally{warming: 1}, tally{warm: 1}, tally{active: 1}
	pod := makePod("p", "n")

	// Ready.
	f(isWarm, hour, makeNode("n"))
	f(isActive, hour, makeNode("n"), pod)
	f(isActive, hour, makeNode("n"), pod, makePod("q", "n"))
	f(isWarm, hour, makeNode("n"), makePod("p", "another"))
	f(none, hour, makeNode("n", inPool("z")))

	// Ready, but not yet for pods.
	f(isWarming, hour, makeNode("n", taint("node.kubernetes.io/not-ready")))
	f(isWarming, hour, makeNode("n", taint("node.cloudprovider.kubernetes.io/uninitialized")))
	f(isWarming, hour, makeNode("n", taint("example.com/booting")))
	f(isWarm, hour, makeNode("n", taint("example.com/gpu")))
	f(isActive, hour, makeNode("n", taint("example.com/booting")), pod) // a pod that tolerates it serves

	// On its way out.
	f(none, hour, makeNode("n", cordoned))
	f(none, hour, makeNode("n", deleted))
	f(isActive, hour, makeNode("n", cordoned), pod)
	f(isActive, hour, makeNode("n", deleted), pod)
	f(none, hour, makeNode("n", cordoned, taint("example.com/booting")))
	f(none, 90*time.Second, makeNode("n", cordoned, ready(corev1.ConditionFalse, 0)))

	// Starting.
	f(isWarming, 90*time.Second, makeNode("n", ready(corev1.ConditionFalse, 5*time.Second)))
	f(isWarming, 90*time.Second, makeNode("n", silent))
	f(isWarming, 90*time.Second, makeNode("n", because(corev1.ConditionUnknown, time.Minute, "NodeStatusNeverUpdated")))
	f(isWarming, 9*time.Minute, makeNode("n", ready(corev1.ConditionFalse, 8*time.Minute))) // its object was there before it booted
	f(isWarming, 30*time.Minute, makeNode("n", ready(corev1.ConditionFalse, time.Second)))

	// Broken, which is not starting.
	f(none, 31*time.Minute, makeNode("n", ready(corev1.ConditionFalse, time.Second)))
	f(none, 31*time.Minute, makeNode("n", silent))
	f(none, 12*time.Minute, makeNode("n", ready(corev1.ConditionFalse, 11*time.Minute)))
	f(none, 3*time.Minute, makeNode("n", because(corev1.ConditionUnknown, 2*time.Minute, "NodeStatusUnknown")))

	// Lost with its pods, until these are evicted.
	lost := because(corev1.ConditionUnknown, hour, "NodeStatusUnknown")
	f(isActive, hour+4*time.Minute+59*time.Second, makeNode("n", lost), pod)
	f(none, hour+5*time.Minute, makeNode("n", lost), pod)
	f(isActive, hour+time.Minute, makeNode("n", ready(corev1.ConditionFalse, hour), cordoned), pod)
}

func TestPodsThatDoNotCount(t *testing.T) {
	f := func(want tally, p *corev1.Pod) {
		t.Helper()
		c := still(t, poolsA())
		c.putNode(makeNode("n"))
		c.putPod(p)
		if got := c.tallies("batch", origin.Add(time.Hour))["a"]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	isWarm, isActive := tally{warm: 1}, tally{active: 1}
	f(isActive, makePod("p", "n"))
	f(isActive, makePod("p", "n", ownedBy("ReplicaSet")))
	f(isActive, makePod("p", "n", inPhase(corev1.PodPending))) // bound, and about to start
	f(isActive, makePod("p", "n", labelled("app", "web")))
	f(isWarm, makePod("p", "n", ownedBy("DaemonSet")))
	f(isWarm, makePod("p", "n", mirror))
	f(isWarm, makePod("p", "n", labelled(PlaceholderLabel, "true")))
	f(isWarm, makePod("p", "n", labelled(PlaceholderLabel, "")))
	f(isWarm, makePod("p", "n", inPhase(corev1.PodSucceeded)))
	f(isWarm, makePod("p", "n", inPhase(corev1.PodFailed)))
	f(isWarm, makePod("p", ""))
}

// What is kept of an object must be all that the rules look at.
func TestSlimKeepsWhatCounts(t *testing.T) {
	for _, p := range []*corev1.Pod{
		makePod("p", "n", started(time.Minute, 2*time.Minute)), makePod("p", "n", mirror), makePod("p", "n", ownedBy("DaemonSet")),
		makePod("p", "n", labelled(PlaceholderLabel, "")), makePod("p", "n", inPhase(corev1.PodFailed)), makePod("p", ""),
	} {
		slim := p.DeepCopy()
		slimPod(slim)
		if isCounted(slim) != isCounted(p) || startOf(slim) != startOf(p) {
			t.Errorf("%+v counts %t and started %v, slim %t and %v", p, isCounted(p), startOf(p), isCounted(slim), startOf(slim))
		}
	}
	n := makeNode("n", cordoned, taint("example.com/booting"))
	slim := n.DeepCopy()
	slimNode(slim)
	a, b := nodeOf(n, nil), nodeOf(slim, nil)
	if a.phase(1, origin) != b.phase(1, origin) || a.leaving != b.leaving || a.ready != b.ready || !a.since.Equal(b.since) || len(b.labels) != 1 {
		t.Errorf("got %+v, want %+v", b, a)
	}
}
