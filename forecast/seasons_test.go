package forecast_test

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	oneDay  = 24 * time.Hour
	oneWeek = 7 * oneDay
)

// made returns n observations of f.
func made(step time.Duration, n int, f func(i int) float64) series.Series {
	y := series.Series{Key: "t", Start: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Step: step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = f(i)
	}
	return y
}

// wave returns a sine that repeats after period steps.
func wave(i int, period float64) float64 { return math.Sin(2 * math.Pi * float64(i) / period) }

// Every history is generated ten times with other noise, and with gaps: every 13th observation and a thirtieth of the history at once.
func TestSeasonsAreFound(t *testing.T) {
	f := func(step time.Duration, n int, g func(rng *rand.Rand, i int) float64, want ...time.Duration) {
		t.Helper()
		hits := 0
		var other []time.Duration
		for seed := range uint64(10) {
			rng := rand.New(rand.NewPCG(seed, 5))
			y := made(step, n, func(i int) float64 {
				v := max(0, g(rng, i))
				if i%13 == 5 || i > n/2 && i < n/2+n/30 {
					return math.NaN()
				}
				return v
			})
			if got := forecast.Seasons(y); slices.Equal(got, want) {
				hits++
			} else {
				other = got
			}
		}
		if hits < 9 {
			t.Errorf("found %v in %d of 10 histories, otherwise for example %v", want, hits, other)
		}
	}
	five := 5 * time.Minute
	f(five, 6048, func(rng *rand.Rand, i int) float64 { return 100 + 10*wave(i, 288) + 10*rng.NormFloat64() }, oneDay)
	f(five, 6048, func(rng *rand.Rand, i int) float64 { return 100 + 3*wave(i, 288) + 10*rng.NormFloat64() }, oneDay) // 4 % of the variance
	f(five, 750, func(rng *rand.Rand, i int) float64 { return 100 + 30*wave(i, 288) + 5*rng.NormFloat64() }, oneDay)  // 2.6 days
	f(time.Hour, 850, func(rng *rand.Rand, i int) float64 {
		return 100 + 10*wave(i, 24) + 10*wave(i, 168) + 5*rng.NormFloat64()
	}, oneDay, oneWeek)
	f(time.Hour, 850, func(rng *rand.Rand, i int) float64 { // quiet week-ends
		if i/24%7 >= 5 {
			return 50 + 5*wave(i, 24) + 5*rng.NormFloat64()
		}
		return 50 + 20*wave(i, 24) + 5*rng.NormFloat64()
	}, oneDay, oneWeek)
	f(time.Minute, 40320, func(rng *rand.Rand, i int) float64 { // a job that runs one minute each hour, and a day whose swing has a week
		v := 100 + 30*wave(i, 1440)*(1+0.5*wave(i, 10080)) + 5*rng.NormFloat64()
		if i%60 == 3 {
			v += 60
		}
		return v
	}, time.Hour, oneDay, oneWeek)
	f(five, 6048, func(rng *rand.Rand, i int) float64 { // a job that runs half an hour each day
		if i%288 < 6 {
			return 200 + 5*rng.NormFloat64()
		}
		return 100 + 5*rng.NormFloat64()
	}, oneDay)
	f(five, 6048, func(rng *rand.Rand, i int) float64 { // office hours: half a day is part of the shape and no season
		switch h := i / 12 % 24; {
		case h >= 8 && h < 12:
			return 80 + 5*rng.NormFloat64()
		case h >= 13 && h < 18:
			return 70 + 5*rng.NormFloat64()
		}
		return 20 + 5*rng.NormFloat64()
	}, oneDay)
	f(time.Minute, 5000, func(_ *rand.Rand, i int) float64 { return map[bool]float64{true: 7}[i%60 == 3] }, time.Hour)
	f(7*time.Minute, 4000, func(rng *rand.Rand, i int) float64 { return 100 + 30*wave(i, 1440./7) + 10*rng.NormFloat64() }, oneDay)
	f(five, 6000, func(rng *rand.Rand, i int) float64 { return 100 + 10*wave(i, 18) + 8*rng.NormFloat64() }, 90*time.Minute)
	f(five, 6000, func(rng *rand.Rand, i int) float64 {
		return 100 + 10*wave(i, 100) + 10*wave(i, 288) + 5*rng.NormFloat64()
	}, 100*five, oneDay)
	f(10*time.Second, 3000, func(rng *rand.Rand, i int) float64 { return 100 + 20*float64(i%100/50) + 5*rng.NormFloat64() }, 1000*time.Second)
}

