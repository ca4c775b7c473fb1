// Package loop turns the history of each fleet's demand into a published decision, once per turn: read, fit or update, forecast, plan,
// publish.
//
// Turns are made at whole multiples of the interval and not whenever the clock happens to be read, models are fitted up to boundaries that
// follow from the history alone and adopted at times that follow from the boundaries, and seeds follow from the fleet's name and the time
// of the last observation. So two processes that read the same history publish the same decisions. A refit is made beside the turns and
// never blocks one. The loop is the only place that logs the errors of the way from history to decision.
package loop

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// Loop makes the turns of all fleets.
type Loop struct {
	opts    Options
	workers []*worker
	beside  *background
	mu      sync.Mutex // one turn at a time
	// began and ended are when the latest turn did, in nanoseconds since the epoch by the loop's clock; 0 before.
	began, ended atomic.Int64
	// made is the time of the latest turn.
	made time.Time
}

// adoption is how many intervals after its boundary a model is adopted. One turn after the one that begins the fit is the least that gives
// a fit time; the other is for the queue.
const adoption = 2

// New returns a Loop that has not begun. It publishes nothing.
func New(opts Options) (*Loop, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if opts.Decide == nil {
		opts.Decide = pool.Decide
	}
	l := &Loop{opts: opts, beside: newBackground(opts.Background)}
	for _, f := range opts.Fleets {
		w := &worker{
			FleetOptions: f, source: opts.Source, fleet: opts.Fleet, metrics: opts.Metrics, log: opts.Log.With("fleet", f.Name),
			beside: l.beside, models: opts.Models, delay: adoption * opts.Interval, decide: opts.Decide, held: opts.Held,
		}
		if _, informed := f.Method.(forecast.Informed); !informed && len(f.Leading) > 0 {
			w.Leading, w.unused = nil, fmt.Errorf("leading indicators are not used: %s does not learn from any", f.Method.Name())
		}
		if f.Step > opts.Interval {
			w.Policy.StaleAfter += f.Step // between two grid points the last one is all there can be
			w.between = true
		}
		w.killed.Store(opts.Killed[f.Name])
		w.last = w.starting()
		l.workers = append(l.workers, w)
		opts.Metrics.begin(f.Name)
	}
	return l, nil
}

// Announce publishes that every fleet is starting. It is for the first loop of a process: one that replaces another leaves what the
// other published until its own first turn.
func (l *Loop) Announce(ctx context.Context) error {
	for _, w := range l.workers {
		if err := l.opts.Publisher.Publish(ctx, w.last); err != nil {
			return err
		}
	}
	return nil
}

// Adopt takes over what old decided last about the fleets that both have, and what it learnt about those whose demand both describe
// alike, fits under way included, so that a new configuration neither moves capacity nor needs a new start. Neither loop may be running,
// and old is not used any more.
func (l *Loop) Adopt(old *Loop) {
	l.beside = old.beside
	l.made = old.made
	l.began.Store(old.began.Load())
	l.ended.Store(old.ended.Load())
	kept := map[string]bool{}
	for _, w := range l.workers {
		kept[w.Name], w.beside = true, old.beside
		for _, o := range old.workers {
			if w.Name == o.Name {
				w.adopt(o, l.opts.SourceName == old.opts.SourceName)
			}
		}
	}
	for _, o := range old.workers {
		if !kept[o.Name] {
			o.dropRefit()
			l.opts.Metrics.end(o.Name)
		}
	}
}

// Alive returns an error where turns have stopped: none has begun for three intervals, or one has been under way for ten and ten minutes,
// which the reading of a long history may take.
func (l *Loop) Alive() error {
	began, ended, now := time.Unix(0, l.began.Load()), time.Unix(0, l.ended.Load()), l.opts.Clock.Now()
	switch {
	case l.began.Load() == 0:
		return nil // Run has not been called
	case ended.Before(began) && now.Sub(began) > 10*l.opts.Interval+10*time.Minute:
		return fmt.Errorf("a turn has been under way since %s", stamp(began))
	case !ended.Before(began) && now.Sub(ended) > 3*l.opts.Interval:
		return fmt.Errorf("no turn has begun since %s", stamp(began))
	}
	return nil
}

