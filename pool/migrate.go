package pool

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Pattern is how a demand goes over time. It says which class of pool suits a fleet.
type Pattern string

// A Steady demand repeats or stays and is worth guaranteed instances; Bursty has rare short peaks and Batch runs and pauses, and elastic
// ones suit both; Growing rises over the history. UnknownPattern says nothing.
const (
	UnknownPattern Pattern = ""
	Steady         Pattern = "steady"
	Bursty         Pattern = "bursty"
	Growing        Pattern = "growing"
	Batch          Pattern = "batch"
)

// Prefers returns the class that suits the pattern; ok is false where both do.
func (p Pattern) Prefers() (c Class, ok bool) {
	switch p {
	case Steady:
		return Fixed, true
	case Bursty, Batch:
		return Variable, true
	default:
		return "", false
	}
}

// DefaultMargin is the MovePolicy's where none is given: a move saves at least half as much again as it costs. A score of 1/2 is also
// what Karpenter's balanced consolidation asks for.
const DefaultMargin = 0.5

// MovePolicy is what the operator decided about moves between pools.
type MovePolicy struct {
	// Margin is by which share of what a move costs it must save more than that; 0 stands for DefaultMargin.
	Margin float64
	// Cooldown is the least time between moves of one pair of pools. It is never less than the longer of their lead times.
	Cooldown time.Duration
	// PerHour bounds the instances moved within an hour, in all pools together; 0 for no moves.
	PerHour int
}

// MovePool is a pool as moves see it.
type MovePool struct {
	Pool Pool
	// Sizing is the pool's in the decision: what it must add, may not give away, and for how long a surplus instance is kept.
	Sizing Sizing
	// Movable is how many instances are idle or can be drained.
	Movable int
	// Idle is for how long a released instance is expected to idle before it is stopped, at most Sizing.Hold.
	Idle time.Duration
	// Drain is the time that an instance takes to leave the pool, Rejoin that to join it, and Disruption the price of disturbing what runs
	// on one, in time of an instance.
	Drain, Rejoin, Disruption time.Duration
}

// PastMove is a move that was made.
type PastMove struct {
	From, To  string
	Instances int
	At        time.Time
}

// MoveInput is all that moves depend on.
type MoveInput struct {
	Now   time.Time
	Pools []MovePool
	// Pattern is that of the fleet's demand.
	Pattern Pattern
	Policy  MovePolicy
	// Recent are the moves made lately: of the last hour, and of the longest hold, lead time and cool-down.
	Recent []PastMove
}

// Unmoved is a number of instances that one pool has to spare and another lacks, and why they are not moved. Where a pool itself is in the
// way, To or From is empty and Instances 0.
type Unmoved struct {
	From, To  string
	Instances int
	Reason    string
}

// Moves proposes which instances to take from pools that have too many into pools that have too few, and says why others are not. With
// the instances N of a pool, and its numbers of the Sizing,
//
//	surplus    = N - max(keep, add, reactive, minimum)
//	deficit    = min(max(add, reactive), maximum) - N
//	move       = min(surplus, deficit, movable, budget)
//	saving     = price of the new instance × boot + price of the released one × idle
//	disruption = price of the moved instance × (drain + disruption) + price in the other pool × rejoin
//
// and a move is made iff saving - disruption is at least Margin times the disruption; the best pairs come first. Instances move only
// between pools of equal shapes or the same types, and not from the class that suits the demand's pattern to the other. A pair of pools
// rests for the cool-down, and within its break-even time no pool gives after it received or receives after it gave, so that nothing
// goes to and fro. Where either price is unknown, an instance of both costs 1 an hour. It returns an error for input that makes no sense.
func Moves(in MoveInput) ([]Move, []Unmoved, error) {
	if err := in.validate(); err != nil {
		return nil, nil, fmt.Errorf("moves: %w", err)
	}
	m := &mover{in: in, budget: in.Policy.PerHour - in.movedWithin(time.Hour)}
	m.in.Policy.Margin = cmp.Or(in.Policy.Margin, DefaultMargin)
	m.measure()
	for _, c := range m.candidates() {
		m.decide(c)
	}
	return m.moves, m.unmoved, nil
}

func (in MoveInput) validate() error {
	switch y := in.Policy; {
	case !finite(y.Margin):
		return fmt.Errorf("margin %v is not a finite number at least 0", y.Margin)
	case y.Cooldown < 0:
		return fmt.Errorf("cool-down %s is negative", y.Cooldown)
	case y.PerHour < 0:
		return fmt.Errorf("budget of %d an hour is negative", y.PerHour)
	}
	seen := map[string]bool{}
	for _, p := range in.Pools {
		name := p.Pool.Name
		switch {
		case seen[name]:
			return fmt.Errorf("there are two pools called %q", name)
		case !finite(p.Pool.Price.Hourly):
			return fmt.Errorf("pool %s: hourly price %v is not a finite number at least 0", name, p.Pool.Price.Hourly)
		case p.Movable < 0:
			return fmt.Errorf("pool %s: %d movable instances", name, p.Movable)
		case min(p.Idle, p.Drain, p.Rejoin, p.Disruption, p.Pool.LeadTime, p.Sizing.Hold) < 0:
			return fmt.Errorf("pool %s: a time is negative", name)
		}
		seen[name] = true
	}
	return nil
}

