package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

const (
	// kpssCritical is the 5 % critical value of the test for stationarity around a mean (Kwiatkowski, Phillips, Schmidt and Shin 1992,
	// table 1).
	kpssCritical = 0.463
	// strong is the strength of a season from which it is taken out by differencing (Hyndman and Athanasopoulos, FPP3, section 9.1; the
	// value is that of R's forecast::nsdiffs, chosen there on the M3 competition).
	strong = 0.64
	// mostDifferences is how often a series is differenced at lag one at most.
	mostDifferences = 2
)

// differences returns how often y is to be differenced at lag one: until the test no longer finds it changing its level.
func differences(y []float64) int {
	for d := range mostDifferences {
		if len(y) < 3 || flat(y) || kpss(y) <= kpssCritical {
			return d
		}
		y = differenced(y, order{D: 1})
	}
	return mostDifferences
}

// flat reports whether all of y is the same.
func flat(y []float64) bool {
	for _, v := range y {
		if v != y[0] {
			return false
		}
	}
	return true
}

// kpss returns the statistic of the test for stationarity around a mean (Kwiatkowski et al. 1992, equation 13), with as many lags in the
// long-run variance as R's forecast::ndiffs uses.
func kpss(y []float64) float64 {
	n := len(y)
	e := append([]float64(nil), y...)
	floats.AddConst(-stat.Mean(y, nil), e)
	most := int(3 * math.Sqrt(float64(n)) / 13)
	long := floats.Dot(e, e)
	for lag := 1; lag <= most; lag++ {
		long += 2 * (1 - float64(lag)/float64(most+1)) * floats.Dot(e[lag:], e[:n-lag])
	}
	var partial, sum float64
	for _, v := range e {
		partial += v
		sum += partial * partial
	}
	if !(long > 0) {
		return 0
	}
	return sum / float64(n) / long
}

// seasonalDifferences returns 1 where the season of m steps is strong, and otherwise 0.
func seasonalDifferences(y []float64, m int) int {
	if len(y) <= 2*m || flat(y) {
		return 0
	}
	seasonal, remainder := decompose(y, m)
	both := append([]float64(nil), remainder...)
	floats.Add(both, seasonal)
	if 1-stat.Variance(remainder, nil)/stat.Variance(both, nil) > strong {
		return 1
	}
	return 0
}

// cycleSpan is over how many seasons the season is smoothed, as in R's forecast::mstl.
const cycleSpan = 11

// decompose returns the seasonal part and the remainder of y by STL (Cleveland, Cleveland, McRae and Terpenning 1990, section 2.1) with two
// passes of the inner loop and the spans of R's forecast::mstl.
func decompose(y []float64, m int) (seasonal, remainder []float64) {
	n := len(y)
	odd := func(x float64) int { return 2*(int(math.Ceil(x))/2) + 1 }
	trendSpan, lowSpan := odd(1.5*float64(m)/(1-1.5/cycleSpan)), odd(float64(m))
	trend, rest := make([]float64, n), make([]float64, n)
	seasonal = make([]float64, n)
	cycle := make([]float64, n+2*m)
	for range 2 {
		floats.SubTo(rest, y, trend)
		smoothCycles(cycle, rest, m)
		low := moving(moving(moving(cycle, m), m), 3)
		loess(rest, low, lowSpan, 1)
		floats.SubTo(seasonal, cycle[m:m+n], rest)
		floats.SubTo(rest, y, seasonal)
		loess(trend, rest, trendSpan, 1)
	}
	floats.SubTo(rest, rest, trend)
	return seasonal, rest
}

// smoothCycles smooths each place of the season over the seasons, from a season before y to one after it.
func smoothCycles(out, y []float64, m int) {
	for phase := range m {
		var sub []float64
		for t := phase; t < len(y); t += m {
			sub = append(sub, y[t])
		}
		smooth := make([]float64, len(sub))
		loess(smooth, sub, cycleSpan, 0)
		out[phase] = local(sub, cycleSpan, 0, -1)
		for i, v := range smooth {
			out[phase+(i+1)*m] = v
		}
		out[phase+(len(sub)+1)*m] = local(sub, cycleSpan, 0, len(sub))
	}
}

// moving returns the means of every n neighbours.
func moving(x []float64, n int) []float64 {
	out := make([]float64, len(x)-n+1)
	sum := floats.Sum(x[:n])
	for i := range out {
		out[i] = sum / float64(n)
		if i+n < len(x) {
			sum += x[i+n] - x[i]
		}
	}
	return out
}

// loess writes the local regression of y to out. Inside, where a window lies evenly around its centre, it is a weighted mean.
func loess(out, y []float64, span, degree int) {
	n, half := len(y), span/2
	weight := make([]float64, span)
	for i := range weight {
		weight[i] = tricube(math.Abs(float64(i-half)) / float64(half))
	}
	floats.Scale(1/floats.Sum(weight), weight)
	for t := range out {
		if t >= half && t+half < n {
			out[t] = floats.Dot(weight, y[t-half:t+half+1])
		} else {
			out[t] = local(y, span, degree, t)
		}
	}
}

// tricube is the weight at distance d, in units of the window's half width.
func tricube(d float64) float64 {
	if d >= 1 {
		return 0
	}
	c := 1 - d*d*d
	return c * c * c
}

// local returns the regression at t, which may lie outside y, on the span observations nearest to it.
func local(y []float64, span, degree, t int) float64 {
	n := len(y)
	from := min(max(t-span/2, 0), max(n-span, 0))
	to := min(from+span, n)
	width := float64(max(t-from, to-1-t)) + float64(max(span-n, 0)/2)
	var s0, s1, s2, y0, y1 float64
	for i := from; i < to; i++ {
		d := float64(i - t)
		w := tricube(math.Abs(d) / max(width, 1))
		s0, s1, s2 = s0+w, s1+w*d, s2+w*d*d
		y0, y1 = y0+w*y[i], y1+w*d*y[i]
	}
	if s0 == 0 {
		return y[min(max(t, 0), n-1)]
	}
	if det := s0*s2 - s1*s1; degree > 0 && det > 1e-9*s0*s2 {
		return (s2*y0 - s1*y1) / det
	}
	return y0 / s0
}
