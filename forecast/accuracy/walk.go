package accuracy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// walker goes with one method along a series. It fits at the first origin and whenever the fit has grown old, and tells the model what
// comes in between.
type walker struct {
	y      series.Series
	method forecast.Method
	refit  time.Duration
	cpu    func() time.Duration

	model                    forecast.Model
	fitted, told             int
	fits, updates, forecasts meter
}

// meter sums up the processor time of things that are done repeatedly.
type meter struct {
	spent time.Duration
	n     int
}

// mean returns the time of one, 0 where none was done.
func (m meter) mean() time.Duration {
	if m.n == 0 {
		return 0
	}
	return m.spent / time.Duration(m.n)
}

// measure runs f, which does n things, and notes the processor time on m.
func (w *walker) measure(m *meter, n int, f func()) {
	if w.cpu == nil || n == 0 {
		f()
		return
	}
	before := w.cpu()
	f()
	m.spent, m.n = m.spent+w.cpu()-before, m.n+n
}

// walk brings the model to an origin, which is not before the last one.
func (w *walker) walk(ctx context.Context, origin int) (err error) {
	if err = ctx.Err(); err != nil {
		return err
	}
	if w.model == nil || time.Duration(origin-w.fitted)*w.y.Step >= w.refit {
		w.measure(&w.fits, 1, func() { w.model, err = w.method.Fit(ctx, w.y.Slice(0, origin)) })
		w.fitted, w.told = origin, origin
		return err
	}
	w.measure(&w.updates, origin-w.told, func() {
		for ; w.told < origin; w.told++ {
			w.model.Update(w.y.Values[w.told])
		}
	})
	return nil
}

// ask returns the forecast's quantiles at the given probabilities: out[h-1][i] for step h.
func (w *walker) ask(h int, probabilities []float64) [][]float64 {
	out := make([][]float64, h)
	w.measure(&w.forecasts, 1, func() {
		for k, d := range w.model.Forecast(h).Steps {
			out[k] = make([]float64, len(probabilities))
			for i, p := range probabilities {
				out[k][i] = d.Quantile(p)
			}
		}
	})
	return out
}

// score forecasts from each origin and sums up the scores of each bucket.
func (w *walker) score(ctx context.Context, probabilities []float64, at []int, buckets []bucket) ([]*tally, error) {
	asked := newLevels(probabilities)
	tallies := make([]*tally, len(buckets))
	for b := range tallies {
		tallies[b] = &tally{levels: asked, below: make([]float64, len(probabilities))}
	}
	for _, origin := range at {
		if err := w.walk(ctx, origin); err != nil {
			return nil, err
		}
		q := w.ask(buckets[len(buckets)-1].to, asked.all)
		for b, k := range buckets {
			for h := k.from; h <= k.to; h++ {
				if y := w.y.Values[origin+h-1]; !math.IsNaN(y) {
					tallies[b].add(q[h-1], y)
				}
			}
		}
	}
	return tallies, nil
}

// TrackOptions says which forecasts Track notes. From, Steps and Probabilities are required.
type TrackOptions struct {
	// From is the first point that is forecast, counted from 0, and Stride the distance of the points; 0 means 1.
	From, Stride int
	// Steps are the distances ahead. No forecast is made from fewer than one observation.
	Steps []int
	// Refit is as in Options.
	Refit time.Duration
	// Probabilities are those of the quantiles.
	Probabilities []float64
}

// Trail is what a method said about points of a series, each Steps steps before it came.
type Trail struct {
	Steps int
	// At are the points, counted from 0, and Quantiles[i] what was said about At[i], one for each of TrackOptions.Probabilities.
	At        []int
	Quantiles [][]float64
}

// Track goes along the end of y with one method and returns, for each number of steps, what it said that many steps ahead. It sees
// as little of the future as Evaluate.
func Track(ctx context.Context, y series.Series, m forecast.Method, o TrackOptions) ([]Trail, error) {
	if len(o.Steps) == 0 || slices.Min(o.Steps) < 1 || o.From < 0 || len(o.Probabilities) == 0 {
		return nil, errors.New("accuracy: TrackOptions need Steps and Probabilities, and From from 0 on")
	}
	refit := o.Refit
	if refit == 0 {
		refit = 24 * time.Hour
	}
	trails := make([]Trail, len(o.Steps))
	wanted := map[int][]int{} // origin to the trails that ask there
	for i, steps := range o.Steps {
		trails[i].Steps = steps
		for at := o.From; at < y.Len(); at += max(o.Stride, 1) {
			if origin := at - steps + 1; origin > 0 {
				wanted[origin] = append(wanted[origin], i)
			}
		}
	}
	at := make([]int, 0, len(wanted))
	for origin := range wanted {
		at = append(at, origin)
	}
	slices.Sort(at)
	w := &walker{y: y, method: m, refit: refit}
	for _, origin := range at {
		if err := w.walk(ctx, origin); err != nil {
			return nil, fmt.Errorf("track %s on %s: %w", m.Name(), y.Key, err)
		}
		most := 0
		for _, i := range wanted[origin] {
			most = max(most, o.Steps[i])
		}
		q := w.ask(most, o.Probabilities)
		for _, i := range wanted[origin] {
			t := &trails[i]
			t.At = append(t.At, origin+t.Steps-1)
			t.Quantiles = append(t.Quantiles, q[t.Steps-1])
		}
	}
	return trails, nil
}
