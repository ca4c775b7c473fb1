package replay

import (
	"fmt"
	"math"

	"github.com/forethought-autoscaler/forethought/pool"
)

// roundOff is how far, in instances, a demand may be above what instances serve without being short: that of a floating-point division.
const roundOff = 1e-9

// mostInstances bounds what a policy may ask for of one pool, and mostLoad a load and a capacity, so that no sum overflows.
const (
	mostInstances = 1 << 20
	mostLoad      = 1e30
)

// Cluster is a fleet under way. It runs in ticks of 15 seconds, in each of which, in this order, instances are interrupted; the pod
// autoscaler looks at what is wanted; what is missing is started, and is ready one tick and its boot later; what has been unneeded for long
// enough is stopped, what became ready last first, be it ready or not; the load is served by ready instances that are wanted; and every
// instance is billed, booting or not. It is not safe for concurrent use.
type Cluster struct {
	site    Site
	pods    []*podAutoscaler
	nodes   []*nodes
	domains []*domain
	scan    int // ticks between two looks of the node autoscaler
	now     int
	waiting float64 // unit-minutes of the minutes before that are still to be served
	finest  float64 // the smallest capacity
}

// Usage is what one minute came to. Loads are in unit-minutes.
type Usage struct {
	// Known is whether the load is known. Where it is not, Offered, Unmet and Excess are 0 and Short is false, and the rest counts.
	Known bool
	// Offered is the load of the minute without what waited from before; Unmet is what was not served, with a backlog in every minute in
	// which it waits; Excess is ready capacity that was not used.
	Offered, Unmet, Excess float64
	// Short is whether anything was unmet at any time of the minute.
	Short bool
	// InstanceHours are in instances of the first pool. An instance that ends before its minimum bill is billed the rest in its last minute.
	InstanceHours, Money float64
	Starts, Interrupted  int
}

// NewCluster returns a cluster with the given instances of each pool, ready and billed from the first minute on. The error names the
// pool and what of it makes no cluster.
func NewCluster(s Site, first []int) (*Cluster, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	c := &Cluster{site: s, domains: domainsOf(s), scan: max(ticks(s.Actuator.Scan), 1), finest: math.Inf(1)}
	if err := c.check(0, first); err != nil {
		return nil, err
	}
	for i, p := range s.Pools {
		h := newPodAutoscaler(s.Actuator, p.Min, p.Max, first[i])
		c.pods = append(c.pods, h)
		c.nodes = append(c.nodes, newNodes(p, s, i, h.replicas))
		c.finest = min(c.finest, p.Capacity)
	}
	return c, nil
}

// Minute runs one minute with the given load, NaN where nobody knows it, and the instances of each pool that are wanted in it. Wishes
// beyond a pool's bounds count as the bound. It refuses a load that is negative or beyond 1e30, and a wish below zero or
// beyond a million.
func (c *Cluster) Minute(demand float64, wanted []int) (Usage, error) {
	if err := c.check(demand, wanted); err != nil {
		return Usage{}, err
	}
	u := Usage{Known: !math.IsNaN(demand)}
	rate := demand + c.waiting
	for range minuteTicks {
		c.step(&u, wanted)
		if u.Known {
			c.serve(&u, rate)
		}
		c.now++
	}
	if u.Known {
		u.Offered = demand
		c.waiting = c.site.returns() * u.Unmet
	}
	return u, nil
}

func (c *Cluster) check(demand float64, wanted []int) error {
	if demand < 0 || demand > mostLoad {
		return fmt.Errorf("load %v is not a number from 0 to %v", demand, mostLoad)
	}
	if len(wanted) != len(c.site.Pools) {
		return fmt.Errorf("instances of %d pools are wanted where there are %d", len(wanted), len(c.site.Pools))
	}
	for i, n := range wanted {
		if n < 0 || n > mostInstances {
			return fmt.Errorf("pool %s: %d instances are wanted", c.site.Pools[i].Name, n)
		}
	}
	return nil
}

// step is one tick without what is served.
func (c *Cluster) step(u *Usage, wanted []int) {
	for _, d := range c.domains {
		d.fail(c.now, func(i int) { c.lose(u, i, true) })
	}
	for i, d := range c.nodes {
		c.lose(u, i, false)
		if n := c.pods[i].sync(c.now, float64(wanted[i])); n != d.wanted {
			d.want(c.now, n)
		}
		if c.now%c.scan == 0 {
			u.Starts += d.look(c.now)
		}
		d.ripen(c.now)
		c.bill(u, d)
	}
}

func (c *Cluster) lose(u *Usage, i int, all bool) {
	n := c.nodes[i].lose(c.now, all)
	u.Interrupted += n
	u.Money += redone(c.site.Pools[i].Price, n)
}

func (c *Cluster) bill(u *Usage, d *nodes) {
	n := len(d.stack)
	u.InstanceHours += tickHours * float64(n+d.owed) * d.pool.Capacity / c.site.Pools[0].Capacity
	u.Money += cost(d.pool.Price, n, d.owed)
	d.owed = 0
}

// serve books one tick of a load. A pod autoscaler's pods are served by the instances they run on, so that what is ready and not wanted
// serves nothing.
func (c *Cluster) serve(u *Usage, rate float64) {
	var busy, ready float64
	for _, d := range c.nodes {
		busy += float64(d.busy()) * d.pool.Capacity
		ready += float64(d.serving) * d.pool.Capacity
	}
	served := rate
	if rate-busy > roundOff*c.finest {
		served = busy
		u.Short = true
		u.Unmet += (rate - busy) / float64(minuteTicks)
	}
	u.Excess += max(ready-served, 0) / float64(minuteTicks)
}

// Pools returns the pools of the site as they stand: what boots is warming, what is ready and not wanted is warm.
func (c *Cluster) Pools() []pool.Pool {
	out := make([]pool.Pool, len(c.nodes))
	for i, d := range c.nodes {
		out[i] = d.standing()
	}
	return out
}
