package pool

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// guard applies the guards to counts in the order in which a later one may undo an earlier: the limits on what a forecast may raise,
// the holds, the bounds on one turn's change, and last the two that nothing overrides: the reactive floor and the bounds of the pool.
// It returns those that changed a count, or that hold the fleet as a whole.
func (s *sizer) guard() []Guard {
	var g guards
	s.floor(&g) // so that the limits see what is needed anyway
	s.lift(&g)
	s.budget(&g)
	s.hold(&g)
	s.steps(&g)
	s.floor(&g)
	s.bounds(&g)
	if s.naive == 1 && s.in.Paths != nil {
		n := sum(s.counts)
		g.add(GuardSkill, "", n, n, "the forecast's score is %.2g times that of the last value with its usual changes, which is planned with", s.pace.Skill.ratio())
	}
	if s.in.Policy.Killed {
		g.add(GuardKillSwitch, "", sum(s.counts), sum(s.reactive), "the kill switch is on: doors answer with the reactive need")
	}
	return g
}

type guards []Guard

func (g *guards) add(name, pool string, from, to int, format string, args ...any) {
	*g = append(*g, Guard{Name: name, Pool: pool, From: from, To: to, Reason: fmt.Sprintf(format, args...)})
}

// limited reports whether a limit lowered a plan.
func limited(guards []Guard) bool {
	return slices.ContainsFunc(guards, func(g Guard) bool {
		return g.Name == GuardLift || g.Name == GuardBudget || g.Name == GuardStepUp
	})
}

// lower changes pool i's count to at most n and records it.
func (s *sizer) lower(g *guards, name string, i, n int, format string, args ...any) {
	if s.counts[i] > n {
		g.add(name, s.in.Pools[i].Name, s.counts[i], n, format, args...)
		s.counts[i] = n
	}
}

// raise changes pool i's count to at least n and records it.
func (s *sizer) raise(g *guards, name string, i, n int, format string, args ...any) {
	if s.counts[i] < n {
		g.add(name, s.in.Pools[i].Name, s.counts[i], n, format, args...)
		s.counts[i] = n
	}
}

// lift is I2: the plan serves at most lift times what the reactive need serves, one instance of the first pool at least.
func (s *sizer) lift(g *guards) {
	lift := s.in.Policy.Limits.Lift
	if lift <= 0 {
		return
	}
	plain := slices.Clone(s.in.Pools) // head-room is not lifted
	for i := range plain {
		plain[i].Risk = Risk{}
	}
	needed, _ := fill(plain, s.present)
	base := max(capacityOf(plain, needed), plain[fillOrder(plain)[0]].Capacity)
	most, _ := fill(s.in.Pools, lift*base)
	for i := range s.counts {
		s.lower(g, GuardLift, i, most[i], "the plan may serve at most %g times the reactive capacity of %g", lift, base)
	}
}

// budget is I2: instances are given up, those filled last first, until the plan costs no more than the budget or is the reactive need.
func (s *sizer) budget(g *guards) {
	limit := s.in.Policy.Limits.HourlyCost
	if limit <= 0 {
		return
	}
	all := supplies(s.in.Pools)
	order := fillOrder(s.in.Pools)
	slices.Reverse(order)
	for _, i := range order {
		over := planOf(s.in.Pools, s.counts, 0).HourlyCost - limit*(1+roundOff)
		if over <= 0 {
			return
		}
		now, least := s.counts[i], min(s.reactive[i], s.counts[i])
		given := sort.Search(now-least, func(k int) bool { return all[i].cost(now)-all[i].cost(now-k) >= over })
		n := now - given
		if all[i].cost(n) < all[i].cost(now) {
			s.lower(g, GuardBudget, i, n, "the plan may cost at most %g an hour", limit)
		}
	}
}

// collapse is the share of the largest demand of the hour before a failure below which a demand has collapsed, if the workload fails too.
const collapse = 0.5

// hold is I4 and I6: while the demand is not known nothing shrinks, and without a usable forecast the previous plan stays where it is, from
// where the bound on a step down lets it decay to the reactive need.
func (s *sizer) hold(g *guards) {
	age := s.in.Now.Sub(s.in.DemandAt).Round(time.Second)
	for i, n := range s.previous {
		switch {
		case n < 0:
		case s.in.stale():
			s.raise(g, GuardStale, i, n, "the last observation is %s old: nothing shrinks", age)
		case s.in.Failing && s.in.Demand < collapse*s.in.Recent:
			s.raise(g, GuardCollapse, i, n, "the workload fails and its demand of %.4g is far below the %.4g of the hour before: nothing shrinks", s.in.Demand, s.in.Recent)
		case s.in.Paths == nil:
			next := n - max(s.in.Policy.Limits.StepDown, 1)
			s.raise(g, GuardDecay, i, max(next, s.reactive[i]), "no usable forecast: the plan decays to the reactive need")
		}
	}
}

// steps is I3: one turn changes a pool by a bounded number of instances, up and down separately.
func (s *sizer) steps(g *guards) {
	up, down := s.in.Policy.Limits.StepUp, s.in.Policy.Limits.StepDown
	for i, n := range s.previous {
		if n < 0 {
			continue
		}
		if up > 0 {
			s.lower(g, GuardStepUp, i, n+up, "at most %d more in one turn", up)
		}
		if down > 0 {
			s.raise(g, GuardStepDown, i, n-down, "at most %d fewer in one turn", down)
		}
	}
}

// floor is I1: the decision is never below the reactive need.
func (s *sizer) floor(g *guards) {
	for i, n := range s.reactive {
		s.raise(g, GuardReactive, i, n, "the present demand needs them")
	}
}

// bounds is I2: the minimum and maximum of a pool hold whatever else is asked. That the demand planned for does not fit is said even
// where it changes no count, since fill never exceeds a maximum.
func (s *sizer) bounds(g *guards) {
	full := true
	for i, supply := range supplies(s.in.Pools) {
		most := supply.most()
		s.lower(g, GuardMaximum, i, most, "the pool has at most %d instances", most)
		full = full && s.counts[i] == most
	}
	if _, unmet := fill(s.in.Pools, s.target); full && unmet > 0 {
		n := sum(s.counts)
		g.add(GuardMaximum, "", n, n, "every pool is at its maximum; %.0f of a demand of %.0f is not served", unmet, s.target)
	}
}

func sum(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
