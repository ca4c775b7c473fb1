package loop

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
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
	fitted   time.Time      // the boundary that model was fitted at
	restored *[]pool.Target // the plan before the start, nil until it is known
	fornow   fornow
	pending  pending
	fitErr   error // why there is no model

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
	w.learn(ctx, at)
	w.metrics.stage("fit", begin)

	begin = time.Now()
	f, paths := w.forecast()
	w.metrics.stage("forecast", begin)

	begin = time.Now()
	in := pool.Input{Fleet: w.Name, Now: at, Forecast: f, Paths: paths, Policy: w.Policy, Pending: w.readPending(ctx, at)}
	in.DemandAt, in.Demand = w.present(ctx, at)
	in.Policy.Killed = w.isKilled()
	var err error
	if in.Pools, err = w.fleet.Pools(ctx, w.Name, at); err != nil {
		return pool.Snapshot{}, &stageError{"pools", fmt.Errorf("read pools of %s: %w", w.Name, err)}
	}
	if in.Previous, err = w.before(ctx, at); err != nil {
		return pool.Snapshot{}, &stageError{"plan", err}
	}
	d, err := pool.Decide(in)
	if err != nil {
		return pool.Snapshot{}, &stageError{"plan", withCause(err, w.readErr)}
	}
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
			w.model = nil // fitted anew in the next turn: what the panic left may be broken
			err = &stageError{"turn", fmt.Errorf("turn of %s panics: %v", w.Name, r)}
		}
	}()
	return w.turn(ctx, at)
}

// learn brings the model up to the history. It is fitted anew at boundaries that follow from the history alone, so that a process that
// has just begun holds the same model as one that has run for weeks; in between it is told each new observation. Where it can't be fitted
// the former one stays; without one there is no forecast, and the reactive need is planned.
func (w *worker) learn(ctx context.Context, at time.Time) {
	if w.history.learnt.Len() == 0 {
		w.fitErr = errors.New("the history could not be read")
		return
	}
	if boundary := w.history.boundary(w.Name, w.History); w.model == nil || !boundary.Equal(w.fitted) {
		former := w.model
		if former != nil && boundary.Sub(w.fitted) >= refits[2] {
			w.history.reread(ctx, w, at)
			boundary = w.history.boundary(w.Name, w.History)
		}
		model, err := w.fit(ctx, w.history.upTo(boundary, w.History))
		w.fitErr = err
		switch {
		case err == nil:
			w.metrics.fits.WithLabelValues(w.Name).Inc()
			w.explainChange(former, model)
			w.model, w.fitted, w.history.told = model, boundary, boundary
		case former == nil:
			w.log.Error("model is not fitted", "stage", "fit", "err", err)
			return
		default:
			w.log.Error("model is not fitted anew", "stage", "fit", "err", err)
			w.model = former
		}
	}
	h := w.history.learnt
	for _, v := range h.Slice(h.Index(w.history.told)+1, h.Index(w.history.known())+1).Values {
		w.model.Update(v)
	}
	w.history.told = later(w.history.told, w.history.known())
}

// fit fits the method and answers a panic in it with an error.
func (w *worker) fit(ctx context.Context, y series.Series) (m forecast.Model, err error) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("fit panics", "stage", "fit", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("fit %s to %s panics: %v", w.Method.Name(), w.Name, r)
		}
	}()
	if m, err = w.Method.Fit(ctx, y); err != nil {
		return nil, fmt.Errorf("fit %s to %s: %w", w.Method.Name(), w.Name, err)
	}
	return m, nil
}

// forecast returns what the model believes, and its sample paths; nothing without a model.
func (w *worker) forecast() (forecast.Forecast, [][]float64) {
	if w.model == nil {
		return forecast.Forecast{}, nil
	}
	f := w.model.Forecast(w.Horizon)
	f.Key, f.Unit = series.Key(w.Name), w.Unit
	return f, w.simulate(f)
}

