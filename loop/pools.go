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

// PoolSpec is a pool as configured. LeadTimeQuery and InstancesQuery are optional: seconds that an instance takes until it serves, and
// how many instances there are.
type PoolSpec struct {
	pool.Pool
	LeadTimeQuery, InstancesQuery string
}

// Configured is the Fleet of a configuration: pools whose changing parts are read with queries. It is safe for concurrent use by
// different fleets.
type Configured struct {
	source series.Source
	specs  map[string][]PoolSpec
	mu     sync.Mutex
	leads  map[string]time.Duration // the last lead time known, by fleet and pool
}

// NewConfigured returns the pools of specs, by fleet.
func NewConfigured(source series.Source, specs map[string][]PoolSpec) *Configured {
	return &Configured{source: source, specs: specs, leads: map[string]time.Duration{}}
}

// Pools returns the pools of a fleet at a time. A lead time that can't be read is the last one known, before that the configured
// one; a number of instances that can't be read leaves the pool unobserved. Neither keeps a decision from being made.
func (c *Configured) Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error) {
	specs := c.specs[fleet]
	if specs == nil {
		return nil, fmt.Errorf("no pools are configured for %s", fleet)
	}
	pools := make([]pool.Pool, len(specs))
	for i, spec := range specs {
		p := spec.Pool
		if spec.LeadTimeQuery != "" {
			p.LeadTime = c.leadTime(ctx, fleet, spec, at)
		}
		if spec.InstancesQuery != "" {
			if n, err := instant(ctx, c.source, spec.InstancesQuery, at); err == nil && n >= 0 {
				p.Active, p.Observed = int(math.Round(n)), true
			}
		}
		pools[i] = p
	}
	return pools, nil
}

func (c *Configured) leadTime(ctx context.Context, fleet string, spec PoolSpec, at time.Time) time.Duration {
	v, err := instant(ctx, c.source, spec.LeadTimeQuery, at)
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fleet + "/" + spec.Name
	if err == nil && v >= 0 {
		c.leads[key] = min(time.Duration(v*float64(time.Second)), spec.MaxLeadTime())
	}
	if known, ok := c.leads[key]; ok {
		return known
	}
	return spec.LeadTime
}

// MaxLeadTime is the longest lead time that is believed: the configured one, or where it is measured four times that. A forecast must
// reach as far as it implies.
func (s PoolSpec) MaxLeadTime() time.Duration {
	if s.LeadTimeQuery == "" {
		return s.LeadTime
	}
	return 4 * s.LeadTime
}

// Adopt takes over the lead times that old has measured.
func (c *Configured) Adopt(old *Configured) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.leads, old.leads)
}

// restore asks the source what an earlier process, or another replica, planned last, so that a restart moves no capacity; nil where
// nothing is known.
func (w *worker) restore(ctx context.Context, at time.Time) ([]pool.Target, error) {
	var found []pool.Target
	for _, name := range w.Pools {
		q := series.Query{
			Expr:  fmt.Sprintf("max(forethought_pool_instances_planned{fleet=%q,pool=%q})", w.Name, name),
			Start: at.Add(-15 * time.Minute), End: at, Step: 15 * time.Second,
		}
		y, err := series.One(ctx, w.source, q)
		if err != nil && !errors.Is(err, series.ErrNoSeries) && !errors.Is(err, series.ErrOnlyMissing) {
			return nil, err
		}
		if _, v, ok := y.Last(); ok && v >= 0 {
			found = append(found, pool.Target{Pool: name, Instances: int(math.Round(v))})
		}
	}
	return found, nil
}
