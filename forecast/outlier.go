package forecast

import (
	"math"
	"slices"
)

const (
	// outlierSpreads is how many interquartile ranges above the median the limit of outliers lies, outlierFactor how far beyond the limit
	// the largest must be, and outlierShare how many of the observations may be at most. A busy day, a batch run every hour or a demand that
	// has risen is none of that; one wrong unit in a history is.
	outlierSpreads, outlierFactor, outlierShare = 20, 3, 0.002
	// quartileSample is how many observations at most the quartiles are those of.
	quartileSample = 1 << 16
)

// LimitOutliers winsorises values, of which NaN are missing, in place: those above median + 20 times the interquartile range become that,
// provided that the largest is three times as much and that they are less than 0.2 % of all. Nothing changes where the middle half of the
// values is one number, nor where the latest value is among them, because the demand may stay there.
func LimitOutliers(values []float64) {
	present, top, latest := 0, 0.0, 0.0
	for _, v := range values {
		if v == v { // not NaN
			present++
			top, latest = max(top, v), v
		}
	}
	rare := func(least float64) bool {
		n := 0
		for _, v := range values {
			if v > least {
				n++
			}
		}
		return n > 0 && float64(n) < outlierShare*float64(present)
	}
	if !rare(top/outlierFactor) || latest > top/outlierFactor {
		return
	}
	if limit := outlierLimit(values); top > outlierFactor*limit && latest <= limit && rare(limit) {
		for i, v := range values {
			if v > limit {
				values[i] = limit
			}
		}
	}
}

// outlierLimit returns what values are limited to, infinity where the middle half of them is one number. One value at least is not missing.
func outlierLimit(values []float64) float64 {
	sorted := make([]float64, 0, min(len(values), quartileSample))
	for i := 0; i < len(values); i += 1 + len(values)/quartileSample {
		if v := values[i]; v == v {
			sorted = append(sorted, v)
		}
	}
	if len(sorted) == 0 {
		return math.Inf(1)
	}
	slices.Sort(sorted)
	n := len(sorted)
	spread := sorted[3*n/4] - sorted[n/4]
	if spread == 0 {
		return math.Inf(1)
	}
	return sorted[n/2] + outlierSpreads*spread
}
