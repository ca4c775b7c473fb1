package keda

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/forethought-autoscaler/forethought/pool"
)

const (
	// leastTarget is the smallest target that KEDA does not round to 0.
	leastTarget = 0.001
	// roundOff is how far above a whole number of thousandths, relative to it, a number still counts as that: two roundings of a float64.
	roundOff = 4e-16
	// maxMilli is a number whose thousandths fit into an int64, and maxWhole the first that does not fit itself.
	maxMilli, maxWhole = 9.2e15, float64(1 << 63)
)

// value is one of the values that a trigger can ask for.
type value struct {
	name string
	// metric is its name as a metric, that of the gauge on /metrics.
	metric string
	// keys are those that a trigger may have.
	keys []string
	// target is the target of a trigger that names none; 0 where it must.
	target float64
	// read returns the value. The snapshot's decision is valid.
	read func(t trigger, s pool.Snapshot) (float64, error)
}

var (
	instanceKeys = []string{keyFleet, keyValue, keyPool, keyTarget, keyActivation}
	demandKeys   = []string{keyFleet, keyValue, keyTarget, keyActivation}
	forecastKeys = []string{keyFleet, keyValue, keyHorizon, keyProbability, keyTarget, keyActivation}
)

// values lists every value; the first is the default.
var values = [...]value{
	{"instances", "forethought_pool_instances_desired", instanceKeys, 1, readInstances},
	{"spare", "forethought_pool_instances_spare", instanceKeys, 1, readSpare},
	{"demand", "forethought_demand", demandKeys, 0, readDemand},
	{"demandForecast", "forethought_demand_forecast", forecastKeys, 0, readForecast},
	{"demandForecastPeak", "forethought_demand_forecast_peak", forecastKeys, 0, readPeak},
}

// valueNamed returns the value of a name, the default one for none.
func valueNamed(name string) (value, error) {
	var names []string
	for _, v := range values {
		if v.name == name || name == "" {
			return v, nil
		}
		names = append(names, v.name)
	}
	return value{}, fmt.Errorf("unknown %s %q, want one of %s", keyValue, name, strings.Join(names, ", "))
}

func readInstances(t trigger, s pool.Snapshot) (float64, error) {
	plan := s.Decision.Effective()
	n, ok := plan.Total(), len(plan.Targets) > 0
	if t.pool != "" {
		n, ok = plan.Instances(t.pool)
	}
	return count(n, ok, t)
}

func readSpare(t trigger, s pool.Snapshot) (float64, error) {
	if t.pool != "" {
		n, ok := s.Decision.Spare(t.pool)
		return count(n, ok, t)
	}
	targets := s.Decision.Effective().Targets
	sum := 0
	for _, target := range targets {
		n, ok := s.Decision.Spare(target.Pool)
		if !ok {
			return count(0, false, trigger{fleet: t.fleet, pool: target.Pool})
		}
		sum += n
	}
	return count(sum, len(targets) > 0, t)
}

func count(n int, ok bool, t trigger) (float64, error) {
	if !ok {
		return 0, status.Errorf(codes.Unavailable, "the decision of fleet %s is not about pool %q", t.fleet, t.pool)
	}
	return float64(n), nil
}

func readDemand(_ trigger, s pool.Snapshot) (float64, error) { return s.Decision.Demand, nil }

func readForecast(t trigger, s pool.Snapshot) (float64, error) {
	return readAhead(t, s, s.Decision.DemandAhead)
}

func readPeak(t trigger, s pool.Snapshot) (float64, error) {
	return readAhead(t, s, s.Decision.PeakAhead)
}

// readAhead returns what ahead says for the horizon and probability of t, or for the fleet's own where t names none. While the decision
// does not act it is the present demand: an autoscaler that follows a forecast moves capacity as one does that follows instances.
func readAhead(t trigger, s pool.Snapshot, ahead func(time.Duration, float64) (float64, error)) (float64, error) {
	if t.probability == 0 {
		t.probability = s.Probability
	}
	if t.horizon == 0 {
		t.horizon = s.DefaultHorizon()
	}
	if t.horizon <= 0 || !(t.probability > 0 && t.probability < 1) {
		return 0, status.Errorf(codes.InvalidArgument, "fleet %s has no horizon and probability of its own; name both", s.Fleet)
	}
	if !s.Decision.Acting() {
		return s.Decision.Demand + s.Decision.Pending, nil
	}
	v, err := ahead(t.horizon, t.probability)
	if err != nil {
		return 0, noForecast(s, err)
	}
	return v, nil
}

// noForecast says that the decision holds no forecast, or none as far ahead as asked.
func noForecast(s pool.Snapshot, err error) error {
	short, unknown := (*pool.HorizonError)(nil), (*pool.UnknownAheadError)(nil)
	if errors.As(err, &short) && short.Longest > 0 || errors.As(err, &unknown) {
		return status.Errorf(codes.InvalidArgument, "fleet %s: %v", s.Fleet, err)
	}
	return status.Errorf(codes.Unavailable, "fleet %s has no forecast: %s", s.Fleet, s.Reason)
}

// thousandthsUp rounds v up to a thousandth, to which KEDA would round it down or up, or to a whole number where it has no thousandths
// that can be told apart.
func thousandthsUp(v float64) float64 {
	if v >= maxMilli {
		return math.Ceil(v)
	}
	x := v * 1000
	if n := math.Round(x); math.Abs(x-n) <= roundOff*x {
		return n / 1000
	}
	return math.Ceil(x) / 1000
}

// thousandthsDown rounds v, below maxMilli, down to a thousandth.
func thousandthsDown(v float64) float64 {
	x := v * 1000
	if n := math.Round(x); math.Abs(x-n) <= roundOff*x {
		return n / 1000
	}
	return math.Floor(x) / 1000
}