// settling is how long after a whole multiple of the interval a turn begins, so that samples taken at that multiple have arrived.
func (l *Loop) settling() time.Duration { return min(10*time.Second, l.opts.Interval/6) }

// Due returns the time of the first turn that is due after t.
func (l *Loop) Due(t time.Time) time.Time {
	due := series.Align(t, l.opts.Interval).Add(l.settling())
	if !due.After(t) {
		due = due.Add(l.opts.Interval)
	}
	return due
}

// Run makes the turn that was due last, unless the loop that this one replaces has made it, and then each one when it is due, until ctx
// ends.
func (l *Loop) Run(ctx context.Context) error {
	at := l.Due(l.opts.Clock.Now()).Add(-l.opts.Interval)
	for {
		if at.After(l.made) {
			l.Turn(ctx, at)
		}
		next := l.Due(later(at, l.opts.Clock.Now()))
		if missed := int(next.Sub(at)/l.opts.Interval) - 1; missed > 0 {
			l.opts.Metrics.missed.Add(float64(missed))
			l.opts.Log.Warn("turns are left out since one took longer than the interval", "turns", missed)
		}
		at = next
		if err := l.opts.Clock.Wait(ctx, at); err != nil {
			return nil //nolint:nilerr // the context ended, which is how Run is stopped
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Turn makes the turn of every fleet for a time at which one is due, on as many fleets at once as there are processors, and returns
// when all are published.
func (l *Loop) Turn(ctx context.Context, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began.Store(l.opts.Clock.Now().UnixNano())
	defer func() {
		l.made = at
		l.ended.Store(l.opts.Clock.Now().UnixNano())
	}()
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, w := range l.workers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			l.turnOf(ctx, w, at)
		})
	}
	wg.Wait()
}

// Close gives up the fits under way and waits until nothing is done beside the turns any more. No turn may be made afterwards.
func (l *Loop) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.workers {
		w.dropRefit()
	}
	l.beside.wg.Wait()
}

// Hold runs f while no turn is made.
func (l *Loop) Hold(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// turnOf makes one fleet's turn and publishes what it ends with, also where it fails: a fleet always has a state and a reason.
func (l *Loop) turnOf(ctx context.Context, w *worker, at time.Time) {
	// A fleet whose queries hang must not keep the others from their turns until their decisions run out.
	bounded, cancel := context.WithTimeout(ctx, w.Policy.Validity/2)
	defer cancel()
	snap, err := w.guardedTurn(bounded, at)
	if ctx.Err() != nil {
		return // stopping: an interrupted read is no state of the fleet
	}
	outcome := "ok"
	if err != nil {
		name := "turn"
		if stage, ok := errors.AsType[*stageError](err); ok {
			name = stage.stage
		}
		w.log.Error("turn has no decision", "stage", name, "err", err)
		snap, outcome = w.failed(at, err), "failed"
	} else if w.readErr != nil || snap.State == pool.Stale {
		w.log.Warn("turn has no new demand", "stage", "read", "last", snap.Decision.DemandAt, "err", w.readErr)
		outcome = "stale"
	}
	begin := time.Now()
	if err := w.publish(ctx, l.opts.Publisher, snap); err != nil {
		w.log.Error("decision is not published", "stage", "publish", "err", err)
		outcome = "failed"
	}
	l.opts.Metrics.stage("publish", begin)
	l.opts.Metrics.turns.WithLabelValues(w.Name, outcome).Inc()
}

// Recheck publishes again the latest snapshot of each fleet whose kill switch is on, so that one that Options.Held turns on acts at once.
// Off, it acts with the next turn.
func (l *Loop) Recheck(ctx context.Context) error {
	var errs []error
	for _, w := range l.workers {
		errs = append(errs, w.recheck(ctx, l.opts.Publisher))
	}
	return errors.Join(errs...)
}

// Kill turns a fleet's kill switch on or off. The doors answer accordingly at once. It returns an error that names the fleets where
// there is none of that name.
func (l *Loop) Kill(ctx context.Context, fleet string, on bool) error {
	for _, w := range l.workers {
		if w.Name == fleet {
			return w.kill(ctx, l.opts.Publisher, on)
		}
	}
	return fmt.Errorf("no fleet %q", fleet)
}