// movedWithin returns how many instances were moved in the given time. A move after Now, by a clock that is ahead, is one of now.
func (in MoveInput) movedWithin(t time.Duration) int {
	n := 0
	for _, r := range in.Recent {
		if in.Now.Sub(r.At) < t {
			n += max(r.Instances, 0)
		}
	}
	return n
}

// mover carries the moves of one turn.
type mover struct {
	in     MoveInput
	budget int
	// surplus, deficit and movable are by pool, as they are left by the moves made so far.
	surplus, deficit, movable []int
	moves                     []Move
	unmoved                   []Unmoved
}

// measure sets what each pool has to spare and lacks. A pool whose instances are not observed has and lacks nothing.
func (m *mover) measure() {
	n := len(m.in.Pools)
	m.surplus, m.deficit, m.movable = make([]int, n), make([]int, n), make([]int, n)
	for i, p := range m.in.Pools {
		if !p.Pool.Observed {
			m.unmoved = append(m.unmoved, Unmoved{From: p.Pool.Name, Reason: "how many instances it has is not observed"})
			continue
		}
		have := p.instances()
		needs := max(p.Sizing.Add, p.Sizing.Reactive)
		m.surplus[i] = max(have-max(p.Sizing.Keep, needs, p.Pool.Min), 0)
		if p.Pool.Max > 0 {
			needs = min(needs, p.Pool.Max)
		}
		m.deficit[i] = max(needs-have, 0)
		m.movable[i] = p.Movable
	}
}

// instances returns all that the pool has, those that are not ready included.
func (p MovePool) instances() int {
	if p.Pool.Phases {
		return p.Pool.Active + p.Pool.Warming + p.Pool.Warm
	}
	return p.Pool.Active
}

// candidate is a pair of pools of which one has what the other lacks, with what moving one instance saves and costs.
type candidate struct {
	from, to           int
	saving, disruption float64
	priced             bool
}

// candidates returns all pairs, the one that gains most by an instance first.
func (m *mover) candidates() []candidate {
	var out []candidate
	for i, a := range m.in.Pools {
		for k, b := range m.in.Pools {
			if m.surplus[i] > 0 && m.deficit[k] > 0 {
				c := between(a, b)
				c.from, c.to = i, k
				out = append(out, c)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y candidate) int { return cmp.Compare(y.saving-y.disruption, x.saving-x.disruption) })
	return out
}

// between returns what moving one instance from a to b saves and costs.
func between(a, b MovePool) candidate {
	priceA, priceB := a.Pool.Price.Hourly, b.Pool.Price.Hourly
	c := candidate{priced: priceA > 0 && priceB > 0}
	if !c.priced {
		priceA, priceB = 1, 1
	}
	c.saving = priceB*b.Pool.LeadTime.Hours() + priceA*a.Idle.Hours()
	c.disruption = priceA*(a.Drain.Hours()+a.Disruption.Hours()) + priceB*b.Rejoin.Hours()
	return c
}

// decide makes the moves of one pair, or says why not.
func (m *mover) decide(c candidate) {
	wanted := min(m.surplus[c.from], m.deficit[c.to])
	if wanted == 0 {
		return // moves of better pairs have settled it
	}
	a, b := m.in.Pools[c.from], m.in.Pools[c.to]
	stay := func(n int, reason string) {
		m.unmoved = append(m.unmoved, Unmoved{From: a.Pool.Name, To: b.Pool.Name, Instances: n, Reason: reason})
	}
	if reason := m.against(c); reason != "" {
		stay(wanted, reason)
		return
	}
	n := min(wanted, m.movable[c.from], max(m.budget, 0))
	if n < wanted {
		reason := fmt.Sprintf("the budget of %d an hour is used up", m.in.Policy.PerHour)
		if m.movable[c.from] < m.budget {
			reason = "no more instances of " + a.Pool.Name + " are idle or can be drained"
		}
		stay(wanted-n, reason)
	}
	if n > 0 {
		m.make(c, n)
	}
}

// make records a move of n instances.
func (m *mover) make(c candidate, n int) {
	a, b := m.in.Pools[c.from], m.in.Pools[c.to]
	m.moves = append(m.moves, Move{
		From: a.Pool.Name, To: b.Pool.Name, Instances: n,
		Saving: float64(n) * c.saving, Disruption: float64(n) * c.disruption, Reason: m.reason(c, n),
	})
	m.surplus[c.from] -= n
	m.movable[c.from] -= n
	m.deficit[c.to] -= n
	m.budget -= n
}

// worth reports whether the saving beats the disruption by the margin.
func (c candidate) worth(margin float64) bool {
	gain := c.saving - c.disruption
	return gain > 0 && gain >= margin*c.disruption && !math.IsInf(gain, 1)
}
