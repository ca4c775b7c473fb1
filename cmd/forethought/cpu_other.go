//go:build !linux

package main

import "time"

// cpuClock returns a clock of the time that passes, since this system does not say how long a thread ran, and how many threads may be
// measured side by side: one, so that none waits for another.
func cpuClock() (clock func() time.Duration, workers int) {
	begun := time.Now()
	return func() time.Duration { return time.Since(begun) }, 1
}
