package pool

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Limits bound what a forecast may do. A zero field is no limit.
type Limits struct {
	// Lift bounds the plan to this multiple of the capacity that the present demand needs, which counts as one instance at least.
	Lift float64
	// StepUp and StepDown bound the change of one pool in one turn.
	StepUp, StepDown int
	// HourlyCost bounds what the plan costs. The reactive need is met whatever it costs.
	HourlyCost float64
}

// Policy is what the operator decided about one fleet.
type Policy struct {
	Mode   Mode
	Killed bool
	// Probability is that with which the demand is to be met: the one knob for risk.
	Probability float64
	// Paced lets the probability be met over time: windows are then sized with one that follows from how often the plans were enough.
	// Without it each window is sized with Probability.
	Paced bool
	// Interval is the time between turns; Validity that for which a decision may be used.
	Interval, Validity time.Duration
	// StaleAfter is the age from which an observation is no longer taken for the present demand. From then on no pool shrinks, and
	// after Hold more no decision is made at all.
	StaleAfter, Hold time.Duration
	// Linger is how long the platform keeps an idle instance anyway, and Churn the price of one stop and start beside the boot, in
	// time of an idle instance.
	Linger, Churn time.Duration
	Limits        Limits
}

// Input is all that a decision depends on.
type Input struct {
	Fleet string
	Now   time.Time
	// Demand is the latest observation that is not missing, made at DemandAt. Pending is work that waits beside it, 0 for none.
	Demand, Pending float64
	DemandAt        time.Time
	// Observed is the latest observation on the grid of the forecast, made at ObservedAt: that which the forecast is compared with.
	Observed   float64
	ObservedAt time.Time
	// Hidden says that full capacity hides a part of Demand, which is a lower bound then; Excluded that nothing is to be learnt from it.
	Hidden, Excluded bool
	// Failing says that the served workload fails, and Recent is the largest observation of the hour before it began to.
	Failing bool
	Recent  float64
	// Forecast and Paths are what comes after Forecast.Origin. No paths mean that there is no
	// usable forecast: the previous plan then decays to the reactive need.
	Forecast forecast.Forecast
	Paths    *Paths
	// Changes are the naive forecast on the same grid, which takes the place of Paths while these are not better; nil where there is none.
	Changes *Changes
	Pools   []Pool
	// Previous is the plan of the turn before, nil where that is not known, as after a restart without a record.
	Previous []Target
	// Pace is that of the decision before, its zero value where that is not known.
	Pace   Pace
	Policy Policy
	// Lean leaves out of the decision what is only shown: Peaks.
	Lean bool
}

// ErrNoDemand says that no decision can be made since no observation of the demand is fresh enough. What it is wrapped in says since
// when.
var ErrNoDemand = errors.New("no fresh observation of the demand")

// validate refuses what no decision can be made from.
func (in Input) validate() error {
	switch {
	case in.Fleet == "":
		return errors.New("decide: fleet has no name")
	case in.Policy.Interval <= 0:
		return fmt.Errorf("decide %s: the interval is %s", in.Fleet, in.Policy.Interval)
	case len(in.Pools) == 0:
		return fmt.Errorf("decide %s: no pools", in.Fleet)
	case !(in.Policy.Probability > 0 && in.Policy.Probability < 1):
		return fmt.Errorf("decide %s: probability %v is outside (0, 1)", in.Fleet, in.Policy.Probability)
	case in.DemandAt.IsZero():
		return fmt.Errorf("decide %s: %w: none was ever made", in.Fleet, ErrNoDemand)
	case !finite(in.Demand) || !finite(in.Pending):
		return fmt.Errorf("decide %s: demand %v with pending %v is not a finite number at least 0", in.Fleet, in.Demand, in.Pending)
	}
	if age := in.Now.Sub(in.DemandAt); age > in.Policy.StaleAfter+in.Policy.Hold {
		return fmt.Errorf("decide %s: %w: the last is of %s, %s ago", in.Fleet, ErrNoDemand,
			in.DemandAt.UTC().Format(time.RFC3339), age.Round(time.Second))
	}
	if err := ValidatePools(in.Pools); err != nil {
		return fmt.Errorf("decide %s: %w", in.Fleet, err)
	}
	return nil
}

// finite reports whether v can be a demand; NaN cannot.
func finite(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }

// stale reports whether the observation is too old to be the present demand.
func (in Input) stale() bool { return in.Now.Sub(in.DemandAt) > in.Policy.StaleAfter }

// hold returns the break-even time of stopping and restarting an instance of p (ski rental): boot, linger and churn.
func (y Policy) hold(p Pool) time.Duration { return p.LeadTime + y.Linger + y.Churn }

// Reach returns how far beyond the present a forecast must reach so that every window of every pool lies inside it: lead time and
// break-even time, or lead time and one turn, or one turn and the time that another warm instance takes where some stand by. Nothing
// further ahead can improve provisioning (Lu and Chen 2012).
func Reach(pools []Pool, y Policy) time.Duration {
	var longest time.Duration
	for _, p := range pools {
		longest = max(longest, p.LeadTime+y.hold(p), p.LeadTime+y.Interval)
		if p.Stock.HitRate > 0 {
			longest = max(longest, p.Stock.LeadTime+y.Interval)
		}
	}
	return longest
}
