package calendar_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/calendar"
	"github.com/forethought-autoscaler/forethought/forecast/harmonic"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// taxi returns the taxi passengers of New York, whose timestamps are local clock time written as UTC.
func taxi(t *testing.T) series.Series {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set: no real traces")
	}
	f, err := trace.Open(filepath.Join(dir, "demand", "nab_nyctaxi_30m.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	y, err := f.Series(f.Names()[0])
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// The history sees each holiday once, so that a regressor for each learns nothing in time; one for all of them does. Origins are noon
// and midnight from two days before to seven days after each holiday of the last six months, horizons a day.
func TestPooledHolidaysHelpOnHolidays(t *testing.T) {
	y := taxi(t)
	each := must(t, calendar.Options{Holidays: []string{"US"}})
	one := must(t, calendar.Options{Holidays: []string{"US"}, Pooled: true})
	on := func(at time.Time) bool { return len(each.On(at)) > 0 }
	score := func(name string, c forecast.Calendar) (holidays, others float64) {
		var sum, n [2]float64
		for i := 28 * 48; i < y.Len()-9*48; i += 48 {
			if !on(y.TimeAt(i)) {
				continue
			}
			for origin := i - 96; origin < i+8*48; origin += 24 {
				f := methodtest.Fit(t, harmonic.Method{Calendar: c}, y.Slice(0, origin)).Forecast(48)
				for h, d := range f.Steps {
					k := 0
					if v := y.Values[origin+h]; !math.IsNaN(v) {
						if on(f.TimeAt(h + 1)) {
							k = 1
						}
						for _, p := range []float64{0.1, 0.5, 0.9} {
							sum[k] += forecast.QuantileScore(p, d.Quantile(p), v) / 3
						}
						n[k]++
					}
				}
			}
		}
		t.Logf("%-16s quantile score %.0f on holidays, %.0f on the days around", name, sum[1]/n[1], sum[0]/n[0])
		return sum[1] / n[1], sum[0] / n[0]
	}
	h0, o0 := score("no holidays", nil)
	score("each holiday", each)
	h1, o1 := score("holidays as one", one)
	if h1 > 0.95*h0 || o1 > 1.01*o0 {
		t.Errorf("with holidays %.0f and %.0f, without %.0f and %.0f", h1, o1, h0, o0)
	}
}
