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
	// Season is that of the seasonal naive method whose errors before the first origin MASE divides by. Where it is 0, or the history
	// before the first origin does not hold it twice, the last value's errors are used instead.
	Season time.Duration
	// CPU returns the processor time spent so far by whoever calls Evaluate; nil: not measured.
	CPU func() time.Duration
	// Skip is told of each method that gets no rows, and why: a *forecast.TooShortError, or what its Fit returned. Where it is nil,
	// methods that find the history too short are passed over, and any other error ends the evaluation.
	Skip func(method string, err error)
}

// Row is how well one method forecast one series at the steps up to Horizon, from the horizon before it.
type Row struct {
	Series, Method string
	Horizon        time.Duration
	// Quantile is the mean quantile score (FPP3, 5.9) in the series' unit; Scaled is that over seasonal naive's.
	Quantile, Scaled float64
	// SkillVsSeasonal and SkillVsLast are one minus the ratio of quantile scores (FPP3, 5.9): 0 is as good, 1 is perfect.
	SkillVsSeasonal, SkillVsLast float64
	// MASE is the mean absolute error of the median over that of the seasonal naive method, one step ahead, on what lies before the first
	// origin (FPP3, 5.8). Unlike Scaled it compares with the past and not with the same origins.
	MASE float64
	// Coverage80 and Coverage95 are the shares of observations inside the 80 % and 95 % prediction intervals, and Below99 the share not
	// above the 99 % quantile.
	Coverage80, Coverage95, Below99 float64
	// Below holds, for each of Options.Probabilities, the share of observations not above that quantile.
	Below []float64
	// N counts forecast errors.
	N int
	// FitCPU is the processor time of one fit, and StepCPU that of telling a model one observation and asking it for a forecast up to the
	// longest horizon with its quantiles: means over the evaluation of the method, the same in all its rows. Both are 0 where
	// Options.CPU is nil.
	FitCPU, StepCPU time.Duration
}

// Probabilities are those that Options.Probabilities stands for where it is empty.
func Probabilities() []float64 { return []float64{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99} }

// withDefaults fills in what is zero and refuses what is missing.
func (o Options) withDefaults() (Options, error) {
	switch {
	case len(o.Methods) == 0:
		return o, errors.New("accuracy: Options.Methods is empty")
	case len(o.Horizons) == 0 || !slices.IsSorted(o.Horizons) || o.Horizons[0] <= 0:
		return o, errors.New("accuracy: Options.Horizons must be positive and ascending")
	case !(o.Share >= 0 && o.Share < 1):
		return o, fmt.Errorf("accuracy: Options.Share is %v, want between 0 and 1", o.Share)
	case o.Origins < 0:
		return o, fmt.Errorf("accuracy: Options.Origins is %d, want 0 or more", o.Origins)
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
		o.Probabilities = Probabilities()
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
		return nil, fmt.Errorf("%d observations leave no room to evaluate forecasts of %d steps in the last %.3g %% of them",
			y.Len(), buckets[len(buckets)-1].to, 100*o.Share)
	}
	scale := naiveError(y.Slice(0, at[0]), o.Season)
	var rows []Row
	for _, m := range o.Methods {
		w := &walker{y: y, method: m, refit: o.Refit, cpu: o.CPU}
		tallies, err := w.score(ctx, o.Probabilities, at, buckets)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if _, short := errors.AsType[*forecast.TooShortError](err); !short && o.Skip == nil {
				return nil, fmt.Errorf("evaluate %s on %s: %w", m.Name(), y.Key, err)
			}
			if o.Skip != nil {
				o.Skip(m.Name(), err)
			}
			continue
		}
		for b, t := range tallies {
			r := t.row(scale)
			r.Series, r.Method, r.Horizon = string(y.Key), m.Name(), o.Horizons[b]
			r.FitCPU, r.StepCPU = w.fits.mean(), w.updates.mean()+w.forecasts.mean()
			rows = append(rows, r)
		}
	}
	Compare(rows, o.Last, o.Seasonal)
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

// origins spreads origins over the last share of y, evenly but for a shift by the golden ratio, so that they keep no fixed phase to the
// hour or the day. An origin is the number of observations that a forecast from it may use.
func origins(y series.Series, o Options, horizon int) []int {
	const golden = 0.6180339887498949
	to := y.Len() - horizon
	from := max(1, int(float64(y.Len())*(1-o.Share)))
	if to < from {
		return nil
	}
	out := make([]int, 0, min(o.Origins, to-from+1))
	if o.Origins > to-from {
		for at := from; at <= to; at++ {
			out = append(out, at)
		}
		return out
	}
	gap := float64(to-from+1) / float64(o.Origins)
	for i := range o.Origins {
		out = append(out, from+min(int((float64(i)+math.Mod(golden*float64(i), 1))*gap), to-from))
	}
	return slices.Compact(out)
}

// naiveError returns the mean absolute error of the seasonal naive method on y, one step ahead, or of the last value where y does not
// hold the season twice. It is NaN where y holds no error.
func naiveError(y series.Series, season time.Duration) float64 {
	lag := max(1, int((season+y.Step/2)/y.Step))
	if y.Len() < 2*lag {
		lag = 1
	}
	var sum, n float64
	for i := lag; i < y.Len(); i++ {
		if e := math.Abs(y.Values[i] - y.Values[i-lag]); !math.IsNaN(e) {
			n++
			sum += (e - sum) / n // a running mean, which does not overflow
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum
}

// Compare fills in what each row has only beside others: Scaled, SkillVsSeasonal and SkillVsLast, from the rows of the same series and
// horizon that the method called last and those called seasonal have. NaN stands where there is none. Evaluate has compared what it
// returns; rows of methods that were evaluated apart are compared here.
func Compare(rows []Row, last string, seasonal []string) {
	type cell struct {
		series  string
		horizon time.Duration
	}
	best := func(names ...string) map[cell]float64 {
		scores := map[cell]float64{}
		for _, r := range rows {
			at := cell{r.Series, r.Horizon}
			if was, ok := scores[at]; slices.Contains(names, r.Method) && !(ok && was <= r.Quantile) {
				scores[at] = r.Quantile
			}
		}
		return scores
	}
	season, value := best(seasonal...), best(last)
	for i := range rows {
		r := &rows[i]
		r.Scaled, r.SkillVsLast = math.NaN(), math.NaN()
		if s, ok := season[cell{r.Series, r.Horizon}]; ok {
			r.Scaled = ratio(r.Quantile, s)
		}
		if s, ok := value[cell{r.Series, r.Horizon}]; ok {
			r.SkillVsLast = 1 - ratio(r.Quantile, s)
		}
		r.SkillVsSeasonal = 1 - r.Scaled
	}
}

// ratio divides; nothing over nothing is one.
func ratio(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}
