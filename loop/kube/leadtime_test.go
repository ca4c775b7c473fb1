package kube

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
)

// histograms returns the lead times, by fleet, pool and stage.
func (m *metrics) histograms(t testing.TB) map[string]*dto.Histogram {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(m.leads)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.Histogram{}
	for _, f := range families {
		for _, s := range f.Metric {
			l := map[string]string{}
			for _, p := range s.Label {
				l[p.GetName()] = p.GetValue()
			}
			out[l["fleet"]+"/"+l["pool"]+"/"+l["stage"]] = s.Histogram
		}
	}
	return out
}

// series returns how many lead times were learnt, by fleet, pool and stage.
func (m *metrics) series(t testing.TB) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	for name, h := range m.histograms(t) {
		out[name] = h.GetSampleCount()
	}
	return out
}

// learnt returns the sum of the lead times of pool a, with their number where there are several: "60" or "2x90".
func (c *cluster) learnt(t *testing.T) (readyStage, podStage string) {
	t.Helper()
	all := c.metrics.histograms(t)
	text := func(h *dto.Histogram) string {
		switch n := h.GetSampleCount(); n {
		case 0:
			return ""
		case 1:
			return fmt.Sprint(h.GetSampleSum())
		default:
			return fmt.Sprintf("%dx%v", n, h.GetSampleSum())
		}
	}
	return text(all["batch/a/ready"]), text(all["batch/a/pod"])
}

// events of one node and its pods, and what is learnt of them.
func TestLeadTimes(t *testing.T) {
	const hour = time.Hour
	f := func(wantReady, wantPod string, events ...any) {
		t.Helper()
		c := still(t, poolsA())
		for _, e := range events {
			switch e := e.(type) {
			case *corev1.Node:
				c.putNode(e)
			case *corev1.Pod:
				c.putPod(e)
			}
		}
		if gotReady, gotPod := c.learnt(t); gotReady != wantReady || gotPod != wantPod {
			t.Errorf("got %q and %q, want %q and %q", gotReady, gotPod, wantReady, wantPod)
		}
	}
	starting := makeNode("n", ready(corev1.ConditionFalse, 2*time.Second))
	isReady := makeNode("n", ready(corev1.ConditionTrue, 90*time.Second))
	waited := makePod("p", "n", started(90*time.Second, 100*time.Second))

	// Seen from the beginning.
	f("", "", starting)
	f("90", "", starting, isReady)
	f("90", "100", starting, isReady, waited)
	f("90", "100", starting, isReady, makePod("p", "n", inPhase(corev1.PodPending)), waited)
	f("90", "100", starting, isReady, waited, makePod("q", "n", started(91*time.Second, 95*time.Second)), isReady, waited) // once

	// Found after it began.
	f("90", "", isReady)
	f("90", "100", isReady, waited)
	f("90", "100", waited, isReady)
	f("90", "95", waited, makePod("q", "n", started(90*time.Second, 95*time.Second)), isReady) // the first of several

	// Idle in between.
	f("90", "102", isReady, makePod("p", "n", started(10*time.Minute, 10*time.Minute+12*time.Second)))
	f("90", "", isReady, makePod("p", "n", started(hour, hour+12*time.Second))) // may be the second pod there

	// Nothing but when the kubelet took the pod, which waited since before there was a node.
	f("90", "105", isReady, makePod("p", "n", func(p *corev1.Pod) {
		taken := after(105 * time.Second)
		p.Status.StartTime = &taken
	}))
	f("90", "", isReady, makePod("p", "n"))

	// Pods that do not count.
	f("90", "", isReady, makePod("p", "n", started(90*time.Second, 100*time.Second), labelled(PlaceholderLabel, "")))
	f("90", "", isReady, makePod("p", "n", started(90*time.Second, 100*time.Second), ownedBy("DaemonSet")))
	f("90", "", isReady, makePod("p", "m", started(90*time.Second, 100*time.Second)))

	// A node that comes back, seen or not.
	back := makeNode("n", ready(corev1.ConditionTrue, 5*hour))
	f("", "", back)
	f("", "", makeNode("n", because(corev1.ConditionUnknown, 4*hour, "NodeStatusUnknown"), taint("node.kubernetes.io/not-ready")), back)
	f("90", "", isReady, makeNode("n", ready(corev1.ConditionFalse, hour)), back)

	// A slow one, which is believed where it was seen starting.
	slow := makeNode("n", ready(corev1.ConditionTrue, 40*time.Minute))
	f("", "", slow)
	f("2400", "", starting, slow)

	// Another node of the same name.
	other := makeNode("n", ready(corev1.ConditionTrue, 30*time.Second))
	other.UID = "another"
	f("2x120", "", isReady, other)

	// Clocks that disagree.
	f("", "", makeNode("n", ready(corev1.ConditionTrue, -time.Second)))
	f("90", "90", isReady, makePod("p", "n", started(90*time.Second, 89*time.Second)))
}

// A start-up taint holds pods off a node that is Ready. When it goes no object says.
func TestLeadTimeUntilTaintIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := still(t, poolsA())
		c.putNode(makeNode("n", taint("example.com/booting")))
		time.Sleep(100 * time.Second)
		c.putNode(makeNode("n"))
		c.putPod(makePod("p", "n", started(100*time.Second, 107*time.Second)))
		if gotReady, gotPod := c.learnt(t); gotReady != "100" || gotPod != "107" {
			t.Errorf("got %q and %q, want 100 and 107", gotReady, gotPod)
		}
	})
}

// Both forms of the histogram hold what was observed.
func TestLeadTimeHistogram(t *testing.T) {
	c := still(t, poolsA())
	c.putNode(makeNode("n", ready(corev1.ConditionTrue, 90*time.Second)))
	h := c.metrics.histograms(t)["batch/a/ready"]
	if first, last := h.Bucket[0].GetUpperBound(), h.Bucket[len(h.Bucket)-1].GetUpperBound(); first != 5 || last != 1800 {
		t.Errorf("buckets from %v to %v, want 5 to 1800", first, last)
	}
	for _, b := range h.Bucket {
		if want := b.GetUpperBound() >= 90; (b.GetCumulativeCount() == 1) != want {
			t.Errorf("bucket of %v has %d", b.GetUpperBound(), b.GetCumulativeCount())
		}
	}
	if h.GetSchema() != 3 || len(h.PositiveSpan) != 1 {
		t.Errorf("schema %d and %d spans, want a native histogram with one", h.GetSchema(), len(h.PositiveSpan))
	}
}
