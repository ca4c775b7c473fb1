package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// snapshot says how the fleet stands after a turn with a decision.
func (w *worker) snapshot(at time.Time, d pool.Decision, pools []pool.Pool, now []pool.ForNow) pool.Snapshot {
	sel := forecast.Selection{}
	if w.model != nil {
		sel = selectionOf(w.model)
	}
	s := pool.Snapshot{
		Fleet: w.Name, Unit: w.Unit, Turn: at, State: pool.Ready, Reason: sel.Reason, ReadyAt: sel.ReadyAt,
		Horizons: w.Horizons, Probabilities: w.Probabilities, Probability: d.Probability,
		Selection: sel, ForNow: now, Workload: w.workload, Pools: pools, Decision: d,
	}
	switch age := at.Sub(d.DemandAt); {
	case age > w.Policy.StaleAfter:
		s.State = pool.Stale
		s.Reason = fmt.Sprintf("no observation of the demand since %s: nothing shrinks, and without one by %s there is no decision",
			stamp(d.DemandAt), stamp(d.DemandAt.Add(w.Policy.StaleAfter+w.Policy.Hold)))
	case sel.Limited || w.model == nil:
		s.State = pool.Learning
	}
	for _, doubt := range w.doubts(at) {
		s.Reason = join(s.Reason, doubt)
	}
	return s
}

// doubts says what the decision of a turn lacks.
func (w *worker) doubts(at time.Time) []string {
	var out []string
	if w.fitErr != nil {
		out = append(out, w.withoutFit()+": "+w.fitErr.Error())
	}
	if w.readErr != nil {
		out = append(out, "this turn read no demand: "+w.readErr.Error())
	}
	if w.pending.err != nil {
		out = append(out, fmt.Sprintf("pending work is not known and %g is assumed: %v", w.pending.value, w.pending.err))
	}
	if w.failure.err != nil {
		out = append(out, fmt.Sprintf("whether the workload fails is not known: %v", w.failure.err))
	}
	if w.history.partial {
		out = append(out, "parts of the history could not be read")
	}
	for _, err := range append(w.history.leading.doubts(at, w.Step, w.Policy.StaleAfter), w.unused, w.left) {
		if err != nil {
			out = append(out, err.Error())
		}
	}
	return append(out, w.assumed()...)
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

// isKilled reports whether the kill switch is on, in the configuration, set while running, or from outside.
func (w *worker) isKilled() bool {
	return w.Policy.Killed || w.killed.Load() || w.held != nil && w.held(w.Name)
}

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

// recheck publishes the latest snapshot again where the kill switch is on.
func (w *worker) recheck(ctx context.Context, p Publisher) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.isKilled() {
		return nil
	}
	return w.publishLocked(ctx, p, w.last)
}

// join adds a part to a sentence that may be empty.
func join(sentence, part string) string {
	if sentence == "" {
		return part
	}
	return sentence + "; " + part
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
