// Package migrate turns the moves that a plan proposes into nodes of a Kubernetes cluster that change from one pool to another: cordon,
// evict, relabel, uncordon.
//
// Everything that must be known to carry a migration on, or to undo it, is written on the node itself before anything is disturbed. So a
// process that crashes, or another leader, goes on from what the API server says; a Migrator keeps nothing that it can't lose. Pods leave a
// node through the Eviction API alone, which keeps PodDisruptionBudgets, and a node with work that can't be evicted is not touched.
package migrate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Options are what a Migrator is made of. All fields are required but Fleets.
type Options struct {
	// Board has the decisions whose moves are made.
	Board pool.Board
	// Now tells the time by which decisions are valid and drains are due.
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Client reads nodes, pods and PodDisruptionBudgets, patches nodes and evicts pods.
	Client kubernetes.Interface
	// Events takes what is said about nodes and the pods that are evicted from them.
	Events events.EventRecorder
	// Fleets are those whose moves are made, by name. SetFleets replaces them.
	Fleets map[string]Fleet
	// Interval is the time between two passes, at least a second.
	Interval time.Duration
	// Leading reports whether this process is the one that acts. It is asked before each write and must not block.
	Leading func() bool
}

func (o Options) validate() error {
	switch {
	case o.Board == nil:
		return errors.New("migrate: Options.Board is missing")
	case o.Now == nil:
		return errors.New("migrate: Options.Now is missing")
	case o.Log == nil:
		return errors.New("migrate: Options.Log is missing")
	case o.Registerer == nil:
		return errors.New("migrate: Options.Registerer is missing")
	case o.Client == nil:
		return errors.New("migrate: Options.Client is missing")
	case o.Events == nil:
		return errors.New("migrate: Options.Events is missing")
	case o.Interval < time.Second:
		return errors.New("migrate: Options.Interval is missing or below 1s")
	case o.Leading == nil:
		return errors.New("migrate: Options.Leading is missing")
	}
	return nil
}

// Fleet says how nodes of one fleet migrate.
type Fleet struct {
	// Pools are at least two, which share no node.
	Pools []Pool
	// Drain is how long a node may take from being cordoned until its pods are gone. Then it is undone.
	Drain time.Duration
	// PerHour is how many nodes migrate within any hour at most, those that are undone included, at least 1.
	PerHour int
	// Concurrent is how many nodes migrate at once at most; 0 stands for 1.
	Concurrent int
	// Cooldown is for how long a node rests after a migration, and after one that was undone. It is never less than an hour, in which the
	// annotation of a node counts for PerHour.
	Cooldown time.Duration
	// DryRun starts nothing: the API server is asked whether it would accept what a migration writes, and the answer is logged. What is
	// under way is undone.
	DryRun bool
}

// Pool says what nodes of a pool look like.
type Pool struct {
	Name string
	// Selector is the label selector of the pool's nodes. It selects Labels alone, and those of no other pool.
	Selector string
	// Labels and Taints are what a node gets when it comes, and loses when it goes.
	Labels map[string]string
	Taints []corev1.Taint
}

// Migrator moves nodes between pools. Its methods are safe for concurrent use.
type Migrator struct {
	o       Options
	metrics *metrics
	fleets  atomic.Pointer[map[string]*fleet]
	set     sync.Mutex // one SetFleets at a time

	// What follows belongs to the passes, of which there is one at a time.
	passing sync.Mutex
	// mine has every fleet that this process ever had, whose nodes it brings back when the fleet is gone.
	mine map[string]bool
	// last has the migrations as the pass before left them, by node.
	last map[string]*flight
	// answered is the decision for which a move, by pair of pools, was refused, so that each refusal is counted and looked for once.
	answered map[pair]time.Time
	// offset is where in the list of a pool's nodes the next look for one begins.
	offset map[pair]int
	// said is when a line was last logged, so that none repeats within a minute.
	said map[string]time.Time
}

// New returns a Migrator, and an error where Options are incomplete, a fleet makes no sense or a metric is registered already.
func New(o Options) (*Migrator, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	compiled, err := compile(o.Fleets)
	if err != nil {
		return nil, err
	}
	ms, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	m := &Migrator{
		o: o, metrics: ms, mine: map[string]bool{}, last: map[string]*flight{}, answered: map[pair]time.Time{}, offset: map[pair]int{},
		said: map[string]time.Time{},
	}
	m.fleets.Store(&map[string]*fleet{})
	m.adopt(compiled)
	return m, nil
}

// Check returns the error with which New and SetFleets refuse fleets.
func Check(fleets map[string]Fleet) error {
	_, err := compile(fleets)
	return err
}

// SetFleets replaces the fleets from the next pass on. What is under way for a fleet or a pool that is no longer there is undone. It changes
// nothing where it returns an error.
func (m *Migrator) SetFleets(fleets map[string]Fleet) error {
	m.set.Lock()
	defer m.set.Unlock()
	compiled, err := compile(fleets)
	if err != nil {
		return err
	}
	m.adopt(compiled)
	return nil
}

func (m *Migrator) adopt(fleets map[string]*fleet) {
	for name := range *m.fleets.Load() {
		if fleets[name] == nil {
			m.metrics.end(name)
		}
	}
	for _, f := range fleets {
		m.metrics.begin(f)
	}
	m.fleets.Store(&fleets)
}

// Run makes a pass at once and then one each interval, until ctx is done, and returns nil. What is under way stays as it is on the nodes:
// the next leader carries it on.
func (m *Migrator) Run(ctx context.Context) error {
	tick := time.NewTicker(m.o.Interval)
	defer tick.Stop()
	for {
		m.pass(ctx, m.o.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pair names two pools of a fleet, the one that gives and the one that takes.
type pair struct{ fleet, from, to string }

// rest is for how long a node that migrated, or was to, is left alone.
func (f *fleet) rest() time.Duration { return max(f.Cooldown, time.Hour) }

// concurrent is how many nodes migrate at once.
func (f *fleet) concurrent() int { return cmp.Or(f.Concurrent, 1) }
