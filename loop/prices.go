package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// setPrices sets the prices that queries yield, and says which of them are not known.
func (c *Configured) setPrices(ctx context.Context, fleet string, spec PoolSpec, p *pool.Pool, at time.Time) (doubts []string) {
	set := func(key, what, expr string, price *pool.Price) {
		if expr == "" {
			return
		}
		v, doubt := c.price(ctx, key, expr, price.Hourly, at)
		if price.Hourly = v; doubt != "" {
			doubts = append(doubts, fmt.Sprintf("the price of %s %s", what, doubt))
		}
	}
	set(fleet+"/"+spec.Name, spec.Name, spec.PriceQuery, &p.Price)
	p.Types = slices.Clone(spec.Types) // the configuration stays as it is
	for i, expr := range spec.TypePriceQueries {
		t := &p.Types[i]
		set(fleet+"/"+spec.Name+"/"+t.Name, "type "+t.Name+" of "+spec.Name, expr, &t.Price)
	}
	return doubts
}

// price returns what a query of a price yields. Where that is nothing, or no price, it is the last one known, before that the configured
// one; a price that nobody knows is 0, as package pool has it, which is unknown and not free.
func (c *Configured) price(ctx context.Context, key, expr string, configured float64, at time.Time) (v float64, doubt string) {
	v, err := lately(ctx, c.source, expr, at)
	switch {
	case err != nil:
	case math.IsNaN(v):
		err = errors.New("query returned no value")
	case !(v > 0) || math.IsInf(v, 0):
		err = fmt.Errorf("query returned %g; a price is above 0", v)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.prices[key] = v
		return v, ""
	}
	if known, ok := c.prices[key]; ok {
		return known, fmt.Sprintf("is not known and %g is assumed, what it was last: %v", known, err)
	}
	if configured > 0 {
		return configured, fmt.Sprintf("is not known and %g is assumed, as configured: %v", configured, err)
	}
	return 0, fmt.Sprintf("is not known and nothing is chosen by it: %v", err)
}

// lately is instant for what changes seldom: where there is no value now it is the last one of an hour.
func lately(ctx context.Context, src series.Source, expr string, at time.Time) (float64, error) {
	v, err := instant(ctx, src, expr, at)
	if err != nil || !math.IsNaN(v) {
		return v, err
	}
	y, err := series.One(ctx, src, series.Query{Expr: expr, Start: at.Add(-time.Hour), End: at, Step: time.Minute})
	if errors.Is(err, series.ErrNoSeries) || errors.Is(err, series.ErrOnlyMissing) {
		return math.NaN(), nil
	}
	if _, last, ok := y.Last(); ok && err == nil {
		v = last
	}
	return v, err
}

// The probabilities that follow from a cost of shortage are bounded as those that can be given are: beyond them no quantile is kept.
const leastProbability, mostProbability = 0.005, 0.999

// probability returns that with which the demand is to be met: as given, or where a shortage has a price as that and the price of a unit of
// demand for an hour say. The latter is the lowest among the pools, so that a shortage is rather avoided. known is false where a price
// is needed and no pool has one.
func (w *worker) probability(pools []pool.Pool) (p float64, known bool) {
	if w.Shortage <= 0 {
		return w.Policy.Probability, true
	}
	p, err := pool.Fractile(w.Shortage, IdlePrice(pools))
	if err != nil {
		return w.Policy.Probability, false
	}
	return min(max(p, leastProbability), mostProbability), true
}

// IdlePrice returns the lowest price of a unit of demand for an hour among the pools and their types, 0 where none has a price.
func IdlePrice(pools []pool.Pool) float64 {
	lowest := 0.0
	consider := func(hourly, capacity float64) {
		if v := hourly / capacity; v > 0 && !math.IsInf(v, 0) && (lowest == 0 || v < lowest) {
			lowest = v
		}
	}
	for _, p := range pools {
		consider(p.Price.Hourly, p.Capacity)
		for _, t := range p.Types {
			consider(t.Price.Hourly, t.Capacity)
		}
	}
	return lowest
}
