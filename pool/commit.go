package pool

import (
	"fmt"
	"math"
	"slices"
)

// Committed returns how many instances are worth committing to at ratio, the committed price over the uncommitted one, where needed are
// equally likely numbers of instances needed, such as those of every hour of a forecast: the k-th is worth it iff it is needed with
// probability ratio at least, so that the best is max{k : P(N >= k) >= ratio}, the (1-ratio)-quantile of N. Parts of an instance are
// whole ones. It returns an error for no levels, a level that is not a finite number at least 0, and a ratio outside (0, 1).
func Committed(needed []float64, ratio float64) (int, error) {
	if err := checkCommitment(needed, ratio); err != nil {
		return 0, err
	}
	n := slices.Clone(needed)
	slices.Sort(n)
	// The k-th is needed in the ratio part of the levels iff the m-th largest level reaches it.
	m := math.Ceil(ratio*float64(len(n)) - roundOff)
	return int(min(math.Ceil(n[len(n)-int(max(m, 1))]-roundOff), math.MaxInt32)), nil
}

// CommittedCost returns the mean price of meeting the levels of needed with committed instances at ratio times hourly, paid whether used
// or not, and the rest at hourly. Its errors are those of Committed.
func CommittedCost(needed []float64, committed int, ratio, hourly float64) (float64, error) {
	switch err := checkCommitment(needed, ratio); {
	case err != nil:
		return 0, err
	case committed < 0 || !finite(hourly):
		return 0, fmt.Errorf("commitment: %d instances at %v an hour have no cost", committed, hourly)
	}
	var rest float64
	for _, n := range needed {
		rest += max(math.Ceil(n-roundOff)-float64(committed), 0)
	}
	return hourly * (ratio*float64(committed) + rest/float64(len(needed))), nil
}

// BreakEven returns the share of the time for which an instance must be needed to be worth committing to: the committed price over the
// uncommitted one. It returns an error where the first is not below the second, since then it never is.
func BreakEven(committed, hourly float64) (float64, error) {
	if !positive(committed) || !positive(hourly) || committed >= hourly {
		return 0, fmt.Errorf("commitment: a price of %v instead of %v is no lower price", committed, hourly)
	}
	return committed / hourly, nil
}

func checkCommitment(needed []float64, ratio float64) error {
	if len(needed) == 0 {
		return fmt.Errorf("commitment: no levels of need")
	}
	for i, n := range needed {
		if !finite(n) {
			return fmt.Errorf("commitment: level %d of the need is %v, not a finite number at least 0", i+1, n)
		}
	}
	return checkRatio(ratio)
}

func checkRatio(ratio float64) error {
	if !(ratio > 0 && ratio < 1) {
		return fmt.Errorf("commitment: ratio %v is outside (0, 1)", ratio)
	}
	return nil
}
