// Package methodtest checks that a forecast.Method keeps the promises that every method makes: it sees no future, answers twice the
// same, does not depend on the unit of the demand, survives hostile histories and never answers with a number that is not a demand.
package methodtest

import (
	"context"
	"encoding"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// start is a Monday at midnight.
var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const horizon = 24

// Check runs every check on m. y is a history that is long enough for m; it is not changed.
func Check(t *testing.T, m forecast.Method, y series.Series) {
	t.Helper()
	t.Run("future scramble", func(t *testing.T) { scramble(t, m, y) })
	t.Run("twice the same", func(t *testing.T) { twice(t, m, y) })
	t.Run("keeps no reference", func(t *testing.T) { reference(t, m, y) })
	t.Run("units", func(t *testing.T) { units(t, m, y) })
	t.Run("hostile histories", func(t *testing.T) { hostile(t, m, y) })
	t.Run("hostile updates", func(t *testing.T) { updates(t, m, y) })
	t.Run("only missing", func(t *testing.T) { onlyMissing(t, m, y) })
	t.Run("gap widens", func(t *testing.T) { gap(t, m, y) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, m, y) })
	t.Run("paths", func(t *testing.T) { paths(t, m, y) })
	t.Run("kept", func(t *testing.T) { kept(t, m, y) })
}

// Fit fits m or ends the test.
func Fit(t testing.TB, m forecast.Method, y series.Series) forecast.Model {
	t.Helper()
	model, err := m.Fit(t.Context(), y)
	if err != nil {
		t.Fatalf("fit %s on %s: %v", m.Name(), y.Key, err)
	}
	return model
}

// Sane fails the test where f is not the forecast of h steps of a demand.
func Sane(t testing.TB, f forecast.Forecast, h int) {
	t.Helper()
	if len(f.Steps) != h || f.Method == "" || f.Step <= 0 {
		t.Fatalf("forecast by %q of step %s has %d steps, want %d", f.Method, f.Step, len(f.Steps), h)
	}
	for k, d := range f.Steps {
		before := 0.0
		for _, p := range forecast.GridProbabilities() {
			q := d.Quantile(p)
			if math.IsNaN(q) || math.IsInf(q, 0) || q < 0 {
				t.Fatalf("step %d quantile %v is %v", k+1, p, q)
			}
			if q < before {
				t.Fatalf("step %d quantiles cross at %v: %v after %v", k+1, p, q, before)
			}
			before = q
		}
	}
}

// Table returns the forecast's quantiles, step by step.
func Table(f forecast.Forecast) []float64 {
	var out []float64
	for _, d := range f.Steps {
		for _, p := range forecast.GridProbabilities() {
			out = append(out, d.Quantile(p))
		}
	}
	return out
}

// same fails the test where two forecasts differ in a bit.
func same(t *testing.T, a, b forecast.Forecast) {
	t.Helper()
	if !slices.Equal(Table(a), Table(b)) || !a.Origin.Equal(b.Origin) {
		t.Errorf("forecasts differ: origins %s and %s", a.Origin, b.Origin)
	}
}

func scramble(t *testing.T, m forecast.Method, y series.Series) {
	n := y.Len()
	long := y.Clone()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		long.Values = append(long.Values, 1e6*rng.Float64())
	}
	long.Values = long.Values[:n]
	same(t, Fit(t, m, y).Forecast(horizon), Fit(t, m, long).Forecast(horizon))
}

func twice(t *testing.T, m forecast.Method, y series.Series) {
	a, b := Fit(t, m, y), Fit(t, m, y)
	same(t, a.Forecast(horizon), b.Forecast(horizon))
	same(t, a.Forecast(horizon), b.Forecast(horizon)) // a forecast changes nothing
	for range 3 {
		a.Update(y.Values[0])
		b.Update(y.Values[0])
	}
	same(t, a.Forecast(horizon), b.Forecast(horizon))
}

func reference(t *testing.T, m forecast.Method, y series.Series) {
	mine := y.Clone()
	model := Fit(t, m, mine)
	want := Table(model.Forecast(horizon))
	for i := range mine.Values {
		mine.Values[i] = -1
	}
	if !slices.Equal(want, Table(model.Forecast(horizon))) {
		t.Error("forecast changed with the caller's slice")
	}
}

