package main

import (
	"fmt"
	"slices"

	"github.com/forethought-autoscaler/forethought/pool"
)

// healthy says why the process should be restarted: turns have stopped.
func (a *app) healthy() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current.Alive()
}

// ready says why the process should get no traffic: its clock is wrong and nothing is decided, or since it began not every fleet has had its first turn. A fleet without a decision,
// or one that a reload brings, is no reason, since the others have theirs.
func (a *app) ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.current.source.Skewed(); err != nil && !a.answers() {
		return err // others answer with the present
	}
	if a.started {
		return nil
	}
	if r, ok := a.current.maker.(interface{ Ready() error }); ok {
		err := r.Ready()
		a.started = err == nil
		return err
	}
	var waiting []string
	for _, s := range a.board.Snapshots() {
		if s.Turn.IsZero() {
			waiting = append(waiting, s.Fleet)
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("the first turn has not ended of %d fleets, first %s", len(waiting), waiting[0])
	}
	a.started = true
	return nil
}

// answers reports whether there is a valid decision about some fleet.
func (a *app) answers() bool {
	now := a.clock.Now()
	return slices.ContainsFunc(a.board.Snapshots(), func(s pool.Snapshot) bool { return s.Decision.Valid(now) })
}
