package loop

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// worker makes the turns of one fleet. Only killed and last are touched outside a turn; what New sets is read beside the turns too.
type worker struct {
	FleetOptions
	source  series.Source
	fleet   Fleet
	metrics *Metrics
	log     *slog.Logger

	decide  func(pool.Input) (pool.Decision, error)
	beside  *background
	models  ModelStore    // nil where no model is kept
	delay   time.Duration // from a boundary until the model that is fitted up to it is adopted
	between bool          // turns are made between two grid points
	history history
	readErr error // why this turn read no new demand
	fitted
	ahead      ahead
	changes    *pool.Changes // the naive forecast as of the model's boundary
	told       time.Time     // the grid point up to which the model has been told
	early      time.Time     // the grid point up to which a model is to be fitted though none is scheduled, zero for none
	again      bool          // the model was fitted to a history that is replaced
	refit      *refit        // the fit under way beside the turns, nil where there is none
	sought     bool          // the kept model has been looked for
	restored   *former       // what was decided before the start, nil until it is known
	moved      moved         // which moves between pools were proposed and made
	workload   pool.Workload // as of the model's boundary
	classified bool          // workload is that of the model
	mix        mix           // of the jobs that make up the demand
	fornow     fornow
	pending    pending
	unpriced   []string // what the latest decision weighs without knowing it
	failure    failure  // of the served workload
	fitErr     error    // why there is no model, or no newer one
	unused     error    // why leading indicators are not used

	killed atomic.Bool
	held   func(fleet string) bool
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
	w.readErr = w.readHistory(ctx, at)
	if w.readErr != nil && w.history.empty() {
		return pool.Snapshot{}, &stageError{"read", w.readErr}
	} // later on a failed read leaves the model and what it forecasts
	w.metrics.stage("read", begin)

	begin = time.Now()
	w.learn(ctx, at)
	w.metrics.stage("fit", begin)

	begin = time.Now()
	f, paths := w.ahead.of(w)
	w.metrics.stage("forecast", begin)

	begin = time.Now()
	in := pool.Input{Fleet: w.Name, Now: at, Forecast: f, Paths: paths, Changes: w.changes, Policy: w.Policy, Pending: w.readPending(ctx, at)}
	in.DemandAt, in.Demand = w.present(ctx, at)
	in.ObservedAt, in.Observed = w.history.latestAt, w.history.latestPeak(w.Policy.Interval)
	in.Failing = w.readFailing(ctx, at)
	in.Recent = w.recent(in.Demand)
	in.Hidden = w.history.isHidden()
	in.Excluded = !in.Hidden && w.history.isExcluded()
	in.Policy.Killed = w.isKilled()
	var err error
	if in.Pools, err = w.fleet.Pools(ctx, w.Name, at); err != nil {
		return pool.Snapshot{}, &stageError{"pools", fmt.Errorf("read pools of %s: %w", w.Name, err)}
	}
	w.weigh(ctx, &in)
	w.classify(ctx, in.Pools)
	if in.Previous, in.Pace, err = w.before(ctx, at); err != nil {
		return pool.Snapshot{}, &stageError{"plan", err}
	}
	d, err := w.decide(in)
	if err != nil {
		return pool.Snapshot{}, &stageError{"plan", withCause(err, w.readErr)}
	}
	for _, g := range d.Guards {
		w.metrics.guards.WithLabelValues(w.Name, g.Name).Inc()
	}
	w.propose(ctx, &d, in.Pools)
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

// ahead is what a model believed after it was told an observation.
type ahead struct {
	model    forecast.Model
	told     time.Time
	forecast forecast.Forecast
	paths    *pool.Paths
}

// of returns what the worker's model believes, and its sample paths; nothing without a model. Turns between two observations get the same.
func (a *ahead) of(w *worker) (forecast.Forecast, *pool.Paths) {
	switch {
	case w.model == nil:
		*a = ahead{}
	case a.model != w.model || !a.told.Equal(w.told):
		f := w.model.Forecast(w.Horizon)
		f.Key, f.Unit = series.Key(w.Name), w.Unit
		*a = ahead{w.model, w.told, f, pool.NewPaths(w.simulate(f))}
	}
	return a.forecast, a.paths
}

// simulate draws the sample paths of a forecast: enough that the quantile that is acted on lies well inside them.
func (w *worker) simulate(f forecast.Forecast) [][]float64 {
	sim, ok := w.model.(forecast.Simulator)
	if !ok {
		return nil
	}
	p := w.Policy.Probability
	if w.Shortage > 0 {
		p = mostProbability // it may follow from a price
	}
	n := min(max(int(4/(1-p)), 200), 2000)
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

func withCause(err, cause error) error {
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
