package selection_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// start is a Monday at midnight.
var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// newAuto returns a selection of every method, for the given horizon.
func newAuto(horizon int) selection.Auto {
	return selection.Auto{
		Methods: []forecast.Method{
			naive.Last{},
			naive.Smooth{},
			naive.Seasonal{Period: day},
			naive.Seasonal{Period: week},
			ridge.Method{Horizon: horizon},
			ridge.Method{Horizon: horizon, Log: true},
		},
		Fallback: naive.Last{}, Benchmarks: []string{"snaive-week", "snaive-day"}, Horizon: horizon,
	}
}

// office returns n points of a demand with working hours, week-ends, an hourly job and noise.
func office(n int, step time.Duration, seed uint64) series.Series {
	y := series.Series{Key: "office", Unit: series.Cores, Start: start, Step: step, Values: make([]float64, n)}
	rng := rand.New(rand.NewPCG(seed, 1))
	drift := 0.0
	for i := range y.Values {
		at := y.TimeAt(i)
		hour := float64(at.Hour()) + float64(at.Minute())/60
		v := 20 + 80*math.Exp(-(hour-13)*(hour-13)/18)
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			v = 20 + (v-20)*0.2
		}
		drift = 0.99*drift + rng.NormFloat64()
		v += drift
		if at.Minute() == 0 {
			v += 30
		}
		y.Values[i] = max(0, v*(1+0.05*rng.NormFloat64()))
	}
	return y
}

const month = 40320 // minutes in 28 days

func BenchmarkFit(b *testing.B) {
	y := office(month, time.Minute, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newAuto(120).Fit(b.Context(), y); err != nil {
			b.Fatal(err)
		}
	}
}

// fitted returns a model of 28 days of minutes.
func fitted(b *testing.B) forecast.Model {
	b.Helper()
	m, err := newAuto(120).Fit(b.Context(), office(month, time.Minute, 1))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func BenchmarkUpdate(b *testing.B) {
	m := fitted(b)
	for b.Loop() {
		m.Update(50)
	}
}

func BenchmarkForecast(b *testing.B) {
	m := fitted(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Forecast(125)
	}
}

func BenchmarkSimulate(b *testing.B) {
	m := fitted(b).(forecast.Simulator)
	b.ReportAllocs()
	for b.Loop() {
		m.Simulate(125, 200, 1)
	}
}
