package pool

import (
	"math"
	"slices"
	"time"
)

// Pace is what a fleet's decisions hand on from turn to turn, so that over time demand is met as often as asked and not more often, which
// would cost instances that nobody needs. A window sized with the probability asked for is met more often than that: instances are
// whole, a surplus is kept for its break-even time, and the reactive need is met whatever was forecast. And it is met less often where the
// forecast is too sure of itself. So the probability that windows are sized with follows from how often the plans were enough, as in
// adaptive conformal inference (Gibbs and Candes 2021). The zero Pace begins with the probability asked for. It is immutable.
type Pace struct {
	// Working is the probability that windows are sized with; 0 for that which is asked for.
	Working float64
	// Plans are the plans of the latest turns, the earliest first, back to the longest lead time. Of their targets only the pool and its
	// instances count.
	Plans []Planned
	// Settled is the time of the latest observation that was compared with what the plans made ready for it.
	Settled time.Time
	// Skill is how good the forecast is beside the naive one.
	Skill Skill
}

// Planned is the plan of one turn.
type Planned struct {
	At      time.Time
	Targets []Target
}

const (
	// paceTurns is the number of turns without a miss in which the share of misses that windows are sized for grows by a factor of e, where
	// every turn has an observation of its own. Where observations are n turns apart they are sqrt(n) times as many: n turns then miss
	// together, and what is slower to swing is slower to learn.
	paceTurns = 2000
	// paceAim is the part of the allowed misses that is aimed for: what is left makes up for the time that an adaptation takes.
	paceAim = 0.85
	// paceShort is how much more a miss counts that leaves all of the demand unserved than one that leaves almost none.
	paceShort = 2
	// A window is sized for paceLess times the allowed misses at least and paceMore times as many at most. A demand that no forecast
	// foresees must not be chased at any cost, and a calm month must not leave a fleet without a margin.
	paceLess, paceMore = 1. / 3, 10
	// paceLook is how long it may take until somebody looks at what is wanted.
	paceLook = 15 * time.Second
	// paceLate is how old an observation may be when it is compared.
	paceLate = 5 * time.Minute
	// paceLeast is the least probability that windows are sized with, where not less is asked for.
	paceLeast = 0.5
)

// working returns the probability that windows are sized with where p is asked for.
func (c Pace) working(p float64) float64 {
	if !(c.Working > 0 && c.Working < 1) {
		return p
	}
	return bounded(c.Working, p)
}

// bounded keeps a working probability near the one that is asked for.
func bounded(working, p float64) float64 {
	most := min(paceMore*(1-p), max(1-p, 1-paceLeast))
	return 1 - min(max(1-working, paceLess*(1-p)), most)
}

// settle compares the present demand with what the plans of the turns before made ready for it.
func (c Pace) settle(in Input) Pace {
	if !in.DemandAt.After(c.Settled) || in.Now.Sub(in.DemandAt) > paceLate {
		return c
	}
	since := in.Policy.Interval
	if !c.Settled.IsZero() {
		since = min(in.DemandAt.Sub(c.Settled), time.Hour)
	}
	ready, known := c.ready(in.Pools, in.Policy.Interval, in.DemandAt)
	c.Settled = in.DemandAt
	if !known {
		return c
	}
	var missed float64
	if demand := in.Demand + in.Pending; demand-ready > roundOff*demand {
		missed = max(1, paceShort*(demand-ready)/demand)
	}
	allowed := paceAim * (1 - in.Policy.Probability)
	apart := max(float64(in.Forecast.Step)/float64(in.Policy.Interval), 1)
	turns := float64(since) / float64(in.Policy.Interval)
	grown := math.Exp(turns / (paceTurns * math.Sqrt(apart)) * (1 - missed/allowed))
	c.Working = bounded(1-(1-c.working(in.Policy.Probability))*grown, in.Policy.Probability)
	return c
}

// ready returns the demand that the plans have instances for at a time: of each pool those that were wanted all the time since its lead
// time before. known is false where the plans do not reach back that far.
func (c Pace) ready(pools []Pool, interval time.Duration, at time.Time) (capacity float64, known bool) {
	for i, p := range pools {
		from := at.Add(-p.LeadTime - interval - paceLook)
		least := -1
		for _, made := range slices.Backward(c.Plans) {
			if made.At.After(at) {
				continue
			}
			n, ok := Plan{Targets: made.Targets}.Instances(p.Name)
			if !ok {
				return 0, false
			}
			if least < 0 || n < least {
				least = n
			}
			if !made.At.After(from) {
				known = true
				break
			}
			known = false
		}
		if !known {
			return 0, false
		}
		capacity += supplies(pools[i : i+1])[0].capacity(max(least, 0))
	}
	return capacity, known
}

// after returns the Pace once a plan was made, without what lies further back than any later turn looks.
func (c Pace) after(in Input, targets []Target) Pace {
	var longest time.Duration
	for _, p := range in.Pools {
		longest = max(longest, p.LeadTime)
	}
	from, first := in.Now.Add(-longest-in.Policy.Interval-paceLook-paceLate), 0
	for i, made := range c.Plans {
		if !made.At.After(from) {
			first = i
		}
	}
	made := Planned{At: in.Now, Targets: make([]Target, 0, len(targets))}
	for _, t := range targets {
		made.Targets = append(made.Targets, Target{Pool: t.Pool, Instances: t.Instances})
	}
	c.Plans = append(slices.Clone(c.Plans[first:]), made)
	return c
}
