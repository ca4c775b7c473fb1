package replay

import (
	"errors"
	"fmt"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Validate says what of s makes no site, and of which pool.
func (s Site) Validate() error {
	if len(s.Pools) == 0 {
		return errors.New("site has no pools")
	}
	seen := map[string]bool{}
	for _, p := range s.Pools {
		if seen[p.Name] {
			return fmt.Errorf("two pools are called %q", p.Name)
		}
		seen[p.Name] = true
		if err := soundPool(p); err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
		if err := soundPrice(p.Price); err != nil {
			return fmt.Errorf("pool %s: price: %w", p.Name, err)
		}
	}
	switch {
	case !upTo(s.BootSpread, 10):
		return fmt.Errorf("boot spread %v is outside 0 to 10", s.BootSpread)
	case s.MinimumBill < 0:
		return fmt.Errorf("minimum bill %s is negative", s.MinimumBill)
	case !upTo(s.Retries, 1):
		return fmt.Errorf("retries %v are outside 0 to 1", s.Retries)
	}
	return s.Actuator.validate()
}

func soundPool(p pool.Pool) error {
	switch {
	case !(p.Capacity >= 1/mostLoad && p.Capacity <= mostLoad):
		return fmt.Errorf("capacity %v is not a number from %v to %v", p.Capacity, 1/mostLoad, mostLoad)
	case p.Min < 0:
		return fmt.Errorf("min %d is negative", p.Min)
	case p.Max < 0 || p.Max > 0 && p.Max < p.Min:
		return fmt.Errorf("max %d with min %d", p.Max, p.Min)
	case p.LeadTime < 0:
		return fmt.Errorf("lead time %s is negative", p.LeadTime)
	}
	return nil
}

func soundPrice(p pool.Price) error {
	switch {
	case !upTo(p.Hourly, mostLoad):
		return fmt.Errorf("hourly %v is not a number from 0 to %v", p.Hourly, mostLoad)
	case !(p.Commitment.Ratio >= 0 && p.Commitment.Ratio < 1):
		return fmt.Errorf("commitment ratio %v is outside [0, 1)", p.Commitment.Ratio)
	case p.Commitment.Instances < 0:
		return fmt.Errorf("%d instances are committed", p.Commitment.Instances)
	case !upTo(p.InterruptionsPerHour, mostLoad):
		return fmt.Errorf("%v interruptions per hour are not a number from 0 to %v", p.InterruptionsPerHour, mostLoad)
	case p.Restart < 0:
		return fmt.Errorf("restart %s is negative", p.Restart)
	}
	return nil
}

func (a Actuator) validate() error {
	switch {
	case !(a.Tolerance >= 0 && a.Tolerance < 1):
		return fmt.Errorf("actuator %s: tolerance %v is outside [0, 1)", a.Name, a.Tolerance)
	case a.DownWindow < 0 || a.UpPeriod < 0 || a.Scan < 0 || a.Unneeded < 0:
		return fmt.Errorf("actuator %s: a time is negative", a.Name)
	case a.UpPods < 0 || a.UpPercent < 0:
		return fmt.Errorf("actuator %s: up to %d pods or %d %% up", a.Name, a.UpPods, a.UpPercent)
	case (a.UpPods > 0 || a.UpPercent > 0) && a.UpPeriod == 0:
		return fmt.Errorf("actuator %s: what may be added has no period", a.Name)
	}
	return nil
}

// upTo reports whether v is a number from 0 to high, both included.
func upTo(v, high float64) bool { return v >= 0 && v <= high }

// returns is the share of what was not served in a minute that is offered again in the next.
func (s Site) returns() float64 {
	switch {
	case !s.Backlog:
		return 0
	case s.Retries == 0:
		return 1
	}
	return s.Retries
}
