package ridge

import "math"

// view is a history in the space of the regression, NaN where missing. With sums, windows cost the same whatever their length.
type view struct {
	z    []float64
	sum  []float64 // sum[i] of z[:i], missing ones left out; nil where windows are summed directly
	have []int32   // how many of z[:i] are not missing
}

// summed returns a view of z with sums.
func summed(z []float64) view {
	v := view{z: z, sum: make([]float64, len(z)+1), have: make([]int32, len(z)+1)}
	for i, x := range z {
		v.sum[i+1], v.have[i+1] = v.sum[i], v.have[i]
		if !math.IsNaN(x) {
			v.sum[i+1] += x
			v.have[i+1]++
		}
	}
	return v
}

// at returns z[i], NaN outside.
func (v view) at(i int) float64 {
	if i < 0 || i >= len(v.z) {
		return math.NaN()
	}
	return v.z[i]
}

// mean returns the mean of the observations in [from, to), NaN where there is none.
func (v view) mean(from, to int) float64 {
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
		if x == x { // not NaN
			s += x
			n++
		}
	}
	return s / float64(n)
}

// anchorAt returns the level at origin n, whose latest observation is z[n-1].
func (l layout) anchorAt(v view, n int) float64 { return v.mean(n-l.anchor, n) }

// orZero returns x, or 0 where it is NaN.
func orZero(x float64) float64 {
	if x != x {
		return 0
	}
	return x
}

// shared fills out with the features at origin n that all horizons share: a constant, the latest observations and the means of
// several windows as differences from the level a, and how the level and the last hour differ from those a season ago.
func (l layout) shared(v view, n int, a float64, out []float64) {
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
		out[2*j] = orZero(a - l.before(p, n, func(n int) float64 { return l.anchorAt(v, n) }))
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
func (l layout) own(v view, n, h int, out []float64) {
	var shorter [ownPerPeriod]float64
	for _, p := range l.periods {
		f := l.seasonal(v, p, n, h)
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
func (l layout) seasonal(v view, p period, n, h int) [ownPerPeriod]float64 {
	var exact, wide, sumExact, sumWide float64
	nExact, nWide := 0, 0
	k0, span := p.first(h), l.anchorFor(h)
	for k := k0; k < k0+p.back; k++ {
		then := n - p.lag(k)
		if then < l.anchor {
			break
		}
		a := v.mean(then-span, then)
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
		if d := v.mean(then+h-1-l.smooth, min(then+h+l.smooth, n)) - a; d == d {
			if nWide == 0 {
				wide = d
			}
			sumWide += d
			nWide++
		}
	}
	f := [ownPerPeriod]float64{exact, sumExact / float64(nExact), wide, sumWide / float64(nWide)}
	if nExact == 0 {
		f[0] = math.NaN()
	}
	if nWide == 0 {
		f[2] = math.NaN()
	}
	return f
}
