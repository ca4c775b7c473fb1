package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// PoolSpec is a pool as configured. The queries are optional.
type PoolSpec struct {
	pool.Pool
	// LeadTimeQuery yields the seconds that an instance takes until it serves. Where Learn is true these are learnt from the instances that
	// there were.
	LeadTimeQuery string
	Learn         bool
	// InstancesQuery yields how many instances there are, WarmQuery how many of them stand by and WarmingQuery how many are not ready yet.
	// The last two go together.
	InstancesQuery, WarmQuery, WarmingQuery string
	// PriceQuery yields the hourly price, TypePriceQueries those of Types in their order, empty where there is none for a type.
	PriceQuery       string
	TypePriceQueries []string
	// CreditsQuery yields the credits that an instance has on average.
	CreditsQuery string
}

// Configured is the Fleet of a configuration: pools whose changing parts are read with queries. It is safe for concurrent use by
// different fleets.
type Configured struct {
	source series.Source
	specs  map[string][]PoolSpec
	mu     sync.Mutex
	leads  map[string]time.Duration // the last lead time known, by fleet and pool
	learnt map[string]learntLead    // by fleet and pool
	prices map[string]float64       // the last price known, by fleet, pool and type
	bursts map[string]knownCredits  // by fleet and pool
	doubts map[string][]string      // what is not known of a fleet's pools
}

// NewConfigured returns the pools of specs, by fleet.
func NewConfigured(source series.Source, specs map[string][]PoolSpec) *Configured {
	return &Configured{
		source: source, specs: specs, leads: map[string]time.Duration{}, learnt: map[string]learntLead{}, prices: map[string]float64{},
		bursts: map[string]knownCredits{}, doubts: map[string][]string{},
	}
}

// Pools returns the pools of a fleet at a time. A lead time or a price that can't be read is the last one known, before that the
// configured one; a number of instances that can't be read leaves the pool unobserved; and credits that can't be read are what they were
// last for a quarter of an hour, then not known. None of them keeps a decision from being made.
func (c *Configured) Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error) {
	specs := c.specs[fleet]
	if specs == nil {
		return nil, fmt.Errorf("no pools are configured for %s", fleet)
	}
	pools := make([]pool.Pool, len(specs))
	var doubts []string
	for i, spec := range specs {
		p := spec.Pool
		lead, doubt := c.leadTime(ctx, fleet, spec, at)
		if p.LeadTime = lead; doubt != "" {
			doubts = append(doubts, fmt.Sprintf("the lead time of %s %s", spec.Name, doubt))
		}
		doubts = append(doubts, c.setPrices(ctx, fleet, spec, &p, at)...)
		c.count(ctx, spec, &p, at)
		if spec.CreditsQuery != "" {
			if p.Burst.Credits, doubt = c.credits(ctx, fleet, spec, at); doubt != "" {
				doubts = append(doubts, fmt.Sprintf("the credits of %s %s", spec.Name, doubt))
			}
		}
		pools[i] = p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubts[fleet] = doubts
	return pools, nil
}

// Doubts says what the latest Pools of a fleet assumes since it is not known.
func (c *Configured) Doubts(fleet string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doubts[fleet]
}

// count sets how many instances there are. Where only some phases are known they all count as active.
func (c *Configured) count(ctx context.Context, spec PoolSpec, p *pool.Pool, at time.Time) {
	number := func(expr string) (n int, ok bool) {
		if expr == "" {
			return 0, false
		}
		v, err := instant(ctx, c.source, expr, at)
		return int(math.Round(min(v, math.MaxInt32))), err == nil && v >= 0
	}
	if p.Active, p.Observed = number(spec.InstancesQuery); !p.Observed {
		p.Active = 0
		return
	}
	warm, knowsWarm := number(spec.WarmQuery)
	warming, knowsWarming := number(spec.WarmingQuery)
	if p.Phases = knowsWarm && knowsWarming; p.Phases {
		p.Warming = min(warming, p.Active)
		p.Warm = min(warm, p.Active-p.Warming)
		p.Active -= p.Warming + p.Warm
	}
}

// Adopt takes over the lead times, the prices and the credits that old has read.
func (c *Configured) Adopt(old *Configured) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.leads, old.leads)
	maps.Copy(c.learnt, old.learnt)
	maps.Copy(c.prices, old.prices)
	maps.Copy(c.bursts, old.bursts)
}

// heldCredits is how long credits that are not known are what they were last: without them an instance serves its baseline only, and one
// answer that is missing would multiply the instances that a demand takes.
const heldCredits = 15 * time.Minute

// knownCredits is what an instance had at a time.
type knownCredits struct {
	v  float64
	at time.Time
}

// credits returns what an instance has at a time, NaN where that is not known, and in doubt what is assumed instead. What it had last follows
// from the history, so that a process that has just begun assumes the same; where that can't be read either, it is what this one read last.
func (c *Configured) credits(ctx context.Context, fleet string, spec PoolSpec, at time.Time) (v float64, doubt string) {
	known, why := knownCredits{at: at}, error(nil)
	known.v, why = instant(ctx, c.source, spec.CreditsQuery, at)
	if why == nil && !(known.v >= 0) {
		if why = errors.New("query returned no value"); known.v < 0 {
			why = fmt.Errorf("query returned %g; credits are at least 0", known.v)
		}
		if last, ok := c.lastCredits(ctx, spec, at); ok {
			return last, heldDoubt(last, why)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fleet + "/" + spec.Name
	if why == nil {
		c.bursts[key] = known
		return known.v, ""
	}
	if last, ok := c.bursts[key]; ok && at.Sub(last.at) <= heldCredits {
		return last.v, heldDoubt(last.v, why)
	}
	return math.NaN(), fmt.Sprintf("are not known and its baseline counts: %v", why)
}

func heldDoubt(v float64, why error) string {
	return fmt.Sprintf("are not known and %g are assumed, what they were last: %v", v, why)
}

// lastCredits returns the latest credits of the time for which they are held.
func (c *Configured) lastCredits(ctx context.Context, spec PoolSpec, at time.Time) (v float64, ok bool) {
	q := series.Query{Expr: spec.CreditsQuery, Start: at.Add(-heldCredits), End: at, Step: 30 * time.Second}
	y, err := series.One(ctx, c.source, q)
	if err != nil {
		return 0, false
	}
	for _, last := range slices.Backward(y.Values) {
		if last >= 0 {
			return last, true
		}
	}
	return 0, false
}
