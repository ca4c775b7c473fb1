package pool

import (
	"cmp"
	"math"
	"slices"
)

// A score is a function of the share of an instance that a job takes, by which the lower bound counts jobs. It is dual feasible: shares
// that sum to at most 1 have scores that do (Fekete and Schepers 2001, New classes of fast lower bounds for bin packing problems).
type score func(x float64) float64

// scoreRoundOff is the distance within which a share counts as a whole part: ten times what fits counts as rounding.
const scoreRoundOff = 10 * roundOff

// plain is the share itself.
func plain(x float64) float64 { return x }

// rounded is x where that is a multiple of 1/(k+1), and otherwise floor((k+1)x)/k (u of section 2.1): a job of which k go into an
// instance counts as a k-th of it.
func rounded(k float64) score {
	return func(x float64) float64 {
		parts := (k + 1) * x
		if whole := math.Round(parts); math.Abs(parts-whole) <= (k+1)*scoreRoundOff {
			return min(x, whole/(k+1))
		}
		return math.Floor(parts) / k
	}
}

// trimmed is 1 above 1-e, 0 below e and x in between (U of section 2.2).
func trimmed(e float64) score {
	return func(x float64) float64 {
		switch {
		case x > 1-e+scoreRoundOff:
			return 1
		case x < e+scoreRoundOff:
			return 0
		}
		return x
	}
}

// mostReferences is of how many jobs, the largest in all, the bound tries the scores that are exact where there are no others.
const mostReferences = 32

// mixes are weights of the dimensions, all that are multiples of a quarter.
var mixes = func() (out []vector) {
	for i := range 5 {
		for k := range 5 - i {
			out = append(out, vector{float64(i) / 4, float64(k) / 4, float64(4-i-k) / 4})
		}
	}
	return out
}()

// scoring chooses the score of a type and a dimension. Each may have its own, since each is a bound of its own.
type scoring func(kind, d int) score

// scorings returns those to try: the share, trimmed shares, and shares rounded as suits one job.
func (p *packer) scorings(counts []int) []scoring {
	out := []scoring{func(int, int) score { return plain }}
	for _, e := range []float64{0.1, 0.2, 0.25, 0.3, 1.0 / 3, 0.4, 0.5} {
		s := trimmed(e)
		out = append(out, func(int, int) score { return s })
	}
	order := make([]int, len(p.jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(float64(counts[b])*p.sizes[b], float64(counts[a])*p.sizes[a])
	})
	for _, i := range order[:min(len(order), mostReferences)] {
		out = append(out, func(kind, d int) score {
			many := math.Floor(p.offers[kind][d] / p.asks[i][d] * (1 + roundOff))
			if !(many >= 1 && many < math.MaxInt32) {
				return plain
			}
			return rounded(many)
		})
	}
	return out
}

// bound returns what no packing of counts of each job costs less than. A job is charged, in each type that holds it, the cost of an
// instance times its score there, and of these the least. The jobs in one instance are then charged at most its cost, since scores sum to
// at most 1 in every dimension and so in any mean of dimensions; all jobs together are charged at most what all instances cost. The
// largest charge over scores and means is the bound, and the cheapest instance that holds the dearest job is one too.
func (p *packer) bound(counts []int) float64 {
	var most float64
	whole := p.shares(func(int, int) score { return func(float64) float64 { return 1 } })
	for i, n := range counts {
		if n > 0 {
			most = max(most, p.charge(whole[i], vector{1, 0, 0}))
		}
	}
	for _, s := range p.scorings(counts) {
		shares := p.shares(s)
		for _, mix := range append([]vector{p.weights}, mixes...) {
			var sum float64
			for i, n := range counts {
				if n > 0 {
					sum += float64(n) * p.charge(shares[i], mix)
				}
			}
			most = max(most, sum)
		}
	}
	// Whole instances of one cost make a whole multiple of it.
	if c := p.costs[0]; c > 0 && !slices.ContainsFunc(p.costs, func(other float64) bool { return other != c }) {
		most = c * math.Ceil(most/c-float64(len(p.jobs)+1)*roundOff)
	}
	return most
}

// misplaced is the score of a job in a type that does not hold it.
const misplaced = 2

// shares returns the scores by job, type and dimension; all are misplaced where the job does not fit the type.
func (p *packer) shares(s scoring) [][]vector {
	out := make([][]vector, len(p.jobs))
	for i := range p.jobs {
		out[i] = make([]vector, len(p.types))
	}
	for k, offer := range p.offers {
		for d := range offer {
			f := s(k, d)
			for i, ask := range p.asks {
				switch {
				case ask.lacks(offer) >= 0:
					out[i][k][d] = misplaced
				case offer[d] > 0:
					out[i][k][d] = f(min(ask[d]/offer[d], 1))
				}
			}
		}
	}
	return out
}

// charge returns the least cost of a job over types, its scores by type and dimension being shares.
func (p *packer) charge(shares []vector, mix vector) float64 {
	least := math.Inf(1)
	for k, s := range shares {
		if s[0] < misplaced {
			least = min(least, p.costs[k]*(mix[0]*s[0]+mix[1]*s[1]+mix[2]*s[2]))
		}
	}
	return least
}
