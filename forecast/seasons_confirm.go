package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// masked is a series with 0 where it is missing.
type masked struct {
	v, square []float64
	mask      []float64 // nil where nothing is missing
	energy    []float64 // energy[i] is the sum of square[:i] where nothing is missing
}

// set makes m the series v, and keeps its own buffers.
func (m *masked) set(v, mask []float64) {
	n := len(v)
	m.v, m.mask = v, mask
	m.square, m.energy = slices.Grow(m.square[:0], n)[:n], slices.Grow(m.energy[:0], n+1)[:n+1]
	var sum float64
	for i, x := range v {
		m.square[i] = x * x
		sum += x * x
		m.energy[i+1] = sum
	}
}

// energies returns the sums of the squares of the earlier and of the later of each two observations lag steps apart.
func (m *masked) energies(lag int) (earlier, later float64) {
	n := len(m.v)
	if m.mask == nil {
		return m.energy[n-lag], m.energy[n] - m.energy[lag]
	}
	return floats.Dot(m.square[:n-lag], m.mask[lag:]), floats.Dot(m.square[lag:], m.mask[:n-lag])
}

// correlation returns the autocorrelation at a lag, of what is present at both ends; 0 where nothing is or nothing varies.
func (m *masked) correlation(lag int) float64 {
	n := len(m.v)
	if lag >= n-2 {
		return 0
	}
	earlier, later := m.energies(lag)
	if !(earlier > 0 && later > 0) {
		return 0
	}
	return floats.Dot(m.v[:n-lag], m.v[lag:]) / math.Sqrt(earlier*later)
}

// variance returns the variance that the autocorrelation at a lag has if there is none and the observations are independent: one over
// their number or, where few of them are all the energy, that of the products seen (Lobato, Nankervis and Savin 2001). pairs is
// how many observations lag steps apart are both present.
func (m *masked) variance(lag int) (variance, pairs float64) {
	n := len(m.v)
	pairs = float64(n - lag)
	if m.mask != nil {
		pairs = floats.Dot(m.mask[:n-lag], m.mask[lag:])
	}
	earlier, later := m.energies(lag)
	if !(earlier > 0 && later > 0 && pairs > 0) {
		return 1, pairs
	}
	return max(1/pairs, floats.Dot(m.square[:n-lag], m.square[lag:])/(earlier*later)), pairs
}

// lagOf returns the whole lag nearest to a number of steps.
func lagOf(steps float64) int { return int(math.Round(steps)) }

// filter makes r.z what of the history changes faster than p steps: the deviations from the centred mean of p steps, at the ends from
// that of the first and the last p steps. In expectation, nothing of a random walk is correlated with itself p steps later or more: the
// covariances of its observations and of its means cancel.
func (r *rollUp) filter(p float64) {
	if r.filtered == p {
		return
	}
	r.filtered = p
	n := len(r.x)
	w := min(lagOf(p)|1, n)
	have := float64(w)
	if r.mask != nil {
		have = floats.Sum(r.mask[:w])
	}
	sum := floats.Sum(r.x[:w])
	z := slices.Grow(r.z.v[:0], n)
	for i, v := range r.x {
		if to := i + w/2; i > w/2 && to < n {
			sum += r.x[to] - r.x[to-w]
			if r.mask != nil {
				have += r.mask[to] - r.mask[to-w]
			}
		}
		if r.mask != nil && r.mask[i] == 0 {
			z = append(z, 0)
		} else {
			z = append(z, v-sum/have)
		}
	}
	r.z.set(z, r.mask)
}

// evidenceNeeded is how much evidence a period needs.
type evidenceNeeded struct {
	z float64 // standard deviations
	r float64 // autocorrelation
	// After two to farCycles cycles, as far as farShare of the history reaches, the mean autocorrelation is at least farRatio of that
	// after one.
	farCycles float64
}

// The evidence that periods need; a phase that drifts, as that of a saw-tooth does, loses its autocorrelation over a dozen cycles.
var (
	usualEvidence = evidenceNeeded{z: 3.5, r: 0.08, farCycles: 8}
	otherEvidence = evidenceNeeded{z: 6, r: 0.25, farCycles: 12}
)

const (
	twiceRatio = 0.5 // of the autocorrelation at one period must be left at two
	farShare   = 0.7
	farRatio   = 0.3
)

// evidence is the autocorrelation r at a period, its distance z from none, and the mean autocorrelation far after several cycles.
type evidence struct{ r, z, far float64 }

// confirm reports whether the autocorrelation has a maximum at p steps, is significant and lasts.
func (r *rollUp) confirm(p float64, want evidenceNeeded) (evidence, bool) {
	r.filter(p)
	lag, n := lagOf(p), len(r.x)
	e := evidence{r: r.z.correlation(lag)}
	e.far = e.r
	variance, pairs := r.z.variance(lag)
	if e.r < want.r || pairs < p {
		return e, false
	}
	if twice := lagOf(2 * p); twice+lag/2 <= n && r.z.correlation(twice) < twiceRatio*e.r {
		return e, false
	}
	side := max(1, lag/8)
	if r.z.correlation(lag-side) >= e.r || r.z.correlation(lag+side) >= e.r {
		return e, false
	}
	if k := int(min(want.farCycles, farShare*float64(n)/p)); k > 2 {
		if e.far = r.meanAfter(p, 2, k); e.far < farRatio*e.r {
			return e, false
		}
	}
	// Between the autocorrelation itself and Fisher's transformation of it, which few cycles of correlated noise would pass too easily.
	fisher := (e.r + math.Atanh(min(e.r, 0.999))) / 2
	e.z = fisher / math.Sqrt(variance*r.noise(lag))
	return e, e.z > want.z
}

// meanAfter returns the mean autocorrelation after from to to cycles of p steps.
func (r *rollUp) meanAfter(p float64, from, to int) float64 {
	var sum float64
	for k := from; k <= to; k++ {
		sum += r.z.correlation(lagOf(float64(k) * p))
	}
	return sum / float64(to-from+1)
}

// noise returns by how much the correlation of the noise increases the variance of the autocorrelation at lag over that of independent
// noise: the sum of the squares of the noise's autocorrelations (Bartlett 1946), taken from the differences of observations lag steps
// apart, in which no season of that length is left, at lags that double.
func (r *rollUp) noise(lag int) float64 {
	v, mask := slices.Grow(r.difference.v[:0], len(r.x)), r.difference.mask[:0]
	for i, x := range r.z.v[lag:] {
		d := x - r.z.v[i]
		if r.mask != nil {
			both := r.mask[i] * r.mask[i+lag]
			mask = append(mask, both)
			d *= both
		}
		v = append(v, d)
	}
	if r.mask == nil {
		mask = nil
	}
	r.difference.set(v, mask)
	rho := r.difference.correlation(1)
	before := rho * rho
	factor := 1 + 2*before
	for l := 2; l <= lag/2; l *= 2 {
		rho = r.difference.correlation(l)
		factor += (before + rho*rho) * float64(l/2) // twice the trapezoid between the lags
		before = rho * rho
	}
	return factor
}

// refine returns p with the precision that the place of the autocorrelation's maximum after several cycles gives.
func (r *rollUp) refine(p float64) float64 {
	const reach = 2
	for m := 1.0; m*p <= float64(len(r.x))/2; m *= 2 {
		at := lagOf(m * p)
		best, most := at, math.Inf(-1)
		for lag := max(1, at-reach); lag <= at+reach; lag++ {
			if c := r.z.correlation(lag); c > most {
				best, most = lag, c
			}
		}
		p = float64(best) / m
	}
	return p
}
