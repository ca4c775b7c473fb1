package pool

import (
	"fmt"
	"math"
	"sort"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// leastSurvival is the least share of interruptible instances that counts as left after a lead time. Below it head-room would more than
// double a pool, which is a reason to use other instances and not to start more of these.
const leastSurvival = 0.5

// Effective returns what one instance costs in an hour with its interruptions: hourly + h (restart + shortage x capacity x lead), with h
// the interruptions per hour, the restart in time of an instance, and a shortage of one instance's capacity until another is ready, a lead
// time later. shortage is the price of a unit of unserved demand for an hour. It is 0 where the price is unknown.
func (p Price) Effective(capacity, shortage float64, lead time.Duration) float64 {
	if p.Hourly <= 0 {
		return 0
	}
	return p.Hourly + p.InterruptionsPerHour*(p.Hourly*p.Restart.Hours()+shortage*capacity*lead.Hours())
}

// survival returns the probability with which a running instance is not taken away for a lead time.
func (p Price) survival(lead time.Duration) float64 {
	return math.Exp(-p.InterruptionsPerHour * lead.Hours())
}

// Headroom returns how many instances must run so that need of them are left with the given probability where each is left with probability
// survival, independently: the smallest n with P(Binomial(n, survival) >= need) >= probability. It returns an error for a negative
// need, a survival outside (0, 1] and a probability outside (0, 1), and where no number of instances that can be counted is enough.
func Headroom(need int, survival, probability float64) (int, error) {
	if need < 0 || !(survival > 0 && survival <= 1) || !(probability > 0 && probability < 1) {
		return 0, fmt.Errorf("head-room for %d instances with a survival of %v at probability %v: allowed are 0 or more, (0, 1] and (0, 1)",
			need, survival, probability)
	}
	n := headroom(need, survival, probability)
	if n > math.MaxInt32 {
		return 0, fmt.Errorf("head-room for %d instances with a survival of %v needs more than %d", need, survival, math.MaxInt32)
	}
	return n, nil
}

// headroom is Headroom for sound numbers; more than math.MaxInt32 where that is not enough.
func headroom(need int, survival, probability float64) int {
	if need == 0 || survival == 1 {
		return need
	}
	enough := func(more int) bool { return left(need+more, need, survival) >= probability }
	most := 1
	for !enough(most) && need+most <= math.MaxInt32 {
		most *= 2
	}
	return need + sort.Search(most, enough)
}

// survivors returns how many of n instances are left with the given probability, the largest k with P(Binomial(n, survival) >= k) >=
// probability.
func survivors(n int, survival, probability float64) int {
	if survival == 1 {
		return n
	}
	return sort.Search(n, func(k int) bool { return left(n, k+1, survival) < probability })
}

// left returns P(Binomial(n, survival) >= need) for 1 <= need <= n (Abramowitz and Stegun 1964, 26.5.24).
func left(n, need int, survival float64) float64 {
	return mathext.RegIncBeta(float64(need), float64(n-need+1), survival)
}
