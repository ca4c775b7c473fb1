package harmonic

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

var (
	_ forecast.Keeper    = Method{}
	_ forecast.Simulator = (*model)(nil)

	// start is a Monday at midnight.
	start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
)

// generate returns n observations of f, which is told the index.
func generate(start time.Time, step time.Duration, n int, f func(i int) float64) series.Series {
	y := series.Series{Key: "t", Unit: series.Cores, Start: start, Step: step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = f(i)
	}
	return y
}

// daily returns n noisy half hours with a daily season.
func daily(n int, seed uint64) series.Series {
	rng := rand.New(rand.NewPCG(seed, 1))
	return generate(start, 30*time.Minute, n, func(i int) float64 {
		return 50 + 30*math.Sin(2*math.Pi*float64(i)/48) + 3*rng.NormFloat64()
	})
}

// broken returns n observations of a trend that changes at 40 % and at 60 %, a season of 24 steps, one of 168, and noise from the
// generator of Lewis, Goodman and Miller (1969), which double precision holds exactly.
func broken(n int, step time.Duration, seed int) series.Series {
	state := uint64(seed)
	uniform := func() float64 {
		state = state * 16807 % 2147483647
		return float64(state) / 2147483647
	}
	return generate(start, step, n, func(i int) float64 {
		x, e := float64(i), uniform()+uniform()+uniform()+uniform()-2
		return 100 + 0.02*x + 0.05*float64(seed%7-3)*max(x-0.4*float64(n), 0) - 0.04*float64(seed%5)*max(x-0.6*float64(n), 0) +
			float64(10+seed)*math.Sin(2*math.Pi*x/24) + 6*math.Cos(4*math.Pi*x/24) + 8*math.Sin(2*math.Pi*x/168) + float64(3+3*(seed%4))*e
	})
}

// events is a calendar of one occasion, "event", on at times, in a zone.
type events struct {
	zone *time.Location
	on   func(t time.Time) bool
}

func (events) Occasions() []string        { return []string{"event"} }
func (e events) Location() *time.Location { return e.zone }
func (e events) On(t time.Time) []int {
	if e.on != nil && e.on(t) {
		return []int{0}
	}
	return nil
}

func TestPromises(t *testing.T) {
	f := func(name string, m Method) {
		t.Helper()
		t.Run(name, func(t *testing.T) { methodtest.Check(t, m, daily(400, 1)) })
	}
	f("default", Method{})
	f("seasons", Method{Seasons: []time.Duration{time.Hour, 5 * time.Hour, day}})
	f("calendar", Method{Calendar: events{time.UTC, func(t time.Time) bool { return t.Day()%3 == 0 }}})
}

// median returns the median forecast of step h after fitting y.
func median(t *testing.T, m Method, y series.Series, h int) float64 {
	t.Helper()
	return methodtest.Fit(t, m, y).Forecast(h).Steps[h-1].Quantile(0.5)
}

// The clocks of New York went forward on 2025-03-09: what peaks at nine does so on both sides.
func TestPeakStaysAtLocalHour(t *testing.T) {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	load := func(at time.Time) float64 { return 100 + 40*math.Cos(2*math.Pi*(float64(at.In(loc).Hour())-9)/24) }
	f := func(from, until time.Time) {
		t.Helper()
		n := int(until.Sub(from) / time.Hour)
		y := generate(from, time.Hour, n, func(i int) float64 { return load(from.Add(time.Duration(i) * time.Hour)) })
		fc := methodtest.Fit(t, Method{Calendar: events{zone: loc}}, y).Forecast(72)
		for k, d := range fc.Steps {
			if got, want := d.Quantile(0.5), load(fc.TimeAt(k+1)); math.Abs(got-want) > 0.5 {
				t.Errorf("at %s: %v, want %v", fc.TimeAt(k+1).In(loc), got, want)
			}
		}
	}
	f(time.Date(2025, 2, 1, 5, 0, 0, 0, time.UTC), time.Date(2025, 3, 8, 5, 0, 0, 0, time.UTC))   // the change is forecast
	f(time.Date(2025, 2, 15, 5, 0, 0, 0, time.UTC), time.Date(2025, 3, 15, 5, 0, 0, 0, time.UTC)) // the change is in the history
	f(time.Date(2025, 10, 1, 4, 0, 0, 0, time.UTC), time.Date(2025, 11, 1, 4, 0, 0, 0, time.UTC)) // and back
}

