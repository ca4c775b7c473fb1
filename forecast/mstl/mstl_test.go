package mstl_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/ets"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/mstl"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// hours is a demand with a day and a week; the references are made from the same numbers.
func hours(n int) series.Series {
	y := series.Series{Key: "t", Unit: series.Cores, Start: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Step: time.Hour}
	s := int64(7)
	for i := range n {
		s = 16807 * s % 2147483647
		t := float64(i)
		y.Values = append(y.Values, 100+0.02*t+20*math.Sin(2*math.Pi*t/24)+10*math.Cos(2*math.Pi*t/168)+6*math.Sin(2*math.Pi*t/12+1)+
			8*(float64(s)/2147483647-0.5))
	}
	return y
}

func TestPromises(t *testing.T) {
	f := func(m forecast.Method) {
		t.Helper()
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, hours(500)) })
	}
	f(mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}})
	f(mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day}, Robust: true})
	f(mstl.Method{Remainder: walk{}})
	f(mstl.Method{Remainder: ets.Auto{Signed: true}, Seasons: []time.Duration{day, week}})
}

// The reference is made by R as the head of stl_test.go says, stlf(msts(x, c(24, 168)), method = "naive").
func TestForecastAgainstR(t *testing.T) {
	m := methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{week, day}}, hours(851))
	steps := m.Forecast(200).Steps
	f := func(h int, want float64) {
		t.Helper()
		if got := steps[h-1].Quantile(0.5); math.Abs(got-want) > 1e-7*math.Abs(want) { // a season is kept to six digits and a half
			t.Errorf("median of step %d is %.12f, want %.12f", h, got, want)
		}
	}
	f(1, 133.381085538425)
	f(2, 128.78536273826)
	f(24, 129.326986513128)
	f(25, 127.33856759095)
	f(100, 108.720944468993)
	f(168, 134.912329192427)
	f(169, 133.381085538425)
	f(200, 90.8716663448293)
}

// The same with method = "ets", which chooses an additive trend there. It has multiplicative errors in R and additive ones here, where
// the remainder may be negative.
func TestForecastWithETSAgainstR(t *testing.T) {
	m := methodtest.Fit(t, mstl.Method{Remainder: ets.Auto{Signed: true}, Seasons: []time.Duration{day, week}}, hours(851))
	steps := m.Forecast(48).Steps
	f := func(h int, want float64) {
		t.Helper()
		if got := steps[h-1].Quantile(0.5); math.Abs(got-want) > 1e-3*want {
			t.Errorf("median of step %d is %.6f, want %.6f", h, got, want)
		}
	}
	f(1, 133.780806358)
	f(2, 129.203642596)
	f(24, 130.153565220)
	f(48, 121.201925489)
}

func TestName(t *testing.T) {
	f := func(m mstl.Method, want string) {
		t.Helper()
		if got := m.Name(); got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
	f(mstl.Method{Remainder: walk{}}, "mstl-walk")
	f(mstl.Method{Remainder: walk{}, Robust: true}, "mstl-robust-walk")
	f(mstl.Method{}, "mstl")
}

func TestRefusals(t *testing.T) {
	f := func(m mstl.Method, y series.Series, want string) {
		t.Helper()
		if _, err := m.Fit(t.Context(), y); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("fit: %v, want %q", err, want)
		}
	}
	days := mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}}
	f(mstl.Method{}, hours(100), "Method.Remainder is nil")
	f(days, series.Series{Values: []float64{1}}, "has step 0s")
	f(days, hours(48), "mstl-walk needs 49 observations, have 48")
}

// A history that holds two of the day but not of the week is forecast with the day.
func TestSeasonsThatFitAreUsed(t *testing.T) {
	f := func(n int, seasons ...time.Duration) []float64 {
		t.Helper()
		return methodtest.Table(methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: seasons}, hours(n)).Forecast(30))
	}
	same := func(a, b []float64) {
		t.Helper()
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("quantile %d is %v, want %v", i, a[i], b[i])
			}
		}
	}
	same(f(336, day), f(336, day, week))
	same(f(337, day, week), f(337, week, day, day))
}

