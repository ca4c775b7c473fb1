package harmonic

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// drift is how the trend will change: rate changes of slope per unit of scaled time, Laplace with the given scale.
type drift struct {
	rate, scale float64
}

// driftFloor is added to the mean change of slope, as Prophet does.
const driftFloor = 1e-8

// outcome is the distribution of one step: mean plus deviation times a symmetric variable of unit variance.
type outcome struct {
	mean, deviation float64
	// excess is the excess kurtosis, which corrects normal quantiles by the first term of Cornish and Fisher (1938).
	excess float64
	// mixed replaces the correction where it is too coarse.
	mixed *mixture
	top   float64
	scale forecast.Scale
	least float64 // of quantiles from upper on, scaled
}

// The first term of the correction is good to a few thousandths of the deviation up to excessLimit; above countLimit expected changes
// the excess of the sum is at most 10.8/countLimit, and the term stays monotone up to an excess of 8.
const (
	excessLimit = 0.05
	countLimit  = 20.0
)

// outcome returns the distribution d units of scaled time beyond the end of the history, without mean and scale. Changes at times s
// before d add their slope times d-s: a compound Poisson sum whose variance is rate 2 scale^2 d^3/3 and whose fourth cumulant is
// rate 24 scale^4 d^5/5, from the moments 2 and 24 of the Laplace distribution.
func (r drift) outcome(sigma, d float64) outcome {
	reach := r.scale * d
	variance := r.rate * d * 2 * reach * reach / 3
	fourth := r.rate * d * 24 * math.Pow(reach, 4) / 5
	total := sigma*sigma + variance
	o := outcome{deviation: math.Sqrt(total), excess: fourth / (total * total)}
	if o.excess > excessLimit && r.rate*d < countLimit {
		o.mixed = newMixture(sigma, reach, r.rate*d)
	}
	return o
}

// wander draws how far the trend leaves its course at the ascending times t.
func (r drift) wander(rng *rand.Rand, t, path []float64) {
	next, offset, slope := 1+rng.ExpFloat64()/r.rate, 0.0, 0.0
	for k := range t {
		for ; next < t[k]; next += rng.ExpFloat64() / r.rate {
			change := r.scale * rng.ExpFloat64()
			if rng.Uint64()&1 == 0 {
				change = -change
			}
			slope += change
			offset -= change * next
		}
		path[k] = offset + slope*t[k]
	}
}

// Quantile implements forecast.Distribution.
func (o *outcome) Quantile(p float64) float64 {
	z := forecast.NormalQuantile(p)
	switch {
	case o.mixed != nil:
		z = o.mixed.quantile(p) / o.deviation
	default:
		z += o.excess / 24 * z * (z*z - 3)
	}
	v := (o.mean + o.deviation*z) * o.top
	if p >= upper {
		v = max(v, o.least)
	}
	return o.scale.Out(v)
}

// mixture is a scale mixture of normal distributions around zero. A Laplace variable is a normal one whose variance is exponential, so
// that given times and exponentials of the changes the step is normal. The variances, given that there is a change, are kept as means of
// groups of draws, of 1, 2, 4 and 8 at the top and of 16 below.
type mixture struct {
	none      float64 // probability that there is no change
	still     float64 // standard deviation then
	deviation [groups]float64
}

const (
	draws  = 252
	groups = 28
	// mostSummands is beyond what a Poisson variable of mean countLimit reaches at the draws.
	mostSummands = 48
	// stride goes through the draws by the golden ratio, and is coprime to them.
	stride = 155
)

// groupSize returns how many draws group g has, the groups being in ascending order.
func groupSize(g int) int {
	if fromTop := groups - 1 - g; fromTop < 16 {
		return 1 << (fromTop / 4)
	}
	return 16
}

// energies returns a table: [j][n] is the variance of draw j after n changes, in units of the reach squared: partial sums of 2 E U^2
// with E exponential and U uniform, each at midpoints of equally likely strata in random order (McKay, Beckman and Conover 1979).
var energies = sync.OnceValue(func() *[draws][mostSummands + 1]float64 {
	out := new([draws][mostSummands + 1]float64)
	rng := rand.New(rand.NewPCG(1, 0x6472696674))
	for n := range mostSummands {
		e, u := rng.Perm(draws), rng.Perm(draws)
		for j := range draws {
			exponential := -math.Log1p(-(float64(e[j]) + 0.5) / draws)
			uniform := (float64(u[j]) + 0.5) / draws
			out[j][n+1] = out[j][n] + 2*exponential*uniform*uniform
		}
	}
	return out
})

// newMixture returns the mixture for a given expected number of changes, with the exact variance.
func newMixture(sigma, reach, expected float64) *mixture {
	m := &mixture{none: math.Exp(-expected), still: sigma}
	table := energies()
	var v [draws]float64
	n, cumulated, term, sum := 0, 0.0, m.none, 0.0
	for j := range draws {
		// n is the number of changes at probability (j+0.5)/draws, given that there is one.
		for target := (1 - m.none) * (float64(j) + 0.5) / draws; cumulated < target && n < mostSummands; {
			n++
			term *= expected / float64(n)
			cumulated += term
		}
		v[j] = table[stride*j%draws][n]
		sum += v[j]
	}
	slices.Sort(v[:])
	unit := reach * reach * expected * 2 / 3 / ((1 - m.none) * sum / draws)
	at := 0
	for g := range groups {
		size, mean := groupSize(g), 0.0
		for _, x := range v[at : at+size] {
			mean += x / float64(size)
		}
		m.deviation[g] = math.Sqrt(sigma*sigma + unit*mean)
		at += size
	}
	return m
}

// above returns the probability of exceeding x and the density there.
func (m *mixture) above(x float64) (p, density float64) {
	for g, s := range m.deviation {
		weight := float64(groupSize(g))
		p += weight * math.Erfc(x/(s*math.Sqrt2))
		density += weight * math.Exp(-x*x/(2*s*s)) / s
	}
	share := (1 - m.none) / draws
	p = 0.5 * (share*p + m.none*math.Erfc(x/(m.still*math.Sqrt2)))
	density = (share*density + m.none*math.Exp(-x*x/(2*m.still*m.still))/m.still) / math.Sqrt(2*math.Pi)
	return p, density
}

// quantile finds the root by Newton's method between zero and the quantile of the widest group, halving where that leaves the bracket.
func (m *mixture) quantile(p float64) float64 {
	if p < 0.5 {
		return -m.quantile(1 - p)
	}
	z := forecast.NormalQuantile(p)
	lo, hi := 0.0, z*m.deviation[groups-1]
	x := z * m.deviation[groups/2]
	for range 60 {
		q, density := m.above(x)
		if q > 1-p {
			lo = x
		} else {
			hi = x
		}
		next := x + (q-(1-p))/density
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		done := math.Abs(next-x) <= 1e-9*hi
		x = next
		if done {
			break
		}
	}
	return x
}