func TestEventIsLearnedAndForecast(t *testing.T) {
	on := func(at time.Time) bool { return at.Day() == 12 || at.Day() == 25 }
	y := daily(19*48, 3)
	for i := range y.Values {
		if on(y.TimeAt(i)) {
			y.Values[i] += 70
		}
	}
	effect := func(c forecast.Calendar, h int) float64 { return median(t, Method{Calendar: c}, y, h) - 50 }
	if got := effect(events{time.UTC, on}, 48+24); math.Abs(got-70) > 6 { // noon of the 25th
		t.Errorf("the event adds %v, want 70", got)
	}
	if got := effect(nil, 48+24); math.Abs(got) > 15 {
		t.Errorf("without a calendar the day differs by %v", got)
	}
	// An event that is on for the first time at the end of the history says nothing yet.
	last := events{time.UTC, func(at time.Time) bool { return at.After(y.TimeAt(y.Len() - 10)) }}
	if got, want := median(t, Method{Calendar: last}, y, 3), median(t, Method{}, y, 3); got != want {
		t.Errorf("a new event gives %v, want %v as without", got, want)
	}
}

func TestSeasonsNeedHistory(t *testing.T) {
	f := func(step time.Duration, n int, want ...season) {
		t.Helper()
		got := seasonsFor(nil, step, n, n)
		if len(got) != len(want) {
			t.Fatalf("%d steps of %s: seasons %v, want %v", n, step, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%d steps of %s: season %v, want %v", n, step, got[i], want[i])
			}
		}
	}
	d, w, a := season{day, 4, true}, season{week, 3, true}, season{year, 10, false}
	f(time.Hour, 47)
	f(time.Hour, 48, d)
	f(time.Hour, 335, d)
	f(time.Hour, 336, d, w)
	f(time.Hour, 730*24, d, w, a)
	f(5*time.Minute, 6048, d, w)
	f(6*time.Hour, 200, season{day, 2, true}, w) // the step resolves two harmonics of a day
	f(24*time.Hour, 729, w)
	f(24*time.Hour, 730, w, a)
	f(36*time.Hour, 600, season{week, 2, true}, a)
	f(7*time.Minute, 100)
	f(math.MaxInt64, 1000)
}

// Neighbouring observations that became one row give the same forecast as each alone would.
func TestLongHistory(t *testing.T) {
	wave := func(x float64) float64 {
		return 100 + 40*math.Sin(2*math.Pi*x) + 20*math.Cos(8*math.Pi*x) + 10*math.Sin(2*math.Pi*x/7) // x in days
	}
	f := func(step time.Duration, n int) {
		t.Helper()
		perDay := day.Seconds() / step.Seconds()
		rng := rand.New(rand.NewPCG(6, 6))
		y := generate(start, step, n, func(i int) float64 { return wave(float64(i)/perDay) + 0.5*rng.NormFloat64() })
		fc := methodtest.Fit(t, Method{}, y).Forecast(100)
		for k, d := range fc.Steps {
			if want := wave(float64(n+k) / perDay); math.Abs(d.Quantile(0.5)-want) > 0.2 {
				t.Fatalf("%d steps of %s: step %d is %v, want %v", n, step, k+1, d.Quantile(0.5), want)
			}
		}
		if width := fc.Steps[0].Quantile(0.9) - fc.Steps[0].Quantile(0.1); math.Abs(width-1.28) > 0.1 {
			t.Errorf("%d steps of %s: the 80 %% interval is %v wide, want 1.28 for noise of 0.5", n, step, width)
		}
	}
	f(time.Hour, 1000)
	f(time.Minute, 40320)
	f(5*time.Minute, 400_000)
	f(time.Second, mostPoints+1000)
}

func TestOutageIsNotLearned(t *testing.T) {
	y := daily(28*48, 2)
	want := median(t, Method{}, y, 30)
	for i := 27 * 48; i < 27*48+30; i++ {
		y.Values[i] = 0
	}
	if got := median(t, Method{}, y, 30); math.Abs(got-want) > 1 {
		t.Errorf("an outage moves the forecast from %v to %v", want, got)
	}
}

func TestRestoreRefusesOtherSettings(t *testing.T) {
	state, err := methodtest.Fit(t, Method{}, daily(400, 1)).(*model).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := func(m Method) {
		t.Helper()
		if _, err := m.Restore(state); err == nil {
			t.Errorf("%+v restores what the default wrote", m)
		}
	}
	f(Method{Seasons: []time.Duration{day}})
	f(Method{Calendar: events{zone: time.UTC}})
	if _, err := (Method{}).Restore(state); err != nil {
		t.Error(err)
	}
}
