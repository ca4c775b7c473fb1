package replay

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// draws gives each started instance its chances. They depend on the seed, the pool and how many were started before it, and on nothing
// else, so that two policies that start as many have the same luck.
type draws struct {
	seed  [2]uint64
	fixed int // ticks of a boot without spread
	// The logarithm of a boot in ticks is normal.
	mean, deviation float64
	spread          bool
	rate            float64 // interruptions of one instance in a tick; 0 where its whole domain fails at once
}

func newDraws(s Site, index int) draws {
	p := s.Pools[index]
	d := draws{seed: [2]uint64{s.Seed, uint64(index)}, fixed: ticks(p.LeadTime), spread: s.BootSpread > 0 && p.LeadTime > 0}
	if d.spread {
		// A lognormal of mean b and coefficient of variation v has the variance log(1+v*v) and the mean log(b) - variance/2 in logarithms.
		variance := math.Log1p(s.BootSpread * s.BootSpread)
		d.deviation = math.Sqrt(variance)
		d.mean = math.Log(float64(p.LeadTime)/float64(tick)) - variance/2
	}
	if p.Domain == "" {
		d.rate = p.Price.InterruptionsPerHour / float64(time.Hour/tick)
	}
	return d
}

// source is the randomness of the k-th instance for one purpose.
func (d draws) source(k int, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(d.seed[0]^purpose<<56, d.seed[1]<<40^uint64(k)))
}

// longestBoot bounds a random boot, in ticks: a day.
const longestBoot = 24 * 60 * 4

// boot returns how many ticks the k-th instance boots.
func (d draws) boot(k int) int {
	if !d.spread {
		return d.fixed
	}
	return int(math.Ceil(min(math.Exp(d.mean+d.deviation*d.source(k, 1).NormFloat64()), longestBoot)))
}

// lost returns the tick at which the k-th instance is interrupted.
func (d draws) lost(k, ready int) int {
	if d.rate <= 0 {
		return never
	}
	return after(ready, d.source(k, 2).ExpFloat64()/d.rate)
}

// after returns the first tick that is later than now by more than the given ticks.
func after(now int, wait float64) int {
	if wait > 1e15 {
		return never
	}
	return now + 1 + int(wait)
}

// domain is what fails together: at each of its failures every ready instance of its pools is lost, of a pool with a lower hazard than
// another's at as many of them as the hazards compare.
type domain struct {
	name  string
	pools []int
	share []float64
	rate  float64 // failures in a tick
	next  int
	rng   *rand.Rand
}

// domainsOf returns the named domains of a site's pools that are ever interrupted.
func domainsOf(s Site) []*domain {
	var out []*domain
	for i, p := range s.Pools {
		h := p.Price.InterruptionsPerHour
		if p.Domain == "" || h <= 0 {
			continue
		}
		k := slices.IndexFunc(out, func(d *domain) bool { return d.name == p.Domain })
		if k < 0 {
			sum := fnv.New64a()
			sum.Write([]byte(p.Domain))
			out = append(out, &domain{name: p.Domain, rng: rand.New(rand.NewPCG(s.Seed, sum.Sum64()))})
			k = len(out) - 1
		}
		d := out[k]
		d.pools, d.share = append(d.pools, i), append(d.share, h)
		d.rate = max(d.rate, h/float64(time.Hour/tick))
	}
	for _, d := range out {
		for i := range d.share {
			d.share[i] /= d.rate * float64(time.Hour/tick)
		}
		d.next = after(0, d.rng.ExpFloat64()/d.rate)
	}
	return out
}

// fail calls hit for every pool that is struck at the given tick. What it draws does not depend on what there is to lose.
func (d *domain) fail(now int, hit func(pool int)) {
	for now >= d.next {
		for i, p := range d.pools {
			if d.rng.Float64() < d.share[i] {
				hit(p)
			}
		}
		d.next = after(d.next, d.rng.ExpFloat64()/d.rate)
	}
}
