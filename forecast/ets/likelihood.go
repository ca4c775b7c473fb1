package ets

import "math"

// The bounds of the smoothing parameters are those of R's ets, its "usual" region: every weight lies between least and most, beta is at
// most alpha, gamma at most 1 - alpha, and damping is kept away from none and from too much.
const (
	least    = 1e-4
	most     = 0.9999
	leastPhi = 0.8
	mostPhi  = 0.98
)

// exact is the share of the squared level below which errors are taken for rounding: a history that a model fits without any error has
// no likelihood otherwise.
const exact = 1e-20

// likelihood is -2 log L of one shape, up to a constant, as a function of the free variables: alpha, beta as its share of the way from
// least to alpha, gamma as its share of the way from least to 1 - alpha, phi, and the initial level, slope and seasonal states in units
// of the mean level. It implements objective.
type likelihood struct {
	*tape
	shape
	unit   float64   // the mean size of the observations
	season []float64 // the initial seasonal states; the last makes up the sum where they are free
	free   bool      // whether the seasonal states are variables
	roots  []float64 // room for the test of admissibility; nil where there is none
	wall   float64   // the weight of the barrier

	// What the last call of value leaves for slope and for the model.
	at     smoothing
	shares [2]float64 // of beta and gamma
	end    state
	weight float64
	plain  float64 // value without the barrier
}

// newLikelihood returns the likelihood of shape sh on the tape, with seasonal states that are variables where free says so. Seasons of
// more than 24 steps are not tested for admissibility, whose cost grows with the square of the steps.
func newLikelihood(t *tape, sh shape, unit float64, season []float64, free bool) *likelihood {
	k := &likelihood{tape: t, shape: sh, unit: unit, season: append([]float64(nil), season...), free: free && sh.Season != NoSeason}
	if sh.Season != NoSeason && sh.Trend != NoTrend && t.m <= longest {
		k.roots = make([]float64, 2*(t.m+2))
	}
	return k
}

// variables returns the places of the variables in their order, -1 for those that the shape lacks, and their number. Level is followed by
// the slope, where there is a trend, and by the seasonal states but the last, where those are free.
func (k *likelihood) variables() (beta, gamma, phi, level, n int) {
	beta, gamma, phi = -1, -1, -1
	n = 1
	if k.Trend != NoTrend {
		beta, n = n, n+1
	}
	if k.Season != NoSeason {
		gamma, n = n, n+1
	}
	if k.Trend == DampedTrend {
		phi, n = n, n+1
	}
	level, n = n, n+1
	if k.Trend != NoTrend {
		n++
	}
	if k.free {
		n += k.m - 1
	}
	return beta, gamma, phi, level, n
}

// smoothing returns the smoothing parameters at x.
func (k *likelihood) smoothing(x []float64) smoothing {
	beta, gamma, phi, _, _ := k.variables()
	p := smoothing{Alpha: x[0], Phi: 1}
	if beta >= 0 {
		p.Beta = least + x[beta]*betaSpan(p.Alpha)
	}
	if gamma >= 0 {
		p.Gamma = least + x[gamma]*gammaSpan(p.Alpha)
	}
	if phi >= 0 {
		p.Phi = x[phi]
	}
	return p
}

// betaSpan and gammaSpan are the ranges that beta and gamma have at a given alpha.
func betaSpan(alpha float64) float64  { return max(alpha-least, 0) }
func gammaSpan(alpha float64) float64 { return max(1-alpha-least, 0) }

// seasonUnit is the unit of the seasonal states: that of the observations, or one for indices.
func (k *likelihood) seasonUnit() float64 {
	if k.Season == MultiplicativeSeason {
		return 1
	}
	return k.unit
}

// load returns the parameters and the initial state at x and puts the initial seasonal states into the ring.
func (k *likelihood) load(x []float64) (smoothing, state) {
	p := k.smoothing(x)
	_, _, _, i, _ := k.variables()
	s := state{l: x[i] * k.unit}
	i++
	if k.Trend != NoTrend {
		s.b = x[i] * k.unit
		i++
	}
	if k.free {
		u, last := k.seasonUnit(), k.m-1
		rest := 0.0
		if k.Season == MultiplicativeSeason {
			rest = float64(k.m)
		}
		for j := range last {
			k.season[j] = x[i+j] * u
			rest -= k.season[j]
		}
		k.season[last] = rest
	}
	if k.Season != NoSeason {
		copy(k.ring, k.season)
	}
	return p, s
}

