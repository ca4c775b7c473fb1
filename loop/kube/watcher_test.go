package kube

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
)

func TestBrokenWatch(t *testing.T) {
	t.Run("refused", func(t *testing.T) { brokenWatch(t, syscall.ECONNREFUSED) }) // the watch is tried again, and no handler is told
	t.Run("forbidden", func(t *testing.T) { brokenWatch(t, errors.New("forbidden")) })
}

func brokenWatch(t *testing.T, why error) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, poolsA(), makeNode("n"))
		b.start()
		fleet := b.Over(configured{})
		time.Sleep(time.Hour)
		f := func(wantPhases bool, wantDoubt string) {
			t.Helper()
			pools, doubts := b.stands(fleet)
			if pools[0].Phases != wantPhases || strings.Join(doubts, "") != wantDoubt {
				t.Errorf("pool a is %+v, doubts %q, want phases %t and %q", pools[0], doubts, wantPhases, wantDoubt)
			}
		}
		f(true, "")
		b.cut(why)
		time.Sleep(2 * time.Minute)
		f(true, "")
		b.gauge(1)
		time.Sleep(time.Second)
		f(false, "the nodes of a, b are not known and what is configured holds: "+
			"the cluster's nodes are not read since 2000-01-01T01:00:00Z: "+why.Error())
		b.gauge(0)
		if n := testutil.ToFloat64(b.cluster.metrics.errors.WithLabelValues("nodes")); n < 4 {
			t.Errorf("%v errors counted, want one for each try", n)
		}
		b.cut(nil)
		time.Sleep(2 * time.Minute) // a try is at most a minute away
		f(true, "")
		b.gauge(1)
		if broken, whole := b.logs.count("cluster is not read"), b.logs.count("cluster is read again"); broken != 3 || whole != 3 {
			t.Errorf("said %d times that it is broken and %d times that it is whole, want once for each resource:\n%s", broken, whole, b.logs)
		}
		if !b.Synced() {
			t.Error("not synced any more")
		}
	})
}

// gauge compares what the metric of each resource is.
func (b *bench) gauge(want float64) {
	b.t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if f.GetName() != "forethought_kubernetes_watch_synced" {
			continue
		}
		for _, m := range f.Metric {
			if n++; m.Gauge.GetValue() != want {
				b.t.Errorf("%s of %s is %v, want %v", f.GetName(), m.Label[0].GetValue(), m.Gauge.GetValue(), want)
			}
		}
	}
	if n != 3 {
		b.t.Errorf("%d resources have a gauge, want 3", n)
	}
}

// What may not be read is not counted as nothing.
func TestForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, poolsA(), makeNode("n"))
		b.cut(errors.New("nodes is forbidden"))
		b.start()
		time.Sleep(time.Hour)
		pools, doubts := b.stands(b.Over(configured{}))
		if b.Synced() || pools[1].Observed || len(doubts) != 1 || !strings.HasSuffix(doubts[0], "the cluster's nodes are not read yet: nodes is forbidden") {
			t.Errorf("synced %t, pools %+v, doubts %q", b.Synced(), pools, doubts)
		}
		all := b.Over(configured{}).(interface{ Doubts(string) []string }).Doubts("batch")
		if last := all[len(all)-1]; last != "whether a label sets the kill switch is not known: the cluster's configmaps are not read yet: nodes is forbidden" {
			t.Errorf("the last doubt is %q", last)
		}
		b.gauge(0)
	})
}

// Nodes and pods are read as soon as a pool has nodes, and not before.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, makeNode("n"))
		b.start()
		if !b.Synced() {
			t.Error("not synced though nothing is wanted but ConfigMaps")
		}
		for _, a := range b.client.Actions() {
			if r := a.GetResource().Resource; r != "configmaps" {
				t.Errorf("%s of %s before a pool has nodes", a.GetVerb(), r)
			}
		}
		if err := b.SetPools(map[string][]Nodes{"batch": {{"a", "=="}}}); err == nil ||
			!strings.HasPrefix(err.Error(), `nodes of pool a of fleet batch: selector "==": `) {
			t.Errorf("got %v", err)
		}
		fleet := b.Over(configured{})
		if err := b.SetPools(poolsA()); err != nil {
			t.Fatal(err)
		}
		if b.Synced() {
			t.Error("synced at once")
		}
		synctest.Wait()
		if p, doubts := b.stands(fleet); p[0].Warm != 1 || len(doubts) > 0 {
			t.Errorf("got %+v, %q", p[0], doubts)
		}
		if b.logs.count("no node matches") != 1 {
			t.Errorf("want a hint for pool b only:\n%s", b.logs)
		}
		if err := b.SetPools(nil); err != nil {
			t.Fatal(err)
		}
		if p, doubts := b.stands(fleet); p[0].Phases || len(doubts) > 0 {
			t.Errorf("a pool without nodes is %+v, %q", p[0], doubts)
		}
	})
}

// Only what may count is asked for, and little of it is held while it is read.
func TestPodsAreFewAndSlim(t *testing.T) {
	s := newBench(t, nil).pods
	slim, err := s.Transformer()(realPod(1))
	if err != nil || len(slim.(*corev1.Pod).Spec.Containers)+len(slim.(*corev1.Pod).ManagedFields) > 0 {
		t.Errorf("got %+v, %v", slim, err)
	}
	if err := s.Add(&corev1.Node{}); err == nil {
		t.Error("a node is taken as a pod")
	}
	if s.labels != "!forethought.dev/placeholder" || s.fields != "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed" {
		t.Errorf("pods are asked for with labels %q and fields %q", s.labels, s.fields)
	}
}

func TestMissingOptions(t *testing.T) {
	f := func(field string, o Options) {
		t.Helper()
		if _, err := New(o); err == nil || err.Error() != "kube: "+field+" is missing" {
			t.Errorf("got %v, want that %s is missing", err, field)
		}
	}
	b := newBench(t, nil)
	o := Options{Client: b.client, Namespace: "ours", Events: b.events, Log: b.logs.log(), Registerer: prometheus.NewRegistry()}
	without := func(drop func(*Options)) Options {
		c := o
		drop(&c)
		return c
	}
	f("Client", without(func(o *Options) { o.Client = nil }))
	f("Namespace", without(func(o *Options) { o.Namespace = "" }))
	f("Events", without(func(o *Options) { o.Events = nil }))
	f("Log", without(func(o *Options) { o.Log = nil }))
	f("Registerer", without(func(o *Options) { o.Registerer = nil }))
	if _, err := New(o); err != nil {
		t.Error(err)
	}
	o.Registerer = b.registry
	if _, err := New(o); err == nil {
		t.Error("metrics are registered twice")
	}
}

func TestMetricNames(t *testing.T) {
	b := newBench(t, poolsA())
	problems, err := testutil.GatherAndLint(b.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	want := []string{"forethought_kubernetes_watch_errors_total", "forethought_kubernetes_watch_synced", "forethought_node_lead_time_seconds"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}
