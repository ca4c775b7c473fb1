package mstl

import (
	"math"
)

const (
	// upper is the probability from which on quantiles have a least value, leastShare what that is of the largest recent observation: little
	// enough to cost nothing, and not zero, so that no combination of forecasts takes an end of the demand for certain.
	upper, leastShare = 0.9, 1e-3
)

// leastUpper returns the least value of upper quantiles after y, whose seasons are of periods steps, ascending: a share of the largest
// observation of the longest season at its end, and none where there is no season.
func leastUpper(y []float64, periods []int) float64 {
	if len(periods) == 0 {
		return 0
	}
	var top float64
	for _, v := range y[len(y)-periods[len(periods)-1]:] {
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
