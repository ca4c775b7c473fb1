package actuator

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// candidate is an Election with the way to the API server in its hands.
type candidate struct {
	*Election
	client *fake.Clientset
	// cut makes each request fail, and slow makes each take so long that its answer comes too late.
	cut      atomic.Bool
	slow     atomic.Int64
	registry *prometheus.Registry
	stop     context.CancelFunc
	done     chan error
}

// stand starts a candidate. All candidates of one tracker see the same Lease.
func stand(t *testing.T, identity string, shared clienttesting.ObjectTracker) *candidate {
	t.Helper()
	c := &candidate{client: fake.NewClientset(), registry: prometheus.NewPedanticRegistry(), done: make(chan error, 1)}
	c.client.PrependReactor("*", "leases", func(a clienttesting.Action) (bool, runtime.Object, error) {
		time.Sleep(time.Duration(c.slow.Load()))
		if c.cut.Load() {
			return true, nil, errors.New("no route")
		}
		return clienttesting.ObjectReaction(shared)(a)
	})
	var err error
	c.Election, err = NewElection(ElectionOptions{
		Client: c.client, Namespace: "shop", Name: "forethought", Identity: identity, Log: slog.New(slog.DiscardHandler), Registerer: c.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, c.stop = context.WithCancel(t.Context())
	go func() { c.done <- c.Run(ctx) }()
	return c
}

func (c *candidate) end(t *testing.T) {
	t.Helper()
	c.stop()
	if err := <-c.done; err != nil {
		t.Error(err)
	}
}

// leads fails a test where other than one of candidates leads, or none where want is -1.
func leads(t *testing.T, when string, want int, candidates ...*candidate) {
	t.Helper()
	synctest.Wait()
	for i, c := range candidates {
		if c.Leading() != (i == want) {
			t.Errorf("%s: candidate %d leads: %v, want %d to lead", when, i, c.Leading(), want)
		}
		gauge := 0.0
		if c.Leading() {
			gauge = 1
		}
		if err := testutil.GatherAndCompare(c.registry, strings.NewReader(strings.Replace(`
# HELP forethought_actuator_leading Whether this replica leads, and so is the one that writes into the cluster.
# TYPE forethought_actuator_leading gauge
forethought_actuator_leading X
`, "X", map[float64]string{0: "0", 1: "1"}[gauge], 1))); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

func TestElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lease := fake.NewClientset().Tracker()
		a := stand(t, "a", lease)
		synctest.Wait()
		b := stand(t, "b", lease)
		time.Sleep(3 * time.Second)
		leads(t, "at the start", 0, a, b)
		if a.Leader() != "a" || b.Leader() != "a" {
			t.Errorf("leaders %q and %q, want a", a.Leader(), b.Leader())
		}

		a.cut.Store(true)
		time.Sleep(8 * time.Second)
		leads(t, "while the lease lasts", 0, a, b)
		time.Sleep(12 * time.Second)
		leads(t, "after the lease ran out", 1, a, b)

		a.cut.Store(false)
		time.Sleep(10 * time.Second)
		leads(t, "when the loser is back", 1, a, b)
		if a.Leader() != "b" {
			t.Errorf("leader %q, want b", a.Leader())
		}

		b.end(t) // which gives up the lease
		if b.Leading() || b.Leader() != "" {
			t.Error("a candidate that ended leads")
		}
		time.Sleep(5 * time.Second)
		leads(t, "after the leader ended", 0, a, b)
		a.end(t)
	})
}

// No two lead at a time, whatever happens to the way of the leader to the API server.
func TestOneLeaderAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lease := fake.NewClientset().Tracker()
		a, b := stand(t, "a", lease), stand(t, "b", lease)
		turns := 0
		was := [2]bool{}
		for i := range 2400 { // ten minutes, in steps of a quarter of a second
			time.Sleep(250 * time.Millisecond)
			a.cut.Store(i/97%2 == 0)
			b.cut.Store(i/61%3 == 0)
			synctest.Wait()
			is := [2]bool{a.Leading(), b.Leading()}
			if is[0] && is[1] {
				t.Fatalf("both lead after %s", time.Duration(i)*250*time.Millisecond)
			}
			if is != was && (is[0] || is[1]) {
				turns++
			}
			was = is
		}
		if turns < 5 {
			t.Errorf("the lead changed %d times only: the test tests little", turns)
		}
		a.end(t)
		b.end(t)
	})
}

