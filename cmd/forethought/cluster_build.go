package main

import (
	"time"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop/actuator"
	"github.com/forethought-autoscaler/forethought/loop/kube"
	"github.com/forethought-autoscaler/forethought/loop/migrate"
)

// nodesOf returns which nodes are the instances of which pools, by fleet.
func nodesOf(c *config.Config) map[string][]kube.Nodes {
	out := map[string][]kube.Nodes{}
	for _, f := range c.Fleets {
		for _, p := range f.Pools {
			if p.Nodes != nil {
				out[f.Name] = append(out[f.Name], kube.Nodes{Pool: p.Name, Selector: p.Nodes.Selector})
			}
		}
	}
	return out
}

// targetsOf returns what is written for each pool.
func targetsOf(c *config.Config) []actuator.Target {
	kinds := map[string]actuator.Kind{"scale": actuator.Scale, "capacity_buffer": actuator.CapacityBuffer, "hpa_floor": actuator.HPAFloor}
	var out []actuator.Target
	for _, f := range c.Fleets {
		for _, p := range f.Pools {
			for _, t := range p.Actuate {
				out = append(out, actuator.Target{
					Fleet: f.Name, Pool: p.Name, Kind: kinds[t.Kind], APIVersion: t.APIVersion, ResourceKind: t.Resource,
					Namespace: t.Namespace, Name: t.Name, Value: actuator.Value(t.Value), PerInstance: t.ReplicasPerInstance, DryRun: t.DryRun,
				})
			}
		}
	}
	return out
}

// migrationsOf returns the fleets whose moves are made.
func migrationsOf(c *config.Config) map[string]migrate.Fleet {
	out := map[string]migrate.Fleet{}
	for _, f := range c.Fleets {
		m := f.Policy.Migration
		if !m.Act {
			continue
		}
		fleet := migrate.Fleet{Drain: time.Duration(m.Drain), PerHour: m.Budget, Concurrent: 1, Cooldown: time.Duration(m.CoolDown)}
		for _, p := range f.Pools {
			nodes := migrate.Pool{Name: p.Name, Selector: p.Nodes.Selector, Labels: p.Nodes.Labels}
			for _, t := range p.Nodes.Taints {
				nodes.Taints = append(nodes.Taints, migrate.NewTaint(t.Key, t.Value, t.Effect))
			}
			fleet.Pools = append(fleet.Pools, nodes)
		}
		out[f.Name] = fleet
	}
	return out
}
