package harmonic

import (
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
)

// The bars are 10 ms of CPU for 850 hours with 48 steps and 25 ms for three weeks of 5 minutes with 24.
func BenchmarkFit(b *testing.B) {
	f := func(name string, n int, step time.Duration, h int) {
		b.Run(name, func(b *testing.B) {
			y := broken(n, step, 3)
			for b.Loop() {
				forecast.Midmean(methodtest.Fit(b, Method{}, y).Forecast(h).Steps[h-1])
			}
		})
	}
	f("850 hours", 850, time.Hour, 48)
	f("three weeks of 5 minutes", 6048, 5*time.Minute, 24)
	f("four weeks of minutes", 40320, time.Minute, 120)
	f("10 million seconds", 10_000_000, time.Second, 60)
}

// BenchmarkForecast is 24 steps of three quantiles after an update, at the end of the history and long after it, where the trend may
// have changed and normal quantiles no longer do.
func BenchmarkForecast(b *testing.B) {
	f := func(name string, updates int) {
		b.Run(name, func(b *testing.B) {
			m := methodtest.Fit(b, Method{}, broken(6048, 5*time.Minute, 3))
			for range updates {
				m.Update(1)
			}
			for b.Loop() {
				for _, d := range m.Forecast(24).Steps {
					d.Quantile(0.5)
					d.Quantile(0.9)
					d.Quantile(0.99)
				}
			}
		})
	}
	f("fresh", 1)
	f("a week old", 2016)
}
