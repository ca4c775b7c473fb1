package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
)

// task is one method on one series, or, with a nil method, what is said about the choice.
type task struct {
	trial  *trial
	method forecast.Method
}

// evaluate runs all methods on all series on all processors. Each task has a thread for itself, so that its processor time is known.
func (b *backtest) evaluate(ctx context.Context, stderr io.Writer, trials []*trial) {
	var tasks []task
	pictures := slices.ContainsFunc(b.outputs, func(path string) bool { return filepath.Ext(path) == ".html" })
	for _, t := range trials {
		if t.err != nil {
			continue
		}
		for _, m := range t.options.Methods {
			tasks = append(tasks, task{t, m})
		}
		if t.auto != nil {
			tasks = append(tasks, task{trial: t})
		}
	}
	clock, workers := cpuClock()
	shown := newProgress(stderr, b.progress, "backtest", len(tasks))
	inOrder(len(tasks), workers, func(i int) func() {
		defer shown.add()
		if tasks[i].method == nil {
			return tasks[i].trial.choose(ctx, pictures)
		}
		return tasks[i].trial.run(ctx, tasks[i].method, clock)
	}, func(_ int, keep func()) { keep() })
	shown.end()
	for _, t := range trials {
		accuracy.Compare(t.rows, t.options.Last, t.options.Seasonal)
	}
}

// run evaluates one method and returns what keeps the result.
func (t *trial) run(ctx context.Context, m forecast.Method, clock func() time.Duration) (keep func()) {
	var skipped []string
	o := t.options
	o.Methods, o.CPU = []forecast.Method{m}, clock
	o.Skip = func(name string, err error) {
		if short, ok := errors.AsType[*forecast.TooShortError](err); ok {
			skipped = append(skipped, fmt.Sprintf("%s: needs %d observations before the first origin, has %d", name, short.Need, short.Have))
			return
		}
		skipped = append(skipped, fmt.Sprintf("%s: %v", name, err))
	}
	rows, err := accuracy.Evaluate(ctx, t.y, o)
	return func() {
		t.rows, t.skipped = append(t.rows, rows...), append(t.skipped, skipped...)
		if t.err == nil {
			t.err = err
		}
	}
}

// The end of a series that the report shows: long enough for the eye to see days, and not too many forecasts.
const (
	trailSpan   = 3 * 24 * time.Hour
	trailLeast  = 96
	trailPoints = 360
)

// trailProbabilities are the ends of the 95 % and 80 % intervals, and the median between them.
var trailProbabilities = []float64{0.025, 0.1, 0.5, 0.9, 0.975}

// choose asks which method the program would use now and, for pictures, what it said about the end of the series. It returns what keeps
// the result. Where that fails, which Evaluate has told of, there is nothing to keep.
func (t *trial) choose(ctx context.Context, pictures bool) (keep func()) {
	var chosen *forecast.Selection
	if fitted, err := t.auto.Fit(ctx, t.y); err == nil {
		if e, ok := fitted.(forecast.Explainer); ok {
			s := e.Selection()
			chosen = &s
		}
	}
	var trails []accuracy.Trail
	if n := t.y.Len(); pictures {
		from := max(n-max(int(trailSpan/t.y.Step), trailLeast), int(float64(n)*(1-t.options.Share)), 0)
		o := accuracy.TrackOptions{
			From: from, Stride: (n-from)/trailPoints + 1, Refit: t.options.Refit, Probabilities: trailProbabilities,
		}
		for _, h := range t.options.Horizons[max(0, len(t.options.Horizons)-2):] {
			o.Steps = append(o.Steps, int((h+t.y.Step-1)/t.y.Step))
		}
		trails, _ = accuracy.Track(ctx, t.y, t.auto, o)
	}
	return func() { t.chosen, t.trails = chosen, trails }
}
