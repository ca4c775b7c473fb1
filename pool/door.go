package pool

import (
	"slices"
	"time"
)

// DefaultHorizon returns the horizon that a door answers for where none is asked for: the shortest of the fleet's that covers the longest
// lead time of its pools, since what is asked for now serves no earlier, and the longest one where none does. It is 0 for a fleet without
// horizons.
func (s Snapshot) DefaultHorizon() time.Duration {
	if len(s.Horizons) == 0 {
		return 0
	}
	var lead time.Duration
	for _, p := range s.Pools {
		lead = max(lead, p.LeadTime)
	}
	best := slices.Max(s.Horizons)
	for _, h := range s.Horizons {
		if h >= lead {
			best = min(best, h)
		}
	}
	return best
}

// PoolNames returns the pools that the fleet has or that its decision is about.
func (s Snapshot) PoolNames() []string {
	var names []string
	for _, p := range s.Pools {
		names = append(names, p.Name)
	}
	for _, t := range s.Decision.Effective().Targets {
		if !slices.Contains(names, t.Pool) {
			names = append(names, t.Pool)
		}
	}
	return names
}

// NoDecision says why a door has no number to answer with, for a fleet whose decision is not valid.
func (s Snapshot) NoDecision() string {
	what := "fleet " + s.Fleet + " has no valid decision"
	if !s.Decision.At.IsZero() {
		what += ": the last one was valid until " + s.Decision.ValidUntil.UTC().Format(time.RFC3339)
	}
	if s.Reason != "" {
		what += ": " + s.Reason
	}
	return what
}
