package theta_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/theta"
	"github.com/forethought-autoscaler/forethought/series"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// daily returns n noisy observations with a daily season and a slight trend.
func daily(n int, step time.Duration) series.Series {
	rng := rand.New(rand.NewPCG(3, 1))
	y := series.Series{Key: "t", Unit: series.Cores, Start: start, Step: step, Values: make([]float64, n)}
	for i := range y.Values {
		phase := float64(i) * float64(step) / float64(day)
		y.Values[i] = 50 + 0.01*float64(i) + 20*math.Sin(2*math.Pi*phase) + 2*rng.NormFloat64()
	}
	return y
}

func TestPromises(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, daily(200, time.Hour)) })
	}
	f(theta.Method{Period: day})
	f(theta.Method{})
	f(theta.Method{Period: day, Optimised: true})
	f(theta.Method{Optimised: true})
}

func BenchmarkFit(b *testing.B) {
	f := func(name string, m forecast.Method, y series.Series) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Fit(b.Context(), y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("hourly", theta.Method{Period: day}, daily(850, time.Hour))
	f("minutes", theta.Method{Period: day}, daily(6048, 5*time.Minute))
	f("dynamic hourly", theta.Method{Period: day, Optimised: true}, daily(850, time.Hour))
	f("dynamic minutes", theta.Method{Period: day, Optimised: true}, daily(6048, 5*time.Minute))
	f("months", theta.Method{Period: day}, daily(1000000, time.Minute))
}

func TestTooShort(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		_, err := m.Fit(t.Context(), daily(5, time.Hour))
		var short *forecast.TooShortError
		if !errors.As(err, &short) || short.Need != 6 || short.Have != 5 {
			t.Errorf("%s on 5 observations: %v, want a TooShortError", m.Name(), err)
		}
		methodtest.Sane(t, methodtest.Fit(t, m, daily(6, time.Hour)).Forecast(5), 5)
	}
	f(theta.Method{Period: day})
	f(theta.Method{Period: day, Optimised: true})
}

// near fails the test where two lists differ by more than the tolerance, relative to the first.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if math.Abs(got[i]-want[i]) > tolerance*math.Abs(want[0]) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// The forecast over a gap is the one made before it.
func TestGapIsForecastBefore(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		model := methodtest.Fit(t, m, daily(300, time.Hour))
		want := methodtest.Table(model.Forecast(60))
		for range 40 {
			model.Update(math.NaN())
		}
		got := methodtest.Table(model.Forecast(20))
		near(t, m.Name(), got, want[len(want)-len(got):], 1e-12)
	}
	f(theta.Method{Period: day})
	f(theta.Method{Period: day, Optimised: true})
}

// A history that ends in a gap is a history and a gap.
func TestFitEndsInGap(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		y := daily(300, time.Hour)
		model := methodtest.Fit(t, m, y.Slice(0, 290))
		for i := 290; i < 300; i++ {
			y.Values[i] = math.NaN()
			model.Update(math.NaN())
		}
		near(t, m.Name(), methodtest.Table(methodtest.Fit(t, m, y).Forecast(30)), methodtest.Table(model.Forecast(30)), 0)
	}
	f(theta.Method{Period: day})
	f(theta.Method{Period: day, Optimised: true})
}

// An observation that comes as the dynamic model forecasts it changes nothing but the origin.
func TestNoInnovation(t *testing.T) {
	model := methodtest.Fit(t, theta.Method{Period: day, Optimised: true}, daily(300, time.Hour))
	medians := func(h int) []float64 {
		out := make([]float64, h)
		for k, d := range model.Forecast(h).Steps {
			out[k] = d.Quantile(0.5)
		}
		return out
	}
	want := medians(30)
	model.Update(want[0])
	near(t, "dynamic", medians(29), want[1:], 1e-12)
}

// A long gap stays bounded in time and finite.
func TestLongGap(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		model := methodtest.Fit(t, m, daily(300, time.Hour))
		for range 100_000 {
			model.Update(math.NaN())
		}
		methodtest.Sane(t, model.Forecast(48), 48)
		model.Update(60)
		methodtest.Sane(t, model.Forecast(48), 48)
	}
	f(theta.Method{Period: day})
	f(theta.Method{Period: day, Optimised: true})
}

// A straight line with a season goes on as it is.
func TestLineAndSeason(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		at := func(i int) float64 { return (100 + 0.1*float64(i)) * (1 + 0.5*math.Sin(2*math.Pi*float64(i)/24)) }
		y := daily(480, time.Hour)
		for i := range y.Values {
			y.Values[i] = at(i)
		}
		for k, d := range methodtest.Fit(t, m, y).Forecast(48).Steps {
			if got, want := d.Quantile(0.5), at(480+k); math.Abs(got-want) > 0.03*want {
				t.Errorf("%s: step %d is %v, want about %v", m.Name(), k+1, got, want)
			}
		}
	}
	f(theta.Method{Period: day})
	f(theta.Method{Period: day, Optimised: true})
}
