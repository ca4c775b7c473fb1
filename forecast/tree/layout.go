package tree

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

const day = 24 * time.Hour

// usual are the seasons where none are given.
var usual = []time.Duration{day, 7 * day}

const (
	// leastSeason is the number of steps below which a season says nothing.
	leastSeason = 4
	// mostSeason bounds the steps of a season, and with it what a model remembers.
	mostSeason = 1 << 15
	// back is the number of earlier seasons looked at.
	back = 4
)

// layout says which features there are.
type layout struct {
	step     time.Duration
	horizon  int
	seasons  []float64 // in steps, ascending; the first is where the base is taken from
	calendar forecast.Calendar
	leading  int // leading indicators
}

// newLayout chooses the features for series of the step.
func newLayout(step time.Duration, horizon int, seasons []time.Duration, calendar forecast.Calendar, leading int) layout {
	l := layout{step: step, horizon: horizon, calendar: calendar, leading: leading}
	if len(seasons) == 0 {
		seasons = usual
	}
	for _, s := range seasons {
		if steps := float64(s) / float64(step); steps >= leastSeason && steps <= mostSeason {
			l.seasons = append(l.seasons, steps)
		}
	}
	return l
}

// lag returns how many steps k of the season are.
func lag(season float64, k int) int { return int(math.Round(float64(k) * season)) }

// first returns the smallest k whose lag is at least h.
func first(season float64, h int) int {
	k := max(1, int(float64(h)/season))
	for lag(season, k) < h {
		k++
	}
	return k
}

// window is the number of steps over which recent behaviour is averaged: the first season, or what is looked ahead without one.
func (l layout) window() int {
	if len(l.seasons) == 0 {
		return max(leastSeason, l.horizon)
	}
	return lag(l.seasons[0], 1)
}

// keep returns how many observations a model must remember.
func (l layout) keep() int {
	most := (scaleWindows + 1) * l.window()
	for i, s := range l.seasons {
		seasons := first(s, 2*l.horizon) + back
		if i > 0 {
			seasons = first(s, 2*l.horizon) + 1
		}
		most = max(most, lag(s, seasons)+l.window()+latest)
	}
	return most + 1
}
