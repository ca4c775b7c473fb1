// Package pool turns the forecast distribution of one fleet's demand into a plan: how many instances each pool should have.
//
// The package is pure: no clock and no I/O. Decide is a function of its Input, so that two replicas agree, an audit record replays to
// the same numbers, and a test is a table. A decision is never below the reactive need: the forecast only raises.
package pool

import (
	"fmt"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Class says what kind of instances a pool holds.
type Class string

// Fixed instances have a guaranteed shape and are paid whether used or not; Variable ones are elastic: spot, burstable, overcommitted.
const (
	Fixed    Class = "fixed"
	Variable Class = "variable"
)

// Mode says whether the doors that move capacity are given the plan or the reactive need.
type Mode string

// In Shadow everything is computed, published and scored, and doors answer with the reactive need. In Act they answer with the plan.
const (
	Shadow Mode = "shadow"
	Act    Mode = "act"
)

// Pool is a set of interchangeable instances as it stands. Capacity is the demand that one active instance serves, in the fleet's
// unit. Max is 0 where the pool has no upper bound. Active says how many instances there are now and means nothing unless Observed;
// Warming and Warm are known beside it only where Phases is true, and otherwise counted in Active.
type Pool struct {
	Name                  string
	Class                 Class
	Min, Max              int
	Observed, Phases      bool
	Warming, Warm, Active int
	Capacity              float64
	LeadTime              time.Duration
	Price                 Price
	// Domain names what fails together, such as a zone: interruptions of pools of one domain are taken as one. Empty is one of its own.
	Domain string
	// Shape is what one instance offers, for fleets whose demand is jobs of known shapes.
	Shape Shape
	// Types are the kinds of instances that the pool chooses from by cost, each with capacity, shape and price of its own; none where all
	// are alike.
	Types []Type
	// Stock asks for warm instances beside those that serve.
	Stock WarmPolicy
	// Burst describes burstable instances.
	Burst Burst
	// Share is the part of the demand, in (0, 1], that an operator gives the pool whatever it costs; 0 for none. Either all pools of a fleet
	// have one, and they add up to 1, or none has.
	Share float64
	// Risk says what interruptions of the pool's instances are guarded with.
	Risk Risk
}

// Target is the number of instances that one pool should have: Instances in all, of which Warm stand by beside those that serve.
type Target struct {
	Pool            string
	Class           Class
	Instances, Warm int
	// Types is how Instances are made up, in the order of the pool's types; nil where the pool has none.
	Types []TypeTarget
}

// TypeTarget is the number of instances of one type.
type TypeTarget struct {
	Type      string
	Instances int
}

// Move takes instances of one pool into another, where that is cheaper than stopping them and starting others. It is a proposal.
type Move struct {
	From, To  string
	Instances int
	// Saving and Disruption are what the move saves and costs, in money, or in instance-hours where prices are unknown.
	Saving, Disruption float64
	Reason             string
}

// Plan is a Target for each pool, in the order of the configuration.
type Plan struct {
	Targets []Target
	// Unmet is the share, 0 to 1, of the demand planned for that the pools' bounds leave unserved.
	Unmet float64
	// HourlyCost is what the targets cost in an hour, commitments and the expected losses by interruptions included; OnDemandCost is what
	// as much capacity costs without commitments and interruptible instances.
	HourlyCost, OnDemandCost float64
	// Moves are the moves between pools that are worth their disruption, and Unmoved what is not moved, and why.
	Moves   []Move
	Unmoved []Unmoved
}

// Instances returns the target of the named pool; ok is false where the plan has no such pool.
func (p Plan) Instances(pool string) (n int, ok bool) {
	for _, t := range p.Targets {
		if t.Pool == pool {
			return t.Instances, true
		}
	}
	return 0, false
}

// Total returns the sum of all targets.
func (p Plan) Total() int {
	n := 0
	for _, t := range p.Targets {
		n += t.Instances
	}
	return n
}

// Guard is a rule that changed a decision, or kept it from changing.
type Guard struct {
	// Name is one of the names that GuardNames lists.
	Name string
	// Pool is empty where the guard concerns the whole fleet.
	Pool string
	// From and To are the instances before and after the guard.
	From, To int
	Reason   string
}

// The guards, numbered as in the documentation.
const (
	GuardReactive   = "reactive_floor" // I1
	GuardMaximum    = "pool_maximum"   // I2
	GuardLift       = "lift"           // I2
	GuardBudget     = "budget"         // I2
	GuardStepUp     = "step_up"        // I3
	GuardStepDown   = "step_down"      // I3
	GuardStale      = "stale"          // I4
	GuardDecay      = "decay"          // I4
	GuardSkill      = "skill"          // I5
	GuardCollapse   = "collapse"       // I6
	GuardKillSwitch = "kill_switch"    // I7
)

// GuardNames returns every guard's name.
func GuardNames() []string {
	return []string{
		GuardReactive, GuardMaximum, GuardLift, GuardBudget, GuardStepUp, GuardStepDown, GuardStale, GuardDecay, GuardSkill, GuardCollapse,
		GuardKillSwitch,
	}
}

// Decision is what one turn publishes for one fleet, with what it was made from. It is immutable.
type Decision struct {
	Fleet string
	// At is when the turn was made; past ValidUntil the decision must not be used.
	At, ValidUntil time.Time
	Mode           Mode
	// Killed is true while the kill switch holds the fleet on the reactive need.
	Killed   bool
	Forecast forecast.Forecast
	// Peaks[h-1] is the distribution of the largest demand over the steps 1..h of the forecast.
	Peaks []forecast.Distribution
	// Ahead is what is known of Forecast and Peaks where the decision was made elsewhere and read back from its metrics, which then are
	// empty.
	Ahead []Ahead
	// Demand is the observation that the reactive need follows, made at DemandAt, with Pending queued work beside it.
	Demand, Pending float64
	DemandAt        time.Time
	// Probability is that with which the demand is to be met, and Working that with which the windows of this turn are sized so that it is,
	// over time.
	Probability, Working float64
	// Pace is handed to the next decision.
	Pace     Pace
	Reactive Plan
	Plan     Plan
	// Sizing says, pool by pool, where Plan comes from before the guards.
	Sizing []Sizing
	Guards []Guard
}

// Sizing is how one pool's number came about.
type Sizing struct {
	Pool string
	// LeadTime is that of the pool, and Hold the time for which a surplus instance is kept because stopping and starting it again
	// would cost more.
	LeadTime, Hold time.Duration
	// AddDemand is the quantile of the largest demand in the window that an instance asked for now can serve, KeepDemand that of the
	// window until one released now could be back.
	AddDemand, KeepDemand float64
	// Add and Keep are the instances these need, Reactive those that the present demand needs, and Previous what was decided in the
	// turn before, -1 where that is unknown.
	Add, Keep, Reactive, Previous int
	// Warm is how many are to stand by beside those of the reactive need.
	Warm int
	// Foreseen is the median where AddDemand is the quantile that is planned for: what lies between is the buffer for what can't be foreseen.
	Foreseen float64
}

// Acting reports whether doors are given what the forecast says: in mode act, without the kill switch.
func (d Decision) Acting() bool { return d.Mode == Act && !d.Killed }

// Effective returns the plan that doors answer with: Plan in mode act without the kill switch, Reactive otherwise.
func (d Decision) Effective() Plan {
	if d.Acting() {
		return d.Plan
	}
	return d.Reactive
}

// Spare returns how many instances of the named pool doors answer with beyond what the present demand needs: the capacity to hold free ahead
// of it. It is 0 while the decision does not act; ok is false where the decision is not about the pool.
func (d Decision) Spare(pool string) (n int, ok bool) {
	asked, ok := d.Effective().Instances(pool)
	needed, known := d.Reactive.Instances(pool)
	if !ok || !known {
		return 0, false
	}
	return max(asked-needed, 0), true
}

// Valid reports whether the decision may be used at the given time. A zero Decision is never valid.
func (d Decision) Valid(now time.Time) bool { return !d.At.IsZero() && !now.After(d.ValidUntil) }

// State is what a fleet is doing.
type State string

// A fleet is Starting until its first turn ends; Learning while its history is too short for a seasonal method, which a naive
// forecast bridges; Ready with a chosen method; Stale while no fresh demand comes and the last decision is held; Failed where there is no
// decision to publish.
const (
	Starting State = "starting"
	Learning State = "learning"
	Ready    State = "ready"
	Stale    State = "stale"
	Failed   State = "failed"
)

// States returns every state.
func States() []State { return []State{Starting, Learning, Ready, Stale, Failed} }

// ForNow is what was forecast one horizon ago for At, the time of the latest observation.
type ForNow struct {
	Horizon     time.Duration
	Probability float64
	At          time.Time
	Value       float64
}

// Snapshot is a fleet as its last turn left it: the one thing every door reads. It is immutable.
type Snapshot struct {
	Fleet string
	Unit  series.Unit
	State State
	// Reason says in one sentence why the fleet is in this state, what is missing and when it will be there.
	Reason string
	// ReadyAt is when what is missing will be there, zero where nothing is or nobody knows.
	ReadyAt time.Time
	// Turn is when the turn began.
	Turn time.Time
	// Horizons and Probabilities are those to show without being asked; Probability is the fleet's own.
	Horizons      []time.Duration
	Probabilities []float64
	Probability   float64
	Selection     forecast.Selection
	ForNow        []ForNow
	// Workload is what kind of demand the fleet has, as of the history that its model was fitted to; its zero value before that is known.
	Workload Workload
	Pools    []Pool
	// Decision is the latest; its zero value where the fleet never had one. Ask Valid before using it.
	Decision Decision
}

// Board gives the latest snapshots. It answers from memory and is safe for concurrent use.
type Board interface {
	// Snapshot returns the latest snapshot of a fleet; ok is false for an unknown fleet.
	Snapshot(fleet string) (s Snapshot, ok bool)
	// Snapshots returns all, in the order of the configuration.
	Snapshots() []Snapshot
}

// HorizonError says that a forecast does not reach as far as asked.
type HorizonError struct{ Asked, Longest time.Duration }

// Error names both horizons.
func (e *HorizonError) Error() string {
	return fmt.Sprintf("horizon %s is outside the forecast, which reaches %s", brief(e.Asked), brief(e.Longest))
}

// brief prints a duration without parts that are zero: 2h, not 2h0m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Ahead is what a forecast says about one horizon with one probability: the demand then, and the largest until then.
type Ahead struct {
	Horizon      time.Duration
	Probability  float64
	Demand, Peak float64
}

// UnknownAheadError says that a decision which was made elsewhere is known for other pairs of horizon and probability only.
type UnknownAheadError struct {
	Horizon     time.Duration
	Probability float64
	Known       []Ahead
}

// Error lists the pairs that are known.
func (e *UnknownAheadError) Error() string {
	pairs := make([]string, len(e.Known))
	for i, a := range e.Known {
		pairs[i] = fmt.Sprintf("%s at %v", brief(a.Horizon), a.Probability)
	}
	return fmt.Sprintf("horizon %s at probability %v is not among what was exported: %s",
		brief(e.Horizon), e.Probability, strings.Join(pairs, ", "))
}

// known returns what was read back for a horizon and a probability.
func (d Decision) known(horizon time.Duration, p float64) (Ahead, error) {
	for _, a := range d.Ahead {
		if a.Horizon == horizon && a.Probability == p {
			return a, nil
		}
	}
	return Ahead{}, &UnknownAheadError{Horizon: horizon, Probability: p, Known: d.Ahead}
}

// DemandAhead returns the quantile at probability p of the demand one horizon ahead, rounded up to a whole step. The horizon counts from
// the forecast's origin, and where observations are missing since, from the last grid point before the decision. It returns a
// *HorizonError where the forecast does not reach, and for a decision that was read back an *UnknownAheadError for a pair that was not exported.
func (d Decision) DemandAhead(horizon time.Duration, p float64) (float64, error) {
	if len(d.Ahead) > 0 {
		a, err := d.known(horizon, p)
		return a.Demand, err
	}
	h, err := d.step(horizon)
	if err != nil {
		return 0, err
	}
	return d.Forecast.Steps[h-1].Quantile(p), nil
}

// PeakAhead is DemandAhead for the largest demand between now and the horizon, which is the present demand at least.
func (d Decision) PeakAhead(horizon time.Duration, p float64) (float64, error) {
	if len(d.Ahead) > 0 {
		a, err := d.known(horizon, p)
		return max(a.Peak, d.Demand+d.Pending), err
	}
	h, err := d.step(horizon)
	if err != nil {
		return 0, err
	}
	return max(d.Peaks[h-1].Quantile(p), d.Demand+d.Pending), nil
}

func (d Decision) step(horizon time.Duration) (int, error) {
	h := 0
	if d.Forecast.Step > 0 {
		late := max(d.At.Sub(d.Forecast.Origin)/d.Forecast.Step, 0)
		h = d.Forecast.StepAt(d.Forecast.Origin.Add(late*d.Forecast.Step + horizon))
	}
	if n := min(len(d.Forecast.Steps), len(d.Peaks)); h < 1 || h > n {
		return 0, &HorizonError{Asked: horizon, Longest: time.Duration(n) * d.Forecast.Step}
	}
	return h, nil
}
