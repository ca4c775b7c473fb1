package pool

import (
	"math"
	"slices"
	"time"
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
	if in.Forecast.Step <= 0 {
		in.Paths = nil
	}
	s := &sizer{in: in, present: in.Demand + in.Pending, probability: in.Policy.Probability}
	s.pace.Skill = in.Pace.Skill.settle(in)
	if in.Changes != nil {
		s.naive = 1 - s.pace.Skill.weight()
	}
	if in.Policy.Paced {
		paced := in.Pace.settle(in)
		paced.Skill = s.pace.Skill
		s.pace, s.probability = paced, paced.working(in.Policy.Probability)
	}
	s.reactive, _ = fill(in.Pools, s.present)
	s.size()
	guards := s.guard()
	d := Decision{
		Fleet: in.Fleet, At: in.Now, ValidUntil: in.Now.Add(in.Policy.Validity), Mode: in.Policy.Mode, Killed: in.Policy.Killed,
		Forecast: in.Forecast,
		Demand:   in.Demand, Pending: in.Pending, DemandAt: in.DemandAt, Probability: in.Policy.Probability,
		Reactive: planOf(in.Pools, s.reactive, s.present), Plan: planWithin(in.Pools, s.counts, s.target, s.present, in.Policy.Limits.HourlyCost),
		Sizing: s.sizing, Guards: guards, Working: s.probability,
	}
	for i, z := range s.sizing {
		d.Plan.Targets[i].Warm = min(z.Warm, max(s.counts[i]-s.reactive[i], 0))
	}
	if !in.Lean {
		d.Peaks = in.Paths.running()
	}
	s.compare()
	if d.Pace = s.pace; in.Policy.Paced {
		d.Pace = s.pace.after(in, d.Plan.Targets, limited(guards))
	}
	return d, nil
}

// sizer carries one decision from its input to the counts.
type sizer struct {
	in      Input
	present float64 // the present demand, pending work included
	target  float64 // the largest demand planned for
	// probability is that with which windows are sized, and naive the weight of Changes in them.
	probability, naive float64
	pace               Pace
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
			Add: s.reactive[i], Keep: s.reactive[i], AddDemand: s.present, KeepDemand: s.present, Foreseen: s.present,
		}
		if in.Paths != nil {
			z.AddDemand = s.peak(in.Now.Add(p.LeadTime), in.Policy.Interval, s.probability)
			z.Foreseen = min(s.peak(in.Now.Add(p.LeadTime), in.Policy.Interval, 0.5), z.AddDemand)
			z.KeepDemand = s.peak(in.Now, p.LeadTime+z.Hold, s.probability)
			z.Add, z.Keep = s.instances(i, z.AddDemand), s.instances(i, z.KeepDemand)
			s.target = max(s.target, z.AddDemand)
		}
		held := z.Keep
		if z.Previous >= 0 {
			held = min(z.Previous, z.Keep)
		}
		z.Warm = s.stock(i)
		s.counts[i] = max(z.Add, held) // the reactive need is the last guard's
		if z.Warm > 0 {
			s.counts[i] = max(s.counts[i], s.reactive[i]+z.Warm)
		}
		s.sizing[i] = z
	}
}

// peak returns the quantile at probability p of the largest demand from a time on for a span.
func (s *sizer) peak(from time.Time, span time.Duration, p float64) float64 {
	first, last := s.window(from, span)
	switch {
	case last < 1:
		return s.present // the window ends before the next observation
	case s.naive == 0:
		return s.in.Paths.peak(first, last).Quantile(p)
	}
	usual := max(s.present+s.in.Changes.peak(first, last, s.present).Quantile(p), 0)
	if s.naive == 1 {
		return usual
	}
	return s.naive*usual + (1-s.naive)*s.in.Paths.peak(first, last).Quantile(p)
}

// window returns the steps of the forecast that a window covers. A value stands for its step, or for the one before where a query looks
// back, so that a window on a grid as fine as the turns is widened to the grid on both sides. On a coarser one each value holds until the
// next, since turns between two of them ask for the present demand.
func (s *sizer) window(from time.Time, span time.Duration) (first, last int) {
	f := s.in.Forecast
	first, last = int(from.Sub(f.Origin)/f.Step), f.StepAt(from.Add(span))
	if f.Step > s.in.Policy.Interval {
		last = int(from.Add(span).Sub(f.Origin) / f.Step)
	}
	return first, last
}

// compare opens a window in which the forecast is compared with the naive one: that of the pool with the longest lead time.
func (s *sizer) compare() {
	if s.in.Paths == nil || s.in.Changes == nil {
		return
	}
	var lead time.Duration
	for _, p := range s.in.Pools {
		lead = max(lead, p.LeadTime)
	}
	p, f, open := s.in.Policy.Probability, s.in.Forecast, s.pace.Skill.Open
	first, last := s.window(s.in.Now.Add(lead), s.in.Policy.Interval)
	t := Trial{From: f.TimeAt(max(first, 1)), To: f.TimeAt(last), Peak: math.NaN()}
	if last < 1 || len(open) > 0 && open[len(open)-1].To.Equal(t.To) && open[len(open)-1].From.Equal(t.From) {
		return
	}
	t.Probability, t.Forecast = p, s.in.Paths.peak(first, last).Quantile(p)
	t.Naive = max(s.in.Demand+s.in.Changes.peak(first, last, s.in.Demand).Quantile(p), 0)
	s.pace.Skill.Open = append(slices.Clone(open), t)
}

// stock returns how many instances of pool i are to stand by, so that what the forecast claims of it within the time that another one
// takes finds one. A claim is an instance of the pool that the largest demand of a path needs beyond the present one's.
func (s *sizer) stock(i int) int {
	p := s.in.Pools[i]
	if p.Stock.HitRate <= 0 || s.in.Paths == nil {
		return 0
	}
	lead := p.Stock.LeadTime
	if lead <= 0 {
		lead = p.LeadTime
	}
	_, last := s.window(s.in.Now, lead+s.in.Policy.Interval)
	peaks := s.in.Paths.peak(1, last)
	stride := max(len(peaks)/mostClaims, 1)
	var claims []float64
	for k := stride / 2; k < len(peaks); k += stride {
		claims = append(claims, float64(max(s.instances(i, peaks[k])-s.reactive[i], 0)))
	}
	n, err := claimsOf(claims).WarmStock(p.Stock.HitRate)
	if err != nil {
		return 0 // neither paths nor pools that are not sound come this far
	}
	return n
}

// mostClaims bounds the sample paths whose claims are counted.
const mostClaims = 400

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
