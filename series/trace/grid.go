package trace

import (
	"fmt"
	"math"
	"time"
)

// times holds ascending timestamps as runs of equal distance: a regular file has one run however long it is.
type times []run

// run is n timestamps, in nanoseconds since the Unix epoch, diff apart. The first and the second stand on the given lines of the file.
type run struct {
	first, diff  int64
	n            int
	line, second int
}

// last returns the last timestamp.
func (r run) last() int64 { return r.first + r.diff*int64(r.n-1) }

// add appends a timestamp later than all before.
func (t *times) add(ns int64, line int) {
	if len(*t) > 0 {
		r := &(*t)[len(*t)-1]
		if r.n == 1 {
			r.diff, r.second = ns-r.first, line
		}
		if ns-r.last() == r.diff {
			r.n++
			return
		}
	}
	*t = append(*t, run{first: ns, n: 1, line: line})
}

// unfold returns every timestamp and the line of each, 0 where that is no longer known.
func (t times) unfold() (stamps []int64, lines []int) {
	for _, r := range t {
		for i := range r.n {
			line := 0
			switch i {
			case 0:
				line = r.line
			case 1:
				line = r.second
			}
			stamps, lines = append(stamps, r.first+r.diff*int64(i)), append(lines, line)
		}
	}
	return stamps, lines
}

// count adds how often each difference between neighbours occurs.
func (t times) count(into map[int64]int) {
	for i, r := range t {
		if r.n > 1 {
			into[r.diff] += r.n - 1
		}
		if i > 0 {
			into[r.first-t[i-1].last()]++
		}
	}
}

// step returns the most common difference, 0 where there is none.
func (t times) step() int64 {
	counts := map[int64]int{}
	t.count(counts)
	return mostCommon(counts)
}

// mostCommon returns the difference with the largest count, the smallest of several.
func mostCommon(counts map[int64]int) int64 {
	best := int64(0)
	for diff, n := range counts {
		if n > counts[best] || (n == counts[best] && diff < best) {
			best = diff
		}
	}
	return best
}

// commonStep returns the most common difference over all tracks.
func commonStep(tracks []*track) int64 {
	counts := map[int64]int{}
	for _, t := range tracks {
		t.times.count(counts)
	}
	return mostCommon(counts)
}

// The grid may have maxSparse points per timestamp, or minGrid where that is more: beyond, a timestamp is wrong or the step is.
const (
	maxSparse = 100
	minGrid   = 1_000_000
)

// grid returns how many grid points lie from the first timestamp to the last. It refuses timestamps that are not on the grid.
func (t times) grid(step int64) (n int, err error) {
	rows := 0
	for i, r := range t {
		rows += r.n
		if i > 0 {
			if diff := r.first - t[i-1].last(); diff%step != 0 {
				return 0, irregular(r.line, r.first, diff, step)
			}
		}
		if r.n > 1 && r.diff%step != 0 {
			return 0, irregular(r.second, r.first+r.diff, r.diff, step)
		}
	}
	last := t[len(t)-1]
	points := (last.last()-t[0].first)/step + 1
	if points > int64(max(maxSparse*rows, minGrid)) {
		return 0, fmt.Errorf("%s%d timestamps up to %s need %d grid points at the step of %v: a timestamp or the step is wrong",
			lineText(last.line), rows, shown(last.last()), points, time.Duration(step))
	}
	return int(points), nil
}

// irregular returns the error of a timestamp that does not stand on the grid. The caller puts the file's name before it.
func irregular(line int, ns, diff, step int64) error {
	return fmt.Errorf("%stimestamp %s is %v after the one before it, not a multiple of the step of %v",
		lineText(line), shown(ns), time.Duration(diff), time.Duration(step))
}

// lineText begins an error about a line; the file's name and a colon stand before it.
func lineText(line int) string {
	if line == 0 {
		return " "
	}
	return fmt.Sprintf("%d: ", line)
}

// place returns the values, one for each timestamp, at their places on a grid of n points, NaN between.
func (t times) place(values []float64, step int64, n int) []float64 {
	if n == len(values) {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	k := 0
	for _, r := range t {
		for i := range r.n {
			out[(r.first+r.diff*int64(i)-t[0].first)/step] = values[k]
			k++
		}
	}
	return out
}

func shown(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
