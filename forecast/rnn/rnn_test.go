package rnn_test

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
	"github.com/forethought-autoscaler/forethought/forecast/rnn"
	"github.com/forethought-autoscaler/forethought/series"
)

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// hourly returns n hours of a day's season with noise of standard deviation sd.
func hourly(key series.Key, n int, sd float64) series.Series {
	rng := rand.New(rand.NewPCG(uint64(len(key)), 9))
	y := series.Series{Key: key, Unit: series.Cores, Start: start, Step: time.Hour, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = 60 + 40*math.Sin(2*math.Pi*float64(i)/24) + sd*rng.NormFloat64()
	}
	return y
}

// tiny is a method with the smallest budget that learns anything.
var tiny = rnn.Method{Horizon: 12, Seasons: []time.Duration{day}, Windows: 256, PoolWindows: 512}

// pooled returns m after learning from three series.
func pooled(t *testing.T, m rnn.Method) forecast.Method {
	t.Helper()
	p, err := m.Pool(t.Context(), []series.Series{hourly("a", 400, 3), hourly("bb", 500, 6), hourly("ccc", 30, 3)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPromises(t *testing.T) {
	f := func(name string, m forecast.Method, y series.Series) {
		t.Helper()
		t.Run(name, func(t *testing.T) { methodtest.Check(t, m, y) })
	}
	f("alone", tiny, hourly("a", 240, 3))
	f("pooled", pooled(t, tiny), hourly("a", 240, 3))
	f("no season", rnn.Method{Horizon: 3, Seasons: []time.Duration{time.Hour}, Windows: 128}, hourly("a", 200, 3))
	f("calendar", pooled(t, withCalendar(tiny)), hourly("a", 240, 3))
}

// withCalendar returns m with a calendar.
func withCalendar(m rnn.Method) rnn.Method {
	m.Calendar = weekEnds{}
	return m
}

// weekEnds is a calendar on which every Saturday and Sunday is an occasion.
type weekEnds struct{}

func (weekEnds) Occasions() []string { return []string{"week-end"} }

func (weekEnds) On(t time.Time) []int {
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		return []int{0}
	}
	return nil
}

func (weekEnds) Location() *time.Location { return time.UTC }

func TestRefuses(t *testing.T) {
	if _, err := (rnn.Method{}).Fit(t.Context(), hourly("a", 900, 1)); err == nil || !strings.Contains(err.Error(), "Method.Horizon") {
		t.Errorf("error %v, want one that names Method.Horizon", err)
	}
	bad := hourly("a", 900, 1)
	bad.Step = 0
	if _, err := tiny.Pool(t.Context(), []series.Series{bad}); err == nil {
		t.Error("a step of zero gives no error")
	}
	_, err := tiny.Fit(t.Context(), hourly("a", 60, 1))
	short, ok := errors.AsType[*forecast.TooShortError](err)
	if !ok || short.Have != 60 || short.Need <= 60 {
		t.Fatalf("error %v, want a TooShortError", err)
	}
	if _, err := tiny.Fit(t.Context(), hourly("a", short.Need, 1)); err != nil {
		t.Errorf("fit on %d observations, the stated need: %v", short.Need, err)
	}
	if _, err := tiny.Fit(t.Context(), hourly("a", short.Need-1, 1)); err == nil {
		t.Errorf("fit on one observation less than the stated need of %d gives no error", short.Need)
	}
}

func TestPoolNeedsLessHistory(t *testing.T) {
	y := hourly("new", 30, 3)
	if _, err := tiny.Fit(t.Context(), y); err == nil {
		t.Error("fit without a pool gives no error")
	}
	methodtest.Sane(t, methodtest.Fit(t, pooled(t, tiny), y).Forecast(12), 12)
	alone, err := tiny.Pool(t.Context(), []series.Series{y})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alone.Fit(t.Context(), y); err == nil {
		t.Error("a pool of too little is used")
	}
}

func TestPoolIgnoresOrder(t *testing.T) {
	ys := []series.Series{hourly("a", 300, 3), hourly("bb", 300, 6), hourly("a", 320, 3)}
	table := func() []float64 {
		m, err := tiny.Pool(t.Context(), ys)
		if err != nil {
			t.Fatal(err)
		}
		return methodtest.Table(methodtest.Fit(t, m, ys[0]).Forecast(12))
	}
	want := table()
	ys[0], ys[2] = ys[2], ys[0]
	ys[0], ys[1] = ys[1], ys[0]
	ys = append(ys[1:], ys[0])
	ys[0], ys[1] = ys[1], ys[0]
	slices.SortFunc(ys, func(a, b series.Series) int { return a.Len() - b.Len() })
	if !slices.Equal(table(), want) {
		t.Error("the order of the pool changes the forecast")
	}
}

// A model of a pool can be read without the pool, and not by a method with another horizon or seed.
func TestRestoreWithoutPool(t *testing.T) {
	model := methodtest.Fit(t, pooled(t, tiny), hourly("a", 200, 3))
	state, err := model.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := tiny.Restore(state)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(methodtest.Table(model.Forecast(12)), methodtest.Table(restored.Forecast(12))) {
		t.Error("the restored model forecasts otherwise")
	}
	f := func(m rnn.Method) {
		t.Helper()
		if _, err := m.Restore(state); err == nil {
			t.Errorf("Restore by %+v gives no error", m)
		}
	}
	f(rnn.Method{Horizon: 13, Seasons: tiny.Seasons, Windows: tiny.Windows, PoolWindows: tiny.PoolWindows})
	f(rnn.Method{Horizon: 12, Seasons: tiny.Seasons, Windows: tiny.Windows, PoolWindows: tiny.PoolWindows, Seed: 1})
	f(withCalendar(tiny))
}

func TestSeeds(t *testing.T) {
	other := tiny
	other.Seed = 7
	y := hourly("a", 240, 3)
	a, b := methodtest.Fit(t, tiny, y).Forecast(12), methodtest.Fit(t, other, y).Forecast(12)
	if slices.Equal(methodtest.Table(a), methodtest.Table(b)) {
		t.Error("two seeds give the same forecast")
	}
}

// score rolls m over the end of y and returns the mean absolute error of its median and the coverage of its 80 % interval at step h.
func score(t *testing.T, m forecast.Method, y series.Series, from, h int) (e, coverage float64) {
	t.Helper()
	model := methodtest.Fit(t, m, y.Slice(0, from))
	n := 0.
	for i := from; i+h <= y.Len(); i++ {
		d := model.Forecast(h).Steps[h-1]
		v := y.Values[i+h-1]
		e += math.Abs(v - d.Quantile(0.5))
		if v >= d.Quantile(0.1) && v <= d.Quantile(0.9) {
			coverage++
		}
		n++
		model.Update(y.Values[i])
	}
	return e / n, coverage / n
}

// Seasonal naive has sqrt(2) times the error of a perfect forecast; the network comes nearer to it, and its intervals cover.
func TestBeatsSeasonalNaive(t *testing.T) {
	m := tiny
	m.PoolWindows = 6_000
	learned := pooled(t, m)
	f := func(h int) {
		t.Helper()
		y := hourly("dddd", 500, 5)
		season, _ := score(t, naive.Seasonal{Period: day}, y, 240, h)
		if e, c := score(t, learned, y, 240, h); e > 0.9*season || c < 0.7 || c > 0.92 {
			t.Errorf("step %d: error %.2f, that of seasonal naive %.2f, coverage %.3f", h, e, season, c)
		}
	}
	f(1)
	f(12)
}

func TestExplosionIsBounded(t *testing.T) {
	model := methodtest.Fit(t, tiny, hourly("a", 240, 3))
	for i := range 8 {
		model.Update(100 * math.Pow(1.5, float64(i)))
	}
	top := 100 * math.Pow(1.5, 7)
	if q := model.Forecast(12).Steps[11].Quantile(0.5); q > 2*top {
		t.Errorf("forecast of %.0f after %.0f", q, top)
	}
}

// A season of a week at a step of a minute, and ten million observations.
func TestLongHistories(t *testing.T) {
	y := series.Series{Key: "long", Start: start, Step: time.Minute, Values: make([]float64, 10_000_000)}
	for i := range y.Values {
		y.Values[i] = 10 + float64(i%1440)/100
	}
	if testing.Short() {
		y.Values = y.Values[:200_000]
	}
	model := methodtest.Fit(t, rnn.Method{Horizon: 120, Windows: 128}, y)
	methodtest.Sane(t, model.Forecast(200), 200)
}

func BenchmarkFit(b *testing.B) {
	y := hourly("a", 960, 3)
	for b.Loop() {
		if _, err := (rnn.Method{Horizon: 48}).Fit(b.Context(), y); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkForecast(b *testing.B) {
	model := methodtest.Fit(b, rnn.Method{Horizon: 48, Windows: 128}, hourly("a", 960, 3))
	for b.Loop() {
		model.Forecast(48)
	}
}

func BenchmarkUpdate(b *testing.B) {
	model := methodtest.Fit(b, rnn.Method{Horizon: 48, Windows: 128}, hourly("a", 960, 3))
	for b.Loop() {
		model.Update(7)
	}
}
