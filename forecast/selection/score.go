package selection

import (
	"math"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// scoreProbabilities are those of the quantile score: the body of the distribution and the tail that capacity is bought for.
var scoreProbabilities = []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}

// blocks is the number of parts that the window is split into, in time, to score each with what the others say.
const blocks = 4

// tally sums scores.
type tally struct {
	quantile, inside float64
	n                int
}

// add scores distribution g against y.
func (t *tally) add(g forecast.Grid, y float64) {
	var sum float64
	for _, p := range scoreProbabilities {
		sum += forecast.QuantileScore(p, max(g.Quantile(p), 0), y)
	}
	t.quantile += sum / float64(len(scoreProbabilities))
	if y >= max(g.Quantile(0.1), 0) && y <= g.Quantile(0.9) {
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
				y := actual[h]
				if math.IsNaN(y) {
					continue
				}
				g := c.quantiles(f[o][h], h+1)
				total.add(g, y)
				if byBucket != nil {
					byBucket[bucketOf(h+1)].add(g, y)
				}
			}
		}
	}
	return total.mean()
}

// memberSaid returns what member i said.
func memberSaid(r *rolling, i int) [][]said {
	out := make([][]said, len(r.at))
	for o := range out {
		out[o] = make([]said, r.reach)
		for h := range out[o] {
			out[o][h] = said{r.mid[i][o][h], r.high[i][o][h] - r.mid[i][o][h], r.mid[i][o][h] - r.low[i][o][h]}
		}
	}
	return out
}