// A week that was found and not asked for needs three and a half of itself.
func TestFoundSeasonsNeedMoreCycles(t *testing.T) {
	f := func(n int, same bool) {
		t.Helper()
		found := methodtest.Table(methodtest.Fit(t, mstl.Method{Remainder: walk{}}, hours(n)).Forecast(30))
		days := methodtest.Table(methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day}}, hours(n)).Forecast(30))
		if got := slices.Equal(found, days); got != same {
			t.Errorf("%d hours: found seasons forecast like a day alone: %v, want %v", n, got, same)
		}
	}
	f(588, true)
	f(589, false)
}

// An updated model goes on with the last cycle of the seasons and with what the remainder has learned.
func TestUpdateContinuesTheSeasons(t *testing.T) {
	y := hours(900)
	m := methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}}, y.Slice(0, 700))
	for i, v := range y.Values[700:] {
		if e := m.Forecast(1).Steps[0].Quantile(0.5) - v; math.Abs(e) > 16 {
			t.Errorf("error of %v at update %d", e, i)
		}
		if i%7 == 0 {
			v = math.NaN()
		}
		m.Update(v)
	}
}

// Gaps are neither filled with zeros nor do they bend the seasons around them.
func TestGapsDoNotBend(t *testing.T) {
	y := hours(701)
	whole := methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}}, y).Forecast(168)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range y.Values[:690] {
		if rng.IntN(10) == 0 || i > 400 && i < 440 {
			y.Values[i] = math.NaN()
		}
	}
	gaps := methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}}, y).Forecast(168)
	for h := range whole.Steps {
		if a, b := whole.Steps[h].Quantile(0.5), gaps.Steps[h].Quantile(0.5); math.Abs(a-b) > 6 {
			t.Errorf("median of step %d is %v with gaps, %v without", h+1, b, a)
		}
	}
}

func TestRemainderWithoutAbilities(t *testing.T) {
	m := mstl.Method{Remainder: bare{}, Seasons: []time.Duration{day}}
	model := methodtest.Fit(t, m, hours(300))
	if _, ok := model.(forecast.Simulator); ok {
		t.Error("draws sample paths although the remainder's model does not")
	}
	if _, err := model.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary(); err == nil {
		t.Error("a model whose remainder cannot be written is written")
	}
	if _, err := m.Restore(nil); err == nil || !strings.Contains(err.Error(), "keeps no models") {
		t.Errorf("restore: %v", err)
	}
}

func TestRestoreRefusesOtherSettings(t *testing.T) {
	m := mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day}}
	written, err := methodtest.Fit(t, m, hours(300)).(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	m.Seasons = []time.Duration{12 * time.Hour}
	if _, err := m.Restore(written); err == nil || !strings.Contains(err.Error(), "written by") {
		t.Errorf("restore with other seasons: %v", err)
	}
}

// A long history is cut to its latest part, which is what the forecast is made from.
func TestLongHistories(t *testing.T) {
	y := hours(1 << 17)
	m := mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}}
	long := methodtest.Table(methodtest.Fit(t, m, y).Forecast(24))
	short := methodtest.Table(methodtest.Fit(t, m, y.Slice(1<<16, 1<<17)).Forecast(24))
	for i := range long {
		if long[i] != short[i] {
			t.Fatalf("quantile %d of the long history is %v, of its latest part %v", i, long[i], short[i])
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Fit(ctx, y); !errors.Is(err, context.Canceled) {
		t.Errorf("fit with a cancelled context: %v", err)
	}
}

func BenchmarkFit(b *testing.B) {
	f := func(remainder forecast.Method, n int, step time.Duration) {
		b.Run(remainder.Name()+" "+strconv.Itoa(n), func(b *testing.B) {
			y := hours(n)
			y.Step = step
			m := mstl.Method{Remainder: remainder, Seasons: []time.Duration{day, week}}
			for b.Loop() {
				if _, err := m.Fit(b.Context(), y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f(walk{}, 850, time.Hour)
	f(walk{}, 6048, 5*time.Minute)
	f(ets.Auto{Signed: true}, 850, time.Hour)
	f(ets.Auto{Signed: true}, 6048, 5*time.Minute)
}

func BenchmarkUpdateAndForecast(b *testing.B) {
	y := hours(850)
	model, err := mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day, week}}.Fit(b.Context(), y)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		model.Update(100)
		model.Forecast(24)
	}
}