// Each kind of history without a season is generated 200 times.
func TestNoSeasonsInNoise(t *testing.T) {
	walk := func(phi, noise float64) func(rng *rand.Rand, n int) []float64 {
		return func(rng *rand.Rand, n int) []float64 {
			v := make([]float64, n)
			x := 0.0
			for i := range v {
				x = phi*x + rng.NormFloat64()
				v[i] = 1000 + x + noise*rng.NormFloat64()
			}
			return v
		}
	}
	events := func(rng *rand.Rand, n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			if rng.IntN(50) == 0 {
				v[i] = rng.ExpFloat64()
			}
		}
		return v
	}
	bursts := func(rng *rand.Rand, n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = math.Exp(2 * rng.NormFloat64())
		}
		return v
	}
	f := func(name string, g func(rng *rand.Rand, n int) []float64) {
		t.Helper()
		found := 0
		steps := []time.Duration{time.Minute, 5 * time.Minute, time.Hour}
		for seed := range 200 {
			n := []int{300, 850, 1440}[seed/3%3]
			y := made(steps[seed%3], n, func(int) float64 { return 0 })
			y.Values = g(rand.New(rand.NewPCG(uint64(seed), 7)), n)
			if len(forecast.Seasons(y)) > 0 {
				found++
			}
		}
		if found >= 4 {
			t.Errorf("%s: seasons in %d of 200 histories, want fewer than 2 %%", name, found)
		}
	}
	f("noise", walk(0, 0))
	f("autoregression 0.5", walk(0.5, 0))
	f("autoregression 0.9", walk(0.9, 0))
	f("autoregression 0.99", walk(0.99, 0))
	f("random walk", walk(1, 0))
	f("random walk and noise", walk(1, 5))
	f("sparse events", events)
	f("bursts", bursts)
}

func TestNoSeasonsInWhatHasNone(t *testing.T) {
	f := func(y series.Series) {
		t.Helper()
		if got := forecast.Seasons(y); len(got) != 0 {
			t.Errorf("seasons %v", got)
		}
	}
	nan := math.NaN()
	day := func(i int) float64 { return 10 + wave(i, 24) }
	f(series.Series{})
	f(made(0, 500, day))
	f(made(time.Hour, 59, day)) // below two and a half days
	f(made(time.Hour, 1, day))
	f(made(time.Hour, 500, func(int) float64 { return 0.1 }))
	f(made(time.Hour, 500, func(int) float64 { return 0 }))
	f(made(time.Hour, 500, func(int) float64 { return nan }))
	f(made(time.Hour, 500, func(i int) float64 { return []float64{3, nan}[min(i, 1)] }))
	f(made(time.Hour, 500, func(i int) float64 { return 1e-3 * float64(i) }))
	f(made(time.Hour, 500, func(i int) float64 { return map[bool]float64{true: 9, false: 1}[i > 250] }))
	f(made(time.Hour, 500, func(i int) float64 { return math.Exp(float64(i) / 50) }))
	f(made(8*time.Hour, 500, func(i int) float64 { return 10 + wave(i, 3) })) // three steps are no shape
}

// Units do not matter, nor does what the numbers are hidden among.
func TestSeasonsOfHostileHistories(t *testing.T) {
	f := func(factor float64) {
		t.Helper()
		y := made(time.Hour, 500, func(i int) float64 { return factor * (2 + wave(i, 24)) })
		y.Values[100], y.Values[200] = math.Inf(1), math.NaN()
		if got := forecast.Seasons(y); !slices.Equal(got, []time.Duration{oneDay}) {
			t.Errorf("factor %v: seasons %v", factor, got)
		}
	}
	f(1)
	f(1e300)
	f(1e-300)
	f(5e307)
	y := made(time.Minute, 1<<20, func(i int) float64 { return 10 + wave(i, 1440) })
	before := slices.Clone(y.Values)
	if got := forecast.Seasons(y); !slices.Equal(got, []time.Duration{oneDay}) {
		t.Errorf("seasons of a long history: %v", got)
	}
	if !slices.Equal(before, y.Values) {
		t.Error("the history was changed")
	}
}

// open returns a column of a trace, or skips the test.
func open(t *testing.T, file, column string) series.Series {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set")
	}
	fh, err := os.Open(filepath.Join(dir, "demand", file+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fh.Close() }()
	z, err := gzip.NewReader(fh)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], column)
	first, _ := strconv.ParseInt(rows[1][0], 10, 64)
	second, _ := strconv.ParseInt(rows[2][0], 10, 64)
	return made(time.Duration(second-first)*time.Second, len(rows)-1, func(i int) float64 {
		v, err := strconv.ParseFloat(rows[i+1][at], 64)
		if err != nil {
			return math.NaN()
		}
		return v
	})
}

func TestSeasonsOfTraces(t *testing.T) {
	f := func(file, column string, want ...time.Duration) {
		t.Helper()
		if got := forecast.Seasons(open(t, file, column)); !slices.Equal(got, want) {
			t.Errorf("%s %s: seasons %v, want %v", file, column, got, want)
		}
	}
	f("nasa_http_1m", "requests", oneDay, oneWeek)
	f("azurevm_2019_5m", "assigned_mem", oneDay)
	f("azurevm_2019_5m", "cpu_usage", time.Hour, oneDay, oneWeek)
	f("nab_nyctaxi_30m", "passengers", oneDay, oneWeek)
	f("servegen_m-small_10m", "total", oneDay)
	f("philly_gpudemand_5m", "gpu_total")
}

func BenchmarkSeasons(b *testing.B) {
	f := func(name string, step time.Duration, n int) {
		b.Run(name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			perDay := float64(oneDay / step)
			y := made(step, n, func(i int) float64 { return 100 + 20*wave(i, perDay) + 10*wave(i, 7*perDay) + 5*rng.NormFloat64() })
			for b.Loop() {
				forecast.Seasons(y)
			}
		})
	}
	f("850", time.Hour, 850)
	f("6048", 5*time.Minute, 6048)
	f("40320", time.Minute, 40320)
	f("10000000", time.Minute, 10_000_000)
}
