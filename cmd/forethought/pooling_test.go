package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// manySeries returns n short series, of which series i ends at end(i) steps.
func manySeries(n int, end func(i int) int) []series.Series {
	var all []series.Series
	for i := range n {
		y := series.Series{Key: series.Key("s" + strconv.Itoa(i)), Start: time.Unix(0, 0).UTC(), Step: time.Hour, Values: make([]float64, end(i))}
		for k := range y.Values {
			y.Values[k] = float64(20 + 10*(k%24/12) + i)
		}
		all = append(all, y)
	}
	return all
}

func TestPoolTimes(t *testing.T) {
	f := func(all []series.Series, want ...int) {
		t.Helper()
		var got []int
		for _, at := range poolTimes(all) {
			got = append(got, int(at.Sub(time.Unix(0, 0))/time.Hour)+1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("learnt from together up to %v, want %v", got, want)
		}
	}
	f(manySeries(40, func(int) int { return 100 }), 100)
	f(manySeries(60, func(i int) int { return 100 + 50*(i%2) }), 100, 150)
	f(manySeries(40, func(i int) int { return 100 + i }), 104)                                    // no common end: as of the time before which a tenth end
	f(manySeries(40, func(i int) int { return map[bool]int{true: 50, false: 100}[i == 0] }), 100) // one that ended early
}

// What others showed after the end of a series does not change its forecast.
func TestPoolDoesNotLookAhead(t *testing.T) {
	all := manySeries(30, func(i int) int { return 200 + 40*(i%2) })
	r := recipe{step: time.Hour, horizon: 6, seasons: []time.Duration{day}}
	forecasts := func() []float64 {
		t.Helper()
		f, err := poolMethods(t.Context(), all, "boost", r, false)
		if err != nil {
			t.Fatal(err)
		}
		model, err := f.of(all[0]).Fit(t.Context(), all[0])
		if err != nil {
			t.Fatal(err)
		}
		var out []float64
		for _, d := range model.Forecast(6).Steps {
			out = append(out, forecast.Midmean(d))
		}
		return out
	}
	want := forecasts()
	for i := range all {
		for k := 200; k < all[i].Len(); k++ {
			all[i].Values[k] = 1e6 * float64(k%7)
		}
	}
	if got := forecasts(); !slices.Equal(got, want) {
		t.Errorf("forecast %v, want %v", got, want)
	}
}
