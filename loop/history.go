package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/series"
)

// history is what is known of one fleet's demand.
type history struct {
	// learnt ends at the latest grid point read. Observations inside excluded windows are missing in it.
	learnt series.Series
	// hidden says at which points of learnt full capacity hid a part of the demand; nil where no query says so.
	hidden []bool
	// leading holds the indicators on the grid of learnt.
	leading leading
	// latest is the last observation that is not missing, excluded or not, made at latestAt.
	latest   float64
	latestAt time.Time
	// earliest is the time of the first observation in learnt since it was last read as a whole, zero before there is one.
	earliest time.Time
	// partial says that parts of the history could not be read; it is read anew after retry.
	partial bool
	retry   time.Time
	// counted is the grid point up to which invalid observations are counted.
	counted time.Time
}

func (h *history) empty() bool { return h.latestAt.IsZero() }

// read extends the history to the grid point at or before the time of a turn. After the start it asks for the new points only, and
// again for missing ones at its end, which may be late. It reports whether what was read before is replaced. On error what is learnt is
// unchanged.
func (h *history) read(ctx context.Context, w *worker, at time.Time) (replaced bool, err error) {
	q := w.whole(at)
	anew := h.empty() || h.learnt.End().Before(q.Start) || h.partial && !at.Before(h.retry)
	if !anew {
		q.Start = h.learnt.End().Add(w.Step * time.Duration(1-h.trailing()))
	}
	if q.End.Before(q.Start) {
		return false, nil
	}
	partial, err := h.load(ctx, w, q, anew)
	if err != nil {
		return false, err
	}
	if anew {
		h.partial, h.retry = partial, at.Add(10*w.Policy.Interval)
	}
	return h.leading.read(ctx, w, h.learnt, at) || anew, nil
}

// whole asks for the whole history in a turn: back to what the model before the last two boundaries of the schedule is fitted to.
func (w *worker) whole(at time.Time) series.Query {
	return series.Query{
		Key: series.Key(w.Name), Unit: w.Unit, Expr: w.Query, Step: w.Step, End: series.Align(at, w.Step),
		Start: series.Align(at.Add(-w.History-refits[0]-w.delay), w.Step).Add(-w.Step),
	}
}

// load reads a part of the demand, or all of it anew, without what is excluded.
func (h *history) load(ctx context.Context, w *worker, q series.Query, anew bool) (partial bool, err error) {
	counted := h.counted
	y, partial, err := h.query(ctx, w, q, anew)
	if err != nil {
		return false, fmt.Errorf("read history of %s: %w", w.Name, err)
	}
	if last, v, ok := y.Last(); ok {
		h.latestAt, h.latest = last, v // the reactive need follows it whatever is excluded
	}
	if err = exclude(ctx, w, q, y); err != nil {
		return false, fmt.Errorf("read excluded windows of %s: %w", w.Name, err)
	}
	hidden, err := h.hiddenIn(ctx, w, q, y, counted)
	if err != nil {
		return false, fmt.Errorf("read when the demand of %s is hidden: %w", w.Name, err)
	}
	if anew {
		h.learnt, h.hidden, h.leading, h.earliest = y, hidden, leading{}, time.Time{}
	} else {
		h.extend(w, y, hidden)
	}
	for i := 0; h.earliest.IsZero() && i < y.Len(); i++ {
		if !math.IsNaN(y.Values[i]) {
			h.earliest = y.TimeAt(i)
		}
	}
	return partial, nil
}

// readAnew reads the history up to a boundary as a process that begins in this turn does, so that what came late, or was corrected since,
// is learnt.
func (w *worker) readAnew(ctx context.Context, at, boundary, counted time.Time) (*history, error) {
	h := &history{counted: counted}
	q := w.whole(at)
	q.End = boundary
	partial, err := h.load(ctx, w, q, true)
	if err != nil {
		return nil, err
	}
	if partial {
		return nil, fmt.Errorf("read history of %s: only a part could be read", w.Name)
	}
	h.leading.read(ctx, w, h.learnt, at)
	return h, nil
}

// query reads the demand on q's grid and makes what is no demand missing. A whole history may be partial and is then read again; the end
// of one may be all missing, which is a gap that the staleness guard sees.
func (h *history) query(ctx context.Context, w *worker, q series.Query, whole bool) (y series.Series, partial bool, err error) {
	y, err = series.One(ctx, w.source, q)
	_, partial = errors.AsType[*series.PartialError](err)
	switch {
	case whole && partial && y.Present() > 0:
		w.log.Warn("history is read in part and will be read again", "stage", "read", "err", err)
	case !whole && (errors.Is(err, series.ErrNoSeries) || errors.Is(err, series.ErrOnlyMissing)):
		return missing(q), false, nil
	case err != nil:
		return y, false, err
	}
	h.clean(w, y)
	if whole && y.Present() == 0 {
		return y, false, fmt.Errorf("%w: %s", series.ErrOnlyMissing, w.Query)
	}
	return y, partial, nil
}

