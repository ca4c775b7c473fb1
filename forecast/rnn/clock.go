package rnn

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// clock knows the times of a history's observations and what a calendar says of them. Without a calendar it is its zero value.
type clock struct {
	calendar forecast.Calendar
	start    time.Time // of observation 0
	step     time.Duration
	known    []bool // the answers of on from observation 0, where they were asked for before
}

// newClock returns the clock of a history of n steps that is learned from, with the answers for as far as its targets go.
func newClock(calendar forecast.Calendar, start time.Time, step time.Duration, n int) clock {
	c := clock{calendar: calendar, start: start, step: step}
	if calendar == nil {
		return c
	}
	known := make([]bool, n)
	for i := range known {
		known[i] = c.on(i)
	}
	c.known = known
	return c
}

// on reports whether an occasion is on at observation i.
func (c clock) on(i int) bool {
	if i >= 0 && i < len(c.known) {
		return c.known[i]
	}
	return len(c.calendar.On(c.start.Add(time.Duration(i)*c.step))) > 0
}

// phases returns where in the local day and week observation i lies: the sine and cosine of both.
func (c clock) phases(i int) [calendarInputs]float64 {
	t := c.start.Add(time.Duration(i) * c.step).In(c.calendar.Location())
	day := (float64(t.Hour()) + float64(t.Minute())/60) / 24
	week := (float64(t.Weekday()) + day) / 7
	return [calendarInputs]float64{
		math.Sin(2 * math.Pi * day), math.Cos(2 * math.Pi * day), math.Sin(2 * math.Pi * week), math.Cos(2 * math.Pi * week),
	}
}
