package kube

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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

// stands returns how the pools of batch stand, and the doubts beside the configured one and that about the kill switch.
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
	return pools, slices.DeleteFunc(doubts[1:], func(d string) bool { return strings.HasPrefix(d, "whether a label sets the kill switch") })
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
			{Name: "a", Observed: true, Phases: true, Warm: 1, Active: 1, Max: 9},
			{Name: "b", Observed: true, Phases: true, Warming: 1},
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
		b.client.PrependReactor("list", "pods", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("forbidden") })
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

func TestErrorOfConfiguredFleet(t *testing.T) {
	b := newBench(t, poolsA())
	want := errors.New("no pools")
	if _, err := b.Over(configured{err: want}).Pools(t.Context(), "batch", time.Now()); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