// lateness is how many missing points at the end of the history are asked for again.
const lateness = 60

// trailing returns how many points at the end of the history are missing, at most lateness of them.
func (h *history) trailing() int {
	n := 0
	for i := h.learnt.Len() - 1; i > 0 && n < lateness && math.IsNaN(h.learnt.Values[i]); i-- {
		n++
	}
	return n
}

// extend appends y, which may overlap the missing end of the history, and forgets what is older than the fleet's history.
func (h *history) extend(w *worker, y series.Series, hidden []bool) {
	keep := h.learnt.Index(y.Start)
	h.learnt.Values = append(h.learnt.Values[:keep], y.Values...)
	if hidden != nil {
		h.hidden = append(h.hidden[:keep], hidden...)
	}
	most := int((w.History+refits[0]+w.delay)/w.Step) + 2
	if h.learnt.Len() > most+most/16+1 { // seldom, since the rest is copied
		h.hidden = slices.Clone(h.hidden[min(h.learnt.Len()-most, len(h.hidden)):])
		h.learnt = h.learnt.Slice(h.learnt.Len()-most, h.learnt.Len()).Clone()
	}
}

// clean makes negative observations missing: no demand is below zero. What is a rounding error of zero is zero. Points that are asked for
// again are counted once.
func (h *history) clean(w *worker, y series.Series) {
	for i, v := range y.Values {
		switch {
		case v < -1e-9:
			y.Values[i] = math.NaN()
			if y.TimeAt(i).After(h.counted) {
				w.metrics.invalid.WithLabelValues(w.Name).Inc()
			}
		case v < 0:
			y.Values[i] = 0
		}
	}
	h.counted = later(h.counted, y.End())
}

// exclude makes the observations missing that were made while an excluding query had a value other than zero, or the calendar excludes.
func exclude(ctx context.Context, w *worker, q series.Query, y series.Series) error {
	for i := range y.Values {
		if w.Excluded != nil && w.Excluded(y.TimeAt(i)) {
			y.Values[i] = math.NaN()
		}
	}
	for _, expr := range w.Exclude {
		if err := marked(ctx, w, q, expr, y.Len(), func(i int) { y.Values[i] = math.NaN() }); err != nil {
			return err
		}
	}
	return nil
}

// missing returns q's grid without one observation.
func missing(q series.Query) series.Series {
	start, n := q.Grid()
	y := series.Series{Key: q.Key, Unit: q.Unit, Start: start, Step: q.Step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = math.NaN()
	}
	return y
}

// lesson is what a model is fitted to. Its series share their grid.
type lesson struct {
	y      series.Series
	x      []series.Series
	inputs []indicator // what x holds
	seen   []indicator // all that have an observation, used or not
	left   error       // why some are not used
}

// lesson returns what a model is fitted to at a boundary: the observations of the given span before it, from the first one on. It may share
// the history's values.
func (h *history) lesson(boundary time.Time, span time.Duration) lesson {
	from, to := h.learnt.Index(h.first(boundary, span)), h.learnt.Index(boundary)+1
	l := lesson{y: h.uncensor(h.learnt.Slice(from, to), max(from, 0), span)}
	l.x, l.inputs, l.seen, l.left = h.leading.between(h.learnt, max(from, 0), to)
	return l
}

// clone returns a copy that shares no values.
func (l lesson) clone() lesson {
	l.y = l.y.Clone()
	l.x = slices.Clone(l.x)
	for i, x := range l.x {
		l.x[i] = x.Clone()
	}
	return l
}

// known returns the grid point up to which a model is told: that of the latest observation. Missing points after it may still come late,
// and are told once a later observation shows that they are a gap.
func (h *history) known() time.Time {
	if latest := series.Align(h.latestAt, h.learnt.Step); latest.Before(h.learnt.End()) {
		return latest
	}
	return h.learnt.End()
}

// instant returns the one value of an expression at a time, NaN where it has none. Several values are an error that names them.
func instant(ctx context.Context, src series.Source, expr string, at time.Time) (float64, error) {
	at = series.Align(at, time.Second)
	s, err := series.One(ctx, src, series.Query{Expr: expr, Start: at, End: at, Step: time.Second})
	if errors.Is(err, series.ErrNoSeries) || errors.Is(err, series.ErrOnlyMissing) {
		return math.NaN(), nil
	}
	if err != nil {
		return math.NaN(), err
	}
	return s.Values[0], nil
}

// span prints a duration as Prometheus does: 28d, 1m.
func span(d time.Duration) string { return model.Duration(d).String() }
