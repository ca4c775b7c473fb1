package kube

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
)

// Nodes says which nodes of the cluster are a pool's instances: those whose labels match Selector, which is written as for kubectl's --selector.
type Nodes struct{ Pool, Selector string }

// nodePool is a pool of nodes and how many of them there are.
type nodePool struct {
	fleet, name string
	expr        string
	selector    labels.Selector
	tally       tally
}

// isSame reports whether another is the same pool, as it may have been configured before.
func (p *nodePool) isSame(other *nodePool) bool {
	return p.fleet == other.fleet && p.name == other.name
}

// tally is how many nodes of a pool are in each phase.
type tally struct{ warming, warm, active int }

// CheckSelector says what is wrong with the selector of a pool's nodes, nil for nothing.
func CheckSelector(selector string) error {
	_, err := parseSelector(selector)
	return err
}

func parseSelector(expr string) (labels.Selector, error) {
	if expr == "" {
		return nil, errors.New("selector is missing: an empty one would match every node")
	}
	s, err := labels.Parse(expr)
	if err != nil {
		return nil, fmt.Errorf("selector %q: %w", expr, err)
	}
	return s, nil
}

// parsePools returns the pools in the order in which a node is given to them: that of the fleets' names, and within a fleet as configured.
func parsePools(pools map[string][]Nodes) ([]*nodePool, error) {
	var all []*nodePool
	for _, fleet := range slices.Sorted(maps.Keys(pools)) {
		for _, n := range pools[fleet] {
			s, err := parseSelector(n.Selector)
			if err != nil {
				return nil, fmt.Errorf("nodes of pool %s of fleet %s: %w", n.Pool, fleet, err)
			}
			all = append(all, &nodePool{fleet: fleet, name: n.Pool, expr: n.Selector, selector: s})
		}
	}
	return all, nil
}

// matching returns the pools whose selector matches.
func matching(all []*nodePool, s labels.Set) []*nodePool {
	var out []*nodePool
	for _, p := range all {
		if p.selector.Matches(s) {
			out = append(out, p)
		}
	}
	return out
}
