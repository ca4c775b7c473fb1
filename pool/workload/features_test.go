package workload_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool/workload"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestFeatures(t *testing.T) {
	c := classifier(t)
	f := func(y series.Series, name string, want, tolerance float64) {
		t.Helper()
		got := math.NaN() // not known
		for _, feature := range c.Classify(y, workload.UnknownProfile()).Features {
			if feature.Name == name {
				got = feature.Value
			}
		}
		if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tolerance {
			t.Errorf("%s is %v, want %v within %v", name, got, want, tolerance)
		}
	}
	rng := rand.New(rand.NewPCG(6, 6))
	const step = 10 * time.Minute
	sine := history(step, days(20, step), func(_ int, hour float64) float64 { return 2 + math.Sin(2*math.Pi*hour/24) })
	white := history(step, days(20, step), func(int, float64) float64 { return 2 + rng.NormFloat64()/8 })
	line := history(step, days(20, step), func(i int, _ float64) float64 { return 1 + float64(i)/2880 })
	weekend := history(step, days(28, step), func(_ int, hour float64) float64 {
		if int(hour/24)%7 >= 5 {
			return 1
		}
		return 2
	})
	// Four hours a day at 6, an hour of these at 12, and nothing otherwise: the mean is 1.25.
	job := history(step, days(20, step), func(_ int, hour float64) float64 {
		switch of := math.Mod(hour, 24); {
		case of < 3:
			return 6
		case of < 4:
			return 12
		}
		return 0
	})
	constant := history(step, days(20, step), func(int, float64) float64 { return 3 })
	nan := math.NaN()
	f(sine, "daily_season", 1, 1e-6)
	f(white, "daily_season", 0, 0.05)
	f(constant, "daily_season", nan, 0)
	f(sine.Slice(0, days(2.5, step)), "daily_season", 1, 1e-6)
	f(weekend, "weekly_season", 0.95, 0.01) // the line through four weeks takes a little of it
	f(white, "weekly_season", 0, 0.2)
	f(weekend.Slice(0, days(13, step)), "weekly_season", nan, 0)
	f(sine, "variation", math.Sqrt(0.5)/2, 1e-9)
	f(constant, "variation", 0, 1e-9)
	f(sine, "peak_over_mean", 1.5, 1e-3)
	f(job, "peak_over_mean", 12/1.25, 1e-9)
	f(job, "busiest_hours", (20*12+4*6)/(20*1.25*24), 1e-9)
	f(white, "dispersion", 1.0/6, 0.03)
	f(sine, "dispersion", 1, 0.01)
	f(line, "trend", 2.0/3, 1e-3)
	f(sine, "trend", 0, 1e-9)
	f(line, "trend_fit", 1, 1e-6)
	f(line.Slice(0, days(4, step)), "trend_fit", nan, 0)
	f(job, "idle", 20.0/24, 1e-9)
	f(sine, "idle", 0, 1e-9)
	f(job, "same", 22.0/23, 1e-9)
	f(constant, "same", 1, 1e-9)
	f(job, "bursts", 1, 1e-9)
	f(job, "burst_hours", 4, 1e-9)
	f(sine, "burst_hours", nan, 0)
	f(sine, "autocorrelation_step", math.Cos(2*math.Pi/144), 1e-3)
	f(sine, "autocorrelation_hour", math.Cos(2*math.Pi/24), 0.005)
	f(white, "autocorrelation_hour", 0, 0.05)
	f(constant, "autocorrelation_step", nan, 0)
}
