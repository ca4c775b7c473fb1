package pool

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ValidatePools says what is wrong with the pools of a fleet, each by itself and all together: two of one name, and shares of the demand
// that some pools have and others have not, or that do not add up to 1. It returns nil for no pools.
func ValidatePools(pools []Pool) error {
	names := map[string]bool{}
	shared, sum := 0, 0.0
	for _, p := range pools {
		if err := p.Validate(); err != nil {
			return err
		}
		if names[p.Name] {
			return fmt.Errorf("pool %s: there are two of that name", p.Name)
		}
		names[p.Name] = true
		if p.Share > 0 {
			shared++
			sum += p.Share
		}
	}
	switch {
	case shared > 0 && shared < len(pools):
		return fmt.Errorf("%d of %d pools have a share; allowed: a share for each pool, or for none", shared, len(pools))
	case shared > 0 && math.Abs(sum-1) > 1e-6:
		return fmt.Errorf("the shares of the pools add up to %g; allowed: 1", sum)
	}
	return nil
}

// Validate says what is wrong with a pool by itself: what no instances can be planned from.
func (p Pool) Validate() error {
	if p.Name == "" {
		return errors.New("pool: no name")
	}
	for _, check := range []func() error{p.checkSize, p.checkTypes, p.checkWarm, p.checkBurst, p.checkRisk} {
		if err := check(); err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
	}
	return nil
}

func (p Pool) checkSize() error {
	switch {
	case p.Class != Fixed && p.Class != Variable:
		return fmt.Errorf("class %q is unknown; allowed: %s and %s", p.Class, Fixed, Variable)
	case !positive(p.Capacity):
		return fmt.Errorf("capacity %v serves no demand; allowed: more than 0", p.Capacity)
	case p.Min < 0:
		return fmt.Errorf("min %d is negative; allowed: 0 or more", p.Min)
	case p.Max < 0 || p.Max > 0 && p.Max < p.Min:
		return fmt.Errorf("max %d is less than min, %d; allowed: min or more, or 0 for no upper bound", p.Max, p.Min)
	case p.LeadTime < 0:
		return fmt.Errorf("lead time %s is negative", p.LeadTime)
	case !(p.Share >= 0 && p.Share <= 1):
		return fmt.Errorf("share %v is no part of the demand; allowed: 0 for none, up to 1", p.Share)
	}
	return p.Price.check()
}

func (p Pool) checkTypes() error {
	names := map[string]bool{}
	most := 0
	for _, t := range p.Types {
		switch {
		case t.Name == "":
			return errors.New("a type has no name")
		case names[t.Name]:
			return fmt.Errorf("type %s: there are two of that name", t.Name)
		case !positive(t.Capacity):
			return fmt.Errorf("type %s: capacity %v serves no demand; allowed: more than 0", t.Name, t.Capacity)
		case t.Max < 0:
			return fmt.Errorf("type %s: max %d is negative; allowed: 0 for no bound, or more", t.Name, t.Max)
		}
		if err := t.Price.check(); err != nil {
			return fmt.Errorf("type %s: %w", t.Name, err)
		}
		names[t.Name] = true
		if most += t.Max; t.Max == 0 {
			most = math.MinInt32 // and never above any minimum again
		}
	}
	if most > 0 && most < p.Min {
		return fmt.Errorf("min %d is more than the %d instances that its types allow", p.Min, most)
	}
	return nil
}

func (p Pool) checkWarm() error {
	if !(p.Stock.HitRate >= 0 && p.Stock.HitRate < 1) {
		return fmt.Errorf("warm: hit rate %v is outside (0, 1); allowed also: 0 for no warm stock", p.Stock.HitRate)
	}
	if p.Stock.LeadTime < 0 {
		return fmt.Errorf("warm: lead time %s is negative", p.Stock.LeadTime)
	}
	return nil
}

func (p Pool) checkBurst() error {
	b := p.Burst
	switch {
	case !(b.Baseline >= 0 && b.Baseline < 1):
		return fmt.Errorf("burst: baseline %v is outside (0, 1); allowed also: 0 for instances that are not burstable", b.Baseline)
	case !finite(b.MaxCredits):
		return fmt.Errorf("burst: max credits %v is not a finite number at least 0", b.MaxCredits)
	case !math.IsNaN(b.Credits) && !finite(b.Credits):
		return fmt.Errorf("burst: credits %v are not a finite number at least 0", b.Credits)
	}
	return nil
}

func (p Pool) checkRisk() error {
	if !(p.Risk.Probability >= 0 && p.Risk.Probability < 1) {
		return fmt.Errorf("risk: probability %v is outside (0, 1); allowed also: 0 for no head-room", p.Risk.Probability)
	}
	if !finite(p.Risk.Shortage) {
		return fmt.Errorf("risk: the price of a shortage, %v, is not a finite number at least 0", p.Risk.Shortage)
	}
	return nil
}

// mostInterruptions and mostRestart bound how often an instance is interrupted in an hour, to once a second, and the work that is lost
// then, so that an effective price stays a number.
const (
	mostInterruptions = 3600
	mostRestart       = 1000 * time.Hour
)

func (p Price) check() error {
	c := p.Commitment
	switch {
	case !finite(p.Hourly):
		return fmt.Errorf("price: hourly %v is not a finite number at least 0", p.Hourly)
	case !(p.InterruptionsPerHour >= 0 && p.InterruptionsPerHour <= mostInterruptions):
		return fmt.Errorf("price: interruptions per hour %v are outside 0 to %d", p.InterruptionsPerHour, mostInterruptions)
	case p.Restart < 0 || p.Restart > mostRestart:
		return fmt.Errorf("price: restart %s is outside 0 to %s", p.Restart, mostRestart)
	case !(c.Ratio >= 0 && c.Ratio < 1):
		return fmt.Errorf("price: commitment ratio %v is outside (0, 1); allowed also: 0 for no commitment", c.Ratio)
	case c.Instances < 0:
		return fmt.Errorf("price: %d committed instances are negative", c.Instances)
	case c.Instances > 0 && c.Ratio == 0:
		return fmt.Errorf("price: %d instances are committed at no ratio", c.Instances)
	case c.Instances > 0 && p.InterruptionsPerHour > 0:
		return fmt.Errorf("price: %d instances are committed and yet interrupted", c.Instances)
	}
	return nil
}
