package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// cpuClock returns a clock of the processor time of the thread that asks it, and how many threads may be measured side by side. The
// garbage collector's own threads do not count. The clock of clock_gettime is up to date, while getrusage knows of the last tick only.
func cpuClock() (clock func() time.Duration, workers int) {
	return func() time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
			return 0
		}
		return time.Duration(t.Nano())
	}, runtime.GOMAXPROCS(0)
}
