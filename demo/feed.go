package demo

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// Store takes the world's observations.
type Store interface {
	// Backfill stores what was observed before the demo begins.
	Backfill(ctx context.Context, signals []Signal) error
	// Append stores one observation; NaN says that the series has ended for now.
	Append(ctx context.Context, labels map[string]string, at time.Time, v float64) error
}

// Feed lets a world go on: it stores the past at once and each later observation when the clock reaches its time.
type Feed struct {
	world World
	store Store
	clock *Clock
	fed   time.Time
}

// NewFeed returns a Feed of a world into a store.
func NewFeed(world World, store Store, clock *Clock) *Feed {
	return &Feed{world: world, store: store, clock: clock}
}

// Begin stores what the world has observed by now.
func (f *Feed) Begin(ctx context.Context) error {
	f.fed = f.clock.Now()
	observed := make([]Signal, 0, len(f.world.Signals))
	for _, s := range f.world.Signals {
		observed = append(observed, Signal{Labels: s.Labels, Series: s.until(f.fed)})
	}
	if err := f.store.Backfill(ctx, observed); err != nil {
		return fmt.Errorf("store the past: %w", err)
	}
	return nil
}

// Run stores observations as their time comes, until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	step := f.world.Signals[0].Series.Step
	for {
		if err := f.clock.Wait(ctx, series.Align(f.fed, step).Add(step)); err != nil {
			return nil //nolint:nilerr // the context ended, which is how Run is stopped
		}
		now := f.clock.Now()
		for _, s := range f.world.Signals {
			if err := f.append(ctx, s, now); err != nil {
				return err
			}
		}
		f.fed = now
	}
}

// append stores what s observed after the last time fed, up to now.
func (f *Feed) append(ctx context.Context, s Signal, now time.Time) error {
	y := s.Series
	for i := y.Index(f.fed) + 1; i <= y.Index(now) && i < y.Len(); i++ {
		if math.IsNaN(y.Values[i]) && (i == 0 || math.IsNaN(y.Values[i-1])) {
			continue // a gap that has been said already
		}
		if err := f.store.Append(ctx, s.Labels, y.TimeAt(i), y.Values[i]); err != nil {
			return fmt.Errorf("store an observation of %v: %w", s.Labels, err)
		}
	}
	return nil
}
