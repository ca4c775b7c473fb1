package demo

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// metricOfTrace is the name under which a trace is stored.
const metricOfTrace = "demo_demand"

// FromTrace returns a world of one fleet whose demand is y, an observed trace, moved in time by whole weeks, so that hours and weekdays
// stay what they were and between one and eight days of it lie ahead of now. A trace shorter than two days is an error. unit may be
// empty; it is then told from the series' name where that begins with a known word.
func FromTrace(fleet string, y series.Series, unit string, now time.Time) (World, error) {
	if y.Present() == 0 || y.Step*time.Duration(y.Len()) < 2*day {
		return World{}, fmt.Errorf("series %s: %d observations over %s are too few for a demo, which needs 2 days", y.Key, y.Present(),
			y.Step*time.Duration(y.Len()))
	}
	weeks := math.Floor(float64(now.Add(future).Sub(y.End())) / float64(week))
	y.Start = series.Align(y.Start.Add(time.Duration(weeks)*week), y.Step)
	if unit == "" {
		unit = unitOf(string(y.Key))
	}
	capacity := roundCapacity(high(y) / 40)
	w := World{
		Signals: []Signal{{Labels: map[string]string{"__name__": metricOfTrace, "series": string(y.Key)}, Series: y}},
		Fleets: []Fleet{{
			Name: fleet, Query: "sum(" + metricOfTrace + ")", Unit: unit, Mode: "act", Step: y.Step,
			Pools: []Pool{
				{Name: fleet + "-fixed", Class: "fixed", Capacity: capacity, Min: 1, Max: 12, LeadTime: 4 * time.Minute, HourlyPrice: 0.77},
				{Name: fleet + "-variable", Class: "variable", Capacity: capacity, Max: 400, LeadTime: 4 * time.Minute, HourlyPrice: 0.23},
			},
		}},
	}
	return w, nil
}

// unitOf tells a unit from the words that names of demand series begin with.
func unitOf(name string) string {
	for _, known := range []struct{ word, unit string }{
		{"requests", "requests"},
		{"gpu", "gpus"},
		{"cpu", "cores"},
		{"core", "cores"},
		{"node", "nodes"},
		{"job", "jobs"},
		{"submission", "jobs"},
		{"mem", "bytes"},
	} {
		if strings.HasPrefix(strings.ToLower(name), known.word) {
			return known.unit
		}
	}
	return "units"
}

// high returns the demand that one observation in a thousand exceeds.
func high(y series.Series) float64 {
	present := make([]float64, 0, y.Len())
	for _, v := range y.Values {
		if !math.IsNaN(v) {
			present = append(present, v)
		}
	}
	slices.Sort(present)
	return present[(len(present)-1)*999/1000]
}

// roundCapacity returns v rounded up to one, two or five times a power of ten; 1 where v is not positive.
func roundCapacity(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}
