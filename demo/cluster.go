package demo

import (
	"context"
	"sync"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Pools tells which pools a fleet has, as configured.
type Pools interface {
	Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error)
}

// Cluster stands in for a cloud: each instance that a decision asks for takes its pool's lead time to start, and one that is no longer
// asked for ends at once. It is safe for concurrent use.
type Cluster struct {
	board pool.Board
	mu    sync.Mutex
	ready map[string][]time.Time // when each instance is, or was, ready, by fleet and pool; oldest first
}

// NewCluster returns a cluster that follows the decisions on the board. It begins with no instance, and what the first decision asks for
// is there at once: a demo does not begin in the middle of a night's scale-out.
func NewCluster(board pool.Board) *Cluster {
	return &Cluster{board: board, ready: map[string][]time.Time{}}
}

// Over returns the pools of configured as they stand in the cluster.
func (c *Cluster) Over(configured Pools) Pools { return standing{c, configured} }

type standing struct {
	*Cluster
	configured Pools
}

// Pools returns the pools of a fleet as they stand at a time, which must not go back.
func (s standing) Pools(ctx context.Context, fleet string, at time.Time) ([]pool.Pool, error) {
	pools, err := s.configured.Pools(ctx, fleet, at)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, _ := s.board.Snapshot(fleet)
	demand := snap.Decision.Demand
	for i := range pools {
		p := &pools[i]
		key := fleet + "/" + p.Name
		if n, ok := snap.Decision.Effective().Instances(p.Name); ok {
			s.follow(key, n, snap.Decision.At, p.LeadTime)
		}
		p.Observed, p.Phases = true, true
		for _, ready := range s.ready[key] {
			switch {
			case ready.After(at):
				p.Warming++
			case demand > 0:
				p.Active++
				demand -= p.Capacity
			default:
				p.Warm++
			}
		}
	}
	return pools, nil
}

// follow makes a pool have n instances, the new ones asked for at a time.
func (c *Cluster) follow(key string, n int, asked time.Time, leadTime time.Duration) {
	have, known := c.ready[key]
	if !known {
		leadTime = 0
	}
	for len(have) < n {
		have = append(have, asked.Add(leadTime))
	}
	c.ready[key] = have[:n]
}
