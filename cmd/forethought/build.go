package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/loop/kube"
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
		Holidays:      checkHolidays,
		Events:        checkEvents,
		Selector:      kube.CheckSelector,
	}
}

// fleetOptions translates one fleet of the configuration. It reads the events of its calendar.
func fleetOptions(c *config.Config, f config.Fleet) (loop.FleetOptions, error) {
	o := loop.FleetOptions{
		Name: f.Name, Query: string(f.Demand.Query), Unit: series.Unit(f.Demand.Unit), Step: time.Duration(f.Demand.Step),
		Pending: string(f.Demand.Pending), Saturated: string(f.Demand.Saturated), Failing: string(f.Demand.Failing),
		Shapes: string(f.Demand.Shapes), History: time.Duration(c.History), Horizons: durations(c.Horizons),
		Probabilities: c.Probabilities, Policy: policyOf(c, f.Policy), Migration: migrationOf(f.Policy.Migration), Classify: classify,
	}
	if f.Policy.Cost != nil {
		o.Shortage = f.Policy.Cost.Shortage
		o.Policy.Probability = assumedProbability
	}
	for _, expr := range f.Exclude {
		o.Exclude = append(o.Exclude, string(expr))
	}
	for _, expr := range f.Leading {
		o.Leading = append(o.Leading, string(expr))
	}
	known, events, err := openCalendar(f.Calendar)
	if err != nil {
		return o, fmt.Errorf("calendar of %s: %w", f.Name, err)
	}
	if known != nil {
		o.Calendar, o.Excluded = known, known.Excluded
	}
	o.Settings = settingsOf(c, f, events)
	reaching := make([]pool.Pool, 0, len(f.Pools))
	for _, p := range f.Pools {
		o.Pools = append(o.Pools, p.Name)
		spec := poolSpec(p)
		spec.LeadTime = spec.MaxLeadTime()
		reaching = append(reaching, spec.Pool)
	}
	o.Horizon = horizonSteps(o, pool.Reach(reaching, o.Policy))
	o.Method = recipe{step: o.Step, horizon: o.Horizon, calendar: o.Calendar, leading: len(o.Leading) > 0}.auto()
	return o, nil
}

// settingsOf names everything that a kept model depends on besides what the loop knows of: the program, where the history is read, and the
// calendar with the content of its events.
func settingsOf(c *config.Config, f config.Fleet, events []byte) string {
	place := "embedded"
	if c.Prometheus != nil {
		place = c.Prometheus.String()
	}
	days := config.Calendar{}
	if f.Calendar != nil {
		days = *f.Calendar
	}
	return fmt.Sprintf("%s %q %q %q %x", version, place, days.TimeZone, days.Holidays, sha256.Sum256(events))
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
		Mode: pool.Mode(p.Mode), Killed: p.Kill, Probability: p.Probability, Paced: p.Paced,
		Interval: time.Duration(c.Interval), Validity: time.Duration(c.Validity),
		StaleAfter: time.Duration(p.StaleAfter), Hold: time.Duration(p.Hold),
		Linger: time.Duration(p.Linger), Churn: time.Duration(p.Churn),
		Limits: pool.Limits{
			Lift: p.Limits.Lift, StepUp: p.Limits.StepUp, StepDown: p.Limits.StepDown, HourlyCost: p.Limits.HourlyCost,
		},
	}
}

// assumedProbability is that with which the demand is met while no price is known that it follows from.
const assumedProbability = 0.99

func migrationOf(m config.Migration) *loop.Migration {
	if !m.Enabled {
		return nil
	}
	return &loop.Migration{
		Policy: pool.MovePolicy{Margin: m.Margin, Cooldown: time.Duration(m.CoolDown), PerHour: m.Budget},
		Drain:  time.Duration(m.Drain), Disruption: m.Disruption,
	}
}

func poolSpec(p config.Pool) loop.PoolSpec {
	s := loop.PoolSpec{
		Pool: pool.Pool{
			Name: p.Name, Class: pool.Class(p.Class), Min: p.Min, Max: p.Max, Capacity: p.Capacity,
			LeadTime: time.Duration(p.LeadTime.Default), Price: priceOf(p.Price), Share: p.Share, Domain: p.Domain, Shape: shapeOf(p.Shape),
		},
		LeadTimeQuery: string(p.LeadTime.Query), Learn: p.LeadTime.Learn, PriceQuery: string(p.Price.Query),
		InstancesQuery: string(p.Instances), WarmQuery: string(p.WarmInstances), WarmingQuery: string(p.WarmingInstances),
	}
	for _, t := range p.Types {
		s.Types = append(s.Types, pool.Type{Name: t.Name, Capacity: t.Capacity, Max: t.Max, Shape: shapeOf(t.Shape), Price: priceOf(t.Price)})
		s.TypePriceQueries = append(s.TypePriceQueries, string(t.Price.Query))
	}
	if w := p.Warm; w != nil {
		s.Stock = pool.WarmPolicy{HitRate: w.HitRate, LeadTime: time.Duration(w.LeadTime)}
	}
	if b := p.Burst; b != nil {
		s.Burst = pool.Burst{Baseline: b.Baseline, MaxCredits: b.MaxCredits, Credits: math.NaN()}
		s.CreditsQuery = string(b.Credits)
	}
	return s
}

func priceOf(p config.Price) pool.Price {
	out := pool.Price{Hourly: p.Hourly, InterruptionsPerHour: p.InterruptionsPerHour, Restart: time.Duration(p.Restart)}
	if c := p.Commitment; c != nil {
		out.Commitment = pool.Commitment{Ratio: c.Ratio, Instances: c.Instances}
	}
	return out
}

func shapeOf(s *config.Shape) pool.Shape {
	if s == nil {
		return pool.Shape{}
	}
	return pool.Shape{CPU: s.CPU, Memory: float64(s.Memory), GPU: s.GPU}
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
	case old.Source != next.Source:
		return fmt.Errorf("source: a change from %s to %s needs a restart", old.Source, next.Source)
	case !reflect.DeepEqual(old.ExternalMetrics.Delegate, next.ExternalMetrics.Delegate):
		return fmt.Errorf("external_metrics.delegate: a change needs a restart")
	case old.Storage.Path != next.Storage.Path:
		return fmt.Errorf("storage.path: a change from %s to %s needs a restart", old.Storage.Path, next.Storage.Path)
	case (old.Embedded == nil) != (next.Embedded == nil):
		return fmt.Errorf("embedded: changing between an embedded and another Prometheus needs a restart")
	}
	return refuseStore(old, next)
}

// refuseStore says where the embedded Prometheus of a new configuration is not that which runs.
func refuseStore(old, next *config.Config) error {
	if old.Embedded != nil && (old.Embedded.Path != next.Embedded.Path || old.Embedded.ListenAddress != next.Embedded.ListenAddress ||
		old.Embedded.Retention != next.Embedded.Retention || old.Embedded.ScrapeInterval != next.Embedded.ScrapeInterval ||
		string(old.Embedded.ScrapeConfigs.YAML) != string(next.Embedded.ScrapeConfigs.YAML)) {
		return errors.New("embedded: a change of the embedded Prometheus needs a restart")
	}
	return nil
}
