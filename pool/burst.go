package pool

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// share returns the part of its capacity that an instance can serve without a break for a span: all of it while the credits that it has
// now last, baseline + credits / span where they do not. Credits that are not known are none. It is 1 for instances that are not
// burstable.
func (b Burst) share(span time.Duration) float64 {
	switch {
	case b.Baseline <= 0:
		return 1
	case !(b.Credits > 0):
		return b.Baseline
	default:
		return min(1, b.Baseline+b.Credits/span.Minutes())
	}
}

// After returns the burst once an instance has used the share used of its capacity for a time: credits change by (baseline - used) a
// minute and stay between 0 and MaxCredits, where 0 is no bound. Unknown credits stay unknown.
func (b Burst) After(used float64, span time.Duration) Burst {
	b.Credits = max(b.Credits+(b.Baseline-used)*span.Minutes(), 0)
	if b.MaxCredits > 0 {
		b.Credits = min(b.Credits, b.MaxCredits)
	}
	return b
}

// Carries reports whether an instance can serve a path of loads, each a share of its capacity that lasts for step: a token bucket that
// begins with its credits, earns the baseline and never overflows. Without a bound on the credits that is the case iff for all spans w
// from the start, the sum of the load less baseline x w is at most the credits. It is false for a load above 1, or one that is not a
// number; credits that are not known are none.
func (b Burst) Carries(path []float64, step time.Duration) bool {
	if !(b.Credits > 0) {
		b.Credits = 0
	}
	for _, used := range path {
		if !(used >= 0 && used <= 1) || used > b.Baseline && (used-b.Baseline)*step.Minutes() > b.Credits*(1+roundOff)+roundOff {
			return false
		}
		b = b.After(used, step)
	}
	return true
}

// Split divides a path of demand between fixed instances and n burstable ones of a capacity, alike and equally loaded: sustained is the
// least level of fixed capacity above which the rest can be carried by their credits, and excess what these serve at each step. It
// returns an error for a burst without a baseline in (0, 1), a capacity, number or step that is not above 0, or a demand that is not a
// finite number at least 0.
func (b Burst) Split(demand []float64, step time.Duration, capacity float64, n int) (sustained float64, excess []float64, err error) {
	if err = b.splittable(step, capacity, n); err != nil {
		return 0, nil, err
	}
	whole := float64(n) * capacity
	levels := []float64{0} // the optimum lies between two of these and is found by halving that interval
	for i, v := range demand {
		if !finite(v) {
			return 0, nil, fmt.Errorf("split of a burst: step %d of the demand is %v, not a finite number at least 0", i+1, v)
		}
		levels = append(levels, v)
	}
	sort.Float64s(levels)
	load := make([]float64, len(demand))
	carried := func(level float64) bool {
		for i, v := range demand {
			load[i] = max(v-level, 0) / whole
		}
		return b.Carries(load, step)
	}
	k := sort.Search(len(levels)-1, func(k int) bool { return carried(levels[k]) })
	sustained = levels[k]
	for lo := levels[max(k-1, 0)]; k > 0 && sustained-lo > roundOff*levels[len(levels)-1]; {
		if mid := lo + (sustained-lo)/2; carried(mid) {
			sustained = mid
		} else {
			lo = mid
		}
	}
	excess = make([]float64, len(demand))
	for i, v := range demand {
		excess[i] = max(v-sustained, 0)
	}
	return sustained, excess, nil
}

func (b Burst) splittable(step time.Duration, capacity float64, n int) error {
	if !(b.Baseline > 0 && b.Baseline < 1) {
		return fmt.Errorf("split of a burst: baseline %v is outside (0, 1)", b.Baseline)
	}
	if step <= 0 || !positive(capacity) || n <= 0 || math.IsInf(float64(n)*capacity, 1) {
		return fmt.Errorf("split of a burst: step %s, capacity %v and %d instances must be above 0", step, capacity, n)
	}
	return nil
}
