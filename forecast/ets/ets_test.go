package ets_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/ets"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// daily returns n noisy hours with a daily season and a slight trend.
func daily(n int) series.Series {
	rng := rand.New(rand.NewPCG(3, 1))
	y := series.Series{Key: "t", Unit: series.Cores, Start: start, Step: time.Hour, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = 50 + 0.01*float64(i) + 20*math.Sin(2*math.Pi*float64(i)/24) + 2*rng.NormFloat64()
	}
	return y
}

func TestPromises(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, daily(200)) })
	}
	f(ets.SES())
	f(ets.DampedHolt())
	f(ets.HoltWinters(day))
	f(ets.Method{Error: ets.MultiplicativeError})
	f(ets.Method{Error: ets.MultiplicativeError, Trend: ets.AdditiveTrend, Season: ets.MultiplicativeSeason, Period: day})
	f(ets.Method{Error: ets.MultiplicativeError, Trend: ets.DampedTrend, Season: ets.MultiplicativeSeason, Period: day})
	f(ets.Method{Error: ets.MultiplicativeError, Season: ets.AdditiveSeason, Period: day})
	f(ets.Method{Season: ets.AdditiveSeason, Period: 40 * time.Hour})
	f(ets.Auto{Period: day})
}

func BenchmarkAuto(b *testing.B) {
	f := func(name string, m forecast.Method, n int) {
		b.Run(name, func(b *testing.B) {
			y := daily(n)
			for b.Loop() {
				if _, err := m.Fit(b.Context(), y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("season", ets.Auto{Period: day}, 850)
	f("plain", ets.Auto{}, 850)
	f("ses", ets.SES(), 960)
	f("damped", ets.DampedHolt(), 850)
	f("holt-winters", ets.HoltWinters(day), 850)
	f("holt-winters-288", ets.HoltWinters(288*time.Hour), 6048)
	f("long", ets.Auto{}, 100000)
}

func TestNames(t *testing.T) {
	f := func(m forecast.Method, want string) {
		t.Helper()
		if got := m.Name(); got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
	f(ets.SES(), "ses")
	f(ets.Method{Trend: ets.AdditiveTrend}, "holt")
	f(ets.DampedHolt(), "holt-damped")
	f(ets.HoltWinters(day), "holt-winters")
	f(ets.Method{Error: ets.MultiplicativeError, Trend: ets.DampedTrend, Season: ets.MultiplicativeSeason}, "ets-MAdM")
	f(ets.Method{Season: ets.MultiplicativeSeason}, "ets-MNM")
	f(ets.Method{Error: ets.MultiplicativeError, Signed: true}, "ses")
	f(ets.Auto{}, "ets")
}

func TestTooShort(t *testing.T) {
	f := func(m forecast.Method, need int) {
		t.Helper()
		_, err := m.Fit(t.Context(), daily(need-1))
		var short *forecast.TooShortError
		if !errors.As(err, &short) || short.Need != need || short.Have != need-1 || short.Method != m.Name() {
			t.Errorf("%s on %d observations: %v, want a TooShortError", m.Name(), need-1, err)
		}
		if _, err := m.Fit(t.Context(), daily(need)); err != nil {
			t.Errorf("%s on %d observations: %v", m.Name(), need, err)
		}
	}
	f(ets.SES(), 5)
	f(ets.DampedHolt(), 8)
	f(ets.HoltWinters(day), 48)
	f(ets.Auto{Period: day}, 5)
}

// medians returns the medians of the next h steps.
func medians(m forecast.Model, h int) []float64 {
	out := make([]float64, h)
	for k, d := range m.Forecast(h).Steps {
		out[k] = d.Quantile(0.5)
	}
	return out
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

// A signed fit follows a shift of the demand below zero, and back, with the same forecast.
func TestSigned(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		y := daily(300)
		want := medians(methodtest.Fit(t, m, y), 24)
		for i := range y.Values {
			y.Values[i] -= 64
		}
		shifted := methodtest.Fit(t, m, y)
		got := medians(shifted, 24)
		for k := range got {
			got[k] += 64
		}
		near(t, m.Name(), got, want, 1e-4)
		d := shifted.Forecast(1).Steps[0]
		if lo, mid, hi := d.Quantile(0.1), d.Quantile(0.5), d.Quantile(0.9); lo >= 0 || math.Abs(lo+hi-2*mid) > 1e-9 {
			t.Errorf("%s: quantiles %v, %v, %v are not those of a normal distribution", m.Name(), lo, mid, hi)
		}
	}
	f(ets.Auto{Signed: true})
	f(ets.Auto{Signed: true, Period: day})
	f(ets.Method{Signed: true, Trend: ets.DampedTrend})
}

// The forecast over a gap is the one made before it, where there is no slope.
func TestGapIsForecastBefore(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		model := methodtest.Fit(t, m, daily(300))
		want := methodtest.Table(model.Forecast(60))
		for range 40 {
			model.Update(math.NaN())
		}
		got := methodtest.Table(model.Forecast(20))
		near(t, m.Name(), got, want[len(want)-len(got):], 1e-12)
	}
	f(ets.SES())
	f(ets.Method{Season: ets.AdditiveSeason, Period: day})
	f(ets.Method{Error: ets.MultiplicativeError, Season: ets.MultiplicativeSeason, Period: day})
}

// An observation that comes as forecast changes nothing but the origin; within one season, beyond which means hold products of errors.
func TestNoInnovation(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		model := methodtest.Fit(t, m, daily(300))
		want := medians(model, 24)
		model.Update(want[0])
		near(t, m.Name(), medians(model, 23), want[1:], 1e-9)
	}
	f(ets.SES())
	f(ets.HoltWinters(day))
	f(ets.Method{Error: ets.MultiplicativeError, Trend: ets.AdditiveTrend, Season: ets.AdditiveSeason, Period: day})
	f(ets.Method{Season: ets.MultiplicativeSeason, Period: day})
}

// A season of 288 steps is forecast by Holt and Winters' method in its fixed form.
func TestLongSeason(t *testing.T) {
	y := series.Series{Key: "t", Start: start, Step: 5 * time.Minute, Values: make([]float64, 2000)}
	rng := rand.New(rand.NewPCG(8, 8))
	at := func(i int) float64 { return 50 + 30*math.Sin(2*math.Pi*float64(i)/288) }
	for i := range y.Values {
		y.Values[i] = at(i) + rng.NormFloat64()
	}
	for k, got := range medians(methodtest.Fit(t, ets.HoltWinters(day), y), 288) {
		if want := at(2000 + k); math.Abs(got-want) > 4 {
			t.Fatalf("step %d is %v, want about %v", k+1, got, want)
		}
	}
}

// Intervals cover what comes.
func TestCoverage(t *testing.T) {
	y := daily(1400)
	model := methodtest.Fit(t, ets.Auto{Period: day}, y.Slice(0, 600))
	inside := 0
	for _, v := range y.Values[600:] {
		d := model.Forecast(6).Steps
		if v >= d[0].Quantile(0.1) && v <= d[0].Quantile(0.9) {
			inside++
		}
		model.Update(v)
	}
	if c := float64(inside) / 800; math.Abs(c-0.8) > 0.05 {
		t.Errorf("80 %% intervals cover %.3f", c)
	}
}

// A long history costs no more than its end, and its beginning does not matter.
func TestLongHistory(t *testing.T) {
	y := daily(1_000_000)
	want := medians(methodtest.Fit(t, ets.Auto{}, y.Slice(990_000, 1_000_000)), 5)
	near(t, "million", medians(methodtest.Fit(t, ets.Auto{}, y), 5), want, 0)
}
