package selection_test

import (
	"context"
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
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestPromises(t *testing.T) {
	methodtest.Check(t, newAuto(24), office(900, 10*time.Minute, 1))
}

func TestPromisesOnShortHistory(t *testing.T) {
	methodtest.Check(t, newAuto(24), office(60, 10*time.Minute, 1))
}

// selectionOf returns how the model was chosen.
func selectionOf(m forecast.Model) forecast.Selection { return m.(forecast.Explainer).Selection() }

func TestValidate(t *testing.T) {
	f := func(want string, change func(*selection.Auto)) {
		t.Helper()
		a := newAuto(24)
		change(&a)
		if _, err := a.Fit(t.Context(), office(100, time.Hour, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
	f("Auto.Methods", func(a *selection.Auto) { a.Methods = nil })
	f("Auto.Fallback", func(a *selection.Auto) { a.Fallback = nil })
	f("Auto.Horizon", func(a *selection.Auto) { a.Horizon = 0 })
	f("Auto.Origins", func(a *selection.Auto) { a.Origins = -1 })
	f("twice", func(a *selection.Auto) { a.Methods = append(a.Methods, naive.Last{}) })
}

func TestOneObservation(t *testing.T) {
	y := office(1, time.Minute, 1)
	m := methodtest.Fit(t, newAuto(120), y)
	s := selectionOf(m)
	if s.Method != "last" || !s.Limited || !strings.Contains(s.Reason, "snaive-week needs") || !s.ReadyAt.After(y.End().Add(day)) {
		t.Errorf("selection %+v, want the last value, limited, with a reason and a time", s)
	}
	d := m.Forecast(120).Steps[119]
	if lo, hi := d.Quantile(0.1), d.Quantile(0.9); lo > 0.6*y.Values[0] || hi < 1.4*y.Values[0] {
		t.Errorf("80 %% interval %v..%v of one observation of %v is too sure of itself", lo, hi, y.Values[0])
	}
}

func TestLimitedUntilReadyAt(t *testing.T) {
	y := office(400, 10*time.Minute, 1)
	short := methodtest.Fit(t, newAuto(12), y.Slice(0, 150))
	s := selectionOf(short)
	if !s.Limited || s.ReadyAt.IsZero() || !strings.Contains(s.Reason, "snaive-day needs") {
		t.Fatalf("selection on 25 hours: %+v", s)
	}
	n := y.Index(s.ReadyAt) + 1
	if got := selectionOf(methodtest.Fit(t, newAuto(12), y.Slice(0, n))); got.Limited {
		t.Errorf("still limited at ReadyAt with %d observations: %s", n, got.Reason)
	}
}

// failing is a method that fails for a reason other than a short history.
type failing struct{}

func (failing) Name() string { return "failing" }
func (failing) Fit(context.Context, series.Series) (forecast.Model, error) {
	return nil, errors.New("broken")
}

func TestFailingMemberTakesNoPart(t *testing.T) {
	f := func(n int) {
		t.Helper()
		a := newAuto(12)
		a.Methods = append(a.Methods, failing{})
		m := methodtest.Fit(t, a, office(n, 10*time.Minute, 1))
		if s := selectionOf(m); !strings.Contains(s.Reason, "failing takes no part: broken") {
			t.Errorf("reason %q, want one that says which method failed and why", s.Reason)
		}
	}
	f(600)
	f(20)
}

func TestBeatsNaiveOnSeasonsAndNoise(t *testing.T) {
	y := office(28*144, 10*time.Minute, 2)
	s := selectionOf(methodtest.Fit(t, newAuto(24), y))
	for _, c := range s.Scores {
		if c.Method != "auto" {
			continue
		}
		for _, o := range s.Scores {
			if o.FromStep == c.FromStep && c.Quantile > 1.02*o.Quantile {
				t.Errorf("steps %d-%d: auto scores %.3g, %s %.3g", c.FromStep, c.ToStep, c.Quantile, o.Method, o.Quantile)
			}
		}
		if c.Coverage < 0.7 || c.Coverage > 0.9 || c.N == 0 {
			t.Errorf("steps %d-%d: coverage %.3f of %d", c.FromStep, c.ToStep, c.Coverage, c.N)
		}
	}
	if !strings.HasPrefix(s.Method, "ridge") {
		t.Errorf("method %s leads, want a ridge", s.Method)
	}
}

// A job that runs each hour on the minute is forecast on the minute.
func TestHourlySpike(t *testing.T) {
	n := 4*1440 + 25
	y := series.Series{Key: "cron", Start: start, Step: time.Minute, Values: make([]float64, n)}
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range y.Values {
		y.Values[i] = 20 + rng.NormFloat64()
		if i%60 == 0 {
			y.Values[i] += 100
		}
	}
	m := methodtest.Fit(t, newAuto(120), y)
	f := m.Forecast(120)
	for h := 1; h <= 120; h++ {
		med := f.Steps[h-1].Quantile(0.5)
		if spike := (n+h-1)%60 == 0; spike && med < 90 || !spike && med > 40 {
			t.Errorf("step %d (minute %d): median %.1f", h, (n+h-1)%60, med)
		}
	}
	peak := forecast.Peak(m.(forecast.Simulator).Simulate(120, 200, 1), 1, 60)
	if q := peak.Quantile(0.5); q < 90 {
		t.Errorf("median of the hour's peak is %.1f, want about 120", q)
	}
}

// An outage recorded as zeros a week ago, and a day ago, does not pull the forecast down.
func TestOutageRecordedAsZero(t *testing.T) {
	f := func(ago, length time.Duration) {
		t.Helper()
		y := office(28*144, 10*time.Minute, 4)
		want := methodtest.Fit(t, newAuto(24), y).Forecast(24)
		from := y.Len() - int(ago/y.Step)
		for i := from; i < min(from+int(length/y.Step), y.Len()-12); i++ {
			y.Values[i] = 0
		}
		got := methodtest.Fit(t, newAuto(24), y).Forecast(24)
		for _, h := range []int{1, 6, 24} {
			w, g := want.Steps[h-1].Quantile(0.5), got.Steps[h-1].Quantile(0.5)
			if g < 0.7*w || g > 1.4*w {
				t.Errorf("outage %s ago: step %d forecast %.1f, without the outage %.1f", ago, h, g, w)
			}
		}
	}
	f(7*day+6*time.Hour, 2*day)
	f(day+6*time.Hour, 26*time.Hour)
	f(14*day, 3*time.Hour)
}

// 3.4 days that were not collected change the forecast of the days after little.
func TestHoleInHistory(t *testing.T) {
	f := func(ago time.Duration) {
		t.Helper()
		y := office(28*144, 10*time.Minute, 5)
		want := methodtest.Fit(t, newAuto(24), y).Forecast(24)
		from := y.Len() - int(ago/y.Step)
		for i := from; i < min(from+490, y.Len()-6); i++ {
			y.Values[i] = math.NaN()
		}
		m := methodtest.Fit(t, newAuto(24), y)
		methodtest.Sane(t, m.Forecast(24), 24)
		for _, h := range []int{1, 6, 24} {
			w, g := want.Steps[h-1].Quantile(0.5), m.Forecast(24).Steps[h-1].Quantile(0.5)
			if g < 0.7*w || g > 1.4*w {
				t.Errorf("hole %s ago: step %d forecast %.1f, without the hole %.1f", ago, h, g, w)
			}
		}
	}
	f(9 * day)
	f(84 * time.Hour)
}

// Coverage is measured on data after those fitted on, at the probabilities that size pools.
func TestCalibration(t *testing.T) {
	var inside, below, n float64
	for seed := range uint64(2) {
		y := office(30*144, 10*time.Minute, 10+seed)
		m := methodtest.Fit(t, newAuto(12), y.Slice(0, 22*144))
		for i := 22 * 144; i+12 <= y.Len(); i++ {
			if i%5 == 0 {
				f := m.Forecast(12)
				for _, h := range []int{1, 6, 12} {
					v := y.Values[i+h-1]
					if d := f.Steps[h-1]; v >= d.Quantile(0.1) && v <= d.Quantile(0.9) {
						inside++
					}
					if v <= f.Steps[h-1].Quantile(0.99) {
						below++
					}
					n++
				}
			}
			m.Update(y.Values[i])
		}
	}
	if c := inside / n; c < 0.75 || c > 0.86 {
		t.Errorf("80 %% intervals cover %.3f of %v", c, n)
	}
	if c := below / n; c < 0.975 {
		t.Errorf("the 99 %% quantile is not exceeded in %.3f of %v", c, n)
	}
}

// Nights are calmer than days, and the intervals say so.
func TestQuietNights(t *testing.T) {
	y := series.Series{Key: "t", Start: start, Step: 10 * time.Minute, Values: make([]float64, 28*144+6)}
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range y.Values {
		level := 55 - 50*math.Cos(2*math.Pi*float64(i)/144)
		y.Values[i] = level * (1 + 0.1*rng.NormFloat64())
	}
	width := func(n int) float64 {
		d := methodtest.Fit(t, newAuto(12), y.Slice(0, n)).Forecast(1).Steps[0]
		return d.Quantile(0.9) - d.Quantile(0.1)
	}
	night, noon := width(28*144), width(27*144+72)
	if night > 0.5*noon {
		t.Errorf("the 80 %% interval is %.2f wide at midnight and %.2f at noon", night, noon)
	}
}

func TestFarBeyondTheHorizon(t *testing.T) {
	m := methodtest.Fit(t, newAuto(12), office(2000, 10*time.Minute, 1))
	methodtest.Sane(t, m.Forecast(500), 500)
	if got := len(m.(forecast.Simulator).Simulate(500, 10, 1)[0]); got != 500 {
		t.Errorf("paths of %d steps, want 500", got)
	}
}

// The peak of a window is above the highest quantile of its steps as far as their errors are independent, and never below it.
func TestPeakIsNotTheMaximumOfQuantiles(t *testing.T) {
	m := methodtest.Fit(t, newAuto(24), office(28*144, 10*time.Minute, 6))
	f := m.Forecast(24)
	highest := 0.0
	for _, d := range f.Steps {
		highest = max(highest, d.Quantile(0.5))
	}
	if q := forecast.Peak(m.(forecast.Simulator).Simulate(24, 400, 1), 1, 24).Quantile(0.5); q < highest {
		t.Errorf("median peak %.2f lies below the largest median %.2f", q, highest)
	}
}

func TestScoresAreTheCallers(t *testing.T) {
	m := methodtest.Fit(t, newAuto(12), office(2000, 10*time.Minute, 1))
	a := selectionOf(m)
	want := slices.Clone(a.Scores)
	a.Scores[0].Method = "changed"
	if got := selectionOf(m).Scores; got[0] != want[0] {
		t.Error("the caller's change reached the model")
	}
}

// fickle fits the part of a history before the cut and finds all of it too short.
type fickle struct {
	naive.Smooth
	limit int
}

func (f fickle) Name() string { return "fickle" }
func (f fickle) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if y.Len() > f.limit {
		return nil, &forecast.TooShortError{Method: "fickle", Need: 2 * y.Len(), Have: y.Len()}
	}
	return f.Smooth.Fit(ctx, y)
}

func TestMemberLostAtTheEnd(t *testing.T) {
	y := office(600, 10*time.Minute, 1)
	f := func(want string, methods ...forecast.Method) {
		t.Helper()
		a := selection.Auto{Methods: methods, Fallback: naive.Smooth{}, Horizon: 12}
		if got := selectionOf(methodtest.Fit(t, a, y)).Method; got != want {
			t.Errorf("method %s leads, want %s", got, want)
		}
	}
	f("last", fickle{limit: 500}, naive.Last{})
	f("smooth", fickle{limit: 500})
}
