package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// Publisher takes the snapshot that a turn ends with. It must not block on whoever reads snapshots.
type Publisher interface {
	Publish(ctx context.Context, s pool.Snapshot) error
}

// Fleet tells how the pools of a fleet stand at a time. The caller owns the answer.
type Fleet interface {
	Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error)
}

// Clock tells the time. Wait blocks until it shows a time, or until ctx ends, and then returns its error.
type Clock interface {
	Now() time.Time
	Wait(ctx context.Context, until time.Time) error
}

// Options are what a Loop is made of. All fields are required but Killed, Held, Models, Background and Decide.
type Options struct {
	Source series.Source
	// SourceName says where Source reads, for Adopt: what was read elsewhere is not taken over. It may be empty.
	SourceName string
	Fleet      Fleet
	Publisher  Publisher
	Fleets     []FleetOptions
	// Interval is the time between turns.
	Interval time.Duration
	// Clock says when a turn is due. Nothing else depends on it.
	Clock   Clock
	Log     *slog.Logger
	Metrics *Metrics
	// Killed names the fleets whose kill switch is on at the start.
	Killed map[string]bool
	// Held reports whether something outside, such as a label in a cluster, turns a fleet's kill switch on; nil for nothing. It must be safe
	// for concurrent use and not block.
	Held func(fleet string) bool
	// Models keeps fitted models over a restart; nil keeps none.
	Models ModelStore
	// Background runs what is done beside the turns: refits and the keeping of models. It must run each function that it is given, at
	// once or later; nil runs each on a goroutine of its own. One that runs them at once makes a Loop without any concurrency in it.
	Background func(func())
	// Decide makes the decision of a turn; nil is pool.Decide. A replay makes several at once.
	Decide func(pool.Input) (pool.Decision, error)
}

// FleetOptions describe one fleet.
type FleetOptions struct {
	Name string
	// Query and Unit are the demand's, Step is its grid. Pending is the query of queued work, empty for none.
	Query   string
	Unit    series.Unit
	Step    time.Duration
	Pending string
	// Saturated is the query of when full capacity hides a part of the demand, empty for none: an observation made while it has a value
	// other than 0 is a lower bound. The present demand follows it as any other; it is learnt from only where it is no less than what was
	// observed at the same time of the seven days before.
	Saturated string
	// Failing is the query of when the served workload fails, empty for none.
	Failing string
	// Shapes is the query of the jobs that make up the demand, one series for each shape with labels cpu, memory and gpu, empty for none.
	Shapes string
	// Exclude holds queries; an observation made while one of them has a value other than 0 is never learnt from.
	Exclude []string
	// Excluded reports whether the calendar says that an observation made at a time is never learnt from; nil for never.
	Excluded func(time.Time) bool
	// Leading holds queries of series that run ahead of the demand, each of one series or of several. A forecast.Informed method learns
	// from them; one that can't be read is missing and holds nothing up.
	Leading []string
	// Calendar is what Method knows of holidays and events; nil for nothing.
	Calendar forecast.Calendar
	// Settings names everything else that a model depends on: what Method is made of, the content of the calendar, the version of the
	// program. Where it differs nothing learnt is taken over and no kept model is used.
	Settings string
	// History is how far back is learnt.
	History time.Duration
	// Method forecasts, at least Horizon steps ahead.
	Method  forecast.Method
	Horizon int
	// Horizons and Probabilities are those shown without being asked.
	Horizons      []time.Duration
	Probabilities []float64
	// Pools are the fleet's pools as configured, which a plan carried over a restart is asked for.
	Pools  []string
	Policy pool.Policy
	// Shortage is the price of one unit of the demand that is not served for an hour. Where it is above 0 the probability of the policy
	// follows from it and the pools' prices, and Policy.Probability holds only while none of these is known.
	Shortage float64
	// Migration says which moves between pools are proposed, nil for none.
	Migration *Migration
	// Classify says what kind of workload the fleet has; nil for unknown.
	Classify Classifier
}

// Migration is what the operator decided about moves between pools.
type Migration struct {
	Policy pool.MovePolicy
	// Drain is how long an instance serves nothing between leaving one pool and serving in the other, Disruption the money that its move
	// costs beside that.
	Drain      time.Duration
	Disruption float64
}

func (o Options) validate() error {
	switch {
	case o.Source == nil:
		return errors.New("loop: Source is missing")
	case o.Fleet == nil:
		return errors.New("loop: Fleet is missing")
	case o.Publisher == nil:
		return errors.New("loop: Publisher is missing")
	case o.Interval <= 0:
		return errors.New("loop: Interval is missing")
	case o.Clock == nil:
		return errors.New("loop: Clock is missing")
	case o.Log == nil:
		return errors.New("loop: Log is missing")
	case o.Metrics == nil:
		return errors.New("loop: Metrics is missing")
	}
	for _, f := range o.Fleets {
		if f.Name == "" || f.Query == "" || f.Step <= 0 || f.History < f.Step || f.Method == nil || f.Horizon < 1 {
			return fmt.Errorf("loop: fleet %q: Name, Query, Step, History, Method and Horizon must be given", f.Name)
		}
	}
	return nil
}
