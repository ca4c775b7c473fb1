package loop

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// hiddenDays is how many days an observation that is a lower bound is compared with.
const hiddenDays = 7

// hiddenIn returns at which points of y full capacity hid a part of the demand, so that the observation is a lower bound of it (right-
// censored); nil where no query says so. It counts those after a grid point.
func (h *history) hiddenIn(ctx context.Context, w *worker, q series.Query, y series.Series, counted time.Time) ([]bool, error) {
	if w.Saturated == "" {
		return nil, nil
	}
	hidden := make([]bool, y.Len())
	err := marked(ctx, w, q, w.Saturated, y.Len(), func(i int) { hidden[i] = true })
	if err != nil {
		return nil, err
	}
	for i, is := range hidden {
		if is && y.TimeAt(i).After(counted) && !math.IsNaN(y.Values[i]) {
			w.metrics.hidden.WithLabelValues(w.Name).Inc()
		}
	}
	return hidden, nil
}

// marked calls mark for each of the first n grid points of q at which an expression has a value other than zero.
func marked(ctx context.Context, w *worker, q series.Query, expr string, n int, mark func(i int)) error {
	q.Expr = expr
	windows, err := w.source.Range(ctx, q)
	if err != nil {
		return err
	}
	for _, win := range windows {
		for i := range min(len(win.Values), n) {
			if v := win.Values[i]; v != 0 && !math.IsNaN(v) {
				mark(i)
			}
		}
	}
	return nil
}

// corrected returns what is learnt of the observation at index i of y. One that is a lower bound is learnt as it is where it is at
// least what was observed at the same time of each day before, of hiddenDays that y reaches back and no more than span, and is
// missing otherwise: a lower bound tells something only where it is higher than what is expected anyway, and as an observation it would
// pull the forecast down (Tobin 1958 on censored samples). It follows from y alone, and for an index at least span behind y's start from
// the last of y, so that processes that begin at different times learn the same. The present demand follows each observation as it is.
func (h *history) corrected(y series.Series, hidden []bool, i int, span time.Duration) float64 {
	v := y.Values[i]
	if i >= len(hidden) || !hidden[i] || math.IsNaN(v) {
		return v
	}
	at := y.TimeAt(i)
	for day := 1; day <= hiddenDays && time.Duration(day)*24*time.Hour <= span; day++ {
		if earlier := y.At(at.Add(-time.Duration(day) * 24 * time.Hour)); earlier > v+roundOff*earlier {
			return math.NaN()
		}
	}
	return v
}

// roundOff is the relative difference below which two observations are equal.
const roundOff = 1e-9

// learns returns what a model is told of the observation at a grid point.
func (h *history) learns(i int, span time.Duration) float64 {
	return h.corrected(h.learnt, h.hidden, i, span)
}

// uncensor returns y, which is a part of learnt that begins at an index, with what is learnt of lower bounds. It is y itself where there
// are none.
func (h *history) uncensor(y series.Series, from int, span time.Duration) series.Series {
	out := y
	for i := range y.Values {
		if from+i >= len(h.hidden) || !h.hidden[from+i] {
			continue
		}
		if v := h.corrected(y, h.hidden[from:], i, span); math.IsNaN(v) && !math.IsNaN(y.Values[i]) {
			if &out.Values[0] == &y.Values[0] {
				out = y.Clone()
			}
			out.Values[i] = v
		}
	}
	return out
}

// isHidden reports whether the latest observation is a lower bound.
func (h *history) isHidden() bool {
	if h.learnt.Len() == 0 {
		return false
	}
	i := h.learnt.Index(h.latestAt)
	return i >= 0 && i < len(h.hidden) && h.hidden[i]
}

// assumed says what a decision assumes since it is not known.
func (w *worker) assumed() []string {
	var out []string
	if w.history.isHidden() {
		out = append(out, fmt.Sprintf("full capacity hides a part of the demand, which is %g at least", w.history.latest))
	}
	if f, ok := w.fleet.(interface{ Doubts(fleet string) []string }); ok {
		out = append(out, f.Doubts(w.Name)...)
	}
	return append(out, w.unpriced...)
}

// isExcluded reports whether nothing is learnt from the latest observation.
func (h *history) isExcluded() bool {
	return h.learnt.Len() > 0 && !h.latestAt.IsZero() && math.IsNaN(h.learnt.At(h.latestAt))
}

// latestPeak returns the largest observation that came since a turn before the latest, on a grid that is finer than the turns.
func (h *history) latestPeak(interval time.Duration) float64 {
	y, most := h.learnt, h.latest
	if y.Len() == 0 || y.Step >= interval {
		return most
	}
	for i := max(y.Index(h.latestAt.Add(-interval))+1, 0); i < y.Len() && !y.TimeAt(i).After(h.latestAt); i++ {
		if v := y.Values[i]; v > most {
			most = v
		}
	}
	return most
}
