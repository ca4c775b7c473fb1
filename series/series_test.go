package series_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// at returns a time in seconds since the Unix epoch.
func at(seconds float64) time.Time {
	return time.Unix(0, int64(seconds*1e9)).UTC()
}

func TestAlign(t *testing.T) {
	f := func(seconds float64, step time.Duration, want float64) {
		t.Helper()
		if got := series.Align(at(seconds), step); !got.Equal(at(want)) || got.Location() != time.UTC {
			t.Errorf("Align(%v, %v) = %v, want %v", at(seconds), step, got, at(want))
		}
	}
	f(0, time.Minute, 0)
	f(59.999, time.Minute, 0)
	f(60, time.Minute, 60)
	f(-1, time.Minute, -60) // before the epoch the grid point is earlier, too
	f(-60, time.Minute, -60)
	f(7*86400+1, 7*24*time.Hour, 7*86400) // a week that starts at the epoch, a Thursday, and not at the year 1
	f(13*60, 7*time.Minute, 7*60)         // a step that does not divide a day
	f(1.2345, time.Millisecond, 1.234)
}

func TestAlignAgainstWholeMultiples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	steps := []time.Duration{time.Nanosecond, time.Millisecond, 7 * time.Second, time.Minute, 11 * time.Minute, time.Hour, 7 * 24 * time.Hour}
	zone := time.FixedZone("elsewhere", 5*3600+1800)
	for range 2000 {
		step := steps[rng.IntN(len(steps))]
		when := time.Unix(rng.Int64N(8e9)-4e9, rng.Int64N(1e9)).In(zone)
		got := series.Align(when, step)
		if got.UnixNano()%int64(step) != 0 || got.After(when) || when.Sub(got) >= step {
			t.Fatalf("Align(%v, %v) = %v is not the grid point at or before it", when, step, got)
		}
		if again := series.Align(got, step); again != got {
			t.Fatalf("Align(%v, %v) = %v, want the grid point itself", got, step, again)
		}
	}
}

func TestAlignBeyondNanoseconds(t *testing.T) {
	for _, when := range []time.Time{{}, time.Date(2900, 3, 4, 5, 6, 7, 8, time.UTC)} {
		got := series.Align(when, time.Minute)
		if got.After(when) || when.Sub(got) >= time.Minute || got.Unix()%60 != 0 || got.Nanosecond() != 0 {
			t.Errorf("Align(%v, 1m) = %v is not the grid point at or before it", when, got)
		}
	}
}

// ramp returns a series of n points with values 0, 1, 2...
func ramp(start float64, step time.Duration, n int) series.Series {
	s := series.Series{Key: "ramp", Unit: series.Cores, Start: at(start), Step: step, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = float64(i)
	}
	return s
}

func TestIndexAndAt(t *testing.T) {
	s := ramp(120, time.Minute, 3)
	f := func(seconds float64, index int, want float64) {
		t.Helper()
		if got := s.Index(at(seconds)); got != index {
			t.Errorf("Index(%v) = %d, want %d", seconds, got, index)
		}
		if got := s.At(at(seconds)); !same(got, want) {
			t.Errorf("At(%v) = %v, want %v", seconds, got, want)
		}
	}
	nan := math.NaN()
	f(120, 0, 0)
	f(179.9, 0, 0) // at or before
	f(180, 1, 1)
	f(240, 2, 2)
	f(299, 2, 2)
	f(300, 3, nan) // the first point behind the series
	f(119, -1, nan)
	f(60, -1, nan)
	f(59, -2, nan)
}

func TestIndexIsTheInverseOfTimeAt(t *testing.T) {
	s := ramp(-3600, 5*time.Minute, 10)
	for i := -30; i < 30; i++ {
		for _, late := range []time.Duration{0, 1, s.Step - 1} {
			if got := s.Index(s.TimeAt(i).Add(late)); got != i {
				t.Errorf("Index(TimeAt(%d)+%v) = %d", i, late, got)
			}
		}
	}
}

