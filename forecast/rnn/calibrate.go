package rnn

import (
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// trained is a network and what its errors on the held-out windows say. It is immutable.
type trained struct {
	layout layout
	net    *net
	// factors stretch, per bucket of steps and per probability, the distance of a quantile from the median. Those of p and 1-p are equal:
	// what a few held-out windows say of the side is mostly what happened on those days.
	factors [][]float64
	// rho is the correlation of the errors of neighbouring steps.
	rho float64
}

const (
	// priorWindows is how many independent held-out windows a factor of one stands for; factorLow and factorHigh bound the factors.
	priorWindows, factorLow, factorHigh = 20.0, 0.5, 3.0
	// rhoHigh bounds the correlation of neighbouring steps, rhoPrior is taken where nothing is known of it.
	rhoHigh, rhoPrior = 0.98, 0.7
	// median is the index of 0.5 in probabilities, lower and upper are those of 0.1 and 0.9.
	lower, median, upper = 2, 4, 6
)

// calibrate returns the trained network with factors that give its quantiles their coverage on the held-out windows: split conformal
// prediction (Vovk, Gammerman and Shafer 2005; Romano, Patterson and Candes 2019), relative to the network's own quantiles and drawn
// towards one where the held-out windows are few.
func (t *trainer) calibrate() *trained {
	out := &trained{layout: t.layout, net: t.net}
	ratios := make([][]float64, t.net.buckets()*quantileCount)
	pairs := &correlation{}
	for _, b := range t.held {
		t.net.forward(b)
		t.net.shiftAll(b)
		for k := range b.batch {
			t.collect(b, k, ratios, pairs)
		}
	}
	var count float64 // of windows that do not overlap
	for _, s := range t.sources {
		count += float64(max(1, (s.to-s.held)/t.layout.horizon))
	}
	for i := range t.net.buckets() {
		factors := make([]float64, quantileCount)
		for j, p := range probabilities {
			factors[j] = factorOf(ratios[i*quantileCount+mirror(j)], p, count/(count+priorWindows))
		}
		out.factors = append(out.factors, factors)
	}
	out.rho = pairs.value()
	return out
}

// mirror returns the index of p or of 1-p, whichever is smaller.
func mirror(j int) int { return min(j, quantileCount-1-j) }

// collect adds the errors of window k of b, as multiples of the network's own deviations, to ratios and pairs.
func (t *trainer) collect(b *batch, k int, ratios [][]float64, pairs *correlation) {
	out, target, known := b.out.row(k), b.target.row(k), b.known.row(k)
	before, last := math.NaN(), 0
	for i, y := range target {
		if known[i] == 0 {
			continue
		}
		q := out[i*quantileCount : (i+1)*quantileCount]
		slices.Sort(q)
		e := float64(y - q[median])
		for j := range q {
			if d := float64(q[j] - q[median]); d != 0 {
				r := &ratios[t.net.bucket[i]*quantileCount+mirror(j)]
				*r = append(*r, e/d)
			}
		}
		e /= float64(q[upper]-q[lower]) + floor
		if h := t.layout.knots[i]; h == last+1 {
			pairs.add(before, e)
		}
		before, last = e, t.layout.knots[i]
	}
}

// factorOf returns by how much the deviation of the quantile at probability p must be stretched for the ratios to be below it as often as
// p says, drawn towards one by the share that evidence leaves.
func factorOf(ratios []float64, p, evidence float64) float64 {
	if len(ratios) == 0 {
		return 1
	}
	f := forecast.NewSample(ratios).Quantile(max(p, 1-p))
	return 1 + evidence*(min(max(f, factorLow), factorHigh)-1)
}

// correlation sums products of pairs of errors.
type correlation struct{ xx, yy, xy float64 }

// errorLimit cuts errors, in 80 % intervals, so that a few do not decide the correlation.
const errorLimit = 2

// add adds a pair; a missing one counts nothing.
func (c *correlation) add(x, y float64) {
	if x != x || y != y {
		return
	}
	x, y = min(max(x, -errorLimit), errorLimit), min(max(y, -errorLimit), errorLimit)
	c.xx += x * x
	c.yy += y * y
	c.xy += x * y
}

// value returns the correlation, between 0 and rhoHigh.
func (c *correlation) value() float64 {
	if c.xx == 0 || c.yy == 0 {
		return rhoPrior
	}
	return min(max(c.xy/math.Sqrt(c.xx*c.yy), 0), rhoHigh)
}
