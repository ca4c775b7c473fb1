package replay

import (
	"fmt"
	"math"
	"time"
)

// Cycle is what one stop and one start of an instance cost in time of an instance: Start from its start until it serves, Linger from when
// it is no longer needed until it is stopped. A price of the change itself may be added to Start.
type Cycle struct{ Start, Linger time.Duration }

// Physical is the cycle of a site whose actuator stops instances at once: what no policy can do anything about. It is the shortest among the
// pools, with the mean boot where boots are random.
func (s Site) Physical() Cycle {
	var c Cycle
	for i, p := range s.Pools {
		if start := time.Duration(1+ticks(p.LeadTime)) * tick; i == 0 || start < c.Start {
			c.Start = start
		}
	}
	return c
}

// Bound is Physical with the time for which the node autoscaler keeps an idle instance. The window of the pod autoscaler is no part of it: who
// knows what comes can ask for less that much ahead.
func (s Site) Bound() Cycle {
	c := s.Physical()
	c.Linger = time.Duration(ticks(s.Actuator.Unneeded)) * tick
	return c
}

// OnTheMinute is c with its start rounded up to whole minutes: what is within reach behind Direct, where every start is on a minute and
// must be in time for one. Behind an actuator that bounds the rate it is no lower bound, since what it puts off starts within the minute.
func (c Cycle) OnTheMinute() Cycle {
	c.Start = (c.Start + time.Minute - 1).Truncate(time.Minute)
	return c
}

// Optimum is the least that a load can be served with by whoever knows all of it.
type Optimum struct {
	InstanceHours float64
	// Starts are those within the load's minutes.
	Starts int
	// Unmet is in unit-minutes, and Violations are the minutes with any of it; both are 0 for no shortage.
	Unmet      float64
	Violations int
}

// needs returns the instances of a capacity that each of the loads needs, 0 where it is unknown.
func needs(loads []float64, capacity float64) ([]int, error) {
	if !(capacity > 0) || math.IsInf(capacity, 1) {
		return nil, fmt.Errorf("oracle: capacity %v is not a finite number above 0", capacity)
	}
	out := make([]int, len(loads))
	for i, v := range loads {
		n := math.Ceil(v/capacity - roundOff)
		switch {
		case math.IsNaN(v):
			continue
		case v < 0 || n > mostInstances:
			return nil, fmt.Errorf("oracle: load %v of minute %d needs no sensible number of instances of capacity %v", v, i, capacity)
		}
		out[i] = max(int(n), 0)
	}
	return out, nil
}

// Oracle returns the least that serves loads, one value a minute, without any shortage, in instances of one capacity. With the instance that
// was needed last stopped first, the k-th instance is needed in the minutes in which the load takes k or more, whatever the others do: it
// pays these minutes, and of each gap between them the gap or a cycle, whichever is less. What stands at the beginning is free, as after
// a warm-up, so that the time before the first need costs at most a start; the time after the last costs at most the linger.
//
// It is a lower bound of every run of a Cluster without shortage in which all instances have the capacity, whatever its actuator, boots
// being constant and, for a cycle with a linger, without interruptions. Behind Direct the least that
// a run can cost is that of the cycle OnTheMinute, at most three ticks more for each start, and what the minimum bill adds where that is
// longer than a cycle and a minute.
func Oracle(loads []float64, capacity float64, c Cycle) (Optimum, error) {
	need, err := needs(loads, capacity)
	if err != nil {
		return Optimum{}, err
	}
	l := levels{start: ticks(c.Start), linger: ticks(c.Linger)}
	before := 0
	for t, n := range need {
		l.cost += n * minuteTicks
		for k := before; k < n; k++ {
			l.rise(k, t)
		}
		for k := n; k < before; k++ {
			l.last[k] = t
		}
		before = n
	}
	for k, end := range l.last {
		if k >= before {
			l.cost += min((len(loads)-end)*minuteTicks, l.linger)
		}
	}
	return Optimum{InstanceHours: float64(l.cost) * tickHours, Starts: l.starts}, nil
}

// levels is the k-th instance for each k: the end of its last need, and what all came to, in ticks.
type levels struct {
	start, linger int
	last          []int
	cost, starts  int
}

// rise begins a need of instance k at minute t.
func (l *levels) rise(k, t int) {
	gap, cycle := t*minuteTicks, l.start
	if k < len(l.last) {
		gap -= l.last[k] * minuteTicks
		cycle += l.linger
	} else {
		l.last = append(l.last, 0)
	}
	if gap > cycle {
		l.starts++
	}
	l.cost += min(gap, cycle)
}