// explainChange logs which method forecasts from now on, when that changed.
func (w *worker) explainChange(former, next forecast.Model) {
	from, to := selectionOf(former), selectionOf(next)
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

// pending is the work that waited when it was last known.
type pending struct {
	value float64
	at    time.Time
	err   error // why it is not known now
}

// errNoPending says that the query of pending work found nothing.
var errNoPending = errors.New("query returned no value; where nothing is 0, write: or vector(0)")

// readPending returns the work that waits. Where that is not known it is what was known last, for as long as a stale demand is held too:
// a queue whose exporter died is not empty.
func (w *worker) readPending(ctx context.Context, at time.Time) float64 {
	if w.Pending == "" {
		return 0
	}
	v, err := instant(ctx, w.source, w.Pending, at)
	if err == nil && !(v >= 0) {
		err = errNoPending
	}
	if w.pending.err = err; err == nil {
		w.pending.value, w.pending.at = v, at
	}
	if at.Sub(w.pending.at) > w.Policy.StaleAfter+w.Policy.Hold {
		w.pending.value = 0
	}
	return w.pending.value
}

// snapshot says how the fleet stands after a turn with a decision.
func (w *worker) snapshot(at time.Time, d pool.Decision, pools []pool.Pool, now []pool.ForNow) pool.Snapshot {
	sel := forecast.Selection{}
	if w.model != nil {
		sel = selectionOf(w.model)
	}
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
	case sel.Limited || w.model == nil:
		s.State = pool.Learning
	}
	for _, doubt := range []struct {
		what string
		err  error
	}{
		{w.withoutFit(), w.fitErr},
		{"this turn read no demand", w.readErr},
		{fmt.Sprintf("pending work is not known and %g is assumed", w.pending.value), w.pending.err},
	} {
		if doubt.err != nil {
			s.Reason = join(s.Reason, doubt.what+": "+doubt.err.Error())
		}
	}
	if w.history.partial {
		s.Reason = join(s.Reason, "parts of the history could not be read")
	}
	return s
}

// withoutFit says what follows from a fit that failed.
func (w *worker) withoutFit() string {
	if w.model == nil {
		return "there is no forecast and the reactive need is planned"
	}
	return "the model could not be fitted anew"
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

// isKilled reports whether the kill switch is on, in the configuration or set while running.
func (w *worker) isKilled() bool { return w.Policy.Killed || w.killed.Load() }

// publish publishes s under the kill switch as it is now. The plan that the next turn's steps are bounded by is what was published.
func (w *worker) publish(ctx context.Context, p Publisher, s pool.Snapshot) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.publishLocked(ctx, p, s)
}

func (w *worker) publishLocked(ctx context.Context, p Publisher, s pool.Snapshot) error {
	s.Decision.Killed = s.Decision.Killed || w.isKilled()
	if err := p.Publish(ctx, s); err != nil {
		return err
	}
	w.last = s
	return nil
}

// kill sets the kill switch. On, it acts at once: the latest snapshot is published again under it. Off, it acts with the next turn, whose
// steps are bounded by what doors answer until then.
func (w *worker) kill(ctx context.Context, p Publisher, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed.Store(on)
	w.log.Info("kill switch is set", "on", on)
	if !on {
		return nil
	}
	return w.publishLocked(ctx, p, w.last)
}

// before returns the plan that this turn's steps are bounded by: that of the turn before, or what doors answered then where they were
// not given the plan and are now. After a start it is what was published last, by an earlier process or by another replica.
func (w *worker) before(ctx context.Context, at time.Time) ([]pool.Target, error) {
	w.mu.Lock()
	d := w.last.Decision
	w.mu.Unlock()
	if d.At.IsZero() {
		if w.restored == nil {
			found, err := w.restore(ctx, at)
			if err != nil {
				return nil, fmt.Errorf("read the plan before the start of %s: %w", w.Name, err)
			}
			w.restored = &found
		}
		return *w.restored, nil
	}
	if w.Policy.Mode == pool.Act && !w.isKilled() {
		return d.Effective().Targets, nil
	}
	return d.Plan.Targets, nil
}

// sameDemand reports whether o learnt from the same history in the same way.
func (w *worker) sameDemand(o *worker) bool {
	return w.Name == o.Name && w.Query == o.Query && w.Unit == o.Unit && w.Step == o.Step && w.History == o.History &&
		w.Horizon == o.Horizon && slices.Equal(w.Exclude, o.Exclude)
}

// adopt takes over what o decided, and what it learnt where that is of the same demand and read at the same place.
func (w *worker) adopt(o *worker, samePlace bool) {
	w.restored, w.pending, w.last = o.restored, o.pending, o.last
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

// join adds a part to a sentence that may be empty.
func join(sentence, part string) string {
	if sentence == "" {
		return part
	}
	return sentence + "; " + part
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