// value returns -2 log L up to a constant: n log of the sum of squared errors, and for a multiplicative error twice the sum of the
// logarithms of the forecasts (Hyndman et al. 2008, equation 5.4).
func (k *likelihood) value(x []float64) float64 {
	var s state
	k.at, s = k.load(x)
	beta, gamma, _, _, _ := k.variables()
	if beta >= 0 {
		k.shares[0] = x[beta]
	}
	if gamma >= 0 {
		k.shares[1] = x[gamma]
	}
	if k.Season == MultiplicativeSeason && k.free {
		for _, v := range k.season {
			if v <= 0 {
				return math.Inf(1)
			}
		}
	}
	inside := 0.0
	if k.roots != nil {
		if inside = distance(k.at, k.m, k.roots); math.IsInf(inside, 1) {
			return inside
		}
	}
	end, sum := k.forward(k.shape, k.at, s)
	if !sum.ok {
		return math.Inf(1)
	}
	k.end = end
	n := float64(k.present)
	squares := sum.squares + n*exact*k.noise()
	k.weight = n / squares
	v := n * math.Log(squares)
	if k.Error == MultiplicativeError {
		v += 2 * sum.logs
	}
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	k.plain = v
	return v + k.wall*inside
}

// noise is the unit of squared errors.
func (k *likelihood) noise() float64 {
	if k.Error == MultiplicativeError {
		return 1
	}
	return k.unit * k.unit
}

// slope fills g with the derivative of value at the x that it was last called with.
func (k *likelihood) slope(g []float64) {
	d := k.backward(k.shape, k.at, k.weight)
	if k.roots != nil {
		k.repel(&d.smoothing)
	}
	beta, gamma, phi, i, _ := k.variables()
	g[0] = d.Alpha
	if beta >= 0 {
		g[beta] = d.Beta * betaSpan(k.at.Alpha)
		g[0] += d.Beta * k.shares[0]
	}
	if gamma >= 0 {
		g[gamma] = d.Gamma * gammaSpan(k.at.Alpha)
		g[0] -= d.Gamma * k.shares[1]
	}
	if phi >= 0 {
		g[phi] = d.Phi
	}
	g[i] = d.l * k.unit
	i++
	if k.Trend != NoTrend {
		g[i] = d.b * k.unit
		i++
	}
	if k.free {
		u, last := k.seasonUnit(), k.ring[k.m-1]
		for j := range k.m - 1 {
			g[i+j] = (k.ring[j] - last) * u
		}
	}
}

// box returns the bounds of the variables and a guess of the diagonal of the inverse Hessian at x: the inverse of the expected
// information if the errors are independent and every observation forgets the initial states at the rate of the smoothing parameters.
func (k *likelihood) box(x []float64) (lo, hi, scale []float64) {
	beta, gamma, phi, level, n := k.variables()
	buffer := make([]float64, 3*n)
	lo, hi, scale = buffer[:n], buffer[n:2*n], buffer[2*n:]
	for i := range n {
		lo[i], hi[i] = math.Inf(-1), math.Inf(1)
	}
	p := k.smoothing(x)
	count := float64(k.present)
	kept := func(weight float64) float64 { return 1 / (1 - (1-weight)*(1-weight) + 1/count) }
	lo[0], hi[0], scale[0] = least, most, 0.5/(count*kept(p.Alpha))
	if beta >= 0 {
		lo[beta], hi[beta], scale[beta] = 0, 1, 0.5/(count*p.Alpha*p.Alpha*math.Pow(kept(p.Alpha), 3))
	}
	if gamma >= 0 {
		lo[gamma], hi[gamma] = 0, 1
		scale[gamma] = 0.5 / (count * kept(p.Gamma) * max(1-p.Alpha, 0.05) * max(1-p.Alpha, 0.05))
	}
	if phi >= 0 {
		lo[phi], hi[phi], scale[phi] = leastPhi, mostPhi, 1e-3
	}
	info := 2 * k.weight // the information of one observation about its forecast
	if k.Error == AdditiveError {
		info *= k.unit * k.unit
	}
	scale[level] = 1 / (info * kept(p.Alpha))
	if k.Trend != NoTrend {
		scale[level+1] = 1 / (2 * info * math.Pow(kept(p.Alpha), 3))
	}
	if k.free {
		for i := n - k.m + 1; i < n; i++ {
			scale[i] = 1 / (info * min(kept(p.Gamma), count/float64(k.m)))
		}
	}
	return lo, hi, scale
}

// repel adds the derivative of the barrier, by differences taken inwards where outwards there is none.
func (k *likelihood) repel(g *smoothing) {
	at := distance(k.at, k.m, k.roots)
	f := func(v, g *float64, limit float64) {
		old := *v
		d := 1e-7 * limit
		*v = old + d
		up := distance(k.at, k.m, k.roots)
		*v = old - d
		down := distance(k.at, k.m, k.roots)
		*v = old
		switch {
		case math.IsInf(up, 1) && math.IsInf(down, 1):
		case math.IsInf(up, 1):
			*g += k.wall * (at - down) / d
		case math.IsInf(down, 1):
			*g += k.wall * (up - at) / d
		default:
			*g += k.wall * (up - down) / (2 * d)
		}
	}
	f(&k.at.Alpha, &g.Alpha, k.at.Alpha)
	f(&k.at.Beta, &g.Beta, k.at.Beta)
	f(&k.at.Gamma, &g.Gamma, k.at.Gamma)
	if k.Trend == DampedTrend {
		f(&k.at.Phi, &g.Phi, 1)
	}
}
