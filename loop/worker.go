package loop

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// worker makes the turns of one fleet. Only killed and last are touched outside a turn.
type worker struct {
	FleetOptions
	source  series.Source
	fleet   Fleet
	metrics *Metrics
	log     *slog.Logger

	between  bool // turns are made between two grid points
	history  history
	readErr  error // why this turn read no new demand
	model    forecast.Model
	fitted   time.Time // the boundary that model was fitted at
	previous []pool.Target
	restored bool // previous was asked for after the start
	fornow   fornow
	pending  float64

	killed atomic.Bool
	mu     sync.Mutex    // serialises publishing with the kill switch
	last   pool.Snapshot // the latest published
}

// stageError says in which stage of a turn an error came up.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// turn is one pass of the loop for one fleet at a time that all replicas agree on. It reads the demand, brings the model up to it,
// forecasts, asks how the pools stand, decides, and returns what is to be published.
func (w *worker) turn(ctx context.Context, at time.Time) (pool.Snapshot, error) {
	begin := time.Now()
	w.readErr = w.history.read(ctx, w, at)
	if w.readErr != nil && w.history.empty() {
		return pool.Snapshot{}, &stageError{"read", w.readErr}
	} // later on a failed read leaves the model and what it forecasts
	w.metrics.stage("read", begin)

	begin = time.Now()
	err := w.learn(ctx)
	if err != nil {
		return pool.Snapshot{}, &stageError{"fit", err}
	}
	w.metrics.stage("fit", begin)

	begin = time.Now()
	f := w.model.Forecast(w.Horizon)
	f.Key, f.Unit = series.Key(w.Name), w.Unit
	paths := w.simulate(f)
	w.metrics.stage("forecast", begin)

	begin = time.Now()
	in := pool.Input{Fleet: w.Name, Now: at, Forecast: f, Paths: paths, Policy: w.Policy, Pending: w.readPending(ctx, at)}
	in.DemandAt, in.Demand = w.present(ctx, at)
	in.Policy.Killed = w.Policy.Killed || w.killed.Load()
	if in.Pools, err = w.fleet.Pools(ctx, w.Name, at); err != nil {
		return pool.Snapshot{}, &stageError{"pools", fmt.Errorf("read pools of %s: %w", w.Name, err)}
	}
	in.Previous = w.restore(ctx, at)
	d, err := pool.Decide(in)
	if err != nil {
		return pool.Snapshot{}, &stageError{"plan", withCause(err, w.readErr)}
	}
	w.previous = d.Plan.Targets
	for _, g := range d.Guards {
		w.metrics.guards.WithLabelValues(w.Name, g.Name).Inc()
	}
	now := w.fornow.turn(f, w.Horizons, w.Probabilities)
	w.metrics.stage("plan", begin)
	return w.snapshot(at, d, in.Pools, now), nil
}

// guardedTurn makes a turn and answers a panic in it with an error: one fleet must not stop the others.
func (w *worker) guardedTurn(ctx context.Context, at time.Time) (s pool.Snapshot, err error) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("turn panics", "panic", r, "stack", string(debug.Stack()))
			w.model = nil // fit anew: what the panic left may be broken
			err = &stageError{"turn", fmt.Errorf("turn of %s panics: %v", w.Name, r)}
		}
	}()
	return w.turn(ctx, at)
}

// learn brings the model up to the history. It is fitted anew at boundaries that follow from the history alone, so that a process that
// has just begun holds the same model as one that has run for weeks; in between it is updated with each new observation.
func (w *worker) learn(ctx context.Context) error {
	h := w.history.learnt
	if boundary := w.history.boundary(w.Name, w.History); w.model == nil || !boundary.Equal(w.fitted) {
		model, err := w.Method.Fit(ctx, w.history.upTo(boundary, w.History))
		if err != nil {
			return fmt.Errorf("fit %s to %s: %w", w.Method.Name(), w.Name, err)
		}
		w.metrics.fits.WithLabelValues(w.Name).Inc()
		w.explainChange(model)
		w.model, w.fitted, w.history.told = model, boundary, boundary
	}
	for _, v := range h.Values[h.Index(w.history.told)+1:] {
		w.model.Update(v)
	}
	w.history.told = h.End()
	return nil
}

// explainChange logs which method forecasts from now on, when that changed.
func (w *worker) explainChange(next forecast.Model) {
	from, to := selectionOf(w.model), selectionOf(next)
	if from.Method != to.Method {
		w.log.Info("method changed", "from", from.Method, "to", to.Method, "runner_up", to.RunnerUp, "reason", to.Reason)
	}
}

func selectionOf(m forecast.Model) forecast.Selection {
	if e, ok := m.(forecast.Explainer); ok {
		return e.Selection()
	}
	return forecast.Selection{}
}

