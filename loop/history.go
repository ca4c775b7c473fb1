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
	// partial is true while parts of the history could not be read; it is then read anew.
	partial bool
	// first is the time of the earliest observation ever read.
	first time.Time
}

func (h *history) empty() bool { return h.latestAt.IsZero() }

// read extends the history to the grid point at or before the time of a turn. After the start it asks for the new points only, and
// again for missing ones at its end, which may be late. On error the history is unchanged.
func (h *history) read(ctx context.Context, w *worker, at time.Time) error {
	q := series.Query{Key: series.Key(w.Name), Unit: w.Unit, Expr: w.Query, Step: w.Step, End: series.Align(at, w.Step)}
	q.Start = series.Align(at.Add(-w.History-refits[0]), w.Step) // a model is fitted up to refits[0] before the end
	whole := h.partial || h.empty() || h.learnt.End().Before(q.Start)
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
	at, v, ok := y.Last()
	if err := h.exclude(ctx, w, q, y); err != nil {
		return fmt.Errorf("read excluded windows of %s: %w", w.Name, err)
	}
	if ok {
		h.latestAt, h.latest = at, v
	}
	h.extend(w, y, whole)
	h.partial = partial
	return nil
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
	if h.first.IsZero() || whole {
		for i, v := range h.learnt.Values {
			if !math.IsNaN(v) {
				h.first = h.learnt.TimeAt(i)
				break
			}
		}
	}
}

// clean makes negative observations missing: no demand is below zero. What is a rounding error of zero is zero.
func (h *history) clean(w *worker, y series.Series) {
	for i, v := range y.Values {
		switch {
		case v < -1e-9:
			y.Values[i] = math.NaN()
			w.metrics.invalid.WithLabelValues(w.Name).Inc()
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
	known := min(y.End().Sub(h.first), span) // a process that has run for long holds more than one that just read its history
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
	if b.Before(h.first) {
		return y.End()
	}
	return b
}

// upTo returns what a model is fitted to at a boundary: the observations of the given span before it, from the first one on.
func (h *history) upTo(boundary time.Time, span time.Duration) series.Series {
	from := boundary.Add(h.learnt.Step - span)
	if from.Before(h.first) {
		from = h.first
	}
	return h.learnt.Slice(h.learnt.Index(from), h.learnt.Index(boundary)+1)
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
