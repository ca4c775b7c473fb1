package pool

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Changes are a naive forecast: the present demand, and what a demand did in its past after moments at which it was about as large. They
// are what a forecast is measured against, and what takes its place while it is not better. The distributions of a window are made when
// it is first asked for and kept, so that Changes serve many decisions, but not at the same time.
type Changes struct {
	values  []float64
	origins []int     // the moments that windows are looked at from, by level
	edges   []float64 // of the buckets of levels, without the outer ones
	peaks   map[[2]int][]forecast.Grid
}

const (
	// mostChanges bounds the moments that a window is looked at from.
	mostChanges = 4000
	// mostBuckets is into how many buckets of alike levels these are divided, and leastInBucket how many each must have. A bucket's distribution
	// is that of its moments and of half as many on either side.
	mostBuckets, leastInBucket = 8, 100
)

// NewChanges returns the changes of a history on the grid of the forecast, NaN where it is missing, and nil where it holds no observation.
// It keeps the history, which must not be changed.
func NewChanges(history []float64) *Changes {
	c := &Changes{values: history, peaks: map[[2]int][]forecast.Grid{}}
	stride := max(1, len(history)/mostChanges)
	for o := (len(history) - 1) % stride; o >= 0 && o < len(history); o += stride {
		if !math.IsNaN(history[o]) {
			c.origins = append(c.origins, o)
		}
	}
	if len(c.origins) == 0 {
		return nil
	}
	slices.SortStableFunc(c.origins, func(a, b int) int { return cmp.Compare(history[a], history[b]) })
	n := min(max(len(c.origins)/leastInBucket, 1), mostBuckets)
	for i := 1; i < n; i++ {
		c.edges = append(c.edges, history[c.origins[len(c.origins)*i/n]])
	}
	return c
}

// peak returns the distribution of the largest change to the steps from..to, both counted from 1, where the demand is at a level. Windows
// that the history never saw whole are those without a change.
func (c *Changes) peak(from, to int, level float64) forecast.Grid {
	from = max(from, 1)
	to = max(to, from)
	key := [2]int{from, to}
	if c.peaks[key] == nil {
		c.peaks[key] = c.measure(from, to)
	}
	return c.peaks[key][sort.Search(len(c.edges), func(i int) bool { return level < c.edges[i] })]
}

// measure returns the distribution of the largest change of a window for each bucket.
func (c *Changes) measure(from, to int) []forecast.Grid {
	out := make([]forecast.Grid, len(c.edges)+1)
	for i := range out {
		first, last := len(c.origins)*i/len(out), len(c.origins)*(i+1)/len(out)
		half := (last - first) / 2
		var found []float64
		for _, o := range c.origins[max(first-half, 0):min(last+half, len(c.origins))] {
			if d := c.largest(o, from, to); !math.IsNaN(d) {
				found = append(found, d)
			}
		}
		if len(found) == 0 {
			found = []float64{0}
		}
		out[i] = forecast.Compact(forecast.NewSample(found))
	}
	return out
}

// largest returns the largest change from o to the steps after it, NaN where one of them is missing or not there.
func (c *Changes) largest(o, from, to int) float64 {
	if o+to >= len(c.values) {
		return math.NaN()
	}
	most := math.Inf(-1)
	for _, v := range c.values[o+from : o+to+1] {
		if math.IsNaN(v) {
			return v
		}
		most = max(most, v)
	}
	return most - c.values[o]
}
