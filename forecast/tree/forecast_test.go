package tree_test

import (
	"encoding"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/tree"
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

// sine is a daily season of half hours.
func sine(n int, sd float64) series.Series {
	return generate(n, 30*time.Minute, sd, func(i int) float64 { return 60 + 40*math.Sin(2*math.Pi*float64(i)/48) })
}

func pool(t testing.TB, m forecast.Pooler, ys ...series.Series) forecast.Method {
	t.Helper()
	p, err := m.Pool(t.Context(), ys)
	if err != nil {
		t.Fatalf("pool: %v", err)
	}
	return p
}

func TestPromises(t *testing.T) {
	f := func(name string, m forecast.Method) {
		t.Helper()
		t.Run(name, func(t *testing.T) { methodtest.Check(t, m, sine(250, 3)) })
	}
	boost := tree.Boost{Horizon: 24, Seasons: []time.Duration{day}}
	forest := tree.QuantileForest{Horizon: 24, Seasons: []time.Duration{day}}
	f("boost", boost)
	f("forest", forest)
	f("boost pooled", pool(t, boost, sine(300, 3), sine(400, 8)))
	f("forest pooled", pool(t, forest, sine(300, 3), sine(400, 8)))
}

// hours is n hours of a day's season around a level, with noise.
func hours(key string, n int, level, sd float64) series.Series {
	y := generate(n, time.Hour, sd, func(i int) float64 { return level * (1 + 0.5*math.Sin(2*math.Pi*float64(i)/24)) })
	y.Key = series.Key(key)
	return y
}

// meanError is the mean absolute error of the medians of 24 steps at origins eleven steps apart.
func meanError(t *testing.T, m forecast.Method, y series.Series, from int) float64 {
	t.Helper()
	model := methodtest.Fit(t, m, y.Slice(0, from))
	var sum float64
	n := 0
	for i := from; i+24 <= y.Len(); i++ {
		if i%11 == 0 {
			for k, d := range model.Forecast(24).Steps {
				sum += math.Abs(y.Values[i+k] - d.Quantile(0.5))
				n++
			}
		}
		model.Update(y.Values[i])
	}
	return sum / float64(n)
}

// The mean absolute error of a perfect forecast of normal noise is its standard deviation times sqrt(2/pi), that of seasonal naive
// sqrt(2) times as much.
func TestBeatsSeasonalNaive(t *testing.T) {
	ys := []series.Series{hours("a", 600, 100, 8), hours("b", 600, 4, 0.3)}
	y := hours("d", 700, 50, 4)
	season := meanError(t, naive.Seasonal{Period: day}, y, 500)
	f := func(name string, m forecast.Method) {
		t.Helper()
		if e := meanError(t, m, y, 500); e > 0.87*season {
			t.Errorf("%s: error %.3f, seasonal naive %.3f, perfect %.3f", name, e, season, 4*math.Sqrt(2/math.Pi))
		}
	}
	boost, forest := tree.Boost{Horizon: 24}, tree.QuantileForest{Horizon: 24}
	f("boost", boost)
	f("forest", forest)
	f("boost pooled", pool(t, boost, ys...))
	f("forest pooled", pool(t, forest, ys...))
}

func TestPool(t *testing.T) {
	a, b, c := hours("a", 400, 100, 8), hours("b", 300, 4, 0.3), hours("c", 350, 3000, 300)
	m := tree.Boost{Horizon: 24, Seasons: []time.Duration{day}}
	one, other := pool(t, m, a, b, c), pool(t, m, c, a, b)
	want := methodtest.Table(methodtest.Fit(t, one, b).Forecast(30))
	if got := methodtest.Table(methodtest.Fit(t, other, b).Forecast(30)); !slices.Equal(got, want) {
		t.Error("the order of the pool changes a forecast")
	}
	for _, ys := range [][]series.Series{nil, {a.Slice(0, 20)}} {
		if p, ok := pool(t, m, ys...).(tree.Boost); !ok {
			t.Errorf("a pool of %d short series gives %T", len(ys), p)
		}
	}
	if _, err := m.Pool(t.Context(), []series.Series{a, sine(300, 3)}); err == nil || !strings.Contains(err.Error(), "step") {
		t.Errorf("a pool of two steps: error %v", err)
	}
	if _, err := one.Fit(t.Context(), a.Slice(0, 28)); err != nil {
		t.Errorf("fit on little more than a day by what a pool taught: %v", err)
	}
}

// A state belongs to its settings, and that of a pooled model to its pool.
func TestRestoreRefuses(t *testing.T) {
	y := hours("a", 300, 100, 8)
	m := tree.Boost{Horizon: 12, Seasons: []time.Duration{day}}
	p, q := pool(t, m, y, hours("b", 300, 7, 1)), pool(t, m, y, hours("b", 300, 7, 2))
	state := func(m forecast.Method) []byte {
		t.Helper()
		b, err := methodtest.Fit(t, m, y).(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	f := func(to forecast.Method, from []byte, ok bool) {
		t.Helper()
		if _, err := to.(forecast.Keeper).Restore(from); (err == nil) != ok {
			t.Errorf("restore by %T: error %v, want one: %v", to, err, !ok)
		}
	}
	alone, ofP := state(m), state(p)
	f(m, alone, true)
	f(p, ofP, true)
	f(q, ofP, false)
	f(m, ofP, false)
	f(tree.Boost{Horizon: 13, Seasons: []time.Duration{day}}, alone, false)
	f(tree.Boost{Horizon: 12}, alone, false)
	f(tree.QuantileForest{Horizon: 12, Seasons: []time.Duration{day}}, alone, false)
	f(m, alone[:len(alone)/2], false)
	if len(ofP) > 8000 {
		t.Errorf("the state of a pooled model has %d bytes", len(ofP))
	}
}

// A series that does tomorrow what another does today is forecast from it.
func TestLeadingIndicator(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	x := generate(700, time.Hour, 0, func(int) float64 { return 50 })
	level := 50.0
	for i := range x.Values {
		level = max(5, level+8*rng.NormFloat64())
		x.Values[i] = level
	}
	y := generate(700, time.Hour, 0.5, func(i int) float64 { return 2 * x.Values[max(0, i-4)] })
	f := func(m forecast.Informed) {
		t.Helper()
		fit := func(x ...series.Series) (sum float64) {
			const n = 560
			cut := make([]series.Series, len(x))
			for i := range x {
				cut[i] = x[i].Slice(0, n)
			}
			model, err := m.FitWith(t.Context(), y.Slice(0, n), cut)
			if err != nil {
				t.Fatal(err)
			}
			for i := n; i+4 < y.Len(); i++ {
				sum += math.Abs(y.Values[i+3] - model.Forecast(4).Steps[3].Quantile(0.5))
				if len(x) > 0 {
					model.(forecast.InformedModel).UpdateWith(y.Values[i], []float64{x[0].Values[i]})
				} else {
					model.Update(y.Values[i])
				}
			}
			return sum
		}
		if without, with := fit(), fit(x); with > 0.8*without {
			t.Errorf("%s: error %v with the leading indicator, %v without", m.Name(), with, without)
		}
	}
	f(tree.Boost{Horizon: 4})
	f(tree.QuantileForest{Horizon: 4})
	if _, err := (tree.Boost{Horizon: 4}).FitWith(t.Context(), y, []series.Series{x.Slice(0, 600)}); err == nil {
		t.Error("a leading indicator of another length is no error")
	}
}

// saturdays knows the Saturdays.
type saturdays struct{}

func (saturdays) Occasions() []string      { return []string{"Saturday"} }
func (saturdays) Location() *time.Location { return time.FixedZone("ahead", 3600) }
func (saturdays) On(t time.Time) []int {
	if t.Weekday() == time.Saturday {
		return []int{0}
	}
	return nil
}

// Days of no demand are foreseen by the calendar where the season does not tell.
func TestCalendar(t *testing.T) {
	y := generate(60*24, time.Hour, 1, func(i int) float64 {
		if start.Add(time.Duration(i)*time.Hour).In(saturdays{}.Location()).Weekday() == time.Saturday {
			return 10
		}
		return 100
	})
	end := 54*24 - 1 // Friday 23:00 UTC, midnight an hour ahead
	m := tree.Boost{Horizon: 24, Seasons: []time.Duration{day}, Calendar: saturdays{}}
	f := methodtest.Fit(t, m, y.Slice(0, end-6)).Forecast(12)
	if before, after := f.Steps[3].Quantile(0.5), f.Steps[10].Quantile(0.5); before < 80 || after > 40 {
		t.Errorf("forecast %v before and %v after midnight from %s", before, after, f.Origin)
	}
}

func TestForecastRefuses(t *testing.T) {
	if _, err := (tree.Boost{}).Fit(t.Context(), sine(300, 1)); err == nil || !strings.Contains(err.Error(), "Horizon") {
		t.Errorf("error %v, want one that names Horizon", err)
	}
	m := tree.Boost{Horizon: 24, Seasons: []time.Duration{day}}
	_, err := m.Fit(t.Context(), sine(60, 1))
	var short *forecast.TooShortError
	if !errors.As(err, &short) || short.Have != 60 || short.Need <= 60 {
		t.Fatalf("error %v, want a TooShortError", err)
	}
	if _, err := m.Fit(t.Context(), sine(short.Need, 1)); err != nil {
		t.Errorf("fit on %d observations, the stated need: %v", short.Need, err)
	}
}

// A step of 36 hours leaves no season but that of a week.
func TestLongSteps(t *testing.T) {
	y := generate(300, 36*time.Hour, 1, func(i int) float64 { return 20 + float64(i%14) })
	for _, m := range []forecast.Method{tree.Boost{Horizon: 5}, tree.Boost{Horizon: 5, Seasons: []time.Duration{day}}} {
		methodtest.Sane(t, methodtest.Fit(t, m, y).Forecast(20), 20)
	}
}
