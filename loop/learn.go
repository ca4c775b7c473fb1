package loop

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// fitted is a model with what is needed to tell it what came after.
type fitted struct {
	model forecast.Model
	// boundary is the grid point that it was fitted up to.
	boundary time.Time
	// inputs are the indicators that it is told, in this order; seen are all that had an observation by the boundary; left says why some of
	// these are not inputs.
	inputs, seen []indicator
	left         error
	// state is what keeps it over a restart, nil where it can't be kept.
	state []byte
}

// readHistory brings the history up to the time of a turn. Where what was read before is replaced, the model goes on until one is fitted to
// what is now known, unless it has missed a part.
func (w *worker) readHistory(ctx context.Context, at time.Time) error {
	replaced, err := w.history.read(ctx, w, at)
	if replaced && w.model != nil {
		w.again = true
		w.dropRefit()
		if w.told.Before(w.history.learnt.Start) {
			w.model = nil
		}
	}
	return err
}

// learn brings the model up to the history. It is fitted anew at boundaries that follow from the history alone, beside the turns, and
// adopted at a time that follows from the boundary, so that a process that has just begun holds the same model as one that has run for
// weeks; in between it is told each new observation. Where it can't be fitted the former one stays; without one there is no forecast, and
// the reactive need is planned.
func (w *worker) learn(ctx context.Context, at time.Time) {
	if w.history.learnt.Len() == 0 {
		w.fitErr = errors.New("the history could not be read")
		return
	}
	boundary, inTurn := w.current(at)
	switch {
	case w.model == nil:
		w.begin(ctx, at, boundary)
	case inTurn && (w.again || boundary.After(w.boundary)):
		w.fitInTurn(ctx, boundary, false)
	}
	if w.model == nil {
		return
	}
	w.adoptRefit(ctx, at)
	w.tell()
	for w.beginRefit(at) && w.adoptRefit(ctx, at) { // at once only where refits are made in place
		w.tell()
	}
	w.countLate(at)
}

// begin gets the first model within the turn: the kept one or a new one, and then those that were fitted early since.
func (w *worker) begin(ctx context.Context, at, boundary time.Time) {
	w.dropRefit()
	_, every := w.history.scheduled(w.Name, w.History, boundary)
	if !w.restoreModel(at, boundary) && !w.fitInTurn(ctx, boundary, w.isBeside(every)) {
		return
	}
	for w.tell(); !w.early.IsZero() && !at.Before(w.early.Add(w.delay)); w.tell() {
		if !w.fitInTurn(ctx, w.early, true) {
			return
		}
	}
}

// fitInTurn fits the model up to a boundary, and reports whether that succeeded. A model that is soon replaced is not kept.
func (w *worker) fitInTurn(ctx context.Context, boundary time.Time, keep bool) bool {
	next, err := w.fit(ctx, boundary, w.history.lesson(boundary, w.History), keep)
	if err != nil {
		w.unfitted(err)
		return false
	}
	w.take(next)
	return true
}

// unfitted notes and logs that a fit has failed.
func (w *worker) unfitted(err error) {
	w.fitErr = err
	if w.model == nil {
		w.log.Error("model is not fitted", "stage", "fit", "err", err)
		return
	}
	w.log.Error("model is not fitted anew", "stage", "fit", "err", err)
}

// take lets a model that was fitted forecast from now on, and keeps it.
func (w *worker) take(next fitted) {
	w.metrics.fits.WithLabelValues(w.Name).Inc()
	w.explainChange(w.model, next.model)
	w.hold(next)
	if next.state != nil {
		w.keepModel(next)
	}
}

// hold makes a model the one that forecasts. It has been told nothing after its boundary.
func (w *worker) hold(next fitted) {
	w.fitted, w.told, w.early, w.again, w.fitErr = next, next.boundary, time.Time{}, false, nil
	w.classified = false
	y := w.history.lesson(next.boundary, min(w.History, changesSpan)).y
	w.changes = pool.NewChanges(y.Values[:max(y.Len()-lateness, min(y.Len(), lateness))]) // the last points may still come late
}

// changesSpan is how far back the naive forecast looks.
const changesSpan = 14 * 24 * time.Hour

// fit fits the method to a lesson. It answers a panic with an error. It may run beside the turns.
func (w *worker) fit(ctx context.Context, boundary time.Time, l lesson, keep bool) (f fitted, err error) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("fit panics", "stage", "fit", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("fit %s to %s panics: %v", w.Method.Name(), w.Name, r)
		}
	}()
	begin := time.Now()
	f = fitted{boundary: boundary, inputs: l.inputs, seen: l.seen, left: l.left}
	if informed, ok := w.Method.(forecast.Informed); ok && len(l.x) > 0 {
		f.model, err = informed.FitWith(ctx, l.y, l.x)
	} else {
		f.model, err = w.Method.Fit(ctx, l.y)
	}
	if err != nil {
		return f, fmt.Errorf("fit %s to %s: %w", w.Method.Name(), w.Name, err)
	}
	if keep {
		f.state = w.stateOf(f)
	}
	w.metrics.fitDuration.Observe(time.Since(begin).Seconds())
	return f, nil
}

// tell tells the model each observation that came since, up to the latest, and notes the grid point at which one is to be fitted early.
func (w *worker) tell() {
	y := w.history.learnt
	for i := max(y.Index(w.told)+1, 0); i <= y.Index(w.history.known()); i++ {
		w.told = y.TimeAt(i)
		v := w.history.learns(i, w.History)
		if m, ok := w.model.(forecast.InformedModel); ok && len(w.inputs) > 0 {
			m.UpdateWith(v, w.history.leading.at(w.inputs, i))
		} else {
			w.model.Update(v)
		}
		if w.early.IsZero() && w.isEarly(w.told) {
			w.early = w.told
			w.metrics.early.WithLabelValues(w.Name).Inc()
			w.log.Info("model is to be fitted early", "boundary", w.early)
		}
	}
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

// sameDemand reports whether o learnt from the same history in the same way.
func (w *worker) sameDemand(o *worker) bool {
	return w.Unit == o.Unit && w.delay == o.delay && w.fingerprint() == o.fingerprint()
}

// adopt takes over what o decided, and what it learnt and is about to learn where that is of the same demand and read at the same place.
func (w *worker) adopt(o *worker, samePlace bool) {
	w.restored, w.pending, w.last, w.moved = o.restored, o.pending, o.last, o.moved
	w.killed.Store(o.killed.Load())
	if !samePlace || !w.sameDemand(o) {
		w.last.Decision.Pace.Share, w.last.Decision.Pace.Skill = 0, pool.Skill{}
		o.dropRefit()
		return
	}
	w.history, w.fitted, w.told, w.early, w.again, w.fornow = o.history, o.fitted, o.told, o.early, o.again, o.fornow
	w.refit, w.sought, w.fitErr, w.changes = o.refit, o.sought, o.fitErr, o.changes
	w.workload = o.workload // until it is classified anew, since the shapes may differ
}