func units(t *testing.T, m forecast.Method, y series.Series) {
	f := func(factor, tolerance float64) {
		t.Helper()
		scaled := y.Clone()
		for i := range scaled.Values {
			scaled.Values[i] *= factor
		}
		a, b := Table(Fit(t, m, y).Forecast(horizon)), Table(Fit(t, m, scaled).Forecast(horizon))
		for i := range a {
			if math.Abs(b[i]-factor*a[i]) > tolerance*factor*(1+a[i]) {
				t.Fatalf("factor %v: quantile %d is %v, want %v", factor, i, b[i], factor*a[i])
			}
		}
	}
	f(1024, 0)
	f(1.0/(1<<20), 0)
	f(1000, 1e-6)
}

// histories are all kinds of input that a method must survive.
func histories(y series.Series) map[string]series.Series {
	rng := rand.New(rand.NewPCG(7, 7))
	n := y.Len()
	generate := func(step time.Duration, n int, f func(i int) float64) series.Series {
		s := series.Series{Key: "hostile", Start: start, Step: step, Values: make([]float64, n)}
		for i := range s.Values {
			s.Values[i] = f(i)
		}
		return s
	}
	nan := math.NaN()
	return map[string]series.Series{
		"one point":    generate(time.Minute, 1, func(int) float64 { return 7 }),
		"one zero":     generate(time.Minute, 1, func(int) float64 { return 0 }),
		"two points":   generate(time.Hour, 2, func(i int) float64 { return float64(i) }),
		"constant":     generate(y.Step, n, func(int) float64 { return 12 }),
		"zeros":        generate(y.Step, n, func(int) float64 { return 0 }),
		"one present":  generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: 3, false: nan}[i == n/2] }),
		"huge":         generate(y.Step, n, func(int) float64 { return 1e300 * (1 + rng.Float64()) }),
		"tiny":         generate(y.Step, n, func(int) float64 { return 1e-300 * (1 + rng.Float64()) }),
		"subnormal":    generate(y.Step, n, func(int) float64 { return 5e-324 }),
		"negative":     generate(y.Step, n, func(int) float64 { return rng.NormFloat64() }),
		"all negative": generate(y.Step, n, func(int) float64 { return -1 - rng.Float64() }),
		"infinite":     generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: math.Inf(1), false: 4}[i%9 == 0] }),
		"every other":  generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: nan, false: y.Values[i]}[i%2 == 0] }),
		"ends in gap":  generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: nan, false: y.Values[i]}[i > n-n/5] }),
		"starts late":  generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: nan, false: y.Values[i]}[i < n/2] }),
		"seven":        generate(7*time.Minute, n, func(i int) float64 { return 5 + math.Sin(float64(i)/30) + rng.Float64() }),
		"one spike":    generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: 1e15, false: 1}[i == n/3] }),
		"step up":      generate(y.Step, n, func(i int) float64 { return map[bool]float64{true: 1e9, false: 1e-9}[i > n-5] }),
		"coarse":       generate(36*time.Hour, 40, func(i int) float64 { return float64(i % 5) }),
	}
}

