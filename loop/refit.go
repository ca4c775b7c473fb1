package loop

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// longestFit bounds a fit beside the turns, so that one that hangs does not keep its slot for ever.
const longestFit = 10 * time.Minute

// background runs what is done beside the turns. One background serves a loop and those that replace it.
type background struct {
	run func(func())
	// slots bounds the refits at once: turns must find a processor.
	slots chan struct{}
	wg    sync.WaitGroup
}

func newBackground(run func(func())) *background {
	if run == nil {
		run = func(f func()) { go f() }
	}
	return &background{run: run, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

func (b *background) do(f func()) {
	b.wg.Add(1)
	b.run(func() {
		defer b.wg.Done()
		f()
	})
}

// slot waits for one of the slots, unless ctx ends before.
func (b *background) slot(ctx context.Context) (release func(), err error) {
	select {
	case b.slots <- struct{}{}:
		return func() { <-b.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refit is a fit beside the turns.
type refit struct {
	boundary time.Time
	again    bool // the model before has this boundary or a later one
	late     bool // it is counted as late
	cancel   context.CancelFunc
	done     chan struct{} // closed when what follows is known
	fitted   fitted
	history  *history // as it was read anew for the fit, nil where that was not done
	err      error
}

func (r *refit) isDone() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// beginRefit begins the fit that is due, on a copy of the history, and reports whether it did. There is one at a time.
func (w *worker) beginRefit(at time.Time) bool {
	boundary := w.wanted(at)
	if w.refit != nil || boundary.IsZero() {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &refit{boundary: boundary, again: w.again, cancel: cancel, done: make(chan struct{})}
	w.refit = r
	l, counted := w.history.lesson(boundary, w.History).clone(), w.history.counted
	readAnew := !w.again && boundary.Sub(w.boundary) >= refits[2]
	w.beside.do(func() {
		defer close(r.done)
		defer cancel()
		release, err := w.beside.slot(ctx)
		if err != nil {
			r.err = err
			return
		}
		defer release()
		bounded, end := context.WithTimeout(ctx, longestFit)
		defer end()
		if readAnew {
			if h := w.readForRefit(bounded, at, boundary, counted); h != nil {
				r.history, l = h, h.lesson(boundary, w.History)
			}
		}
		r.fitted, r.err = w.fit(bounded, boundary, l, true)
	})
	return true
}

// readForRefit reads the history anew. Where it can't be read there is what is known.
func (w *worker) readForRefit(ctx context.Context, at, boundary, counted time.Time) (h *history) {
	var err error
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("reading panics", "stage", "read", "panic", r, "stack", string(debug.Stack()))
			h, err = nil, fmt.Errorf("reading panics: %v", r)
		}
		if err != nil {
			w.log.Warn("history is not read anew before a fit", "stage", "read", "err", err)
		}
	}()
	if h, err = w.readAnew(ctx, at, boundary, counted); err != nil {
		return nil
	}
	return h
}

// adoptRefit adopts the model that was fitted beside the turns, when it is done and its time has come, and reports whether it did. That
// time follows from the boundary alone, and not from how long the fit took.
func (w *worker) adoptRefit(ctx context.Context, at time.Time) bool {
	r := w.refit
	if r == nil || !r.isDone() || at.Before(r.boundary.Add(w.delay)) {
		return false
	}
	w.refit = nil
	switch {
	case r.err != nil:
		w.unfitted(r.err)
		return false
	case !r.again && !r.boundary.After(w.boundary):
		return false // one fitted in a turn is newer
	}
	if h := r.history; h != nil {
		if _, err := h.read(ctx, w, at); err == nil {
			w.history = *h
		}
	}
	w.take(r.fitted)
	return true
}

// countLate counts a refit that is not adopted in the turn in which its time has come.
func (w *worker) countLate(at time.Time) {
	if r := w.refit; r != nil && !r.again && !r.late && !at.Before(r.boundary.Add(w.delay)) {
		r.late = true
		w.metrics.late.WithLabelValues(w.Name).Inc()
		w.log.Warn("model is late and the former one goes on", "stage", "fit", "boundary", r.boundary)
	}
}

// dropRefit gives up the fit under way. It ends by itself.
func (w *worker) dropRefit() {
	if w.refit != nil {
		w.refit.cancel()
		w.refit = nil
	}
}
