// Package mstl turns a demand with one or more seasons into a demand without, forecasts that with any method, and puts the seasons back.
//
// The seasons are taken out by loess, one after the other and twice over: STL (Cleveland, Cleveland, McRae and Terpenning 1990) within
// MSTL (Bandara, Hyndman and Bergmeir 2021), with the windows of R's mstl. A missing observation has no weight in the decomposition
// and stays missing in the seasonally adjusted series. The seasons go on as they were in their last cycle, as in R's stlf, and the
// uncertainty of the forecast is that of the adjusted series.
package mstl

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

// Method forecasts the seasons and what remains of a demand without them apart.
type Method struct {
	// Remainder forecasts the seasonally adjusted demand, which may be negative: the method must accept negative observations and must
	// answer with negative quantiles where they are likely. Required.
	Remainder forecast.Method
	// Seasons are the periods that the demand repeats after. They are rounded to whole steps; those of which the history does not hold more
	// than two are left out. Where there are none they are those that forecast.Seasons finds, the longer ones of them only where the
	// history holds three and a half.
	Seasons []time.Duration
	// Robust gives outliers little weight in the decomposition, which then takes some three times as long. It pays on bursty demands and
	// costs on smooth ones whose seasons change.
	Robust bool
}

// Name returns "mstl-" or, with Robust, "mstl-robust-" and the name of the remainder's method.
func (m Method) Name() string {
	if m.Remainder == nil {
		return "mstl"
	}
	if m.Robust {
		return "mstl-robust-" + m.Remainder.Name()
	}
	return "mstl-" + m.Remainder.Name()
}

// mostObservations bounds the history that is decomposed: six weeks of minutes.
const mostObservations = 1 << 16

// Fit needs more than two of the shortest season, of which as many observations as that season is long are not missing. Where there is no
// season of two steps or more, or Seasons is empty and the history shows none, the remainder's method forecasts alone.
//
// A few observations far beyond all others are limited: less than 0.2 % of all that are above median + 20 times the interquartile range,
// the largest of them three times as much. From probability 0.9 on, a quantile of the forecast is at least a thousandth of the largest
// observation of the longest season at the history's end: a demand that is there is never certain to end.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if m.Remainder == nil {
		return nil, errors.New("mstl: Method.Remainder is nil")
	}
	if y.Step <= 0 {
		return nil, fmt.Errorf("mstl: series %s has step %s", y.Key, y.Step)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	scale := forecast.ScaleOf(y.Values)
	y = recent(forecast.WithoutOutages(scale.Scaled(y)))
	if y.Len() == 0 {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: 1, Have: 0}
	}
	forecast.LimitOutliers(y.Values)
	periods, err := m.periods(y)
	if err != nil {
		return nil, err
	}
	adjusted := y.Clone()
	seasons, err := decompose(ctx, y.Values, periods, m.Robust)
	if err != nil {
		return nil, err
	}
	fitted := newModel(m, y, scale, periods, seasons)
	for _, s := range seasons {
		for i, v := range s {
			adjusted.Values[i] -= v
		}
	}
	if fitted.remainder, err = m.Remainder.Fit(ctx, adjusted); err != nil {
		return nil, fmt.Errorf("fit the remainder of %s: %w", m.Name(), err)
	}
	return fitted.simulating(), nil
}

// recent returns what is decomposed of y: the latest observations, from the first that is not missing.
func recent(y series.Series) series.Series {
	y = y.Slice(y.Len()-mostObservations, y.Len())
	first := slices.IndexFunc(y.Values, func(v float64) bool { return !math.IsNaN(v) })
	if first < 0 {
		return y.Slice(0, 0)
	}
	return y.Slice(first, y.Len())
}

// foundCycles is of how many cycles a season that was found, and not asked for, is taken out beside a shorter one: with fewer, each phase
// of a week has too few observations, and their noise costs more than the season gains. On held-out ends of the open traces, with three
// weeks each, leaving the week out lowers the error by 6 %.
const foundCycles = 3.5

// periods returns the seasons of y in steps, ascending.
func (m Method) periods(y series.Series) ([]int, error) {
	lengths, cycles := m.Seasons, 2.0
	if len(lengths) == 0 {
		lengths, cycles = forecast.Seasons(y), foundCycles
	}
	need := math.MaxInt // of the seasons asked for that are long enough
	var usable []int
	for _, d := range lengths {
		p := int((d + y.Step/2) / y.Step)
		if p < 2 {
			continue
		}
		if len(m.Seasons) > 0 {
			need = min(need, 2*p+1)
		}
		if y.Len() > 2*p && y.Present() >= p {
			usable = append(usable, p)
		}
	}
	if need < math.MaxInt && len(usable) == 0 {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: need, Have: min(y.Len(), 2*y.Present())}
	}
	slices.Sort(usable)
	usable = slices.Compact(usable)
	for len(usable) > 1 && float64(y.Len()) <= cycles*float64(usable[len(usable)-1]) {
		usable = usable[:len(usable)-1]
	}
	return usable, nil
}
