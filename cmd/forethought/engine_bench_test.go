//go:build unix

package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

const (
	// engineStep, enginePoints and engineHorizon are what the engine's budgets are stated for: three weeks at five minutes, two hours ahead.
	engineStep    = 5 * time.Minute
	enginePoints  = 3 * 7 * 24 * 12
	engineHorizon = 24
	// liveSeries is the number of models whose memory is measured together.
	liveSeries = 50
)

// noisyWeeks is a demand with working hours, quiet week-ends, a slow drift and noise.
func noisyWeeks(seed uint64) series.Series {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	y := series.Series{Key: "office", Unit: series.Cores, Start: start, Step: engineStep, Values: make([]float64, enginePoints)}
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
		y.Values[i] = max(0, (v+drift)*(1+0.05*rng.NormFloat64()))
	}
	return y
}

// engineDemands returns the demands that are measured, by name: a made one and, where FORETHOUGHT_DATA says where the traces are, a real
// one.
func engineDemands(tb testing.TB) map[string]series.Series {
	tb.Helper()
	out := map[string]series.Series{"office": noisyWeeks(1)}
	if dir := os.Getenv("FORETHOUGHT_DATA"); dir != "" {
		f, err := trace.Open(filepath.Join(dir, "demand", "azurevm_2019_5m.csv.gz"))
		if err != nil {
			tb.Fatal(err)
		}
		y, err := f.Series("cpu_usage")
		if err != nil {
			tb.Fatal(err)
		}
		out["azurevm"] = y.Slice(y.Len()-enginePoints, y.Len())
	}
	return out
}

// engine returns the automatic method that the budgets are about.
func engine() forecast.Method { return recipe{step: engineStep, horizon: engineHorizon}.auto() }

// eachDemand runs f on every demand.
func eachDemand(b *testing.B, f func(b *testing.B, y series.Series)) {
	b.Helper()
	for name, y := range engineDemands(b) {
		b.Run(name, func(b *testing.B) { f(b, y) })
	}
}

// cpuOf returns the processor time of the process so far, user and system together, the garbage collector's included.
func cpuOf(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU reports the processor time since begun per operation.
func reportCPU(b *testing.B, begun time.Duration) {
	b.Helper()
	b.ReportMetric((cpuOf(b)-begun).Seconds()*1000/float64(b.N), "cpu-ms/op")
}

// readQuantiles reads the quantiles that a pool is sized by and one above and below.
func readQuantiles(f forecast.Forecast) (sum float64) {
	for _, d := range f.Steps {
		for _, p := range []float64{0.1, 0.5, 0.9, 0.99} {
			sum += d.Quantile(p)
		}
	}
	return sum
}

// BenchmarkColdAutomatic is a first forecast of a series nothing is known of: finding seasons, choosing among the methods, fitting them.
// Its budget is 60 ms of processor time.
func BenchmarkColdAutomatic(b *testing.B) {
	eachDemand(b, func(b *testing.B, y series.Series) {
		b.ReportAllocs()
		begun := cpuOf(b)
		for b.Loop() {
			m, err := engine().Fit(b.Context(), y)
			if err != nil {
				b.Fatal(err)
			}
			readQuantiles(m.Forecast(engineHorizon))
		}
		reportCPU(b, begun)
	})
}

// BenchmarkUpdateAndForecast is one new observation and the forecast from it. Its budget is 0.15 ms of processor time.
func BenchmarkUpdateAndForecast(b *testing.B) {
	eachDemand(b, func(b *testing.B, y series.Series) {
		m, err := engine().Fit(b.Context(), y)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		begun, i := cpuOf(b), 0
		for b.Loop() {
			m.Update(y.Values[i%y.Len()])
			readQuantiles(m.Forecast(engineHorizon))
			i++
		}
		reportCPU(b, begun)
	})
}

// BenchmarkMemoryPerSeries reports what a fitted model holds on to. Its budget is 96 kB.
func BenchmarkMemoryPerSeries(b *testing.B) {
	eachDemand(b, func(b *testing.B, y series.Series) {
		models := make([]forecast.Model, liveSeries)
		var held float64
		for b.Loop() {
			clear(models)
			before := heapInUse()
			for i := range models {
				var err error
				if models[i], err = engine().Fit(b.Context(), y); err != nil {
					b.Fatal(err)
				}
			}
			held = float64(heapInUse()-before) / liveSeries
		}
		b.ReportMetric(held/1000, "kB/series")
		runtime.KeepAlive(models)
	})
}

// heapInUse returns the size of what is reachable.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one put into pools, the second one frees
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
