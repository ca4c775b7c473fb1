package mstl

import (
	"context"
	"math"
	"slices"
)

// The defaults of R's stl: two passes of the inner loop are enough without robustness weights, and one within each of 15 passes of the
// outer loop with them.
const (
	innerLoops       = 2
	robustInnerLoops = 1
	robustOuterLoops = 15
)

// stl takes one season out of series of n observations.
type stl struct {
	n, period  int
	cycles     cycles
	low, level loess
	// extended and work hold n observations and a season more at both ends, adjusted n.
	extended, work     []float64
	adjusted, weighted []float64
	deviations         []float64
}

// newSTL prepares for a season of period steps, 2 or more, of which the series has more than two, with an odd seasonal window.
func newSTL(n, period, window int) *stl {
	trend := math.Ceil(1.5 * float64(period) / (1 - 1.5/float64(window))) // R's default, from the authors' choice of n_(t)
	return &stl{
		n: n, period: period, cycles: newCycles(n, period, window),
		low: newLoess(n, nextOdd(period), 1), level: newLoess(n, nextOdd(int(trend)), 1),
		extended: make([]float64, n+2*period), work: make([]float64, n+2*period),
		adjusted: make([]float64, n), weighted: make([]float64, n),
	}
}

// nextOdd returns n or, where that is even, n+1.
func nextOdd(n int) int { return n | 1 }

// decompose writes the season and the trend of y. mask weighs the observations with 0 where they are missing and 1 elsewhere; it is nil
// where none is missing. A missing y is a finite number that only matters where there is nothing else to go by.
func (s *stl) decompose(y, mask []float64, robust bool, season, trend []float64) {
	clear(trend)
	if !robust {
		s.loop(y, mask, innerLoops, season, trend)
		return
	}
	s.loop(y, mask, robustInnerLoops, season, trend)
	w := make([]float64, s.n)
	for range robustOuterLoops {
		s.robustness(y, mask, season, trend, w)
		s.loop(y, w, robustInnerLoops, season, trend)
	}
}

// loop runs the inner loop of Cleveland et al. (1990) n times. w weighs the observations and is nil where all weights are one.
func (s *stl) loop(y, w []float64, n int, season, trend []float64) {
	var wy []float64
	if w != nil {
		wy = s.weighted
	}
	for range n {
		for i, v := range y {
			s.adjusted[i] = v - trend[i]
		}
		multiply(w, s.adjusted, wy)
		s.cycles.smooth(s.adjusted, w, wy, s.extended)
		low := s.lowPass()
		for i, v := range s.extended[s.period : s.period+s.n] {
			season[i] = v - low[i]
			s.adjusted[i] = y[i] - season[i]
		}
		multiply(w, s.adjusted, wy)
		s.level.smooth(s.adjusted, w, wy, trend)
	}
}

// multiply writes the products of a and b to out; nothing where out is nil.
func multiply(a, b, out []float64) {
	for i := range out {
		out[i] = a[i] * b[i]
	}
}

// lowPass returns what of the smoothed subseries is no season: moving averages of one, one and a third of a season's length, the last
// being three observations, and a loess (step 3 of the inner loop). The slice is reused.
func (s *stl) lowPass() []float64 {
	a := movingMean(s.extended, s.period, s.work)
	a = movingMean(a, s.period, a)
	a = movingMean(a, 3, a)
	s.low.smooth(a, nil, nil, s.adjusted)
	return s.adjusted
}

// movingMean writes the means of each n neighbours in v to out, which may be v, and returns what it wrote.
func movingMean(v []float64, n int, out []float64) []float64 {
	var sum float64
	for _, x := range v[:n] {
		sum += x
	}
	out = out[:len(v)-n+1]
	f := 1 / float64(n)
	for i := range out[:len(out)-1] {
		first := v[i]
		out[i] = sum * f
		sum += v[i+n] - first
	}
	out[len(out)-1] = sum * f
	return out
}

// robustness writes the bisquare weights of the residuals, times the mask (outer loop).
func (s *stl) robustness(y, mask, season, trend, w []float64) {
	s.deviations = s.deviations[:0]
	for i, v := range y {
		w[i] = math.Abs(v - season[i] - trend[i])
		if mask == nil || mask[i] > 0 {
			s.deviations = append(s.deviations, w[i])
		}
	}
	limit := 6 * median(s.deviations)
	for i, r := range w {
		switch {
		case mask != nil && mask[i] == 0 || r > 0.999*limit:
			w[i] = 0
		case r <= 0.001*limit:
			w[i] = 1
		default:
			q := r / limit
			q = 1 - q*q
			w[i] = q * q
		}
	}
}

// median returns the median of v, which it reorders (Hoare 1961, algorithm 65).
func median(v []float64) float64 {
	k := len(v) / 2
	for lo, hi := 0, len(v)-1; lo < hi; {
		pivot := v[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			lo, hi = k, k
		}
	}
	if len(v)%2 == 1 {
		return v[k]
	}
	return (slices.Max(v[:k]) + v[k]) / 2
}

// iterations is how often mstl goes over the seasons (Bandara, Hyndman and Bergmeir 2021; iterate = 2 in R's mstl).
const iterations = 2

// seasonalWindow returns the window of season i, counted from the shortest: 11, 15, 19... (Bandara, Hyndman and Bergmeir
// 2021; s.window = 7 + 4 * seq(6) in R's mstl).
func seasonalWindow(i int) int { return 11 + 4*i }

// decompose returns the seasonal components of y, whose missing observations are NaN, for ascending periods in steps of which y has
// more than two each. It returns ctx's error where ctx ends.
func decompose(ctx context.Context, y []float64, periods []int, robust bool) ([][]float64, error) {
	n := len(y)
	rest := slices.Clone(y)
	mask := maskOf(y)
	trend := make([]float64, n)
	seasons := make([][]float64, len(periods))
	stls := make([]*stl, len(periods))
	for i, p := range periods {
		seasons[i] = make([]float64, n)
		stls[i] = newSTL(n, p, seasonalWindow(i))
	}
	rounds := iterations
	if len(periods) == 1 {
		rounds = 1 // a second round would repeat the first
	}
	for range rounds {
		for i, s := range stls {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for t, v := range seasons[i] {
				rest[t] += v
			}
			fill(rest, mask)
			s.decompose(rest, mask, robust, seasons[i], trend)
			for t, v := range seasons[i] {
				rest[t] -= v
			}
		}
	}
	return seasons, nil
}

// maskOf returns 0 where y is missing and 1 elsewhere; nil where nothing is.
func maskOf(y []float64) []float64 {
	if !slices.ContainsFunc(y, math.IsNaN) {
		return nil
	}
	mask := make([]float64, len(y))
	for i, v := range y {
		if !math.IsNaN(v) {
			mask[i] = 1
		}
	}
	return mask
}

// fill puts a line between the neighbours, at the ends the nearest of them, where mask is 0. At least one mask is 1.
func fill(y, mask []float64) {
	before := -1
	for i, m := range mask {
		if m == 0 {
			continue
		}
		if before >= 0 {
			interpolate(y[before : i+1])
		} else {
			for j := range i {
				y[j] = y[i]
			}
		}
		before = i
	}
	for i := before + 1; i < len(mask); i++ {
		y[i] = y[before]
	}
}
