package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// believed is how many times the configured lead time a measured one is believed: a forecast must reach as far as it implies.
const believed = 4

// MaxLeadTime is the longest lead time that is believed: the configured one, or where it is measured four times that.
func (s PoolSpec) MaxLeadTime() time.Duration {
	if s.LeadTimeQuery == "" && !s.Learn {
		return s.LeadTime
	}
	return believed * s.LeadTime
}

// leadTime returns a pool's lead time, and in doubt why it could not be learnt.
func (c *Configured) leadTime(ctx context.Context, fleet string, spec PoolSpec, at time.Time) (lead time.Duration, doubt string) {
	switch {
	case spec.LeadTimeQuery != "":
		return c.readLead(ctx, fleet, spec, at), ""
	case spec.Learn:
		return c.learnLead(ctx, fleet, spec, at)
	}
	return spec.LeadTime, ""
}

// readLead asks for the lead time.
func (c *Configured) readLead(ctx context.Context, fleet string, spec PoolSpec, at time.Time) time.Duration {
	v, err := instant(ctx, c.source, spec.LeadTimeQuery, at)
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fleet + "/" + spec.Name
	if err == nil && v >= 0 {
		c.leads[key] = min(time.Duration(min(v, math.MaxInt32)*float64(time.Second)), spec.MaxLeadTime())
	}
	if known, ok := c.leads[key]; ok {
		return known
	}
	return spec.LeadTime
}

const (
	// leadSpan is how far back increases are looked for, and leadStep the grid: as many points as one request yields.
	leadSpan = 72 * time.Hour
	leadStep = 30 * time.Second
	// leadEvery is the time between two looks. They are at its whole multiples, so that all replicas find the same.
	leadEvery = time.Hour
	// leadLeast is how many instances must have been waited for, and leadMost how many of the latest count.
	leadLeast, leadMost = 10, 100
	// leadProbability is that with which an instance serves by the end of the lead time.
	leadProbability = 0.95
)

// learntLead is what was learnt of a lead time.
type learntLead struct {
	at     time.Time     // the whole multiple of leadEvery up to which it was looked
	retry  time.Time     // before which a look that failed is not repeated
	lead   time.Duration // 0 where too few instances were waited for
	silent bool          // most of the time it is not known how many instances were warming
}

// learnLead returns the lead time that the history of the last days says, the configured one where it says too little. It follows from the
// history alone, so that a process that has just begun has the lead time of one that has run for weeks.
func (c *Configured) learnLead(ctx context.Context, fleet string, spec PoolSpec, at time.Time) (lead time.Duration, doubt string) {
	due := series.Align(at, leadEvery)
	// Another query is looked at anew, so that a doubt ends with the reload that mends it.
	key := strings.Join([]string{fleet, spec.Name, spec.InstancesQuery, spec.WarmingQuery}, "/")
	c.mu.Lock()
	known := c.learnt[key]
	c.mu.Unlock()
	if known.at.Before(due) && !at.Before(known.retry) {
		known = c.lookBack(ctx, fleet, spec, due, known, at)
		c.mu.Lock()
		c.learnt[key] = known
		c.mu.Unlock()
	}
	switch {
	case known.lead > 0:
		return min(known.lead, spec.MaxLeadTime()), ""
	case known.silent:
		return spec.LeadTime, fmt.Sprintf("is not learnt and %s is assumed, as configured: "+
			"how many instances are warming is mostly not known; where nothing is 0, write: or vector(0)", spec.LeadTime)
	}
	return spec.LeadTime, ""
}

// lookBack learns from what was there up to a time. Where that can't be read, what was known stays.
func (c *Configured) lookBack(ctx context.Context, fleet string, spec PoolSpec, due time.Time, known learntLead, at time.Time) learntLead {
	asked, err := c.past(ctx, fmt.Sprintf("max(forethought_pool_instances_desired{fleet=%q,pool=%q})", fleet, spec.Name), due)
	var ready []float64
	var silent bool
	if err == nil {
		ready, silent, err = c.readyPast(ctx, spec, due)
	}
	if err != nil {
		known.retry = at.Add(10 * time.Minute)
		return known
	}
	return learntLead{at: due, lead: leadOf(waits(asked.Values, ready)), silent: silent}
}

