package loop

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// refits are the times between two fits. The longest is used of which the history spans ten: a young history changes what is best from
// hour to hour, an old one does not.
var refits = []time.Duration{6 * time.Hour, 2 * time.Hour, 30 * time.Minute, 5 * time.Minute}

// soonest is the least time between a fit and the next one that is not scheduled.
const soonest = time.Hour

// scheduled returns the grid point up to which a model is fitted once the history reaches end, and the time between two fits then. It is
// the last whole multiple of that time, shifted by an amount that follows from the fleet's name so that fleets do not all fit at once.
// It follows from the latest span of the history alone and never goes back: multiples of a longer time are multiples of a shorter one,
// and a longer time is used from the first of its multiples that has ten of it behind it.
func (h *history) scheduled(fleet string, span time.Duration, end time.Time) (b time.Time, every time.Duration) {
	step, first := h.learnt.Step, h.first(end, span)
	sum := fnv.New32a()
	fmt.Fprint(sum, fleet)
	shift := series.Align(time.Unix(0, int64(sum.Sum32())*int64(time.Second)%int64(refits[0])), step).Sub(time.Unix(0, 0))
	for _, d := range refits {
		if d <= step {
			break
		}
		if b = multiple(end, d, shift, step); b.Sub(first) >= 10*d {
			return b, d
		}
	}
	return end, step
}

// multiple returns the last grid point at or before end that is the first one of a whole multiple of d, shifted.
func multiple(end time.Time, d, shift, step time.Duration) time.Time {
	from := series.Align(end.Add(-shift), d).Add(shift)
	b := series.Align(from.Add(step-1), step)
	if b.After(end) { // the step does not divide d
		b = series.Align(from.Add(step-1-d), step)
	}
	return b
}

// first returns the time of the earliest observation in the span that ends at a time; that time where there is none. A process that has
// run for long holds more than one that has just read its history, so nothing before the span may count.
func (h *history) first(end time.Time, span time.Duration) time.Time {
	y := h.learnt
	from, to := max(y.Index(end.Add(y.Step-span)), 0), min(y.Index(end), y.Len()-1)
	if !h.earliest.IsZero() {
		from = max(from, y.Index(h.earliest))
	}
	for i := from; i <= to; i++ {
		if !math.IsNaN(y.Values[i]) {
			return y.TimeAt(i)
		}
	}
	return end
}

// current returns the boundary that the schedule has a model of in a turn: the last one whose fit, beside the turns, has had its time. It
// follows from the history and the time of the turn alone. A boundary that comes too often for that is fitted in the turn, which a history
// as young as it then is allows; so is the first one that has an observation.
func (w *worker) current(at time.Time) (b time.Time, inTurn bool) {
	h := &w.history
	b, every := h.scheduled(w.Name, w.History, h.learnt.End())
	for w.isBeside(every) && at.Before(b.Add(w.delay)) {
		before, between := h.scheduled(w.Name, w.History, b.Add(-w.Step))
		if math.IsNaN(h.learnt.At(h.first(before, w.History))) {
			break
		}
		b, every = before, between
	}
	return b, !w.isBeside(every)
}

// isBeside reports whether models that are fitted so often are fitted beside the turns.
func (w *worker) isBeside(every time.Duration) bool { return every >= 2*w.delay }

// wanted returns the boundary of the next model to fit beside the turns, zero for none.
func (w *worker) wanted(at time.Time) time.Time {
	due, every := w.history.scheduled(w.Name, w.History, w.history.learnt.End())
	switch {
	case !w.isBeside(every):
		return time.Time{}
	case w.again:
		b, _ := w.current(at)
		return b
	case due.After(w.boundary):
		return due
	}
	return w.early
}

// isEarly reports whether a model is to be fitted at a grid point that has just been told, though none is scheduled: the one that was told
// says that the demand has drifted, or an indicator has its first observation. A process that begins later tells the same observations
// to the same model and comes to the same grid point.
func (w *worker) isEarly(told time.Time) bool {
	if told.Sub(w.boundary) < soonest {
		return false
	}
	d, ok := w.model.(forecast.Drifter)
	if drifted := ok && d.Drifted(); !drifted && !w.history.leading.isNew(w.seen, w.boundary, told, w.Step) {
		return false
	}
	b, _ := w.history.scheduled(w.Name, w.History, told)
	return !b.After(w.boundary)
}
