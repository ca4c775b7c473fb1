// Package series turns a history kept anywhere into a regular series: one number per step, NaN where nothing is known.
//
// Two rules hold everywhere. A missing observation is NaN and never zero, and no reader fills a gap. A series is on a fixed grid
// whose points are whole multiples of its step since the Unix epoch, so that two processes that read the same history hold the same
// numbers at the same indices.
package series

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Key names a series: the fleet's name for a demand, the column's name for a trace.
type Key string

// Unit is what a demand is counted in. The set is closed: a unit is a metric label.
type Unit string

// The units a demand can have.
const (
	Cores             Unit = "cores"
	Bytes             Unit = "bytes"
	GPUs              Unit = "gpus"
	RequestsPerSecond Unit = "requests_per_second"
	Requests          Unit = "requests"
	Jobs              Unit = "jobs"
	Nodes             Unit = "nodes"
	Sessions          Unit = "sessions"
	Units             Unit = "units"
)

// AllUnits returns every unit, in the order the documentation lists them.
func AllUnits() []Unit {
	return []Unit{Cores, Bytes, GPUs, RequestsPerSecond, Requests, Jobs, Nodes, Sessions, Units}
}

// ParseUnit returns the unit called s. The error lists the allowed ones.
func ParseUnit(s string) (Unit, error) {
	if u := Unit(s); slices.Contains(AllUnits(), u) {
		return u, nil
	}
	names := make([]string, 0, len(AllUnits()))
	for _, u := range AllUnits() {
		names = append(names, string(u))
	}
	return "", fmt.Errorf("unknown unit %q, want one of %s", s, strings.Join(names, ", "))
}

// Series is a regular history: Values[i] is the observation at Start + i*Step, NaN where it is missing. Start is in UTC and a whole
// multiple of Step since the Unix epoch. Whoever holds a Series may read Values but changes them only on a Clone.
type Series struct {
	Key    Key
	Unit   Unit
	Start  time.Time
	Step   time.Duration
	Values []float64
}

// Len returns the number of grid points, missing ones included.
func (s Series) Len() int { return len(s.Values) }

// TimeAt returns the time of grid point i, which may lie outside the series.
func (s Series) TimeAt(i int) time.Time { return s.Start.Add(time.Duration(i) * s.Step) }

// End returns the time of the last grid point. For an empty series it is one step before Start.
func (s Series) End() time.Time { return s.TimeAt(len(s.Values) - 1) }

// Index returns the index of the grid point at or before t; it may lie outside the series.
func (s Series) Index(t time.Time) int {
	d := t.Sub(s.Start)
	i := int(d / s.Step)
	if d < 0 && d%s.Step != 0 {
		i--
	}
	return i
}

// At returns the observation at the grid point at or before t, NaN where that is missing or outside the series.
func (s Series) At(t time.Time) float64 {
	if i := s.Index(t); i >= 0 && i < len(s.Values) {
		return s.Values[i]
	}
	return math.NaN()
}

// Present returns how many observations are not missing.
func (s Series) Present() int {
	n := 0
	for _, v := range s.Values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// Last returns the latest observation that is not missing and its time; ok is false where there is none.
func (s Series) Last() (at time.Time, v float64, ok bool) {
	for i, v := range slices.Backward(s.Values) {
		if !math.IsNaN(v) {
			return s.TimeAt(i), v, true
		}
	}
	return time.Time{}, math.NaN(), false
}

// Slice returns the points with indices [from, to) as a series that shares s's values; the bounds are clipped to s.
func (s Series) Slice(from, to int) Series {
	from = min(max(from, 0), len(s.Values))
	to = min(max(to, from), len(s.Values))
	out := s
	out.Start = s.TimeAt(from)
	out.Values = s.Values[from:to:to]
	return out
}

// Clone returns a copy that shares nothing with s.
func (s Series) Clone() Series {
	s.Values = slices.Clone(s.Values)
	return s
}

// Align returns the grid point at or before t: the latest whole multiple of step since the Unix epoch, in UTC. It holds for every
// time, also for those that nanoseconds since the epoch cannot express. Step must be positive.
func Align(t time.Time, step time.Duration) time.Time {
	// Truncate counts from the year 1, of which the epoch need not be a whole number of steps away.
	rest := t.Sub(t.Truncate(step)) - epoch.Sub(epoch.Truncate(step))
	if rest < 0 {
		rest += step
	}
	return t.Round(0).Add(-rest).UTC()
}

var epoch = time.Unix(0, 0)

// Query asks a Source for one demand: the expression Expr (PromQL for a Prometheus, a column's name for a trace) at every grid point
// of [Start, End], both ends included. Key and Unit are what One gives its answer.
type Query struct {
	Key        Key
	Unit       Unit
	Expr       string
	Start, End time.Time
	Step       time.Duration
}

// Grid returns the aligned first grid point of q and the number of points up to q.End.
func (q Query) Grid() (start time.Time, n int) {
	start = Align(q.Start, q.Step)
	if start.Before(q.Start) {
		start = start.Add(q.Step)
	}
	if q.End.Before(start) {
		return start, 0
	}
	return start, int(q.End.Sub(start)/q.Step) + 1
}

// Source reads histories. Range returns one Series per series that the expression yields, each owned by the caller, with the source's
// own name of it as Key (for example {pool="a"}), on q's grid from Grid's start and of Grid's length, with NaN wherever the source has
// no sample, and an empty slice where the source knows nothing at all. It is safe for concurrent use. A source that could read a part
// of the range only returns that part together with a *PartialError.
type Source interface {
	Range(ctx context.Context, q Query) ([]Series, error)
}
