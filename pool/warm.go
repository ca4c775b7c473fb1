package pool

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// Claims is the distribution of how many warm instances are claimed within one lead time: its mean, and its index of dispersion, variance
// over mean. At a dispersion of 1 it is Poisson's and above that the negative binomial one; below 1 it counts as 1, which errs on the
// safe side.
type Claims struct{ Mean, Dispersion float64 }

// WarmStock returns the base stock of warm instances, those standing by and those on their way together: the smallest S at which a claim
// finds one standing by with probability hitRate, P(D <= S-1) >= hitRate, where every claim starts another instance and D are the claims
// of the lead time of one (Palm 1938; Feeney and Sherbrooke 1966). For a claim rate that changes, Mean is its integral over the lead
// time. It is 0 where the mean is 0. It returns an error for a mean or dispersion that is not a finite number at least 0 and for a hit
// rate outside (0, 1).
func (c Claims) WarmStock(hitRate float64) (int, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	if !(hitRate > 0 && hitRate < 1) {
		return 0, fmt.Errorf("warm stock: hit rate %v is outside (0, 1)", hitRate)
	}
	return c.search(func(s int) bool { return c.atMost(s-1) >= hitRate })
}

// Idle returns how many of a base stock of that many stand idle in the mean, the sum of (stock - j) P(D = j) over j < stock. Its errors are
// those of WarmStock.
func (c Claims) Idle(stock int) (float64, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	var idle float64
	for j := range stock {
		idle += c.atMost(j) // each of them is idle with the probability that fewer claims are on their way
	}
	return idle, nil
}

// search returns the smallest stock that is enough; none is for no claims.
func (c Claims) search(enough func(stock int) bool) (int, error) {
	if c.Mean == 0 {
		return 0, nil
	}
	most := 1
	for !enough(most) {
		if most *= 2; most > math.MaxInt32 {
			return 0, fmt.Errorf("warm stock: claims of %v with a dispersion of %v need more than %d", c.Mean, c.Dispersion, math.MaxInt32)
		}
	}
	return sort.Search(most, enough), nil
}

// atMost returns P(D <= j) (Abramowitz and Stegun 1964, 26.4.21 and 26.5.26); 0 below 0.
func (c Claims) atMost(j int) float64 {
	switch {
	case j < 0:
		return 0
	case c.Mean == 0:
		return 1
	case c.Dispersion <= poissonBelow:
		return mathext.GammaIncRegComp(float64(j+1), c.Mean)
	default:
		return mathext.RegIncBeta(c.Mean/(c.Dispersion-1), float64(j+1), 1/c.Dispersion)
	}
}

// poissonBelow is the dispersion up to which the negative binomial distribution is computed as its limit, which differs by less than the
// error that its large parameters bring.
const poissonBelow = 1 + 1e-9

func (c Claims) check() error {
	if !finite(c.Mean) || !finite(c.Dispersion) {
		return fmt.Errorf("warm stock: claims with a mean of %v and a dispersion of %v: allowed are finite numbers at least 0",
			c.Mean, c.Dispersion)
	}
	return nil
}

// claimsOf returns the mean and the dispersion of equally likely numbers of claims (Welford 1962).
func claimsOf(all []float64) Claims {
	var mean, square float64
	for i, claims := range all {
		off := claims - mean
		mean += off / float64(i+1)
		square += off * (claims - mean)
	}
	c := Claims{Mean: mean, Dispersion: 1}
	if mean > 0 && len(all) > 1 {
		c.Dispersion = max(square/float64(len(all)-1)/mean, 1)
	}
	return c
}
