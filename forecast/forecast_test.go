package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func TestQuantileScore(t *testing.T) {
	f := func(p, q, y, want float64) {
		t.Helper()
		if got := forecast.QuantileScore(p, q, y); math.Abs(got-want) > 1e-12 {
			t.Errorf("QuantileScore(%v, %v, %v) = %v, want %v", p, q, y, got, want)
		}
	}
	f(0.9, 10, 20, 18) // under-forecasting p90 costs nine times...
	f(0.9, 20, 10, 2)  // ...what over-forecasting costs
	f(0.5, 3, 7, 4)
	f(0.5, 7, 7, 0)
}

// The quantile score is proper: on average the true quantile scores best.
func TestTrueQuantileScoresBest(t *testing.T) {
	d := distuv.Normal{Mu: 10, Sigma: 2, Src: rand.NewPCG(1, 1)}
	y := make([]float64, 20000)
	for i := range y {
		y[i] = d.Rand()
	}
	mean := func(p, q float64) (s float64) {
		for _, v := range y {
			s += forecast.QuantileScore(p, q, v)
		}
		return s / float64(len(y))
	}
	for _, p := range []float64{0.1, 0.5, 0.9, 0.99} {
		q := d.Quantile(p)
		if best := mean(p, q); best > mean(p, q-0.5) || best > mean(p, q+0.5) {
			t.Errorf("probability %v: the true quantile does not score best", p)
		}
	}
}

// The reference is R's quantile(c(1,2,4,8), p, type = 5).
func TestSampleQuantile(t *testing.T) {
	s := forecast.NewSample([]float64{8, 1, 4, 2})
	f := func(p, want float64) {
		t.Helper()
		if got := s.Quantile(p); math.Abs(got-want) > 1e-12 {
			t.Errorf("Quantile(%v) = %v, want %v", p, got, want)
		}
	}
	f(0.01, 1)
	f(0.125, 1)
	f(0.25, 1.5)
	f(0.5, 3)
	f(0.75, 6)
	f(0.99, 8)
}

func TestGridKeepsQuantiles(t *testing.T) {
	d := distuv.LogNormal{Mu: 1, Sigma: 0.5}
	g := forecast.Compact(d)
	for _, p := range forecast.GridProbabilities() {
		if got, want := g.Quantile(p), d.Quantile(p); got != want {
			t.Errorf("Quantile(%v) = %v, want %v", p, got, want)
		}
	}
	before := 0.0
	for p := 0.0005; p < 1; p += 0.0005 {
		q := g.Quantile(p)
		if q < before {
			t.Fatalf("quantiles cross at %v", p)
		}
		before = q
	}
	// The reference is R's integrate(function(p) qlnorm(p, 1, 0.5), 0.25, 0.75)$value / 0.5.
	if m := forecast.Midmean(d); math.Abs(m-2.7670219) > 1e-4 {
		t.Errorf("midmean %v, want 2.7670219", m)
	}
	if m := forecast.Midmean(forecast.Point(math.MaxFloat64)); m != math.MaxFloat64 {
		t.Errorf("midmean %v of the largest number", m)
	}
}

func TestNormalGrid(t *testing.T) {
	g := forecast.NormalGrid()
	for i, p := range forecast.GridProbabilities() {
		if want := distuv.UnitNormal.Quantile(p); math.Abs(g[i]-want) > 1e-9 {
			t.Errorf("normal quantile at %v is %v, want %v", p, g[i], want)
		}
	}
}

func TestPeaks(t *testing.T) {
	paths := [][]float64{{1, 5, 2}, {3, 1, 4}}
	f := func(from, to int, want ...float64) {
		t.Helper()
		if got := forecast.Peak(paths, from, to); !slices.Equal(got, forecast.Sample(want)) {
			t.Errorf("Peak(%d, %d) = %v, want %v", from, to, got, want)
		}
	}
	f(1, 3, 4, 5)
	f(1, 1, 1, 3)
	f(3, 9, 2, 4)
	f(-4, 2, 3, 5)
	running := forecast.RunningPeaks(paths)
	if lo, hi := running[2].Quantile(0.01), running[2].Quantile(0.99); lo != 4 || hi != 5 {
		t.Errorf("running peak at step 3 lies in %v..%v, want 4..5", lo, hi)
	}
	if forecast.RunningPeaks(nil) != nil {
		t.Error("no paths have running peaks")
	}
}

