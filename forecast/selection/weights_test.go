package selection

import (
	"math"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast/naive"
)

// A member that dropped out has no share, whatever many series say of it: what it would say is not known.
func TestDroppedMembersHaveNoShare(t *testing.T) {
	r := &rolling{
		members: []member{{Method: naive.Last{}}, {Method: naive.Smooth{}}}, out: []bool{false, true}, reach: 1,
		at: []int{10, 20, 30, 40}, actual: [][]float64{{1}, {2}, {1}, {2}},
	}
	for i := range r.members {
		r.mid = append(r.mid, unknown(len(r.at), 1))
		for o := range r.at {
			if !r.out[i] || o == 0 {
				r.mid[i][o][0] = 1.5
			}
		}
	}
	w := weigh(r, &experience{"last": {1}, "smooth": {0}})
	if got := w.byBucket[0]; got[0] != 1 || got[1] != 0 {
		t.Errorf("shares %v, want all for the member that stayed", got)
	}
}

func TestWeightsSumToOne(t *testing.T) {
	f := func(errs ...float64) {
		t.Helper()
		var sum float64
		for _, w := range softWeights(errs, 5) {
			sum += w
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("weights of errors %v sum up to %v", errs, sum)
		}
	}
	f(1)
	f(0, 0, 1)
	f(1, math.Inf(1))
	f(math.NaN(), 1)
	f(make([]float64, 40)...)
	ties := make([]float64, 40)
	for i := range ties {
		ties[i] = 1
	}
	f(ties...)
}