func hostile(t *testing.T, m forecast.Method, y series.Series) {
	for name, s := range histories(y) {
		t.Run(name, func(t *testing.T) {
			model, err := m.Fit(t.Context(), s)
			if _, ok := errors.AsType[*forecast.TooShortError](err); ok {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			f := model.Forecast(horizon)
			Sane(t, f, horizon)
			if !f.Origin.Equal(s.End()) {
				t.Errorf("origin %s, want %s", f.Origin, s.End())
			}
			if name != "subnormal" && f.Steps[0].Quantile(0.995) == f.Steps[0].Quantile(0.005) {
				t.Errorf("the distribution has no width: %v", f.Steps[0].Quantile(0.5))
			}
		})
	}
	for n := 1; n < 60; n++ {
		model, err := m.Fit(t.Context(), y.Slice(0, n))
		if _, ok := errors.AsType[*forecast.TooShortError](err); ok {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		Sane(t, model.Forecast(horizon), horizon)
	}
}

func updates(t *testing.T, m forecast.Method, y series.Series) {
	model := Fit(t, m, y)
	for i, v := range []float64{math.NaN(), 0, -3, math.Inf(1), math.Inf(-1), 1e308, 1e-308, 5, math.NaN(), math.NaN()} {
		model.Update(v)
		f := model.Forecast(2 * horizon)
		Sane(t, f, 2*horizon)
		if want := y.TimeAt(y.Len() + i); !f.Origin.Equal(want) {
			t.Fatalf("origin %s after update %d, want %s", f.Origin, i, want)
		}
	}
	for range 3 * y.Len() {
		model.Update(2)
	}
	Sane(t, model.Forecast(5*horizon), 5*horizon)
}

func onlyMissing(t *testing.T, m forecast.Method, y series.Series) {
	y = y.Clone()
	for i := range y.Values {
		y.Values[i] = math.NaN()
	}
	_, err := m.Fit(t.Context(), y)
	var short *forecast.TooShortError
	if !errors.As(err, &short) {
		t.Fatalf("fit of missing values only: %v, want a TooShortError", err)
	}
	if _, err := m.Fit(t.Context(), y.Slice(0, 0)); !errors.As(err, &short) {
		t.Fatalf("fit of an empty series: %v, want a TooShortError", err)
	}
}

func gap(t *testing.T, m forecast.Method, y series.Series) {
	model := Fit(t, m, y)
	width := func() float64 {
		d := model.Forecast(1).Steps[0]
		return d.Quantile(0.9) - d.Quantile(0.1)
	}
	before := width()
	for range 10 * horizon {
		model.Update(math.NaN())
	}
	if after := width(); after < 0.5*before {
		t.Errorf("the 80 %% interval narrows over a gap from %v to %v", before, after)
	}
}

func cancelled(t *testing.T, m forecast.Method, y series.Series) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Fit(ctx, y); !errors.Is(err, context.Canceled) {
		t.Errorf("fit with a cancelled context: %v", err)
	}
}

func paths(t *testing.T, m forecast.Method, y series.Series) {
	model := Fit(t, m, y)
	s, ok := model.(forecast.Simulator)
	if !ok {
		t.Skip("draws no sample paths")
	}
	const n = 199
	f, drawn := model.Forecast(2*horizon), s.Simulate(2*horizon, n, 5)
	if again := s.Simulate(2*horizon, n, 5); !slices.EqualFunc(drawn, again, slices.Equal[[]float64]) {
		t.Error("the same seed draws other paths")
	}
	if other := s.Simulate(2*horizon, n, 6); slices.EqualFunc(drawn, other, slices.Equal[[]float64]) {
		t.Error("another seed draws the same paths")
	}
	for k := range f.Steps {
		values := make([]float64, 0, n)
		for _, p := range drawn {
			values = append(values, p[k])
		}
		marginal := forecast.NewSample(values)
		for _, p := range []float64{0.05, 0.5, 0.95} {
			lo, hi := f.Steps[k].Quantile(p-0.03), f.Steps[k].Quantile(p+0.03)
			if q := marginal.Quantile(p); q < lo-1e-9*(1+lo) || q > hi+1e-9*(1+hi) {
				t.Fatalf("step %d: quantile %v of the paths is %v, the forecast's lie in %v..%v", k+1, p, q, lo, hi)
			}
		}
	}
}

// kept checks that a model written down and read again goes on to the last bit as the one that was written.
func kept(t *testing.T, m forecast.Method, y series.Series) {
	k, ok := m.(forecast.Keeper)
	if !ok {
		t.Skip("models are not kept")
	}
	model := Fit(t, m, y.Slice(0, y.Len()-30))
	again := func() forecast.Model {
		t.Helper()
		state, err := model.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatalf("write the model: %v", err)
		}
		restored, err := k.Restore(state)
		if err != nil {
			t.Fatalf("restore the model: %v", err)
		}
		same(t, model.Forecast(horizon), restored.Forecast(horizon))
		return restored
	}
	restored := again()
	for _, v := range y.Values[y.Len()-30:] {
		model.Update(v)
		restored.Update(v)
	}
	model.Update(math.NaN())
	restored.Update(math.NaN())
	same(t, model.Forecast(horizon), restored.Forecast(horizon))
	again()
	for _, bad := range [][]byte{nil, []byte("x"), []byte("not a model at all, but longer than a few bytes")} {
		if _, err := k.Restore(bad); err == nil {
			t.Errorf("Restore of %q gives no error", bad)
		}
	}
}
