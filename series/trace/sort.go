package trace

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// sort puts the rows of a track whose timestamps did not ascend into the order of time. Rows with one timestamp become one where they
// say the same; where they do not, the one that stands later in the file is refused.
func (t *track) sort() error {
	if t.stamps == nil {
		return nil
	}
	order := make([]int32, len(t.stamps)) // a line has two bytes at least: more rows than that are 4 GB of text
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(t.stamps[a], t.stamps[b]) })
	kept := order[:0]
	t.times = nil
	for _, i := range order {
		if n := len(kept); n > 0 && t.stamps[kept[n-1]] == t.stamps[i] {
			if err := t.agree(kept[n-1], i); err != nil {
				return err
			}
			continue
		}
		kept = append(kept, i)
		t.times.add(t.stamps[i], t.lines[i])
	}
	for k, values := range t.values {
		sorted := make([]float64, len(kept))
		for i, from := range kept {
			sorted[i] = values[from]
		}
		t.values[k] = sorted
	}
	t.stamps, t.lines = nil, nil
	return nil
}

// agree refuses row b, which has the timestamp of row a, where a value differs.
func (t *track) agree(a, b int32) error {
	for k, values := range t.values {
		was, is := values[a], values[b]
		if was != is && !(math.IsNaN(was) && math.IsNaN(is)) {
			return fmt.Errorf("%d: series %q has %s at %s, and %s on an earlier line", t.lines[b], t.names[k],
				shownValue(is), shown(t.stamps[b]), shownValue(was))
		}
	}
	return nil
}

// shownValue writes a value as an error names it.
func shownValue(v float64) string {
	if math.IsNaN(v) {
		return "no value"
	}
	return fmt.Sprintf("%g", v)
}
