package ridge

import "math"

// view is a history in the space of the regression, NaN where missing. With sums, windows cost the same whatever their length.
type view[T float32 | float64] struct {
	z    []T
	sum  []float64 // sum[i] of z[:i], missing ones left out; nil where windows are summed directly
	have []int32   // how many of z[:i] are not missing
	// levels[span-1][n] is the mean of the span observations before n, and wide[i] the mean around i; nil where they are not kept.
	levels [][]float64
	wide   []float64
}

// keptSpans and keptLength bound the levels that are kept: 16 MB. The others are taken from the sums.
const (
	keptSpans  = 16
	keptLength = 1 << 17
)

// summed returns a view of z with sums, levels and smoothed values.
func summed(z []float64, l layout) view[float64] {
	v := view[float64]{z: z, sum: make([]float64, len(z)+1), have: make([]int32, len(z)+1)}
	for i, x := range z {
		v.sum[i+1], v.have[i+1] = v.sum[i], v.have[i]
		if x == x { // not NaN
			v.sum[i+1] += x
			v.have[i+1]++
		}
	}
	spans := min(l.anchor, keptSpans)
	if len(z) > keptLength {
		spans = 0
	}
	levels := make([][]float64, 0, spans)
	for span := 1; span <= spans; span++ {
		at := make([]float64, len(z)+1)
		for n := range at {
			at[n] = v.mean(n-span, n)
		}
		levels = append(levels, at)
	}
	wide := make([]float64, len(z))
	for i := range wide {
		wide[i] = v.mean(i-l.smooth, i+l.smooth+1)
	}
	v.levels, v.wide = levels, wide
	return v
}

// at returns z[i], NaN outside.
func (v view[T]) at(i int) float64 {
	if i < 0 || i >= len(v.z) {
		return math.NaN()
	}
	return float64(v.z[i])
}

// level returns the mean of the span observations before n, NaN where there is none.
func (v view[T]) level(n, span int) float64 {
	if n >= 0 && span <= len(v.levels) && n < len(v.levels[span-1]) {
		return v.levels[span-1][n]
	}
	return v.mean(n-span, n)
}

// around returns the mean of the observations within reach steps of i and before n.
func (v view[T]) around(i, reach, n int) float64 {
	if i >= 0 && i < len(v.wide) && i+reach < n {
		return v.wide[i]
	}
	return v.mean(i-reach, min(i+reach+1, n))
}

// mean returns the mean of the observations in [from, to), NaN where there is none.
func (v view[T]) mean(from, to int) float64 {
	from, to = max(from, 0), min(to, len(v.z))
	if from >= to {
		return math.NaN()
	}
	if v.sum != nil {
		if n := v.have[to] - v.have[from]; n > 0 {
			return (v.sum[to] - v.sum[from]) / float64(n)
		}
		return math.NaN()
	}
	var s float64
	n := 0
	for _, x := range v.z[from:to] {
		if y := float64(x); y == y { // not NaN
			s += y
			n++
		}
	}
	return s / float64(n)
}

// anchor returns the level at origin n, whose latest observation is z[n-1].
func (v view[T]) anchor(l layout, n int) float64 { return v.level(n, l.anchor) }

// orZero returns x, or 0 where it is NaN.
func orZero(x float64) float64 {
	if x != x {
		return 0
	}
	return x
}

// shared fills out with the features at origin n that all horizons share: a constant, the latest observations and the means of
// several windows as differences from the level a, and how the level and the last hour differ from those a season ago.
func (v view[T]) shared(l layout, n int, a float64, out []float64) {
	out[0] = 1
	out = out[1:]
	for j := range latest {
		out[j] = orZero(v.at(n-1-j) - a)
	}
	out = out[latest:]
	for j, w := range l.means {
		out[j] = orZero(v.mean(n-w, n) - a)
	}
	out = out[len(l.means):]
	hour := v.mean(n-l.hour, n)
	for j, p := range l.periods {
		out[2*j] = orZero(a - l.before(p, n, func(n int) float64 { return v.anchor(l, n) }))
		out[2*j+1] = orZero(hour - l.before(p, n, func(n int) float64 { return v.mean(n-l.hour, n) }))
	}
}

// before returns f one season before n, or further back where that is missing.
func (l layout) before(p period, n int, f func(n int) float64) float64 {
	for k := 1; k <= p.back; k++ {
		if x := f(n - p.lag(k)); !math.IsNaN(x) {
			return x
		}
	}
	return math.NaN()
}

// own fills out with the features of step h at origin n: what the same step did in earlier seasons, as differences from the level there
// was then. A period whose seasons are all missing repeats the shorter period.
func (v view[T]) own(l layout, n, h int, out []float64) {
	var shorter [ownPerPeriod]float64
	for _, p := range l.periods {
		f := v.seasonal(l, p, n, h)
		for j := range f {
			if f[j] != f[j] {
				f[j] = shorter[j]
			}
		}
		copy(out, f[:])
		out = out[ownPerPeriod:]
		shorter = f
	}
}

// seasonal returns the features of one period, NaN where all its seasons are missing.
func (v view[T]) seasonal(l layout, p period, n, h int) [ownPerPeriod]float64 {
	var sumExact, sumWide float64
	nExact, nWide := 0, 0
	exact, wide := math.NaN(), math.NaN()
	k0, span := p.first(h), l.anchorFor(h)
	for k := k0; k < k0+p.back; k++ {
		then := n - p.lag(k)
		if then < l.anchor {
			break
		}
		a := v.level(then, span)
		if a != a {
			continue
		}
		if d := v.at(then+h-1) - a; d == d {
			if nExact == 0 {
				exact = d
			}
			sumExact += d
			nExact++
		}
		if d := v.around(then+h-1, l.smooth, n) - a; d == d {
			if nWide == 0 {
				wide = d
			}
			sumWide += d
			nWide++
		}
	}
	return [ownPerPeriod]float64{exact, sumExact / float64(nExact), wide, sumWide / float64(nWide)}
}
