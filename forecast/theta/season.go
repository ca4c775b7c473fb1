package theta

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// certainty is the standard normal distribution's quantile at 0.95: the test for a season is at 10 %, two-sided.
	certainty = 1.6448536269514722
	// leastIndex is the seasonal index below which observations say nothing of the level: a demand that is zero at night. Thetaf does not
	// adjust a series with an index below 1e-4, and so forecasts zero at noon.
	leastIndex = 0.05
	// direct is the number of products above which autocorrelations are computed by Fourier transform.
	direct = 100_000
)

// indices returns the multiplicative seasonal indices of z by phase, whose mean is one, or nil where z has no season of m steps that
// can be divided out, or leaves too few observations that say something of the level.
func indices(z []float64, m int) []float64 {
	if m < 2 || len(z) <= 2*m || !seasonal(z, m) {
		return nil
	}
	s := decompose(z, m)
	for _, v := range s {
		if !(v >= 0) {
			return nil
		}
	}
	telling := 0
	for i, v := range z {
		if v == v && s[i%m] >= leastIndex {
			telling++
		}
	}
	if telling < leastHistory {
		return nil
	}
	return s
}

// adjusted divides the indices out of z, in place, and returns it up to its last observation that says something of the level, and how many
// come after that.
func adjusted(z, indices []float64) ([]float64, int) {
	first := math.NaN()
	for i := range z {
		if index := indices[i%len(indices)]; index >= leastIndex {
			z[i] /= index
		} else {
			z[i] = math.NaN()
		}
		if first != first && z[i] == z[i] {
			first = z[i]
		}
	}
	if z[0] != z[0] {
		z[0] = first // where the level begins
	}
	n := len(z)
	for n > 1 && z[n-1] != z[n-1] {
		n--
	}
	return z[:n], len(z) - n
}

// seasonal tests whether the autocorrelation at lag m is beyond what those at shorter lags explain by Bartlett's formula, as thetaf does.
func seasonal(z []float64, m int) bool {
	r := autocorrelations(z, m)
	if r == nil {
		return false
	}
	sum := 0.0
	for _, v := range r[1:m] {
		sum += v * v
	}
	return math.Abs(r[m]) > certainty*math.Sqrt((1+2*sum)/float64(present(z)))
}

// autocorrelations returns the autocorrelations at lags 0 to m, pairs with a missing observation left out, and nil for a constant.
func autocorrelations(z []float64, m int) []float64 {
	var mean float64
	n := 0
	for _, v := range z {
		if v == v { // not NaN
			mean += v
			n++
		}
	}
	mean /= float64(n)
	length := len(z)
	if len(z)*m > direct {
		length = smooth(len(z) + m)
	}
	d := make([]float64, length)
	for i, v := range z {
		if v == v {
			d[i] = v - mean
		}
	}
	r := make([]float64, m+1)
	if length > len(z) {
		transformed(d, r)
	} else {
		for k := range r {
			for i, v := range d[k:] {
				r[k] += v * d[i]
			}
		}
	}
	if r[0] <= 1e-20*mean*mean*float64(n) {
		return nil
	}
	for k := m; k >= 0; k-- {
		r[k] /= r[0]
	}
	return r
}

// transformed fills r with the products of d and itself at lags from zero, d ending in at least as many zeros as there are lags, by the
// theorem of Wiener and Khinchin.
func transformed(d, r []float64) {
	t := fourier.NewFFT(len(d))
	c := t.Coefficients(nil, d)
	for i, v := range c {
		c[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
	}
	copy(r, t.Sequence(d, c))
	for k := range r {
		r[k] /= float64(len(d))
	}
}

// smooth returns the smallest number from n on that has no prime factors but 2, 3 and 5, for which the transform is quick.
func smooth(n int) int {
	for ; ; n++ {
		rest := n
		for _, p := range [...]int{2, 3, 5} {
			for rest%p == 0 {
				rest /= p
			}
		}
		if rest == 1 {
			return n
		}
	}
}

// decompose returns the multiplicative seasonal indices of classical decomposition (FPP3, section 3.4): the mean by phase of the
// observations over their trend, brought to a mean of one. The trend is the centred moving average over one season, with half weight
// at the ends where that is even; where some are missing it is the weighted mean of the others.
func decompose(z []float64, m int) []float64 {
	half := m / 2
	sums, count := make([]float64, m), make([]float64, m)
	var sum, n float64
	add := func(v, sign float64) {
		if v == v { // not NaN
			sum += sign * v
			n += sign
		}
	}
	for _, v := range z[:2*half] {
		add(v, 1)
	}
	for i := half; i+half < len(z); i++ {
		first, last := z[i-half], z[i+half]
		add(last, 1)
		total, weight := sum, n
		if m%2 == 0 {
			for _, end := range [2]float64{first, last} {
				if end == end {
					total -= end / 2
					weight -= 0.5
				}
			}
		}
		if v := z[i]; v == v && total > 0 {
			sums[i%m] += v * weight / total
			count[i%m]++
		}
		add(first, -1)
	}
	mean := 0.0
	for j := range sums {
		sums[j] /= count[j]
		mean += sums[j] / float64(m)
	}
	for j := range sums {
		sums[j] /= mean
	}
	return sums
}
