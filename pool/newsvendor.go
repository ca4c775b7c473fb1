package pool

import (
	"fmt"
	"math"
	"sort"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Fractile returns the probability with which demand is worth meeting, short / (short + idle): the critical fractile of the newsvendor
// (Arrow, Harris and Marschak 1951). short is the price of a unit of demand that is not served and idle that of a unit of capacity that
// stands idle for as long. It returns an error where a price is not a finite number above 0, or where one is so far above the other that
// the fractile is not inside (0, 1).
func Fractile(short, idle float64) (float64, error) {
	if !positive(short) || !positive(idle) {
		return 0, fmt.Errorf("critical fractile: shortage %v and idle %v must be prices above 0", short, idle)
	}
	p := 1 / (1 + idle/short)
	if p <= 0 || p >= 1 {
		return 0, fmt.Errorf("critical fractile: shortage %v and idle %v leave no probability between 0 and 1", short, idle)
	}
	return p, nil
}

// Newsvendor returns the number of instances of a capacity at which price and unserved demand together cost least: the k-th instance is
// worth shortage x E[min(capacity, (D - (k-1) capacity)+)] and costs price, both for as long as the demand D lasts, and the first value
// falls with k. That is the newsvendor for capacity that comes in whole instances; unlike a quantile it minimises money, not the
// probability of a shortage. It returns an error for an empty sample and for numbers that are not above 0.
func Newsvendor(d forecast.Sample, capacity, price, shortage float64) (int, error) {
	switch {
	case len(d) == 0 || !finite(d[0]) || !finite(d[len(d)-1]):
		return 0, fmt.Errorf("newsvendor: a sample of %d demands holds none, or one that is not a finite number at least 0", len(d))
	case !positive(capacity) || !positive(price) || !positive(shortage):
		return 0, fmt.Errorf("newsvendor: capacity %v, price %v and shortage %v must be above 0", capacity, price, shortage)
	}
	most := math.Ceil(d[len(d)-1] / capacity)
	if most > math.MaxInt32 {
		return 0, fmt.Errorf("newsvendor: a demand of %v needs more than %d instances", d[len(d)-1], math.MaxInt32)
	}
	return sort.Search(int(most), func(k int) bool { return shortage*served(d, capacity, k) < price }), nil
}

// served returns what the instance after the first k serves in the mean.
func served(d forecast.Sample, capacity float64, k int) float64 {
	below := float64(k) * capacity
	var sum float64
	for _, v := range d[sort.SearchFloat64s(d, below):] {
		sum += min(capacity, v-below)
	}
	return sum / float64(len(d))
}

// positive reports whether v is a finite number above 0.
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
