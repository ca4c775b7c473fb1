package pool

import (
	"math"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Changes are a naive forecast: the present demand, and what a demand did after each moment of its past. They are what a forecast is
// measured against, and what takes its place while it is not better. The distribution of a window is made when it is first asked for and
// kept, so that Changes serve many decisions, but not at the same time.
type Changes struct {
	values []float64
	peaks  map[[2]int]forecast.Grid
}

// mostChanges bounds the moments that a window is looked at from.
const mostChanges = 4000

// NewChanges returns the changes of a history on the grid of the forecast, NaN where it is missing, and nil where it holds no observation.
// It keeps the history, which must not be changed.
func NewChanges(history []float64) *Changes {
	for _, v := range history {
		if !math.IsNaN(v) {
			return &Changes{values: history, peaks: map[[2]int]forecast.Grid{}}
		}
	}
	return nil
}

// peak returns the distribution of the largest change to the steps from..to, both counted from 1. Windows that the history never saw whole
// are those without a change.
func (c *Changes) peak(from, to int) forecast.Grid {
	from = max(from, 1)
	to = max(to, from)
	key := [2]int{from, to}
	if g, ok := c.peaks[key]; ok {
		return g
	}
	var found []float64
	stride := max(1, (len(c.values)-to)/mostChanges)
	for o := (len(c.values) - 1 - to) % stride; o >= 0 && o+to < len(c.values); o += stride {
		if d := c.largest(o, from, to); !math.IsNaN(d) {
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		found = []float64{0}
	}
	g := forecast.Compact(forecast.NewSample(found))
	c.peaks[key] = g
	return g
}

// largest returns the largest change from o to the steps after it, NaN where one of them is missing.
func (c *Changes) largest(o, from, to int) float64 {
	most := math.Inf(-1)
	for _, v := range c.values[o+from : o+to+1] {
		if math.IsNaN(v) {
			return v
		}
		most = max(most, v)
	}
	return most - c.values[o]
}
