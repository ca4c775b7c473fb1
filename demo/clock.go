package demo

import (
	"context"
	"time"
)

// Clock is a clock that goes speed times as fast as the machine's, from the moment it was made.
type Clock struct {
	begin time.Time
	speed float64
}

// NewClock returns a clock of a speed, 1 being that of the machine's.
func NewClock(speed float64) *Clock { return &Clock{begin: time.Now(), speed: speed} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	return c.begin.Add(time.Duration(float64(time.Since(c.begin)) * c.speed)).UTC()
}

// Wait blocks until the clock shows a time, or until ctx ends, and then returns its error.
func (c *Clock) Wait(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Duration(float64(until.Sub(c.Now())) / c.speed))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
