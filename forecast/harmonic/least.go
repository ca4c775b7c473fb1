package harmonic

import (
	"math"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// upper is the probability from which on quantiles have a least value, leastShare what that is of the largest recent observation: little
	// enough to cost nothing, and not zero, so that no combination of forecasts takes an end of the demand for certain.
	upper, leastShare = 0.9, 1e-3
)

// leastUpper returns the least value of upper quantiles after y: a share of the largest observation of the longest season at its end.
func leastUpper(y series.Series, seasons []season) float64 {
	steps := 0
	for _, s := range seasons {
		steps = max(steps, int(s.length/y.Step)+1)
	}
	if len(seasons) == 0 {
		steps = leastPoints
	}
	var top float64
	for _, v := range y.Slice(y.Len()-steps, y.Len()).Values {
		if v > top {
			top = v
		}
	}
	return leastShare * top
}

// raise lifts paths at step k to the least value until the share of them that quantiles from upper on stand for has it.
func raise(paths [][]float64, k int, least float64) {
	n := 0
	for _, path := range paths {
		if path[k] >= least {
			n++
		}
	}
	most := int(math.Ceil((1 - upper) * float64(len(paths))))
	for i := 0; i < len(paths) && n < most; i++ {
		if paths[i][k] < least {
			paths[i][k] = least
			n++
		}
	}
}
