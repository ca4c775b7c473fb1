package main

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/embedded"
)

// checks are the rules of the configuration that other packages own.
func checks() config.Checks {
	return config.Checks{
		Unit:          func(s string) error { _, err := series.ParseUnit(s); return err },
		Expr:          embedded.CheckExpr,
		ScrapeConfigs: embedded.CheckScrapeConfigs,
	}
}

// methodOf returns the forecasting method for demands of a step: every method the program has, chosen among by score. seasons replaces
// a day and a week where it is not empty.
func methodOf(step time.Duration, horizon int, seasons []time.Duration) selection.Auto {
	regression := ridge.Method{Horizon: horizon, Seasons: seasons}
	if len(seasons) == 0 {
		seasons = []time.Duration{24 * time.Hour, 7 * 24 * time.Hour}
	}
	auto := selection.Auto{
		Methods:  []forecast.Method{naive.Last{}, naive.Smooth{}},
		Fallback: naive.Last{},
		Horizon:  horizon,
	}
	for _, season := range seasons {
		if season > step {
			m := naive.Seasonal{Period: season}
			auto.Methods = append(auto.Methods, m)
			auto.Benchmarks = append([]string{m.Name()}, auto.Benchmarks...) // the longest season first
		}
	}
	logarithmic := regression
	logarithmic.Log = true
	auto.Methods = append(auto.Methods, regression, logarithmic)
	return auto
}

// fleetOptions translates one fleet of the configuration.
func fleetOptions(c *config.Config, f config.Fleet) loop.FleetOptions {
	o := loop.FleetOptions{
		Name: f.Name, Query: string(f.Demand.Query), Unit: series.Unit(f.Demand.Unit), Step: time.Duration(f.Demand.Step),
		Pending: string(f.Demand.Pending), History: time.Duration(c.History), Horizons: durations(c.Horizons),
		Probabilities: c.Probabilities, Policy: policyOf(c, f.Policy),
	}
	for _, expr := range f.Exclude {
		o.Exclude = append(o.Exclude, string(expr))
	}
	reaching := make([]pool.Pool, 0, len(f.Pools))
	for _, p := range f.Pools {
		o.Pools = append(o.Pools, p.Name)
		spec := poolSpec(p)
		spec.LeadTime = spec.MaxLeadTime()
		reaching = append(reaching, spec.Pool)
	}
	o.Horizon = horizonSteps(o, pool.Reach(reaching, o.Policy))
	o.Method = methodOf(o.Step, o.Horizon, nil)
	return o
}

// horizonSteps returns how many steps a forecast needs: to the longest horizon shown, and to the end of every window of a decision that
// is made from an old observation. A forecast that is held for longer than half an hour stays at its last step.
func horizonSteps(o loop.FleetOptions, reach time.Duration) int {
	longest := reach + o.Policy.StaleAfter + min(o.Policy.Hold, 30*time.Minute) + o.Step
	for _, h := range o.Horizons {
		longest = max(longest, h)
	}
	return int(math.Ceil(float64(longest) / float64(o.Step)))
}

func policyOf(c *config.Config, p config.Policy) pool.Policy {
	return pool.Policy{
		Mode: pool.Mode(p.Mode), Killed: p.Kill, Probability: p.Probability,
		Interval: time.Duration(c.Interval), Validity: time.Duration(c.Validity),
		StaleAfter: time.Duration(p.StaleAfter), Hold: time.Duration(p.Hold),
		Linger: time.Duration(p.Linger), Churn: time.Duration(p.Churn),
		Limits: pool.Limits{
			Lift: p.Limits.Lift, StepUp: p.Limits.StepUp, StepDown: p.Limits.StepDown, HourlyCost: p.Limits.HourlyCost,
		},
	}
}

func poolSpec(p config.Pool) loop.PoolSpec {
	return loop.PoolSpec{
		Pool: pool.Pool{
			Name: p.Name, Class: pool.Class(p.Class), Min: p.Min, Max: p.Max, Capacity: p.Capacity,
			LeadTime: time.Duration(p.LeadTime.Default), HourlyPrice: p.Price.Hourly,
		},
		LeadTimeQuery: string(p.LeadTime.Query), InstancesQuery: string(p.Instances),
	}
}

func poolSpecs(c *config.Config) map[string][]loop.PoolSpec {
	specs := make(map[string][]loop.PoolSpec, len(c.Fleets))
	for _, f := range c.Fleets {
		for _, p := range f.Pools {
			specs[f.Name] = append(specs[f.Name], poolSpec(p))
		}
	}
	return specs
}

func fleetNames(c *config.Config) []string {
	names := make([]string, 0, len(c.Fleets))
	for _, f := range c.Fleets {
		names = append(names, f.Name)
	}
	return names
}

func durations(in []model.Duration) []time.Duration {
	out := make([]time.Duration, 0, len(in))
	for _, d := range in {
		out = append(out, time.Duration(d))
	}
	return out
}

// refuseMove says which keys of a new configuration cannot be changed while running.
func refuseMove(old, next *config.Config) error {
	switch {
	case (old.Embedded == nil) != (next.Embedded == nil):
		return fmt.Errorf("embedded: changing between an embedded and another Prometheus needs a restart")
	case old.Embedded != nil && (old.Embedded.Path != next.Embedded.Path || old.Embedded.ListenAddress != next.Embedded.ListenAddress ||
		old.Embedded.Retention != next.Embedded.Retention || old.Embedded.ScrapeInterval != next.Embedded.ScrapeInterval ||
		string(old.Embedded.ScrapeConfigs.YAML) != string(next.Embedded.ScrapeConfigs.YAML)):
		return fmt.Errorf("embedded: a change of the embedded Prometheus needs a restart")
	case old.Storage.Path != next.Storage.Path:
		return fmt.Errorf("storage.path: a change from %s to %s needs a restart", old.Storage.Path, next.Storage.Path)
	}
	return nil
}
