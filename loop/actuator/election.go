package actuator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// ElectionOptions say what for and among whom one leader is elected. All but Lease, Renew and Retry are required.
type ElectionOptions struct {
	Client kubernetes.Interface
	// Namespace and Name are those of the Lease; Identity is this candidate, and no other may have the same.
	Namespace, Name, Identity string
	// Lease is how long a leader that is not heard of stays the leader, in whole seconds; 0 means 15 s. Renew is how long a leader tries
	// to renew it before it gives up, 0 means 10 s; and Retry the time between tries, 0 means 2 s.
	Lease, Renew, Retry time.Duration
	Log                 *slog.Logger
	Registerer          prometheus.Registerer
}

func (o ElectionOptions) complete() ElectionOptions {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&o.Lease, 15 * time.Second}, {&o.Renew, 10 * time.Second}, {&o.Retry, 2 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	return o
}

func (o ElectionOptions) validate() error {
	switch {
	case o.Client == nil:
		return errors.New("election: ElectionOptions.Client is missing")
	case o.Namespace == "":
		return errors.New("election: ElectionOptions.Namespace is missing")
	case o.Name == "":
		return errors.New("election: ElectionOptions.Name is missing")
	case o.Identity == "":
		return errors.New("election: ElectionOptions.Identity is missing")
	case o.Log == nil:
		return errors.New("election: ElectionOptions.Log is missing")
	case o.Registerer == nil:
		return errors.New("election: ElectionOptions.Registerer is missing")
	case o.Lease < time.Second || o.Lease%time.Second != 0:
		return fmt.Errorf("election: ElectionOptions.Lease is %s: it must be whole seconds, at least one", o.Lease)
	}
	return nil
}

// Election makes this process stand for leader, by a Lease in the cluster. It is safe for concurrent use.
type Election struct {
	o ElectionOptions
	// campaign is the one that is on, nil while none is.
	campaign atomic.Pointer[campaign]
}

// campaign lasts from one loss of the lead to the next.
type campaign struct {
	elector *leaderelection.LeaderElector
	lock    *lock
	done    <-chan struct{}
}

// NewElection returns an Election that Run starts. It makes no request.
func NewElection(o ElectionOptions) (*Election, error) {
	o = o.complete()
	if err := o.validate(); err != nil {
		return nil, err
	}
	e := &Election{o: o}
	if _, err := e.begin(context.Background()); err != nil {
		return nil, fmt.Errorf("election: %w", err)
	}
	return e, o.Registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "forethought_actuator_leading",
		Help: "Whether this replica leads, and so is the one that writes into the cluster.",
	}, func() float64 {
		if e.Leading() {
			return 1
		}
		return 0
	}))
}

// Run stands for leader until ctx is done, after each loss anew, and then gives up the Lease and returns nil.
func (e *Election) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, logr.FromSlogHandler(e.o.Log.Handler()))
	for ctx.Err() == nil {
		c, err := e.begin(ctx)
		if err != nil {
			return fmt.Errorf("election: %w", err)
		}
		e.campaign.Store(c)
		c.elector.Run(ctx)
		e.campaign.Store(nil)
		select {
		case <-ctx.Done():
		case <-time.After(e.o.Retry):
		}
	}
	return nil
}

// begin prepares a campaign.
func (e *Election) begin(ctx context.Context) (*campaign, error) {
	l := &lock{limit: max(e.o.Renew/2, time.Second), LeaseLock: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: e.o.Namespace, Name: e.o.Name},
		Client:     e.o.Client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: e.o.Identity},
	}}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: l, LeaseDuration: e.o.Lease, RenewDeadline: e.o.Renew, RetryPeriod: e.o.Retry, ReleaseOnCancel: true, Name: e.o.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { e.o.Log.Info("this replica leads", "identity", e.o.Identity) },
			OnStoppedLeading: func() { e.o.Log.Info("this replica does not lead", "identity", e.o.Identity) },
			OnNewLeader:      func(who string) { e.o.Log.Info("leader is known", "leader", who) },
		},
	})
	return &campaign{elector: elector, lock: l, done: ctx.Done()}, err
}

// Leading reports whether this process is the leader. It is false from the moment at which the Lease may have run out by this machine's
// clock, so also in a process that was paused for longer than that, and once Run is to end.
func (e *Election) Leading() bool {
	c := e.campaign.Load()
	if c == nil {
		return false
	}
	select {
	case <-c.done:
		return false
	default:
	}
	return c.elector.IsLeader() && c.lock.holds(time.Now(), e.o.Lease)
}

// Leader returns the identity of the leader that was last seen, empty where none was.
func (e *Election) Leader() string {
	if c := e.campaign.Load(); c != nil {
		return c.elector.GetLeader()
	}
	return ""
}

// lock is a Lease that remembers when it was last renewed for sure.
type lock struct {
	*resourcelock.LeaseLock
	limit time.Duration
	// renewed is the time at which the last request that renewed it was sent, nil where it is not held.
	renewed atomic.Pointer[time.Time]
}

// holds reports whether the lease lasts. A clock that was set, and one that stood still while the machine slept, count against it.
func (l *lock) holds(now time.Time, lease time.Duration) bool {
	at := l.renewed.Load()
	return at != nil && now.Sub(*at) < lease && now.Round(0).Sub(at.Round(0)) < lease
}

// Get reads the Lease.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	return l.LeaseLock.Get(ctx)
}

// Create makes the Lease.
func (l *lock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.renew(ctx, r, l.LeaseLock.Create)
}

// Update renews the Lease, or gives it up.
func (l *lock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.renew(ctx, r, l.LeaseLock.Update)
}

type sender func(context.Context, resourcelock.LeaderElectionRecord) error

func (l *lock) renew(ctx context.Context, r resourcelock.LeaderElectionRecord, send sender) error {
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	at := time.Now()
	if r.HolderIdentity != l.Identity() {
		l.renewed.Store(nil)
		return send(ctx, r)
	}
	err := send(ctx, r)
	if err == nil {
		l.renewed.Store(&at)
	}
	return err
}