// simulate draws the sample paths of a forecast: enough that the quantile that is acted on lies well inside them.
func (w *worker) simulate(f forecast.Forecast) [][]float64 {
	sim, ok := w.model.(forecast.Simulator)
	if !ok {
		return nil
	}
	n := min(max(int(4/(1-w.Policy.Probability)), 200), 2000)
	seed := fnv.New64a()
	fmt.Fprintf(seed, "%s %d", w.Name, f.Origin.Unix())
	return sim.Simulate(w.Horizon, n, seed.Sum64())
}

// present returns the latest observation. Between two grid points the demand is asked for once more, since the reactive need follows it.
func (w *worker) present(ctx context.Context, at time.Time) (time.Time, float64) {
	if w.between && w.readErr == nil {
		if v, err := instant(ctx, w.source, w.Query, at); err == nil && v >= 0 {
			return series.Align(at, time.Second), v
		}
	}
	return w.history.latestAt, w.history.latest
}

// readPending returns the work that waits. Where its query finds nothing, nothing waits; where it can't be read, what was known last
// does. Either way the demand itself stands.
func (w *worker) readPending(ctx context.Context, at time.Time) float64 {
	if w.Pending == "" {
		return 0
	}
	v, err := instant(ctx, w.source, w.Pending, at)
	switch {
	case err != nil:
		w.log.Warn("pending work is not known and stays what it was", "stage", "read", "pending", w.pending, "err", err)
	case math.IsNaN(v) || v < 0:
		w.pending = 0
	default:
		w.pending = v
	}
	return w.pending
}

// snapshot says how the fleet stands after a turn with a decision.
func (w *worker) snapshot(at time.Time, d pool.Decision, pools []pool.Pool, now []pool.ForNow) pool.Snapshot {
	sel := selectionOf(w.model)
	s := pool.Snapshot{
		Fleet: w.Name, Unit: w.Unit, Turn: at, State: pool.Ready, Reason: sel.Reason, ReadyAt: sel.ReadyAt,
		Horizons: w.Horizons, Probabilities: w.Probabilities, Probability: w.Policy.Probability,
		Selection: sel, ForNow: now, Pools: pools, Decision: d,
	}
	switch age := at.Sub(d.DemandAt); {
	case age > w.Policy.StaleAfter:
		s.State = pool.Stale
		s.Reason = fmt.Sprintf("no observation of the demand since %s: nothing shrinks, and without one by %s there is no decision",
			stamp(d.DemandAt), stamp(d.DemandAt.Add(w.Policy.StaleAfter+w.Policy.Hold)))
	case sel.Limited:
		s.State = pool.Learning
	}
	if w.readErr != nil {
		s.Reason += "; this turn read no demand: " + w.readErr.Error()
	}
	return s
}

// failed says how the fleet stands after a turn without a decision: the last one holds until it runs out.
func (w *worker) failed(at time.Time, err error) pool.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.last
	s.Turn, s.State, s.Reason, s.ReadyAt = at, pool.Failed, err.Error(), time.Time{}
	if s.Decision.Valid(at) {
		s.State = pool.Stale
		s.Reason = fmt.Sprintf("the last decision holds until %s: %v", stamp(s.Decision.ValidUntil), err)
	}
	return s
}

func (w *worker) starting() pool.Snapshot {
	return pool.Snapshot{
		Fleet: w.Name, Unit: w.Unit, State: pool.Starting, Reason: fmt.Sprintf("reading %s of history", span(w.History)),
		Horizons: w.Horizons, Probabilities: w.Probabilities, Probability: w.Policy.Probability,
	}
}

// publish publishes s under the kill switch as it is now.
func (w *worker) publish(ctx context.Context, p Publisher, s pool.Snapshot) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Decision.Killed = w.Policy.Killed || w.killed.Load()
	w.last = s
	return p.Publish(ctx, s)
}

// kill sets the kill switch and publishes the latest snapshot again under it.
func (w *worker) kill(ctx context.Context, p Publisher, on bool) error {
	w.killed.Store(on)
	w.log.Info("kill switch is set", "on", on)
	w.mu.Lock()
	s := w.last
	w.mu.Unlock()
	return w.publish(ctx, p, s)
}

// sameDemand reports whether o learnt from the same history in the same way.
func (w *worker) sameDemand(o *worker) bool {
	return w.Name == o.Name && w.Query == o.Query && w.Unit == o.Unit && w.Step == o.Step && w.History == o.History &&
		w.Horizon == o.Horizon && slices.Equal(w.Exclude, o.Exclude)
}

// adopt takes over what o decided, and what it learnt where that is of the same demand and read at the same place.
func (w *worker) adopt(o *worker, samePlace bool) {
	w.previous, w.restored, w.pending, w.last = o.previous, o.restored, o.pending, o.last
	w.killed.Store(o.killed.Load())
	if samePlace && w.sameDemand(o) {
		w.history, w.model, w.fitted, w.fornow = o.history, o.model, o.fitted, o.fornow
	}
}

func withCause(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
