// Package accuracy turns methods and a history into a table of how good their forecasts were, from rolling origins that saw only their
// past.
//
// At each refit a method is fitted on what lies before it and nothing else; up to the next refit its model is told the observations one
// by one. The table compares with the last value and with the better of the seasonal naive methods, chosen with hindsight, so that a
// skill above zero was earned against the harder benchmark.
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

// Options says what to evaluate. Methods and Horizons are required.
type Options struct {
	Methods []forecast.Method
	// Last names the method that SkillVsLast compares with, Seasonal those that SkillVsSeasonal and Scaled compare with. They must be among
	// Methods to be compared with.
	Last     string
	Seasonal []string
	// Horizons are the ends of the buckets, ascending: the first goes from the first step to Horizons[0], the next from there on.
	Horizons []time.Duration
	// Share is the last part of the history that is forecast; 0 means 0.3.
	Share float64
	// Origins is how many rolling origins are spread over it; 0 means 40.
	Origins int
	// Refit is how old a fit may grow before a method is fitted anew at the next origin; 0 means a day.
	Refit time.Duration
	// Probabilities are those of the quantile score; none means 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95 and 0.99.
	Probabilities []float64
}

// Row is how well one method forecast one series at the steps up to Horizon, from the horizon before it.
type Row struct {
	Series, Method string
	Horizon        time.Duration
	// Quantile is the mean quantile score (FPP3, 5.9) in the series' unit; Scaled is that over seasonal naive's.
	Quantile, Scaled float64
	// SkillVsSeasonal and SkillVsLast are one minus the ratio of quantile scores (FPP3, 5.9): 0 is as good, 1 is perfect.
	SkillVsSeasonal, SkillVsLast float64
	// Coverage80 is the share of observations inside the 80 % prediction interval, and Below99 the share not above the 99 % quantile.
	Coverage80, Below99 float64
	// N counts forecast errors.
	N int
}

// withDefaults fills in what is zero and refuses what is missing.
func (o Options) withDefaults() (Options, error) {
	switch {
	case len(o.Methods) == 0:
		return o, errors.New("accuracy: Options.Methods is empty")
	case len(o.Horizons) == 0 || !slices.IsSorted(o.Horizons) || o.Horizons[0] <= 0:
		return o, errors.New("accuracy: Options.Horizons must be positive and ascending")
	case o.Share < 0 || o.Share >= 1:
		return o, fmt.Errorf("accuracy: Options.Share is %v, want between 0 and 1", o.Share)
	}
	if o.Share == 0 {
		o.Share = 0.3
	}
	if o.Origins == 0 {
		o.Origins = 40
	}
	if o.Refit == 0 {
		o.Refit = 24 * time.Hour
	}
	if len(o.Probabilities) == 0 {
		o.Probabilities = []float64{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}
	}
	return o, nil
}

// Evaluate forecasts the last part of y with every method and returns a row for each method and horizon, in their order. A method that
// finds the history too short at one of the refits has no rows.
func Evaluate(ctx context.Context, y series.Series, o Options) ([]Row, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	buckets := bucketsOf(o.Horizons, y.Step)
	at := origins(y, o, buckets[len(buckets)-1].to)
	if len(at) == 0 {
		return nil, fmt.Errorf("accuracy: %d observations of %s leave no room to evaluate", y.Len(), y.Key)
	}
	var rows []Row
	for _, m := range o.Methods {
		t, err := follow(ctx, y, m, o, at, buckets)
		if _, ok := errors.AsType[*forecast.TooShortError](err); ok {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("evaluate %s on %s: %w", m.Name(), y.Key, err)
		}
		for b, s := range t {
			rows = append(rows, s.row(string(y.Key), m.Name(), o.Horizons[b]))
		}
	}
	compare(rows, o)
	return rows, nil
}

// bucket is a range of steps.
type bucket struct{ from, to int }

// bucketsOf turns horizons into steps, rounded up. Horizons that fall on one step share it.
func bucketsOf(horizons []time.Duration, step time.Duration) []bucket {
	var out []bucket
	last := 0
	for _, d := range horizons {
		to := int((d + step - 1) / step)
		out = append(out, bucket{min(last+1, to), to})
		last = to
	}
	return out
}

// origins spreads origins over the last share of y. An origin is the number of observations that a forecast from it may use.
func origins(y series.Series, o Options, horizon int) []int {
	const golden = 0.6180339887498949
	to := y.Len() - horizon
	from := max(1, int(float64(y.Len())*(1-o.Share)))
	if to < from {
		return nil
	}
	n := min(o.Origins, to-from+1)
	gap := float64(to-from+1) / float64(n)
	out := make([]int, 0, n)
	for i := range n {
		out = append(out, from+min(int((float64(i)+math.Mod(golden*float64(i), 1))*gap), to-from))
	}
	return slices.Compact(out)
}

// follow fits, rolls and scores one method.
func follow(ctx context.Context, y series.Series, m forecast.Method, o Options, at []int, buckets []bucket) ([]tally, error) {
	t := make([]tally, len(buckets))
	var model forecast.Model
	fitted, told := 0, 0
	for _, origin := range at {
		if model == nil || time.Duration(origin-fitted)*y.Step >= o.Refit {
			var err error
			if model, err = m.Fit(ctx, y.Slice(0, origin)); err != nil {
				return nil, err
			}
			fitted, told = origin, origin
		}
		for ; told < origin; told++ {
			model.Update(y.Values[told])
		}
		steps := model.Forecast(buckets[len(buckets)-1].to).Steps
		for b, k := range buckets {
			for h := k.from; h <= k.to; h++ {
				if v := y.Values[origin+h-1]; !math.IsNaN(v) {
					t[b].add(steps[h-1], v, o.Probabilities)
				}
			}
		}
	}
	return t, nil
}

// tally sums scores.
type tally struct {
	quantile, inside, below float64
	n                       int
}

// add scores d against y.
func (t *tally) add(d forecast.Distribution, y float64, probabilities []float64) {
	var sum float64
	for _, p := range probabilities {
		sum += forecast.QuantileScore(p, d.Quantile(p), y)
	}
	t.quantile += sum / float64(len(probabilities))
	if y >= d.Quantile(0.1) && y <= d.Quantile(0.9) {
		t.inside++
	}
	if y <= d.Quantile(0.99) {
		t.below++
	}
	t.n++
}

// row returns the means.
func (t tally) row(name, method string, horizon time.Duration) Row {
	n := float64(t.n)
	return Row{
		Series: name, Method: method, Horizon: horizon, Quantile: t.quantile / n, Coverage80: t.inside / n, Below99: t.below / n, N: t.n,
		Scaled: math.NaN(), SkillVsSeasonal: math.NaN(), SkillVsLast: math.NaN(),
	}
}

// compare fills in what is relative to the benchmarks.
func compare(rows []Row, o Options) {
	score := func(horizon time.Duration, names ...string) float64 {
		best := math.NaN()
		for _, r := range rows {
			if r.Horizon == horizon && slices.Contains(names, r.Method) && !(best <= r.Quantile) {
				best = r.Quantile
			}
		}
		return best
	}
	for i := range rows {
		r := &rows[i]
		r.Scaled = ratio(r.Quantile, score(r.Horizon, o.Seasonal...))
		r.SkillVsSeasonal = 1 - r.Scaled
		r.SkillVsLast = 1 - ratio(r.Quantile, score(r.Horizon, o.Last))
	}
}

// ratio divides; nothing over nothing is one.
func ratio(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}
