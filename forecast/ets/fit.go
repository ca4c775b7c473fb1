package ets

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// point is a place to start a fit from: smoothing parameters, beta and gamma as shares of their ranges, and initial states.
type point struct {
	alpha, beta, gamma, phi float64
	start
}

// The smoothing parameters from which fits start. The first, whose alpha is 0.2 over the season's steps, is that of R's ets; the others
// are there because likelihoods of exponential smoothing often have several maxima.
func guesses(sh shape, m int) []point {
	betas, gammas := []float64{0.02}, []float64{0.2}
	if sh.Trend != NoTrend {
		betas = []float64{0.02, 0.2, 0.6}
	}
	if sh.Season != NoSeason {
		betas = betas[:min(len(betas), 2)]
		gammas = []float64{0.05, 0.6}
	}
	g := []point{{alpha: least + 0.2*(most-least)/float64(m), beta: 0.1, gamma: 0.05, phi: 0.978}}
	for _, alpha := range []float64{0.1, 0.4, 0.8} {
		for _, beta := range betas {
			for _, gamma := range gammas {
				g = append(g, point{alpha: alpha, beta: beta, gamma: gamma, phi: 0.9})
			}
		}
	}
	return g
}

// pack returns the variables at p.
func (k *likelihood) pack(p point) []float64 {
	beta, gamma, phi, i, n := k.variables()
	x := make([]float64, n)
	x[0] = p.alpha
	if beta >= 0 {
		x[beta] = p.beta
	}
	if gamma >= 0 {
		x[gamma] = p.gamma
	}
	if phi >= 0 {
		x[phi] = p.phi
	}
	x[i] = p.l / k.unit
	i++
	if k.Trend != NoTrend {
		x[i] = p.b / k.unit
		i++
	}
	if k.free {
		for j := range k.m - 1 {
			x[i+j] = p.season[j] / k.seasonUnit()
		}
	}
	return x
}

// unpack returns the point at x; what the shape lacks is taken from p.
func (k *likelihood) unpack(x []float64, p point) point {
	beta, gamma, phi, _, _ := k.variables()
	_, s := k.load(x)
	p.alpha, p.l = x[0], s.l
	if beta >= 0 {
		p.beta, p.b = x[beta], s.b
	}
	if gamma >= 0 {
		p.gamma = x[gamma]
	}
	if phi >= 0 {
		p.phi = x[phi]
	}
	p.season = slices.Clone(k.season)
	return p
}

// How closely -2 log L is minimised: by the decrease that one more step is expected to bring, by the steps taken at most and by the
// weight of the barrier around the admissible region. The rough ones serve to compare shapes, the close ones to settle the chosen.
const (
	roughly, roughLimit, roughWall = 1e-4, 120, 1e-2
	closely, closeLimit, closeWall = 1e-11, 400, 1e-5
)

// candidate is a shape with its likelihood minimised.
type candidate struct {
	k *likelihood
	*descent
}

// differ reports whether alpha or beta differ by enough for two starts to be worth while.
func (k *likelihood) differ(a, b []float64) bool {
	const enough = 0.25
	return math.Abs(a[0]-b[0]) > enough || k.Trend != NoTrend && math.Abs(a[1]-b[1]) > enough
}

// estimate minimises k roughly from the best of the points and, up to the given number of runs, from the next best that
// differ. It returns nil where the shape has no likelihood at any of them.
func estimate(ctx context.Context, k *likelihood, points []point, runs int) (*candidate, error) {
	type tried struct {
		x     []float64
		value float64
	}
	k.wall = roughWall
	all := make([]tried, 0, len(points))
	for _, p := range points {
		x := k.pack(p)
		if v := k.value(x); !math.IsInf(v, 1) {
			all = append(all, tried{x, v})
		}
	}
	slices.SortStableFunc(all, func(a, b tried) int { return cmp.Compare(a.value, b.value) })
	var best *candidate
	var from [][]float64
	for _, t := range all {
		if len(from) == runs || slices.ContainsFunc(from, func(x []float64) bool { return !k.differ(x, t.x) }) {
			continue
		}
		from = append(from, slices.Clone(t.x))
		k.value(t.x)
		lo, hi, scale := k.box(t.x)
		c := &candidate{k, newDescent(k, t.x, lo, hi, scale)}
		if err := c.run(ctx, roughly, roughLimit); err != nil {
			return nil, err
		}
		if best == nil || c.fx < best.fx {
			best = c
		}
	}
	return best, ctx.Err()
}

// settle goes on to the minimum itself.
func (c *candidate) settle(ctx context.Context) error {
	c.k.wall = closeWall
	c.renew()
	return c.run(ctx, closely, closeLimit)
}

// aicc returns Akaike's information criterion corrected for the length of the history (FPP3, section 8.6), up to a constant, and +Inf
// where there are too few observations for it.
func (c *candidate) aicc() float64 {
	n, p := float64(c.k.present), float64(c.k.count(c.k.m)+1)
	if n-p-1 <= 0 {
		return math.Inf(1)
	}
	c.k.value(c.x)
	return c.k.plain + 2*p + 2*p*(p+1)/(n-p-1)
}

// The errors of a shape with a multiplicative error are small where neither the variance of one step nor that of the level after so many
// steps, relative to its square and to first order, reaches its limit. Beyond, a normal distribution has too much below zero and second
// moments grow by a factor a step.
const (
	tameVariance = 0.1
	tameLevel    = 1.0
	tameSteps    = 200
)

// tame reports whether the shape's variance stays in proportion to its mean.
func (c *candidate) tame() bool {
	if c.k.Error == AdditiveError {
		return true
	}
	c.k.value(c.x)
	r := response{smoothing: c.k.at, power: 1}
	if c.k.Season != NoSeason {
		r.m = c.k.m
	}
	sum := 0.0
	for range tameSteps {
		v := r.next()
		sum += v * v
	}
	variance := c.k.variance()
	return variance < tameVariance && variance*sum < tameLevel
}
