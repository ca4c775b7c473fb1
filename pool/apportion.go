package pool

import (
	"cmp"
	"math"
	"slices"
)

// Apportion divides total into whole parts by shares with the largest remainder (Hamilton 1792): each is its quota, total times share,
// rounded down or up, and they add up to total. Shares count relative to their sum; one that is not a finite number above 0 counts as
// none, and where all are none they are equal. The earlier of two equal remainders is rounded up. A total below 0 counts as 0.
func Apportion(total int, shares []float64) []int {
	out := make([]int, len(shares))
	if len(shares) == 0 || total <= 0 {
		return out
	}
	parts := normalised(shares)
	rest, order := total, make([]int, len(shares))
	remainders := make([]float64, len(shares))
	for i, p := range parts {
		quota := p * float64(total)
		whole := math.Floor(quota + roundOff) // a quota that is whole but for a rounding error
		out[i], remainders[i], order[i] = int(whole), max(quota-whole, 0), i
		rest -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for k := 0; rest > 0; k++ {
		out[order[k%len(order)]]++
		rest--
	}
	for k := len(order) - 1; rest < 0; k-- { // rounding errors made one too many
		out[order[k]]--
		rest++
	}
	return out
}

// normalised returns shares as parts of 1.
func normalised(shares []float64) []float64 {
	parts := make([]float64, len(shares))
	var largest, sum float64
	for i, s := range shares {
		if positive(s) {
			parts[i] = s
			largest = max(largest, s)
		}
	}
	for i := range parts {
		if largest == 0 {
			parts[i] = 1
		} else {
			parts[i] /= largest // so that no sum overflows
		}
		sum += parts[i]
	}
	for i := range parts {
		parts[i] /= sum
	}
	return parts
}

// seatings is to how many parts of a whole shares are rounded, so that what is given out repeats after as many instances. Hundredths and
// fractions up to a tenth are exact.
const seatings = 25200

// seats gives out instances to pools by share, one after the other, so that more instances never take one from a pool, which the largest
// remainder can (the Alabama paradox), and each pool's number is its quota rounded down or up all the same: the quota method of Balinski
// and Young (1975). The next instance goes to the pool with the largest weight per instance, its own next one included, among those that
// it leaves within their quotas.
type seats []int // the weights, which add up to seatings

func newSeats(shares []float64) seats { return Apportion(seatings, shares) }

// at returns into out how n instances are given out.
func (w seats) at(n int, out []int) {
	clear(out)
	for given := 1; given <= n%seatings; given++ { // after each whole round the quotas are whole numbers
		best := -1
		for i, a := range out {
			if a*seatings < w[i]*given && (best < 0 || w[i]*(out[best]+1) > w[best]*(a+1)) {
				best = i
			}
		}
		out[best]++
	}
	for i := range out {
		out[i] += n / seatings * w[i]
	}
}
