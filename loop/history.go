package loop

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/series"
)

// history is what is known of one fleet's demand.
type history struct {
	// learnt ends at the latest grid point read. Observations inside excluded windows are missing in it.
	learnt series.Series
	// latest is the last observation that is not missing, excluded or not, made at latestAt.
	latest   float64
	latestAt time.Time
	// told is the grid point up to which the model has been told.
	told time.Time
	// partial says that parts of the history could not be read; it is read anew after retry.
	partial bool
	retry   time.Time
}

func (h *history) empty() bool { return h.latestAt.IsZero() }

// read extends the history to the grid point at or before the time of a turn. After the start it asks for the new points only, and
// again for missing ones at its end, which may be late. On error what is learnt is unchanged.
func (h *history) read(ctx context.Context, w *worker, at time.Time) error {
	q := series.Query{Key: series.Key(w.Name), Unit: w.Unit, Expr: w.Query, Step: w.Step, End: series.Align(at, w.Step)}
	q.Start = series.Align(at.Add(-w.History-refits[0]), w.Step).Add(-w.Step) // a model is fitted up to refits[0] before the end
	whole := h.empty() || h.learnt.End().Before(q.Start) || h.partial && !at.Before(h.retry)
	if !whole {
		q.Start = h.learnt.End().Add(w.Step * time.Duration(1-h.trailing()))
	}
	if q.End.Before(q.Start) {
		return nil
	}
	y, partial, err := h.query(ctx, w, q, whole)
	if err != nil {
		return fmt.Errorf("read history of %s: %w", w.Name, err)
	}
	if last, v, ok := y.Last(); ok {
		h.latestAt, h.latest = last, v // the reactive need follows it whatever is excluded
	}
	if err := h.exclude(ctx, w, q, y); err != nil {
		return fmt.Errorf("read excluded windows of %s: %w", w.Name, err)
	}
	h.extend(w, y, whole)
	if whole {
		h.partial, h.retry = partial, at.Add(10*w.Policy.Interval)
	}
	return nil
}

// reread reads the whole history anew before a fit, so that what came late, or was corrected since, is learnt as a process that has just
// begun would learn it. Where it can't be read, what is known stays.
func (h *history) reread(ctx context.Context, w *worker, at time.Time) {
	before := h.learnt
	h.learnt = series.Series{Step: w.Step}
	if err := h.read(ctx, w, at); err != nil || h.learnt.Len() == 0 {
		h.learnt = before
		w.log.Warn("history is not read anew before a fit", "stage", "read", "err", err)
	}
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
	h.clean(w, y, whole)
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

// extend appends y, which may overlap the missing end of the history, and forgets what is older than the fleet's history. A history that
// is read as a whole replaces the former one and the model with it.
func (h *history) extend(w *worker, y series.Series, whole bool) {
	if whole {
		h.learnt, w.model = y, nil
	} else {
		keep := h.learnt.Index(y.Start)
		h.learnt.Values = append(h.learnt.Values[:keep], y.Values...)
	}
	most := int((w.History + refits[0]) / w.Step)
	if h.learnt.Len() > most+most/16+1 { // seldom, since the rest is copied
		h.learnt = h.learnt.Slice(h.learnt.Len()-most, h.learnt.Len()).Clone()
	}
}

// clean makes negative observations missing: no demand is below zero. What is a rounding error of zero is zero. Points that are asked for
// again are counted once.
func (h *history) clean(w *worker, y series.Series, whole bool) {
	for i, v := range y.Values {
		switch {
		case v < -1e-9:
			y.Values[i] = math.NaN()
			if whole || y.TimeAt(i).After(h.learnt.End()) {
				w.metrics.invalid.WithLabelValues(w.Name).Inc()
			}
		case v < 0:
			y.Values[i] = 0
		}
	}
}

// exclude makes the observations missing that were made while an excluding query had a value other than zero.
func (h *history) exclude(ctx context.Context, w *worker, q series.Query, y series.Series) error {
	for _, expr := range w.Exclude {
		q.Expr = expr
		windows, err := w.source.Range(ctx, q)
		if err != nil {
			return err
		}
		for _, win := range windows {
			for i := range min(len(win.Values), len(y.Values)) {
				if v := win.Values[i]; v != 0 && !math.IsNaN(v) {
					y.Values[i] = math.NaN()
				}
			}
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

// refits are the times between two fits. The longest is used of which the history spans ten: a young history changes what is best from
// hour to hour, an old one does not.
var refits = []time.Duration{6 * time.Hour, 2 * time.Hour, 30 * time.Minute, 5 * time.Minute}

// boundary returns the grid point up to which a model is fitted: the last whole multiple of the time between two fits, shifted by an
// amount that follows from the fleet's name so that fleets do not all fit at once. It follows from the latest span of the history alone.
func (h *history) boundary(fleet string, span time.Duration) time.Time {
	y := h.learnt
	known := y.End().Sub(h.first(y.End(), span))
	every := y.Step
	for _, d := range refits {
		if d > y.Step && known >= 10*d {
			every = d
			break
		}
	}
	sum := fnv.New32a()
	fmt.Fprint(sum, fleet)
	shift := series.Align(time.Unix(0, int64(sum.Sum32())*int64(time.Second)%int64(every)), y.Step).Sub(time.Unix(0, 0))
	b := series.Align(series.Align(y.End().Add(-shift), every).Add(shift), y.Step)
	if h.upTo(b, span).Present() == 0 {
		return y.End() // all there is came since
	}
	return b
}

// first returns the time of the earliest observation in the span that ends at a time; that time where there is none. A process that has
// run for long holds more than one that has just read its history, so nothing before the span may count.
func (h *history) first(end time.Time, span time.Duration) time.Time {
	y := h.learnt
	for i := max(y.Index(end.Add(y.Step-span)), 0); i <= y.Index(end) && i < y.Len(); i++ {
		if !math.IsNaN(y.Values[i]) {
			return y.TimeAt(i)
		}
	}
	return end
}

// upTo returns what a model is fitted to at a boundary: the observations of the given span before it, from the first one on.
func (h *history) upTo(boundary time.Time, span time.Duration) series.Series {
	return h.learnt.Slice(h.learnt.Index(h.first(boundary, span)), h.learnt.Index(boundary)+1)
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
