package accuracy

import (
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// levels are the probabilities at which each forecast is asked, ascending, and the places among them of those that the scores need.
type levels struct {
	all    []float64
	scored []int // of Options.Probabilities, in their order
	// The ends of the 80 % and 95 % intervals, the median, and the 99 % quantile.
	low95, low80, mid, high80, high95, high99 int
}

func newLevels(probabilities []float64) *levels {
	l := &levels{all: slices.Concat(probabilities, []float64{0.025, 0.1, 0.5, 0.9, 0.975, 0.99})}
	slices.Sort(l.all)
	l.all = slices.Compact(l.all)
	place := func(p float64) int {
		i, _ := slices.BinarySearch(l.all, p)
		return i
	}
	for _, p := range probabilities {
		l.scored = append(l.scored, place(p))
	}
	l.low95, l.low80, l.mid = place(0.025), place(0.1), place(0.5)
	l.high80, l.high95, l.high99 = place(0.9), place(0.975), place(0.99)
	return l
}

// tally sums up scores. Means run along, since sums of large demands would overflow.
type tally struct {
	*levels
	quantile, absolute          float64 // means
	inside80, inside95, below99 float64 // counts
	below                       []float64
	n                           int
}

// add scores the quantiles q, at the levels, against y.
func (t *tally) add(q []float64, y float64) {
	t.n++
	var score float64
	for i, k := range t.scored {
		score += forecast.QuantileScore(t.all[k], q[k], y) / float64(len(t.scored))
		if y <= q[k] {
			t.below[i]++
		}
	}
	t.quantile += (score - t.quantile) / float64(t.n)
	t.absolute += (math.Abs(y-q[t.mid]) - t.absolute) / float64(t.n)
	t.inside80 += within(y, q[t.low80], q[t.high80])
	t.inside95 += within(y, q[t.low95], q[t.high95])
	t.below99 += within(y, math.Inf(-1), q[t.high99])
}

// within returns 1 where y lies between low and high, and otherwise 0.
func within(y, low, high float64) float64 {
	if y >= low && y <= high {
		return 1
	}
	return 0
}

// row returns the means, NaN where nothing was added; scale is what MASE divides by.
func (t *tally) row(scale float64) Row {
	if t.n == 0 {
		t.quantile, t.absolute = math.NaN(), math.NaN()
	}
	n := float64(t.n)
	r := Row{
		Quantile: t.quantile, MASE: ratio(t.absolute, scale), N: t.n,
		Coverage80: t.inside80 / n, Coverage95: t.inside95 / n, Below99: t.below99 / n, Below: make([]float64, len(t.below)),
	}
	for i, count := range t.below {
		r.Below[i] = count / n
	}
	return r
}
