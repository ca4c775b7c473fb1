package kube

import (
	"context"
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
)

// configured is a Fleet whose pools are a, with a query that knows of three instances, b and queried.
type configured struct{ err error }

func (c configured) Pools(context.Context, string, time.Time) ([]pool.Pool, error) {
	return []pool.Pool{
		{Name: "a", Observed: true, Active: 3, Max: 9}, {Name: "b"}, {Name: "queried", Observed: true, Active: 4},
	}, c.err
}

func (configured) Doubts(string) []string { return []string{"a price is not known"} }

// stands returns how the pools of batch stand, and the doubts beside the configured one.
func (b *bench) stands(f loop.Fleet) (pools []pool.Pool, doubts []string) {
	b.t.Helper()
	pools, err := f.Pools(b.t.Context(), "batch", time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	doubts = f.(interface{ Doubts(string) []string }).Doubts("batch")
	if len(doubts) == 0 || doubts[0] != "a price is not known" {
		b.t.Errorf("doubts of the configured fleet are lost: %q", doubts)
	}
	return pools, doubts[1:]
}

func TestPoolsOfACluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, poolsA(), makeNode("n"), makeNode("m"), makePod("p", "n"), makeNode("o", inPool("b"), ready(corev1.ConditionFalse, 0)))
		fleet := b.Over(configured{})
		if pools, doubts := b.stands(fleet); !pools[0].Observed || pools[0].Active != 3 || pools[0].Phases || pools[1].Observed ||
			len(doubts) != 1 || doubts[0] != "the nodes of a, b are not known and what is configured holds: the cluster's nodes are not read yet" {
			t.Errorf("before anything is read: %+v, %q", pools, doubts)
		}
		if b.Synced() {
			t.Error("synced before Run")
		}
		b.start()
		if !b.Synced() {
			t.Error("not synced")
		}
		pools, doubts := b.stands(fleet)
		want := []pool.Pool{
			{Name: "a", Observed: true, Phases: true, Warm: 1, Active: 1, Max: 9}, {Name: "b", Observed: true, Phases: true, Warming: 1},
			{Name: "queried", Observed: true, Active: 4},
		}
		for i, p := range pools {
			if p.Observed != want[i].Observed || p.Phases != want[i].Phases || p.Warming != want[i].Warming || p.Warm != want[i].Warm ||
				p.Active != want[i].Active || p.Max != want[i].Max {
				t.Errorf("got %+v, want %+v", p, want[i])
			}
		}
		if len(doubts) > 0 {
			t.Errorf("doubts: %q", doubts)
		}
		if got, _ := fleet.Pools(t.Context(), "another", time.Now()); got[0].Phases {
			t.Errorf("pools of a fleet without nodes are %+v", got)
		}
		b.follow(fleet)
	})
}

// Without pods no node is known to be idle.
func TestPodsAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, poolsA(), makeNode("n"))
		b.client.PrependReactor("list", "pods", func(ktesting.Action) (bool, k8sruntime.Object, error) { return true, nil, errors.New("forbidden") })
		b.start()
		pools, doubts := b.stands(b.Over(configured{}))
		if pools[1].Observed || len(doubts) != 1 || !strings.HasSuffix(doubts[0], "the cluster's pods are not read yet: forbidden") {
			t.Errorf("got %+v, %q", pools, doubts)
		}
	})
}

// follow changes the cluster and looks whether the pools follow.
func (b *bench) follow(fleet loop.Fleet) {
	b.t.Helper()
	f := func(warming, warm, active int) {
		b.t.Helper()
		time.Sleep(countEvery)
		if p, _ := b.stands(fleet); p[0].Warming != warming || p[0].Warm != warm || p[0].Active != active {
			b.t.Errorf("got %+v, want %d warming, %d warm and %d active", p[0], warming, warm, active)
		}
	}
	core, ctx := b.client.CoreV1(), b.t.Context()
	must := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
		synctest.Wait()
	}
	_, err := core.Nodes().Create(ctx, makeNode("new", ready(corev1.ConditionFalse, 0)), metav1.CreateOptions{})
	must(err)
	f(1, 1, 1)
	_, err = core.Nodes().UpdateStatus(ctx, makeNode("new", ready(corev1.ConditionTrue, 70*time.Second)), metav1.UpdateOptions{})
	must(err)
	f(0, 2, 1)
	_, err = core.Pods("default").Create(ctx, makePod("q", "new"), metav1.CreateOptions{})
	must(err)
	f(0, 1, 2)
	must(core.Pods("default").Delete(ctx, "q", metav1.DeleteOptions{}))
	f(0, 2, 1)
	must(core.Nodes().Delete(ctx, "new", metav1.DeleteOptions{}))
	f(0, 1, 1)
}

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

func TestErrorOfConfiguredFleet(t *testing.T) {
	b := newBench(t, poolsA())
	want := errors.New("no pools")
	if _, err := b.Over(configured{err: want}).Pools(t.Context(), "batch", time.Now()); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
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
	without := func(clear func(*Options)) Options {
		c := o
		clear(&c)
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
