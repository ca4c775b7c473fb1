package ets_test

import (
	"encoding"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/ets"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

// minutes returns n minutes of a demand, noise being a factor exp(0.1 e).
func minutes(n int, at func(i int) float64) series.Series {
	rng := rand.New(rand.NewPCG(9, 9))
	y := series.Series{Key: "t", Unit: series.Cores, Start: start, Step: time.Minute, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = at(i) * math.Exp(0.1*rng.NormFloat64())
	}
	return y
}

// A job of five minutes an hour makes relative errors large.
func batch(i int) float64 {
	if i%60 < 5 {
		return 500
	}
	return 20
}

// ramp is a demand that quadruples over its last hour.
func ramp(n int) func(int) float64 {
	return func(i int) float64 { return 50 * (1 + max(0, float64(i-n+60))/20) }
}

// Forecasts stay within sight of the observations.
func TestBounds(t *testing.T) {
	f := func(name string, m forecast.Method, y series.Series, median, all float64) {
		t.Helper()
		most := slices.Max(y.Values)
		model := methodtest.Fit(t, m, y)
		for k, d := range model.Forecast(200).Steps {
			if q := d.Quantile(0.5); q > median*most*(1+1e-9) {
				t.Fatalf("%s of %s: median %v at step %d, of observations up to %v", m.Name(), name, q, k+1, most)
			}
			if q := d.Quantile(0.9999); q > all*most*(1+1e-9) {
				t.Fatalf("%s of %s: quantile %v at step %d, of observations up to %v", m.Name(), name, q, k+1, most)
			}
		}
		for _, path := range model.(forecast.Simulator).Simulate(200, 50, 1) {
			if q := slices.Max(path); q > all*most*(1+1e-9) {
				t.Fatalf("%s of %s: a path reaches %v, of observations up to %v", m.Name(), name, q, most)
			}
		}
	}
	f("batch", ets.Auto{}, minutes(2000, batch), 1, 10)
	f("ramp", ets.Auto{}, minutes(2000, ramp(2000)), 2, 10)
	f("ramp", ets.Method{Trend: ets.AdditiveTrend}, minutes(2000, ramp(2000)), 10, 10)
	f("batch", ets.Method{Error: ets.MultiplicativeError, Trend: ets.AdditiveTrend}, minutes(2000, batch), 10, 10)
	f("signed ramp", ets.Auto{Signed: true}, minutes(2000, ramp(2000)), 2, 10)
}

// A job each hour is no reason for an upper quartile beyond twice what the job takes.
func TestNoExplosion(t *testing.T) {
	for k, d := range methodtest.Fit(t, ets.Auto{Period: day}, minutes(2000, batch)).Forecast(200).Steps {
		if q := d.Quantile(0.75); q > 1000 {
			t.Fatalf("upper quartile %v at step %d, of a demand of 20 and now and then 500", q, k+1)
		}
	}
}

// A slope does not run through a gap of a day, whether the history ends in it or it comes later.
func TestLongGapKeepsLevel(t *testing.T) {
	f := func(m forecast.Method, slope float64) {
		t.Helper()
		y := minutes(1000, func(i int) float64 { return 500 + slope*float64(i-1000) })
		check := func(what string, model forecast.Model) {
			t.Helper()
			for k, d := range model.Forecast(200).Steps {
				if q := d.Quantile(0.5); q < 250 || q > 1000 {
					t.Fatalf("%s %s: median %v at step %d, of a demand at 500", m.Name(), what, q, k+1)
				}
			}
		}
		model := methodtest.Fit(t, m, y)
		for range 1440 {
			model.Update(math.NaN())
			y.Values = append(y.Values, math.NaN())
		}
		check("in a gap", model)
		check("fitted in a gap", methodtest.Fit(t, m, y))
	}
	f(ets.Auto{Period: day}, -1)
	f(ets.Auto{}, 0.4)
	f(ets.Method{Trend: ets.AdditiveTrend}, -1)
	f(ets.Method{Error: ets.MultiplicativeError, Trend: ets.AdditiveTrend, Season: ets.MultiplicativeSeason, Period: 4 * time.Minute}, -1)
}

// A demand that fell is not ruled out to come back.
func TestNoCertainZero(t *testing.T) {
	f := func(m forecast.Method, level float64) {
		t.Helper()
		y := minutes(2000, func(i int) float64 {
			if i < 1900 {
				return 100
			}
			return level
		})
		for k, d := range methodtest.Fit(t, m, y).Forecast(200).Steps {
			if q := d.Quantile(0.995); q < 0.1 {
				t.Fatalf("%s: quantile %v at step %d of a demand that was 100", m.Name(), q, k+1)
			}
		}
	}
	for _, level := range []float64{0, 1, 10} {
		f(ets.Auto{Period: day}, level)
		f(ets.SES(), level)
		f(ets.Method{Trend: ets.AdditiveTrend}, level)
	}
}

// A damaged state is refused or gives a forecast: it never panics.
func TestRestoreDamaged(t *testing.T) {
	f := func(m forecast.Keeper, y series.Series) {
		t.Helper()
		state, err := methodtest.Fit(t, m, y).(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Restore(state); err != nil {
			t.Fatalf("%s: %v", m.Name(), err)
		}
		rng := rand.New(rand.NewPCG(4, 4))
		for range 1000 {
			bad := slices.Clone(state)
			bad[rng.IntN(len(bad))] ^= byte(1 + rng.IntN(255))
			model, err := m.Restore(bad)
			if err != nil {
				continue
			}
			methodtest.Sane(t, model.Forecast(30), 30)
			model.Update(60)
			model.Update(math.NaN())
			model.(forecast.Simulator).Simulate(3, 3, 1)
			methodtest.Sane(t, model.Forecast(30), 30)
		}
	}
	f(ets.Auto{Period: day}, daily(200))
	f(ets.HoltWinters(day), daily(200))
	f(ets.Method{Error: ets.MultiplicativeError, Trend: ets.DampedTrend, Season: ets.MultiplicativeSeason, Period: day}, daily(200))
	f(ets.Auto{}, minutes(100, func(int) float64 { return 0 }))
}
