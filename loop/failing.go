package loop

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// failingSpan is for how long a workload that failed is still taken to fail: what an outage kept away comes back after it.
	failingSpan = 10 * time.Minute
	// longestFailure is how far back the beginning of a failure is looked for.
	longestFailure = 12 * time.Hour
	// recentSpan is how far before a failure the largest observation is looked for that a collapse is measured against.
	recentSpan = time.Hour
)

// failure is what is known of a failure of the served workload.
type failure struct {
	since, seen time.Time // when it began, and when it was there last; zero for none
	err         error     // why that is not known now
}

// readFailing finds out whether the served workload fails, or has within failingSpan, and since when. Where that can't be read it is as it
// was known last, for as long.
func (w *worker) readFailing(ctx context.Context, at time.Time) bool {
	if w.Failing == "" {
		return false
	}
	end := series.Align(at, time.Second)
	step := min(max(w.Policy.Interval, time.Second), failingSpan/2)
	windows, err := w.source.Range(ctx, series.Query{Expr: w.Failing, Start: end.Add(-longestFailure), End: end, Step: step})
	_, partial := errors.AsType[*series.PartialError](err)
	if w.failure.err = err; err == nil || partial && len(windows) > 0 {
		w.failure.since, w.failure.seen = failureIn(windows)
	}
	return !w.failure.seen.IsZero() && at.Sub(w.failure.seen) <= failingSpan
}

// failureIn returns when the latest failure began and was there last: values other than zero, no more than failingSpan apart.
func failureIn(windows []series.Series) (since, seen time.Time) {
	longest := 0
	for _, win := range windows {
		longest = max(longest, win.Len())
	}
	for i := longest - 1; i >= 0; i-- {
		for _, win := range windows {
			if i >= win.Len() || win.Values[i] == 0 || math.IsNaN(win.Values[i]) {
				continue
			}
			t := win.TimeAt(i)
			if seen.IsZero() {
				seen, since = t, t
			}
			if since.Sub(t) > failingSpan {
				return since, seen
			}
			since = t
		}
	}
	return since, seen
}

// recent returns the largest observation of the hour before a failure began, and the present demand where that is larger.
func (w *worker) recent(present float64) float64 {
	y := w.history.learnt
	if y.Len() == 0 || w.failure.since.IsZero() {
		return present
	}
	for i := max(y.Index(w.failure.since.Add(-recentSpan)), 0); i < y.Len() && !y.TimeAt(i).After(w.failure.since); i++ {
		if v := y.Values[i]; v > present {
			present = v
		}
	}
	return present
}
