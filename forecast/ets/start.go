package ets

import "math"

// start holds heuristic initial states: the level and slope before the first observation and a seasonal index by phase.
type start struct {
	state
	season []float64
}

// newStart finds initial states as Hyndman et al. (2008, section 2.6.1) do: seasonal indices by classical decomposition, and the level
// and slope of a straight line through the first observations without their season.
func newStart(y []float64, season Season, trend bool, m int) start {
	s := start{}
	flat := y
	if season != NoSeason {
		s.season = indices(y, season == MultiplicativeSeason, m)
		flat = make([]float64, min(len(y), max(10, 2*m)))
		for i := range flat {
			if season == MultiplicativeSeason {
				flat[i] = y[i] / s.season[i%m]
			} else {
				flat[i] = y[i] - s.season[i%m]
			}
		}
	}
	s.l, s.b = line(flat[:min(len(flat), max(10, 2*m))])
	if !trend {
		s.l, s.b = mean(flat[:min(len(flat), max(10, 2*m))]), 0
	}
	return s
}

// mean returns the mean of what is not missing, zero where all is.
func mean(y []float64) float64 {
	var sum float64
	n := 0
	for _, v := range y {
		if v == v {
			sum += v
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// line returns the least-squares line through y at 1, 2, ...: its value at 0 and its slope.
func line(y []float64) (at0, slope float64) {
	var n, st, sy, stt, sty float64
	for i, v := range y {
		if v == v {
			t := float64(i + 1)
			n, st, sy, stt, sty = n+1, st+t, sy+v, stt+t*t, sty+t*v
		}
	}
	det := n*stt - st*st
	if det <= 0 {
		return mean(y), 0
	}
	slope = (n*sty - st*sy) / det
	return (sy - slope*st) / n, slope
}

// leastIndex is the smallest multiplicative seasonal index that a fit starts from, as in R's ets.
const leastIndex = 1e-2

// indices returns the seasonal indices of classical decomposition (FPP3, section 3.4): the mean, by phase, of the observations less (or
// over) a centred moving average of one season. Additive ones add up to zero, multiplicative ones to m.
func indices(y []float64, multiplicative bool, m int) []float64 {
	sum, n := make([]float64, m), make([]float64, m)
	trend := newAverage(y, m)
	for i, v := range y {
		c := trend.next()
		if v != v || c != c || multiplicative && c <= 0 {
			continue
		}
		if multiplicative {
			v /= c
		} else {
			v -= c
		}
		sum[i%m] += v
		n[i%m]++
	}
	neutral := 0.0
	if multiplicative {
		neutral = 1
	}
	var total float64
	for j := range sum {
		if n[j] > 0 {
			sum[j] /= n[j]
		} else {
			sum[j] = neutral
		}
		total += sum[j]
	}
	for j := range sum {
		if multiplicative {
			sum[j] = max(sum[j]*float64(m)/total, leastIndex)
		} else {
			sum[j] -= total / float64(m)
		}
	}
	return sum
}

// average is a centred moving average of m observations, over m+1 with half weight at the ends where m is even. Where some are missing
// it is the weighted mean of the others.
type average struct {
	y    []float64
	half int
	even bool
	at   int
	sum  float64 // of the present in [at-half, at+half], clipped
	n    float64
}

func newAverage(y []float64, m int) *average {
	a := &average{y: y, half: m / 2, even: m%2 == 0}
	for i := range min(a.half, len(y)) {
		a.add(i, 1)
	}
	return a
}

// add counts observation i with the given sign.
func (a *average) add(i int, sign float64) {
	if i >= 0 && i < len(a.y) {
		if v := a.y[i]; v == v {
			a.sum += sign * v
			a.n += sign
		}
	}
}

// next returns the average around the next observation, NaN near the ends of the history and where all are missing.
func (a *average) next() float64 {
	i := a.at
	a.at++
	a.add(i+a.half, 1)
	a.add(i-a.half-1, -1)
	if i < a.half || i+a.half >= len(a.y) {
		return math.NaN()
	}
	sum, n := a.sum, a.n
	if a.even {
		for _, end := range [2]float64{a.y[i-a.half], a.y[i+a.half]} {
			if end == end {
				sum -= end / 2
				n -= 0.5
			}
		}
	}
	if n < 0.5 {
		return math.NaN()
	}
	return sum / n
}