func TestStepAt(t *testing.T) {
	fc := forecast.Forecast{Origin: start, Step: time.Minute}
	f := func(after time.Duration, want int) {
		t.Helper()
		if got := fc.StepAt(start.Add(after)); got != want {
			t.Errorf("StepAt(origin + %s) = %d, want %d", after, got, want)
		}
	}
	f(time.Minute, 1)
	f(time.Minute+1, 2)
	f(time.Second, 1)
	f(0, 0)
	f(-time.Minute, -1)
	if got := fc.TimeAt(5); !got.Equal(start.Add(5 * time.Minute)) {
		t.Errorf("TimeAt(5) = %s", got)
	}
}

func TestScale(t *testing.T) {
	f := func(values ...float64) {
		t.Helper()
		s := forecast.ScaleOf(values)
		for _, v := range values {
			in := s.In(v)
			if v > 0 && !math.IsInf(v, 0) && (in > 1 || s.Out(in) != v) {
				t.Errorf("scale of %v brings %v to %v and back to %v", values, v, in, s.Out(in))
			}
		}
	}
	f(1, 2, 3)
	f(1e300, 1e299)
	f(1e-300, 3e-301)
	f(0, 0)
	f(math.NaN(), 5, math.Inf(1))
	f()
	s := forecast.ScaleOf([]float64{1})
	if !math.IsNaN(s.In(math.NaN())) || !math.IsNaN(s.In(math.Inf(1))) || s.In(-1) != 0 {
		t.Error("missing, infinite and negative observations must become NaN, NaN and 0")
	}
	if s.Out(math.NaN()) != 0 || s.Out(math.Inf(1)) != math.MaxFloat64 || s.Out(-2) != 0 {
		t.Error("what leaves must be finite and not negative")
	}
}

// weeks returns three weeks of half hours of demand that never is zero.
func weeks() series.Series {
	y := series.Series{Key: "t", Start: start, Step: 30 * time.Minute, Values: make([]float64, 21*48)}
	for i := range y.Values {
		y.Values[i] = 10 + float64(i%48)
	}
	return y
}

func TestOutages(t *testing.T) {
	f := func(name string, want int, change func(v []float64)) {
		t.Helper()
		y := weeks()
		change(y.Values)
		got, missing := 0, y.Len()-y.Present()
		for i, m := range forecast.Outages(y) {
			if m {
				got++
				if !math.IsNaN(y.Values[i]) {
					missing++
				}
			}
		}
		if got != want {
			t.Errorf("%s: %d observations marked, want %d", name, got, want)
		}
		if clean := forecast.WithoutOutages(y); clean.Len()-clean.Present() != missing {
			t.Errorf("%s: %d observations of the cleaned series are missing", name, clean.Len()-clean.Present())
		}
	}
	zero := func(v []float64, from, to int) {
		for i := from; i < to; i++ {
			v[i] = 0
		}
	}
	f("none", 0, func([]float64) {})
	f("two days", 96, func(v []float64) { zero(v, 400, 496) })
	f("two outages", 30, func(v []float64) { zero(v, 400, 410); zero(v, 700, 720) })
	f("too short", 0, func(v []float64) { zero(v, 400, 404) })
	f("still lasting", 0, func(v []float64) { zero(v, len(v)-20, len(v)) })
	f("nights", 0, func(v []float64) {
		for d := range 21 {
			zero(v, d*48, d*48+12)
		}
	})
	f("week-ends", 0, func(v []float64) {
		for w := range 3 {
			zero(v, w*336+240, w*336+336)
		}
	})
	f("with a gap", 19, func(v []float64) { zero(v, 400, 419); v[405] = math.NaN() })
}

func TestNoOutagesInShortHistory(t *testing.T) {
	y := weeks().Slice(0, 13*48)
	for i := 200; i < 240; i++ {
		y.Values[i] = 0
	}
	if forecast.Outages(y) != nil {
		t.Error("an outage was seen in 13 days")
	}
}