// readyPast returns how many instances were ready in the last days: those that there were less those that were warming, NaN where either
// is missing. silent says that the latter are missing for more than half of the former.
func (c *Configured) readyPast(ctx context.Context, spec PoolSpec, due time.Time) (ready []float64, silent bool, err error) {
	there, err := c.past(ctx, spec.InstancesQuery, due)
	if err != nil || spec.WarmingQuery == "" {
		return there.Values, false, err
	}
	warming, err := c.past(ctx, spec.WarmingQuery, due)
	ready = make([]float64, there.Len())
	known, missing := 0, 0
	for i, n := range there.Values {
		if ready[i] = math.NaN(); i < warming.Len() {
			ready[i] = n - warming.Values[i]
		}
		if !math.IsNaN(n) {
			known++
			if math.IsNaN(ready[i]) {
				missing++
			}
		}
	}
	return ready, 2*missing > known, err
}

// past reads the last days of one series; it is without points where there is none.
func (c *Configured) past(ctx context.Context, expr string, end time.Time) (series.Series, error) {
	y, err := series.One(ctx, c.source, series.Query{Expr: expr, Start: end.Add(-leadSpan), End: end, Step: leadStep})
	if errors.Is(err, series.ErrNoSeries) || errors.Is(err, series.ErrOnlyMissing) {
		return series.Series{}, nil
	}
	return y, err
}

// waiting is instances that were asked for and are not ready: those after the first from, up to the first to.
type waiting struct{ from, to, since int }

// waits returns for how many grid points each instance was waited for, in the order in which they became ready: from the point at which
// more were asked for than had been, and than were ready, until as many were ready. Who was asked for first is ready first. An instance
// that is no longer asked for before it is ready does not count, nor does one that replaces a lost one, which nobody asked for. What
// changes across points at which either number is missing has no known time and does not count either.
func waits(asked, ready []float64) []int {
	var out []int
	var queue []waiting
	before, gap := 0, true // nothing is known before the first point
	for i := range min(len(asked), len(ready)) {
		if !(asked[i] >= 0) || !(ready[i] >= 0) {
			gap = true
			continue
		}
		want, there := int(math.Round(min(asked[i], math.MaxInt32))), int(math.Round(min(ready[i], math.MaxInt32)))
		if from := max(before, there); !gap && want > from {
			queue = append(queue, waiting{from, want, i})
		}
		queue = withdraw(queue, want)
		before = want
		for len(queue) > 0 && queue[0].from < there {
			came := min(queue[0].to, there)
			for range min(came-queue[0].from, leadMost) {
				if !gap {
					out = append(out, i-queue[0].since)
				}
			}
			if queue[0].from = came; came == queue[0].to {
				queue = queue[1:]
			}
		}
		gap = false
	}
	return out
}

// withdraw leaves out the instances that are not asked for any more, the last ones first.
func withdraw(queue []waiting, want int) []waiting {
	for n := len(queue); n > 0 && queue[n-1].to > want; n-- {
		if queue[n-1].from < want {
			queue[n-1].to = want
			break
		}
		queue = queue[:n-1]
	}
	return queue
}

// leadOf returns the order statistic at leadProbability of the latest waits, 0 where they are too few.
func leadOf(waits []int) time.Duration {
	if len(waits) < leadLeast {
		return 0
	}
	latest := slices.Clone(waits[max(len(waits)-leadMost, 0):])
	slices.Sort(latest)
	n := int(math.Ceil(leadProbability * float64(len(latest))))
	return max(time.Duration(latest[n-1]), 1) * leadStep
}
