// Package actuator writes the decisions on a pool.Board into the fields of Kubernetes objects that an operator names: the replicas behind
// a scale subresource, the size of a CapacityBuffer, the floor of a HorizontalPodAutoscaler. It also elects the one replica that does.
//
// Two rules hold for every write. One field has one owner: changes go by server-side apply under the field manager "forethought", and a
// field that somebody else owns is left to them. And only a decision that is valid, of a fleet in mode act, is written: in mode shadow,
// without a valid decision and on a replica that does not lead, the object stays as it is. The kill switch has the reactive need written,
// which is what every other door then answers.
//
// Each change is first sent as a dry run, so that admission, quotas and other owners are asked before anything moves.
package actuator

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/events"

	"github.com/forethought-autoscaler/forethought/pool"
)

const (
	// Manager is the field manager under which fields are owned.
	Manager = "forethought"
	// FloorAnnotation keeps, on a HorizontalPodAutoscaler, the minReplicas that it had before.
	FloorAnnotation = "forethought.dev/min-replicas"

	// requestTime bounds one request. One that is under way when a replica ceases to lead may end after another replica leads; what it
	// wrote is then put right by the next pass of that one.
	requestTime = 10 * time.Second
	// longestWait bounds the time between two tries of a field that somebody else owns.
	longestWait = 5 * time.Minute
	// atOnce is how many targets are worked on at the same time.
	atOnce = 8
)

// Options are what Actuators are made of. All but Targets are required.
type Options struct {
	Board pool.Board
	// Now tells the time by which decisions are valid.
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Dynamic reads and writes the objects. Its rate limit must allow three requests per target and Interval.
	Dynamic dynamic.Interface
	// Mapper says where the API server serves a kind. It is reset, where it can be, when it does not know one.
	Mapper meta.RESTMapper
	// Events takes one event per change, about the object.
	Events  events.EventRecorder
	Targets []Target
	// Interval is the time between two looks at each target.
	Interval time.Duration
	// Leading reports whether this process may write. It is asked again before each write.
	Leading func() bool
}

func (o Options) validate() error {
	switch {
	case o.Board == nil:
		return errors.New("actuator: Options.Board is missing")
	case o.Now == nil:
		return errors.New("actuator: Options.Now is missing")
	case o.Log == nil:
		return errors.New("actuator: Options.Log is missing")
	case o.Registerer == nil:
		return errors.New("actuator: Options.Registerer is missing")
	case o.Dynamic == nil:
		return errors.New("actuator: Options.Dynamic is missing")
	case o.Mapper == nil:
		return errors.New("actuator: Options.Mapper is missing")
	case o.Events == nil:
		return errors.New("actuator: Options.Events is missing")
	case o.Interval <= 0:
		return errors.New("actuator: Options.Interval must be above 0")
	case o.Leading == nil:
		return errors.New("actuator: Options.Leading is missing")
	}
	return nil
}

// Actuators keep fields of objects at what decisions say. They are safe for concurrent use; Run is called once.
type Actuators struct {
	o       Options
	metrics *metrics
	cluster *cluster

	mu      sync.Mutex // of what follows
	tasks   []*task
	leaving []Target // floors that are to be restored
}

// task is a target with what is remembered of it. Only one pass at a time uses it.
type task struct {
	Target
	// said is what was last told of it, so that it is told once.
	said string
	// It is left alone until a time, wait after the last try.
	until time.Time
	wait  time.Duration
	// written is what it was last given or found to have, known once it was.
	written int64
	known   bool
}

// forget drops what is remembered: what another replica does meanwhile is not known.
func (t *task) forget() {
	t.said, t.until, t.wait, t.written, t.known = "", time.Time{}, 0, 0, false
}

// New returns Actuators that Run starts. It makes no request.
func New(o Options) (*Actuators, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := Check(o.Targets); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	a := &Actuators{o: o, metrics: m, cluster: newCluster(o)}
	return a, a.SetTargets(o.Targets)
}

// SetTargets replaces the targets from the next pass on. What is remembered of those that stay is kept. Of those that go, a floor is
// restored to what it was before; every other object stays as it is. Where it returns an error, nothing has changed.
func (a *Actuators) SetTargets(targets []Target) error {
	if err := Check(targets); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	before := map[field]*task{}
	for _, t := range a.tasks {
		before[t.field()] = t
	}
	a.tasks = nil
	kept := map[field]bool{}
	for _, t := range targets {
		t = t.complete()
		next := &task{Target: t}
		if o := before[t.field()]; o != nil && o.Target == t {
			next = o
		}
		a.tasks, kept[t.field()] = append(a.tasks, next), true
		a.metrics.begin(t)
	}
	a.leave(before, kept)
	a.metrics.keep(a.tasks)
	return nil
}

// leave notes which floors are to be restored.
func (a *Actuators) leave(before map[field]*task, kept map[field]bool) {
	var leaving []Target
	for _, t := range a.leaving {
		if !kept[t.field()] {
			leaving = append(leaving, t)
		}
	}
	for f, t := range before {
		if !kept[f] && t.Kind == HPAFloor && !t.DryRun {
			leaving = append(leaving, t.Target)
		}
	}
	a.leaving = leaving
}

// Run looks at each target every interval until ctx is done, and then returns nil.
func (a *Actuators) Run(ctx context.Context) error {
	tick := time.NewTicker(a.o.Interval)
	defer tick.Stop()
	for {
		a.pass(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pass looks at each target once.
func (a *Actuators) pass(ctx context.Context) {
	a.mu.Lock()
	tasks, leaving := a.tasks, a.leaving
	a.mu.Unlock()
	if !a.o.Leading() {
		for _, t := range tasks {
			t.forget()
		}
		a.metrics.show(tasks)
		return
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, t := range tasks {
		g.Go(func() error { a.visit(ctx, t); return nil })
	}
	for _, t := range leaving {
		g.Go(func() error { a.restore(ctx, t); return nil })
	}
	_ = g.Wait() // none returns an error
	a.metrics.show(tasks)
}

// visit looks at one target, unless it is to be left alone.
func (a *Actuators) visit(ctx context.Context, t *task) {
	now := a.o.Now()
	if now.Before(t.until) {
		return
	}
	r := a.attempt(ctx, t.Target)
	if r.raced {
		r = a.attempt(ctx, t.Target)
	}
	if r.outcome == "" || ctx.Err() != nil {
		return
	}
	a.metrics.writes.WithLabelValues(t.Fleet, t.Pool, string(t.Kind), string(r.outcome)).Inc()
	if r.outcome == conflict {
		t.wait = min(max(2*t.wait, a.o.Interval), longestWait)
		t.until = now.Add(t.wait)
	} else {
		t.wait = 0
	}
	if r.outcome == written || r.outcome == unchanged {
		t.written, t.known = r.to, true
	}
	a.tell(t, r)
}

// restored drops a floor that is to be restored no more.
func (a *Actuators) restored(f field) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var leaving []Target
	for _, t := range a.leaving {
		if t.field() != f {
			leaving = append(leaving, t)
		}
	}
	a.leaving = leaving
}
