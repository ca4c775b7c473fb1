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
	// Share is the share of misses that windows are sized for over the one that is allowed; 0 counts as 1.
	Share float64
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
	// Limited says that a limit kept it from what it should have been.
	Limited bool
}

const (
	// paceTurns is the number of turns without a miss in which the share of misses that windows are sized for grows by a factor of e, where
	// every turn has a grid point of its own. Where the grid is n turns wide they are sqrt(n) times as many: n turns then tend to miss
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

// shareUnit is what Share is a whole multiple of, so that one that is told as a probability comes back the same.
const shareUnit = 1e-9

// PaceOf returns the Pace of an earlier process that sized windows with a working probability where p was asked for.
func PaceOf(working, p float64) Pace {
	if !(working > 0 && working < 1) {
		return Pace{}
	}
	return Pace{Share: bounded((1-working)/(1-p), p)}
}

// working returns the probability that windows are sized with where p is asked for.
func (c Pace) working(p float64) float64 {
	if c.Share == 0 {
		return p
	}
	return 1 - (1-p)*bounded(c.Share, p)
}

// bounded keeps a share of misses within what is reasonable where p is asked for.
func bounded(share, p float64) float64 {
	most := min(paceMore, max((1-paceLeast)/(1-p), 1))
	return math.Round(min(max(share, paceLess), most)/shareUnit) * shareUnit
}

// settle compares the present demand with what the plans of the turns before made ready for it. What no plan could have met, since the pools
// or a limit are in the way, is no miss, and a demand of which full capacity hides a part is one.
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
	if !known || in.Excluded {
		return c
	}
	var missed float64
	demand := min(in.Demand+in.Pending, capacityAtMost(in.Pools))
	switch short := demand - ready; {
	case short > roundOff*demand:
		missed = max(1, paceShort*short/demand)
	case in.Hidden && in.Demand < capacityAtMost(in.Pools):
		missed = 1
	}
	allowed := paceAim * (1 - in.Policy.Probability)
	wide := max(float64(in.Forecast.Step)/float64(in.Policy.Interval), 1)
	turns := float64(since) / float64(in.Policy.Interval)
	grown := math.Exp(turns / (paceTurns * math.Sqrt(wide)) * (1 - missed/allowed))
	share := c.Share
	if share == 0 {
		share = 1
	}
	c.Share = bounded(share*grown, in.Policy.Probability)
	return c
}

// capacityAtMost returns the demand that the pools serve at their maximum.
func capacityAtMost(pools []Pool) (sum float64) {
	for _, s := range supplies(pools) {
		sum += s.capacity(s.most())
	}
	return sum
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
			if made.Limited {
				return 0, false
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
func (c Pace) after(in Input, targets []Target, limited bool) Pace {
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
	made := Planned{At: in.Now, Targets: make([]Target, 0, len(targets)), Limited: limited}
	for _, t := range targets {
		made.Targets = append(made.Targets, Target{Pool: t.Pool, Instances: t.Instances})
	}
	c.Plans = append(slices.Clone(c.Plans[first:]), made)
	return c
}
