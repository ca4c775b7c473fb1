package loop

import (
	"context"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// failingSpan is for how long a workload that failed is still taken to fail: what an outage kept away comes back after it.
	failingSpan = 10 * time.Minute
	// recentSpan is how far back the largest observation is looked for that a collapse is measured against.
	recentSpan = time.Hour
)

// readFailing reports whether the served workload fails, or has within failingSpan. Where that can't be read it is not known to.
func (w *worker) readFailing(ctx context.Context, at time.Time) bool {
	if w.failing = nil; w.Failing == "" {
		return false
	}
	end := series.Align(at, time.Second)
	step := min(max(w.Policy.Interval, time.Second), failingSpan)
	windows, err := w.source.Range(ctx, series.Query{Expr: w.Failing, Start: end.Add(-failingSpan), End: end, Step: step})
	if err != nil {
		w.failing = err
		return false
	}
	for _, win := range windows {
		for _, v := range win.Values {
			if v != 0 && !math.IsNaN(v) {
				return true
			}
		}
	}
	return false
}

// recent returns the largest observation of the last hour, and the present demand where that is larger.
func (w *worker) recent(at time.Time, present float64) float64 {
	y := w.history.learnt
	if y.Len() == 0 {
		return present
	}
	for i := max(y.Index(at.Add(-recentSpan)), 0); i < y.Len(); i++ {
		if v := y.Values[i]; v > present {
			present = v
		}
	}
	return present
}
