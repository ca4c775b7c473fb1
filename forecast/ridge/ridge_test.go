package ridge_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
	"github.com/forethought-autoscaler/forethought/series"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// generate returns n values of f with noise of standard deviation sd.
func generate(n int, step time.Duration, sd float64, f func(i int) float64) series.Series {
	rng := rand.New(rand.NewPCG(1, 9))
	y := series.Series{Key: "t", Unit: series.Cores, Start: start, Step: step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = max(0, f(i)+sd*rng.NormFloat64())
	}
	return y
}

// sine is a daily season of ten-minute steps.
func sine(n int, sd float64) series.Series {
	return generate(n, 10*time.Minute, sd, func(i int) float64 { return 60 + 40*math.Sin(2*math.Pi*float64(i)/144) })
}

func TestPromises(t *testing.T) {
	f := func(m forecast.Method, y series.Series) {
		t.Helper()
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, y) })
	}
	f(ridge.Method{Horizon: 24}, sine(900, 3))
	f(ridge.Method{Horizon: 24, Log: true}, sine(900, 3))
	f(ridge.Method{Horizon: 1}, sine(500, 3))
}

func TestRefuses(t *testing.T) {
	if _, err := (ridge.Method{}).Fit(t.Context(), sine(900, 1)); err == nil || !strings.Contains(err.Error(), "Method.Horizon") {
		t.Errorf("error %v, want one that names Method.Horizon", err)
	}
	_, err := ridge.Method{Horizon: 24}.Fit(t.Context(), sine(150, 1))
	var short *forecast.TooShortError
	if !errors.As(err, &short) || short.Have != 150 || short.Need <= 150 {
		t.Errorf("error %v, want a TooShortError", err)
	}
	if _, err := (ridge.Method{Horizon: 24}).Fit(t.Context(), sine(short.Need, 1)); err != nil {
		t.Errorf("fit on %d observations, the stated need: %v", short.Need, err)
	}
}

// meanError rolls m over the last part of y and returns the mean absolute error of its median h steps ahead.
func meanError(t *testing.T, m forecast.Method, y series.Series, from, h int) float64 {
	t.Helper()
	model := methodtest.Fit(t, m, y.Slice(0, from))
	var sum float64
	n := 0
	for i := from; i+h <= y.Len(); i++ {
		if i%7 == 0 {
			sum += math.Abs(y.Values[i+h-1] - model.Forecast(h).Steps[h-1].Quantile(0.5))
			n++
		}
		model.Update(y.Values[i])
	}
	return sum / float64(n)
}

// The mean absolute error of a perfect forecast of normal noise is its standard deviation times sqrt(2/pi).
func TestNearlyPerfectOnSineAndNoise(t *testing.T) {
	f := func(h int) {
		t.Helper()
		y := sine(14*144, 4)
		perfect := 4 * math.Sqrt(2/math.Pi)
		season := meanError(t, naive.Seasonal{Period: day}, y, 10*144, h)
		for _, m := range []forecast.Method{ridge.Method{Horizon: 12}, ridge.Method{Horizon: 12, Log: true}} {
			if e := meanError(t, m, y, 10*144, h); e > 1.2*perfect || e > 0.85*season {
				t.Errorf("%s step %d: error %.3f, perfect %.3f, seasonal naive %.3f", m.Name(), h, e, perfect, season)
			}
		}
	}
	f(1)
	f(6)
	f(12)
}

// A shift of level is followed at once: the forecast a day after it is right, where seasonal naive is wrong by the shift.
func TestLevelShift(t *testing.T) {
	y := generate(10*144, 10*time.Minute, 1, func(i int) float64 {
		v := 60 + 30*math.Sin(2*math.Pi*float64(i)/144)
		if i >= 9*144 {
			v += 100
		}
		return v
	})
	if e := meanError(t, ridge.Method{Horizon: 12}, y, 9*144, 12); e > 20 {
		t.Errorf("error %.2f after a shift of 100", e)
	}
}

func TestHourlySpikeOnTheMinute(t *testing.T) {
	n := 3*1440 + 31
	y := generate(n, time.Minute, 1, func(i int) float64 {
		if i%60 == 7 {
			return 120
		}
		return 20
	})
	for _, m := range []forecast.Method{ridge.Method{Horizon: 120}, ridge.Method{Horizon: 120, Log: true}} {
		for k, d := range methodtest.Fit(t, m, y).Forecast(120).Steps {
			med := d.Quantile(0.5)
			if spike := (n+k)%60 == 7; spike && med < 90 || !spike && med > 35 {
				t.Errorf("%s step %d at minute %d: median %.1f", m.Name(), k+1, (n+k)%60, med)
			}
		}
	}
}

// An hour's season suffices while the history is shorter than two days.
func TestFirstHours(t *testing.T) {
	y := generate(8*60+10, time.Minute, 1, func(i int) float64 {
		if i%60 < 3 {
			return 90
		}
		return 30
	})
	for k, d := range methodtest.Fit(t, ridge.Method{Horizon: 60}, y).Forecast(60).Steps {
		if spike := (y.Len()+k)%60 < 3; spike != (d.Quantile(0.5) > 60) {
			t.Errorf("step %d at minute %d: median %.1f", k+1, (y.Len()+k)%60, d.Quantile(0.5))
		}
	}
}

func TestExplosionIsBounded(t *testing.T) {
	y := sine(1500, 3)
	for _, m := range []forecast.Method{ridge.Method{Horizon: 24}, ridge.Method{Horizon: 24, Log: true}} {
		model := methodtest.Fit(t, m, y)
		for i := range 8 {
			model.Update(100 * math.Pow(1.5, float64(i)))
		}
		top := 100 * math.Pow(1.5, 7)
		if q := model.Forecast(24).Steps[23].Quantile(0.5); q > 2.5*top {
			t.Errorf("%s forecasts %.0f after %.0f", m.Name(), q, top)
		}
	}
}

func TestLimitsOfMemory(t *testing.T) {
	y := sine(4000, 3)
	model := methodtest.Fit(t, ridge.Method{Horizon: 24}, y.Slice(0, 3000))
	for _, v := range y.Values[3000:] {
		model.Update(v)
	}
	for range 20 {
		for _, v := range y.Values[:1000] {
			model.Update(v)
		}
	}
	methodtest.Sane(t, model.Forecast(24), 24)
}

func BenchmarkFit(b *testing.B) {
	y := generate(40320, time.Minute, 3, func(i int) float64 { return 60 + 40*math.Sin(2*math.Pi*float64(i)/1440) })
	for b.Loop() {
		if _, err := (ridge.Method{Horizon: 120, Log: true}).Fit(b.Context(), y); err != nil {
			b.Fatal(err)
		}
	}
}
