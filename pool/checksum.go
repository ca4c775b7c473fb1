package pool

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"
)

// Checksum returns a number that two decisions share where they say the same to autoscalers: until when, in which mode, under the kill
// switch or not, and how many instances of each pool with and without the forecast. Whoever reads a decision back piece by piece can tell
// by it whether the pieces belong together. The order of the pools does not matter, nor does what lies below a second.
func (d Decision) Checksum() uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%d %s %t", d.ValidUntil.Round(time.Second).Unix(), d.Mode, d.Killed)
	sumTargets(h, d.Plan)
	sumTargets(h, d.Reactive)
	return h.Sum32()
}

// sumTargets writes what a plan asks for, in the order of the pools' names.
func sumTargets(w io.Writer, p Plan) {
	sorted := slices.SortedFunc(slices.Values(p.Targets), func(a, b Target) int { return cmp.Compare(a.Pool, b.Pool) })
	for _, t := range sorted {
		fmt.Fprintf(w, " %q %d", t.Pool, t.Instances)
	}
	fmt.Fprint(w, ";")
}

// ReadBack reports whether the decision was made elsewhere and read back from its metrics. Ahead is then not nil, and empty where no
// forecast was exported.
func (d Decision) ReadBack() bool { return d.Ahead != nil }
