package pool

import (
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Decide makes the decision of one turn. For each pool of lead time L and break-even time H, with Q the quantile at the policy's
// probability and R the time between turns:
//
//	add      = instances for Q(max demand over [now+L, now+L+R])   an instance asked for now serves from now+L
//	keep     = instances for Q(max demand over [now, now+L+H])     one released now is not back before now+L
//	reactive = instances for the present demand with what is pending
//	N        = max(add, min(previous, keep), reactive)
//
// after which the guards apply. It returns an error wrapping ErrNoDemand where the demand has been unknown for too long, and then
// nothing must be published: the last decision runs out.
func Decide(in Input) (Decision, error) {
	if err := in.validate(); err != nil {
		return Decision{}, err
	}
	if !usable(in) {
		in.Paths = nil
	}
	s := &sizer{in: in, present: in.Demand + in.Pending}
	s.reactive, _ = fill(in.Pools, s.present)
	s.size()
	guards := s.guard()
	d := Decision{
		Fleet: in.Fleet, At: in.Now, ValidUntil: in.Now.Add(in.Policy.Validity), Mode: in.Policy.Mode, Killed: in.Policy.Killed,
		Forecast: in.Forecast, Peaks: forecast.RunningPeaks(in.Paths),
		Demand: in.Demand, Pending: in.Pending, DemandAt: in.DemandAt, Probability: in.Policy.Probability,
		Reactive: planOf(in.Pools, s.reactive, s.present), Plan: planOf(in.Pools, s.counts, s.target),
		Sizing: s.sizing, Guards: guards,
	}
	return d, nil
}

// sizer carries one decision from its input to the counts.
type sizer struct {
	in      Input
	present float64 // the present demand, pending work included
	target  float64 // the largest demand planned for
	// reactive and counts are instances by pool; previous holds -1 where it is not known.
	reactive, counts, previous []int
	sizing                     []Sizing
}

// size fills counts and sizing: the formula of Decide before the guards.
func (s *sizer) size() {
	in := s.in
	s.previous = previousCounts(in.Pools, in.Previous)
	s.counts = make([]int, len(in.Pools))
	s.sizing = make([]Sizing, len(in.Pools))
	s.target = s.present
	for i, p := range in.Pools {
		z := Sizing{
			Pool: p.Name, LeadTime: p.LeadTime, Hold: in.Policy.hold(p), Reactive: s.reactive[i], Previous: s.previous[i],
			Add: s.reactive[i], Keep: s.reactive[i], AddDemand: s.present, KeepDemand: s.present,
		}
		if len(in.Paths) > 0 {
			z.AddDemand = s.peak(in.Now.Add(p.LeadTime), in.Policy.Interval)
			z.KeepDemand = s.peak(in.Now, p.LeadTime+z.Hold)
			z.Add, z.Keep = s.instances(i, z.AddDemand), s.instances(i, z.KeepDemand)
			s.target = max(s.target, z.AddDemand)
		}
		held := z.Keep
		if z.Previous >= 0 {
			held = min(z.Previous, z.Keep)
		}
		s.sizing[i] = z
		s.counts[i] = max(z.Add, held) // the reactive need is the last guard's
	}
}

// peak returns the quantile of the largest demand from a time on for a span. Values hold for a whole step, so that the window is
// widened to the grid on both sides.
func (s *sizer) peak(from time.Time, span time.Duration) float64 {
	f := s.in.Forecast
	first := int(from.Sub(f.Origin) / f.Step)
	return forecast.Peak(s.in.Paths, first, f.StepAt(from.Add(span))).Quantile(s.in.Policy.Probability)
}

// usable reports whether the paths are demands: a number that is not finite or is negative anywhere makes them no forecast at all, since
// a quantile over the rest would be too low.
func usable(in Input) bool {
	if in.Forecast.Step <= 0 {
		return false
	}
	for _, path := range in.Paths {
		for _, v := range path {
			if !finite(v) {
				return false
			}
		}
		if len(path) == 0 {
			return false
		}
	}
	return len(in.Paths) > 0
}

func (s *sizer) instances(pool int, demand float64) int {
	counts, _ := fill(s.in.Pools, demand)
	return counts[pool]
}

// previousCounts returns the targets by pool, -1 for a pool that has none.
func previousCounts(pools []Pool, targets []Target) []int {
	out := make([]int, len(pools))
	for i, p := range pools {
		out[i] = -1
		for _, t := range targets {
			if t.Pool == p.Name {
				out[i] = t.Instances
			}
		}
	}
	return out
}
