package replay

import (
	"math"

	"github.com/forethought-autoscaler/forethought/pool"
)

// filler is pool.Fill with a memory. No count of a fill falls while the load grows, so that between two loads with the same counts every
// load has these; it remembers one such range for each multiple of the smallest capacity.
type filler struct {
	pools []pool.Pool
	unit  float64
	known []*fillRange // by the load in units, rounded up
}

// fillRange holds the counts of all loads of one range; nil where they are not the same.
type fillRange struct{ counts []int }

// fillEdge is how far into a range the lower of its two loads lies, in units: well above what a fill takes for rounding.
const fillEdge = 1e-6

// mostRanges bounds the memory; loads beyond are filled each time.
const mostRanges = 1 << 16

func newFiller(pools []pool.Pool) *filler {
	f := &filler{pools: pools, unit: math.Inf(1)}
	for _, p := range pools {
		f.unit = min(f.unit, p.Capacity)
	}
	return f
}

// fill returns the instances of each pool that serve a load. They must not be changed.
func (f *filler) fill(load float64) []int {
	i := math.Ceil(load / f.unit)
	if !(i < mostRanges) || load/f.unit < i-1+fillEdge {
		counts, _ := pool.Fill(f.pools, load)
		return counts
	}
	for len(f.known) <= int(i) {
		f.known = append(f.known, nil)
	}
	r := &f.known[int(i)]
	if *r == nil {
		*r = f.learn(i)
	}
	if (*r).counts != nil {
		return (*r).counts
	}
	counts, _ := pool.Fill(f.pools, load)
	return counts
}

// learn fills the ends of a range.
func (f *filler) learn(i float64) *fillRange {
	low, _ := pool.Fill(f.pools, (i-1+fillEdge)*f.unit)
	high, _ := pool.Fill(f.pools, i*f.unit)
	for k := range low {
		if low[k] != high[k] {
			return &fillRange{}
		}
	}
	return &fillRange{counts: high}
}
