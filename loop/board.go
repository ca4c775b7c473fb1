package loop

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Board keeps the latest snapshot of each fleet in memory. It is the Publisher of the loop and the pool.Board of every door.
// Reading never waits for a turn and a turn never waits for a reader.
type Board struct{ fleets atomic.Pointer[boardFleets] }

type boardFleets struct {
	order []string
	slots map[string]*atomic.Pointer[pool.Snapshot]
}

// NewBoard returns a Board of the named fleets.
func NewBoard(fleets []string) *Board {
	b := &Board{}
	b.SetFleets(fleets)
	return b
}

// SetFleets replaces the set of fleets; one that was there before keeps its snapshot.
func (b *Board) SetFleets(fleets []string) {
	old := b.fleets.Load()
	next := &boardFleets{order: fleets, slots: make(map[string]*atomic.Pointer[pool.Snapshot], len(fleets))}
	for _, name := range fleets {
		next.slots[name] = new(atomic.Pointer[pool.Snapshot])
		if old != nil && old.slots[name] != nil {
			next.slots[name] = old.slots[name]
		}
	}
	b.fleets.Store(next)
}

// Publish makes s the latest snapshot of its fleet.
func (b *Board) Publish(_ context.Context, s pool.Snapshot) error {
	slot := b.fleets.Load().slots[s.Fleet]
	if slot == nil {
		return fmt.Errorf("publish %s: the board has no such fleet", s.Fleet)
	}
	slot.Store(&s)
	return nil
}

// Snapshot returns the latest snapshot of a fleet; ok is false for an unknown fleet.
func (b *Board) Snapshot(fleet string) (s pool.Snapshot, ok bool) {
	slot := b.fleets.Load().slots[fleet]
	if slot == nil {
		return s, false
	}
	if p := slot.Load(); p != nil {
		return *p, true
	}
	return pool.Snapshot{Fleet: fleet, State: pool.Starting, Reason: "no turn was made yet"}, true
}

// Snapshots returns the latest snapshot of every fleet, in the order of the configuration.
func (b *Board) Snapshots() []pool.Snapshot {
	fleets := b.fleets.Load()
	out := make([]pool.Snapshot, 0, len(fleets.order))
	for _, name := range fleets.order {
		s, _ := b.Snapshot(name)
		out = append(out, s)
	}
	return out
}
