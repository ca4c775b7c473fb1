package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Cluster stands in for a cloud: each instance that a decision asks for takes its pool's lead time to start, and one that is no longer
// asked for ends at once. It is safe for concurrent use.
type Cluster struct {
	board pool.Board
	mu    sync.Mutex
	pools map[string][]pool.Pool
	ready map[string][]time.Time // when each instance is, or was, ready, by pool; oldest first
}

// NewCluster returns a cluster of the fleets, which follows the decisions on the board. It begins with no instance, and the first
// decision it sees is there at once: a demo does not begin in the middle of a night's scale-out.
func NewCluster(fleets []Fleet, board pool.Board) *Cluster {
	c := &Cluster{board: board, pools: map[string][]pool.Pool{}, ready: map[string][]time.Time{}}
	for _, f := range fleets {
		for _, p := range f.Pools {
			c.pools[f.Name] = append(c.pools[f.Name], pool.Pool{
				Name: p.Name, Class: pool.Class(p.Class), Min: p.Min, Max: p.Max, Capacity: p.Capacity,
				LeadTime: p.LeadTime, HourlyPrice: p.HourlyPrice, Observed: true,
			})
		}
	}
	return c
}

// Pools returns the pools of a fleet as they stand at a time, which must not go back.
func (c *Cluster) Pools(_ context.Context, fleet string, at time.Time) ([]pool.Pool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pools[fleet] == nil {
		return nil, fmt.Errorf("the demo has no fleet %q", fleet)
	}
	s, _ := c.board.Snapshot(fleet)
	out := make([]pool.Pool, 0, len(c.pools[fleet]))
	demand := s.Decision.Demand
	for _, p := range c.pools[fleet] {
		if n, ok := s.Decision.Effective().Instances(p.Name); ok {
			c.follow(p, n, s.Decision.At)
		}
		for _, t := range c.ready[p.Name] {
			switch {
			case t.After(at):
				p.Warming++
			case demand > 0:
				p.Active++
				demand -= p.Capacity
			default:
				p.Warm++
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// follow makes the pool have n instances, those asked for at a time.
func (c *Cluster) follow(p pool.Pool, n int, asked time.Time) {
	have, known := c.ready[p.Name]
	start := asked.Add(p.LeadTime)
	if !known {
		start = asked
	}
	for len(have) < n {
		have = append(have, start)
	}
	c.ready[p.Name] = have[:n]
}
