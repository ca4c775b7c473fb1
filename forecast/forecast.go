// Package forecast turns the history of one demand into a distribution of its future.
//
// The package and everything below it is pure: no clock, no I/O and no global randomness. Time comes in with the series and seeds are
// arguments, so that two processes with the same history hold the same forecast to the last bit. Words are those of Hyndman and
// Athanasopoulos, Forecasting: Principles and Practice, 3rd edition (FPP3).
package forecast

import (
	"context"
	"fmt"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// Distribution is what is believed about one number. Quantile returns the value that is not exceeded with probability p, 0 < p < 1; it
// does not decrease in p and is finite and, for a demand, not negative. Every distribution of gonum's distuv is one.
type Distribution interface {
	Quantile(p float64) float64
}

// Forecast is what was believed at Origin, the time of the last observation used. Steps[h-1] is the distribution of the observation at
// Origin + h*Step. A Forecast is immutable.
type Forecast struct {
	Key    series.Key
	Unit   series.Unit
	Method string
	Origin time.Time
	Step   time.Duration
	Steps  []Distribution
}

// TimeAt returns the time that step h, counted from 1, is about.
func (f Forecast) TimeAt(h int) time.Time { return f.Origin.Add(time.Duration(h) * f.Step) }

// StepAt returns the step, counted from 1, whose time is the first at or after t. It may lie outside 1..len(Steps).
func (f Forecast) StepAt(t time.Time) int {
	d := t.Sub(f.Origin)
	h := int(d / f.Step)
	if d > 0 && d%f.Step != 0 {
		h++
	}
	return h
}

// Method is a recipe that can be fitted: naive, seasonal naive, a ridge regression. Fit learns from y, whose missing observations are
// NaN, and keeps no reference to it. It returns a *TooShortError where y holds too little. A Method is immutable and safe for
// concurrent use.
type Method interface {
	Name() string
	Fit(ctx context.Context, y series.Series) (Model, error)
}

// Model is a fitted method. Update tells it the next observation on the grid, NaN where that is missing. Forecast returns the
// distributions of the next h steps, h >= 1. A Model is not safe for concurrent use.
type Model interface {
	Update(y float64)
	Forecast(h int) Forecast
}

// Simulator is implemented by a Model that can draw sample paths: n paths of h steps each, paths[i][k] being step k+1 of path i. The
// marginal distribution over paths of a step is that of Forecast, up to sampling error. The same seed draws the same paths; the caller
// owns them.
type Simulator interface {
	Simulate(h, n int, seed uint64) [][]float64
}

// Explainer is implemented by a Model that was chosen among others and can say how.
type Explainer interface {
	Selection() Selection
}

// Selection says which method forecasts and why.
type Selection struct {
	// Method has the largest weight; RunnerUp the next, and is empty where there was no choice.
	Method, RunnerUp string
	// Reason is one sentence for a person, for example what is missing for a better method.
	Reason string
	// Seasons are the periods that methods looked for.
	Seasons []time.Duration
	// Limited is true while the history is too short for a seasonal method. ReadyAt is then the time at which the history will be long
	// enough, if observations keep coming, and otherwise zero.
	Limited bool
	ReadyAt time.Time
	// Scores holds rolling-origin scores by method and horizon bucket, that of the combination itself under the name Combination.
	Scores []Score
}

// Combination is the name under which a Selection scores the combination of methods that forecasts.
const Combination = "auto"

// Score is how well a method did on rolling origins inside the history, at the steps FromStep..ToStep ahead.
type Score struct {
	Method           string
	FromStep, ToStep int
	// Quantile is the mean quantile score over the probabilities used (FPP3, 5.9), in the unit of the demand.
	Quantile float64
	// Scaled is Quantile divided by that of seasonal naive on the same origins: below 1 is better. It is NaN where there is no season yet.
	Scaled float64
	// Coverage is the share of observations inside the 80 % prediction interval.
	Coverage float64
	// N is the number of forecast errors behind the score.
	N int
}

// TooShortError says that a history is too short for a method.
type TooShortError struct {
	Method string
	// Need and Have count observations on the grid.
	Need, Have int
}

// Error names the method and both lengths.
func (e *TooShortError) Error() string {
	return fmt.Sprintf("%s needs %d observations, have %d", e.Method, e.Need, e.Have)
}

// QuantileScore is the quantile score of forecasting f at probability p when y came (FPP3, equation 5.9):
// 2(1-p)(f-y) if y < f, else 2p(y-f). At p = 0.5 it is the absolute error.
func QuantileScore(p, f, y float64) float64 {
	if y < f {
		return 2 * (1 - p) * (f - y)
	}
	return 2 * p * (y - f)
}