func TestSlice(t *testing.T) {
	s := ramp(600, time.Minute, 10)
	f := func(from, to int, start float64, want ...float64) {
		t.Helper()
		got := s.Slice(from, to)
		if !got.Start.Equal(at(start)) || !sameAll(got.Values, want) || got.Key != s.Key || got.Unit != s.Unit || got.Step != s.Step {
			t.Errorf("Slice(%d, %d) = %+v, want %v from %v", from, to, got, want, start)
		}
	}
	f(0, 2, 600, 0, 1)
	f(3, 5, 780, 3, 4)
	f(-4, 1, 600, 0)
	f(8, 99, 1080, 8, 9)
	f(5, 5, 900)
	f(7, 3, 1020) // nothing, where the first bound says
	f(50, 60, 1200)
}

func TestSliceSharesButDoesNotGrowIntoTheSeries(t *testing.T) {
	s := ramp(0, time.Minute, 4)
	part := s.Slice(1, 2)
	_ = append(part.Values, 99)
	if s.Values[2] != 2 {
		t.Errorf("appending to a slice changed the series to %v", s.Values)
	}
	c := s.Clone()
	c.Values[0] = 42
	if s.Values[0] != 0 {
		t.Errorf("changing a clone changed the series to %v", s.Values)
	}
}

func TestLastPresentEnd(t *testing.T) {
	s := ramp(0, time.Minute, 4)
	s.Values[3], s.Values[1] = math.NaN(), math.NaN()
	if when, v, ok := s.Last(); !ok || v != 2 || !when.Equal(at(120)) {
		t.Errorf("Last() = %v, %v, %v", when, v, ok)
	}
	if s.Present() != 2 || s.Len() != 4 || !s.End().Equal(at(180)) {
		t.Errorf("Present() = %d, Len() = %d, End() = %v", s.Present(), s.Len(), s.End())
	}
	empty := s.Slice(0, 0)
	if _, v, ok := empty.Last(); ok || !math.IsNaN(v) {
		t.Errorf("Last() of an empty series = %v, %v, want NaN and false", v, ok)
	}
	if !empty.End().Equal(at(-60)) {
		t.Errorf("End() of an empty series = %v, want a step before its start", empty.End())
	}
}

func TestGrid(t *testing.T) {
	f := func(from, to float64, step time.Duration, start float64, n int) {
		t.Helper()
		q := series.Query{Start: at(from), End: at(to), Step: step}
		if gotStart, gotN := q.Grid(); gotN != n || !gotStart.Equal(at(start)) {
			t.Errorf("Grid of [%v, %v] each %v = %v and %d, want %v and %d", from, to, step, gotStart.Unix(), gotN, start, n)
		}
	}
	f(0, 120, time.Minute, 0, 3) // both ends belong to it
	f(1, 120, time.Minute, 60, 2)
	f(1, 119, time.Minute, 60, 1)
	f(1, 59, time.Minute, 60, 0) // no grid point within
	f(60, 60, time.Minute, 60, 1)
	f(120, 60, time.Minute, 120, 0)
	f(-90, 90, time.Minute, -60, 3)
	f(0, 28*86400-60, time.Minute, 0, 40320)
}

func TestGridHoldsExactlyTheMultiplesInTheRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		q := series.Query{Start: at(float64(rng.IntN(4000) - 2000)), Step: time.Duration(1+rng.IntN(300)) * time.Second}
		q.End = q.Start.Add(time.Duration(rng.IntN(3000)) * time.Second)
		want := 0
		for s := q.Start.Unix(); s <= q.End.Unix(); s++ {
			if s%int64(q.Step/time.Second) == 0 {
				want++
			}
		}
		if _, got := q.Grid(); got != want {
			t.Fatalf("Grid of %+v has %d points, want %d", q, got, want)
		}
	}
}

func TestParseUnit(t *testing.T) {
	for _, u := range series.AllUnits() {
		if got, err := series.ParseUnit(string(u)); err != nil || got != u {
			t.Errorf("ParseUnit(%q) = %q, %v", u, got, err)
		}
	}
	_, err := series.ParseUnit("Cores")
	if err == nil || !strings.Contains(err.Error(), `unknown unit "Cores", want one of cores, bytes, gpus,`) {
		t.Errorf("ParseUnit(Cores) = %v", err)
	}
}

func same(a, b float64) bool { return a == b || (math.IsNaN(a) && math.IsNaN(b)) }

func sameAll(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}
