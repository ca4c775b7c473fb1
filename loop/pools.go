package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
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
	doubts map[string][]string      // what is not known of a fleet's pools
}

// NewConfigured returns the pools of specs, by fleet.
func NewConfigured(source series.Source, specs map[string][]PoolSpec) *Configured {
	return &Configured{
		source: source, specs: specs, leads: map[string]time.Duration{}, learnt: map[string]learntLead{}, prices: map[string]float64{},
		doubts: map[string][]string{},
	}
}

// Pools returns the pools of a fleet at a time. A lead time or a price that can't be read is the last one known, before that the
// configured one; a number of instances that can't be read leaves the pool unobserved, and credits that can't be read are not known. None
// of them keeps a decision from being made.
func (c *Configured) Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error) {
	specs := c.specs[fleet]
	if specs == nil {
		return nil, fmt.Errorf("no pools are configured for %s", fleet)
	}
	pools := make([]pool.Pool, len(specs))
	var doubts []string
	for i, spec := range specs {
		p := spec.Pool
		p.LeadTime = c.leadTime(ctx, fleet, spec, at)
		doubts = append(doubts, c.setPrices(ctx, fleet, spec, &p, at)...)
		c.count(ctx, spec, &p, at)
		if spec.CreditsQuery != "" {
			p.Burst.Credits = math.NaN()
			if v, err := instantWithin(ctx, c.source, spec.CreditsQuery, at, heldCredits); err == nil && v >= 0 {
				p.Burst.Credits = v
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

// Adopt takes over the lead times and the prices that old has read.
func (c *Configured) Adopt(old *Configured) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.leads, old.leads)
	maps.Copy(c.learnt, old.learnt)
	maps.Copy(c.prices, old.prices)
}

// heldCredits is how long credits that are not known are what they were last: without them an instance serves its baseline only.
const heldCredits = 15 * time.Minute

// instantWithin returns the latest value of an expression at a time or before it, within a span; NaN where it has none.
func instantWithin(ctx context.Context, src series.Source, expr string, at time.Time, span time.Duration) (float64, error) {
	at = series.Align(at, time.Second)
	const step = 30 * time.Second
	y, err := series.One(ctx, src, series.Query{Expr: expr, Start: at.Add(-span), End: at, Step: step})
	if v, now := instant(ctx, src, expr, at); now == nil && !math.IsNaN(v) {
		return v, nil
	}
	if errors.Is(err, series.ErrNoSeries) || errors.Is(err, series.ErrOnlyMissing) {
		return math.NaN(), nil
	}
	if err != nil {
		return math.NaN(), err
	}
	_, v, _ := y.Last()
	return v, nil
}