// A leader whose renewal hangs, or whose process stood still, does not lead once its lease may have run out.
func TestLeadingEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := stand(t, "a", fake.NewClientset().Tracker())
		time.Sleep(3 * time.Second)
		leads(t, "at the start", 0, a)
		a.slow.Store(int64(time.Minute)) // and the request does not heed its context
		time.Sleep(2 * time.Second)
		for i := range 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			if a.Leading() && i > 15 {
				t.Fatalf("leads %d s after the last renewal", i)
			}
		}
		if !a.campaign.Load().elector.IsLeader() {
			t.Error("the library knows of the loss: the test tests nothing")
		}
		a.slow.Store(0)
		time.Sleep(time.Minute)
		leads(t, "when the way is free again", 0, a)
		a.end(t)
	})
}

func TestLeaseLastsByBothClocks(t *testing.T) {
	at := time.Now()
	l := &lock{}
	if l.holds(at, time.Hour) {
		t.Error("a lease that was never taken lasts")
	}
	l.renewed.Store(&at)
	f := func(now time.Time, want bool) {
		t.Helper()
		if got := l.holds(now, 15*time.Second); got != want {
			t.Errorf("after %s: got %v, want %v", now.Sub(at), got, want)
		}
	}
	f(at, true)
	f(at.Add(14*time.Second), true)
	f(at.Add(15*time.Second), false)
	f(at.Round(0).Add(time.Minute), false) // the wall clock alone went on, as after a sleep of the machine
}

func TestElectionOptions(t *testing.T) {
	f := func(want string, change func(*ElectionOptions)) {
		t.Helper()
		o := ElectionOptions{
			Client: fake.NewClientset(), Namespace: "shop", Name: "forethought", Identity: "a", Log: slog.New(slog.DiscardHandler),
			Registerer: prometheus.NewRegistry(),
		}
		change(&o)
		switch _, err := NewElection(o); {
		case want == "" && err != nil:
			t.Errorf("got error %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("", func(*ElectionOptions) {})
	f("", func(o *ElectionOptions) {
		o.Lease, o.Renew, o.Retry = 3*time.Second, 2*time.Second, 500*time.Millisecond
	})
	f("ElectionOptions.Client is missing", func(o *ElectionOptions) { o.Client = nil })
	f("ElectionOptions.Namespace is missing", func(o *ElectionOptions) { o.Namespace = "" })
	f("ElectionOptions.Name is missing", func(o *ElectionOptions) { o.Name = "" })
	f("ElectionOptions.Identity is missing", func(o *ElectionOptions) { o.Identity = "" })
	f("ElectionOptions.Log is missing", func(o *ElectionOptions) { o.Log = nil })
	f("ElectionOptions.Registerer is missing", func(o *ElectionOptions) { o.Registerer = nil })
	f("must be whole seconds", func(o *ElectionOptions) { o.Lease = 1500 * time.Millisecond })
	f("leaseDuration must be greater than renewDeadline", func(o *ElectionOptions) { o.Renew = time.Minute })
	f("renewDeadline must be greater than retryPeriod", func(o *ElectionOptions) { o.Retry = 10 * time.Second })
}

func TestElectionGivesUpTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := fake.NewClientset().Tracker()
		a := stand(t, "a", tracker)
		time.Sleep(3 * time.Second)
		a.end(t)
		var client kubernetes.Interface = a.client
		l, err := client.CoordinationV1().Leases("shop").Get(t.Context(), "forethought", metav1.GetOptions{})
		if err != nil || l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity != "" {
			t.Errorf("lease %+v, %v", l, err)
		}
	})
}
