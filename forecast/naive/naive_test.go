package naive_test

import (
	"encoding"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/series"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// history returns a series of the given values.
func history(step time.Duration, values ...float64) series.Series {
	return series.Series{Key: "t", Unit: series.Cores, Start: start, Step: step, Values: values}
}

// daily returns n noisy half hours with a daily season.
func daily(n int, seed uint64) series.Series {
	rng := rand.New(rand.NewPCG(seed, 1))
	values := make([]float64, n)
	for i := range values {
		values[i] = 50 + 30*math.Sin(2*math.Pi*float64(i)/48) + 3*rng.NormFloat64()
	}
	return history(30*time.Minute, values...)
}

func TestPromises(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, daily(400, 1)) })
	}
	f(naive.Last{})
	f(naive.Smooth{})
	f(naive.Seasonal{Period: day})
	f(naive.Seasonal{Period: 7 * day})
	f(naive.Seasonal{Period: time.Hour})
}

func TestUpdateEqualsFit(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		y := daily(3000, 2)
		for i := 500; i < 560; i++ {
			y.Values[i] = math.NaN()
		}
		model := methodtest.Fit(t, m, y.Slice(0, 1000))
		for _, v := range y.Values[1000:] {
			model.Update(v)
		}
		want := methodtest.Fit(t, m, y).Forecast(100)
		if got := model.Forecast(100); !slices.Equal(methodtest.Table(got), methodtest.Table(want)) || !got.Origin.Equal(want.Origin) {
			t.Errorf("%s: the updated model differs from the one fitted on all", m.Name())
		}
	}
	f(naive.Last{})
	f(naive.Smooth{})
	f(naive.Seasonal{Period: day})
	f(naive.Seasonal{Period: 7 * day})
}

func TestMissingSeasonIsTheOneBefore(t *testing.T) {
	nan := math.NaN()
	f := func(want float64, values ...float64) {
		t.Helper()
		model := methodtest.Fit(t, naive.Seasonal{Period: 3 * time.Hour}, history(time.Hour, values...))
		if got := median(t, model, 1); math.Abs(got-want) > 0.25*want {
			t.Errorf("median %v, want about %v", got, want)
		}
	}
	f(100, 100, 2, 3, 100, 2, 3, 100, 2, 3)
	f(100, 100, 2, 3, 100, 2, 3, nan, 2, 3)
	f(100, 100, 2, 3, nan, 2, 3, nan, 2, 3)
}

func TestLastSkipsMissing(t *testing.T) {
	model := methodtest.Fit(t, naive.Last{}, history(time.Minute, 5, 5, 5, 8, math.NaN(), math.NaN()))
	if got := median(t, model, 1); math.Abs(got-8) > 3 {
		t.Errorf("median %v, want about 8", got)
	}
}

// One observation gives the prior: a normal distribution with a standard deviation of 40 % of the level.
func TestOnePointIsWide(t *testing.T) {
	model := methodtest.Fit(t, naive.Last{}, history(time.Minute, 100))
	d := model.Forecast(1).Steps[0]
	f := func(p, want float64) {
		t.Helper()
		if got := d.Quantile(p); math.Abs(got-want) > 0.1 {
			t.Errorf("quantile %v is %v, want %v", p, got, want)
		}
	}
	f(0.5, 100)
	f(0.9, 100+40*1.2816)
	f(0.1, 100-40*1.2816)
}

// Independent errors of a random walk widen with the square root of the horizon.
func TestRandomWalkWidens(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	values := make([]float64, 20000)
	v := 1e4
	for i := range values {
		v += rng.NormFloat64()
		values[i] = v
	}
	steps := methodtest.Fit(t, naive.Last{}, history(time.Minute, values...)).Forecast(64).Steps
	width := func(h int) float64 { return steps[h-1].Quantile(0.9) - steps[h-1].Quantile(0.1) }
	if r := width(64) / width(4); r < 2.5 || r > 8 {
		t.Errorf("80 %% interval at 64 steps is %v times that at 4, want about 4", r)
	}
}

func TestSmoothBeatsLastOnNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	values := make([]float64, 2000)
	for i := range values {
		values[i] = 100 + 10*rng.NormFloat64()
	}
	y := history(time.Minute, values...)
	var smooth, last float64
	a, b := methodtest.Fit(t, naive.Smooth{}, y.Slice(0, 1000)), methodtest.Fit(t, naive.Last{}, y.Slice(0, 1000))
	for _, v := range values[1000:] {
		smooth += math.Abs(v - median(t, a, 1))
		last += math.Abs(v - median(t, b, 1))
		a.Update(v)
		b.Update(v)
	}
	if smooth > 0.85*last {
		t.Errorf("mean absolute error of smooth %v, of last %v", smooth/1000, last/1000)
	}
}

// The intervals' coverage is tested on data that follow those fitted on.
func TestCoverage(t *testing.T) {
	f := func(m forecast.Method, h int) {
		t.Helper()
		y := daily(6000, 5)
		model := methodtest.Fit(t, m, y.Slice(0, 3000))
		inside, n := 0, 0
		for i := 3000; i+h <= 6000; i++ {
			d := model.Forecast(h).Steps[h-1]
			if v := y.Values[i+h-1]; v >= d.Quantile(0.1) && v <= d.Quantile(0.9) {
				inside++
			}
			n++
			model.Update(y.Values[i])
		}
		if c := float64(inside) / float64(n); c < 0.74 || c > 0.88 {
			t.Errorf("%s at step %d covers %.3f, want 0.8", m.Name(), h, c)
		}
	}
	f(naive.Seasonal{Period: day}, 1)
	f(naive.Seasonal{Period: day}, 20)
	f(naive.Last{}, 1)
	f(naive.Last{}, 8)
	f(naive.Smooth{}, 4)
}

// median returns the median of step h.
func median(t *testing.T, m forecast.Model, h int) float64 {
	t.Helper()
	return m.Forecast(h).Steps[h-1].Quantile(0.5)
}

func TestKeptAtZero(t *testing.T) {
	y := series.Series{Key: "t", Start: time.Unix(0, 0).UTC(), Step: time.Minute, Values: make([]float64, 100)}
	for _, m := range []forecast.Keeper{naive.Last{}, naive.Smooth{}, naive.Seasonal{Period: time.Hour}} {
		state, err := methodtest.Fit(t, m, y).(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Restore(state); err != nil {
			t.Errorf("%s: %v", m.Name(), err)
		}
	}
}

// A model that was kept while the demand was zero goes on as the one that was written.
func TestKeptAtZeroGoesOn(t *testing.T) {
	y := series.Series{Key: "t", Start: time.Unix(0, 0).UTC(), Step: time.Minute, Values: make([]float64, 5)}
	model := methodtest.Fit(t, naive.Last{}, y)
	state, err := model.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := naive.Last{}.Restore(state)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		model.Update(float64(8 * i))
		restored.Update(float64(8 * i))
	}
	want, got := methodtest.Table(model.Forecast(3)), methodtest.Table(restored.Forecast(3))
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("quantile %d is %v after a restart, want %v", i, got[i], want[i])
		}
	}
}
