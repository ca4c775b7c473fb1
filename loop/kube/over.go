package kube

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
)

// Over returns a Fleet that says of pools with nodes how these stand in the cluster, and everything else as configured does. While the
// cluster is not known pools are as configured says, and the doubts of the Fleet say so.
func (w *Watcher) Over(configured loop.Fleet) loop.Fleet {
	return &standing{Fleet: configured, watcher: w, unknown: map[string]string{}}
}

// standing is how pools stand in the cluster.
type standing struct {
	loop.Fleet
	watcher *Watcher
	mu      sync.Mutex
	unknown map[string]string // the doubt of the latest Pools of a fleet
}

// Pools returns the pools of a fleet at a time.
func (s *standing) Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error) {
	pools, err := s.Fleet.Pools(ctx, fleet, at)
	if err != nil {
		return nil, err
	}
	why := s.watcher.broken() // first: what is read in between then counts
	tallies := s.watcher.cluster.tallies(fleet, at)
	var names []string
	for i := range pools {
		p := &pools[i]
		t, ok := tallies[p.Name]
		switch {
		case ok && why != nil:
			names = append(names, p.Name)
		case ok:
			p.Observed, p.Phases = true, true
			p.Warming, p.Warm, p.Active = t.warming, t.warm, t.active
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unknown, fleet)
	if len(names) > 0 {
		s.unknown[fleet] = fmt.Sprintf("the nodes of %s are not known and what is configured holds: %v", strings.Join(names, ", "), why)
	}
	return pools, nil
}

// Doubts says what the latest Pools of a fleet assumes since it is not known.
func (s *standing) Doubts(fleet string) []string {
	var out []string
	if f, ok := s.Fleet.(interface{ Doubts(fleet string) []string }); ok {
		out = append(out, f.Doubts(fleet)...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if doubt := s.unknown[fleet]; doubt != "" {
		out = append(out, doubt)
	}
	if err := s.watcher.configMaps.health.broken(); err != nil {
		out = append(out, "whether a label sets the kill switch is not known: "+err.Error())
	}
	return out
}

// broken says why nodes can't be counted, nil where they can.
func (w *Watcher) broken() error {
	if err := w.nodes.health.broken(); err != nil {
		return err
	}
	return w.pods.health.broken()
}
