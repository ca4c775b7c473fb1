package selection

import (
	"math"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// scoreProbabilities are those of the quantile score: the middle and both tails. Members are asked for these quantiles only.
var scoreProbabilities = []float64{0.1, 0.5, 0.9}

// blocks is the number of parts that the window is split into, in time, to score each with what the others say.
const blocks = 4

// tally sums scores.
type tally struct {
	quantile, inside float64
	n                int
}

// add scores quantiles at scoreProbabilities against y.
func (t *tally) add(low, mid, high, y float64) {
	low, mid, high = max(low, 0), max(mid, 0), max(high, 0)
	t.quantile += (forecast.QuantileScore(scoreProbabilities[0], low, y) + forecast.QuantileScore(scoreProbabilities[1], mid, y) +
		forecast.QuantileScore(scoreProbabilities[2], high, y)) / 3
	if y >= low && y <= high {
		t.inside++
	}
	t.n++
}

// mean divides the sums by the count; both are NaN where there is none.
func (t tally) mean() tally {
	return tally{quantile: t.quantile / float64(t.n), inside: t.inside / float64(t.n), n: t.n}
}

// crossScore scores what was said with spread kind k, calibrated on the other blocks. byBucket, where not nil, receives the tallies of
// each bucket.
func crossScore(r *rolling, f [][]said, k spreadKind, byBucket []tally) tally {
	var total tally
	held := make([]bool, len(r.at))
	n := min(blocks, len(r.at))
	for block := range n {
		for o := range held {
			held[o] = o*n/len(r.at) == block
		}
		c := measure(r, f, k, held)
		for o, actual := range r.actual {
			if !held[o] {
				continue
			}
			for h := 0; h < r.reach; h += 1 + h/16 {
				if y := actual[h]; !math.IsNaN(y) {
					low, mid, high := c.three(f[o][h], h+1)
					total.add(low, mid, high, y)
					if byBucket != nil {
						byBucket[bucketOf(h+1)].add(low, mid, high, y)
					}
				}
			}
		}
	}
	return total.mean()
}

// memberTallies scores member i's own quantiles, by bucket, at the origins at which both it and member with took part.
func memberTallies(r *rolling, i, with int) []tally {
	out := make([]tally, bucketsOf(r.reach))
	for o, actual := range r.actual {
		for h := 0; h < r.reach; h += 1 + h/16 {
			if y := actual[h]; !math.IsNaN(y) && !math.IsNaN(r.mid[i][o][h]) && !math.IsNaN(r.mid[with][o][h]) {
				out[bucketOf(h+1)].add(r.low[i][o][h], r.mid[i][o][h], r.high[i][o][h], y)
			}
		}
	}
	return out
}
