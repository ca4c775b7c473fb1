package accuracy_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/series"
)

// uniform is a method whose forecast is always uniform on 0..1 times a width.
type uniform struct {
	name  string
	width float64
	fails error
}

func (u uniform) Name() string { return u.name }
func (u uniform) Fit(context.Context, series.Series) (forecast.Model, error) {
	return u, u.fails
}
func (u uniform) Update(float64)             {}
func (u uniform) Quantile(p float64) float64 { return p * u.width }
func (u uniform) Forecast(h int) forecast.Forecast {
	return forecast.Forecast{Method: u.name, Steps: slices.Repeat([]forecast.Distribution{u}, h)}
}

// steady returns n hours of the numbers (k+0.5)/100, each of which comes once in every hundred.
func steady(n int) series.Series {
	y := ramp(n)
	for i := range y.Values {
		y.Values[i] = (float64(i*37%100) + 0.5) / 100
	}
	return y
}

// Of numbers spread evenly over 0..1 the uniform distribution covers what it promises, and one twice as wide its lower half.
func TestCoverage(t *testing.T) {
	f := func(width, in80, in95, below99 float64, below ...float64) {
		t.Helper()
		rows, err := accuracy.Evaluate(t.Context(), steady(600), accuracy.Options{
			Methods: []forecast.Method{uniform{name: "u", width: width}}, Horizons: []time.Duration{time.Hour},
			Share: 0.5, Origins: 1000, Probabilities: []float64{0.25, 0.5, 0.75},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := rows[0]
		if math.Abs(r.Coverage80-in80) > 1e-12 || math.Abs(r.Coverage95-in95) > 1e-12 || r.Below99 != below99 || !slices.Equal(r.Below, below) {
			t.Errorf("width %v: %+v, want %v %v %v %v", width, r, in80, in95, below99, below)
		}
	}
	f(1, 0.8, 0.96, 0.99, 0.25, 0.5, 0.75)
	f(2, 0.8, 0.95, 1, 0.5, 1, 1)
	f(0.1, 0.08, 0.1, 0.1, 0.03, 0.05, 0.08) // the values .005, .015, ... up to .025, .045 and .075
}

// A forecast that is off by 2 where the last value is off by 1 has MASE 2, and 2/24 where the season is a day.
func TestMASE(t *testing.T) {
	told := 0
	ahead := spy{"ahead", func(y series.Series) float64 { return y.Values[y.Len()-1] + 3 }, &told}
	f := func(season time.Duration, n int, want float64) {
		t.Helper()
		rows, err := accuracy.Evaluate(t.Context(), ramp(n), accuracy.Options{
			Methods: []forecast.Method{ahead}, Horizons: []time.Duration{time.Hour}, Season: season,
		})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(rows[0].MASE-want) > 1e-12 {
			t.Errorf("season %v of %d: MASE %v, want %v", season, n, rows[0].MASE, want)
		}
	}
	f(0, 100, 2)
	f(day, 100, 2.0/24)
	f(day, 60, 2) // 42 hours before the first origin do not hold two days
}

// Each call of the clock is a second: a fit and a forecast take one each, and so do all updates between two origins together.
func TestCPU(t *testing.T) {
	var now time.Duration
	told := 0
	o := accuracy.Options{
		Methods:  []forecast.Method{spy{"last", func(y series.Series) float64 { return y.Values[y.Len()-1] }, &told}},
		Horizons: []time.Duration{time.Hour, 2 * time.Hour}, Origins: 60, Share: 0.5, Refit: 1000 * time.Hour,
		CPU: func() time.Duration { now += time.Second; return now },
	}
	rows, err := accuracy.Evaluate(t.Context(), ramp(121), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.FitCPU != time.Second || r.StepCPU != 2*time.Second {
			t.Errorf("%s: a fit takes %v and a step %v, want 1s and 2s", r.Horizon, r.FitCPU, r.StepCPU)
		}
	}
	o.CPU = nil
	if rows, err = accuracy.Evaluate(t.Context(), ramp(121), o); err != nil || rows[0].FitCPU != 0 || rows[0].StepCPU != 0 {
		t.Errorf("without a clock: %+v, %v", rows, err)
	}
}

func TestSkip(t *testing.T) {
	broken := errors.New("singular")
	short := &forecast.TooShortError{Method: "short", Need: 9, Have: 1}
	o := accuracy.Options{
		Methods:  []forecast.Method{uniform{name: "good", width: 1}, uniform{name: "broken", fails: broken}, uniform{name: "short", fails: short}},
		Horizons: []time.Duration{time.Hour},
	}
	if _, err := accuracy.Evaluate(t.Context(), steady(100), o); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	got := map[string]error{}
	o.Skip = func(name string, err error) { got[name] = err }
	rows, err := accuracy.Evaluate(t.Context(), steady(100), o)
	if err != nil || len(rows) != 1 || len(got) != 2 || !errors.Is(got["broken"], broken) || !errors.Is(got["short"], short) {
		t.Errorf("%d rows, %v, skipped %v", len(rows), err, got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = accuracy.Evaluate(ctx, steady(100), o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Methods that are evaluated apart compare as those evaluated together.
func TestCompare(t *testing.T) {
	o := accuracy.Options{
		Methods:  []forecast.Method{uniform{name: "a", width: 1}, uniform{name: "b", width: 2}, uniform{name: "c", width: 5}},
		Horizons: []time.Duration{time.Hour, 5 * time.Hour}, Last: "c", Seasonal: []string{"a", "b"},
	}
	together, err := accuracy.Evaluate(t.Context(), steady(200), o)
	if err != nil {
		t.Fatal(err)
	}
	var apart []accuracy.Row
	for _, m := range o.Methods {
		alone := o
		alone.Methods = []forecast.Method{m}
		rows, err := accuracy.Evaluate(t.Context(), steady(200), alone)
		if err != nil {
			t.Fatal(err)
		}
		apart = append(apart, rows...)
	}
	accuracy.Compare(apart, o.Last, o.Seasonal)
	for i, r := range together {
		if s := apart[i]; s.Scaled != r.Scaled || s.SkillVsLast != r.SkillVsLast || s.SkillVsSeasonal != r.SkillVsSeasonal || r.Scaled < 1 {
			t.Errorf("together %+v, apart %+v", r, s)
		}
	}
}

// On a ramp the last value at the origin, k steps before, is k less than what comes, whatever is refitted in between.
func TestTrack(t *testing.T) {
	told := 0
	last := spy{"last", func(y series.Series) float64 { return y.Values[y.Len()-1] }, &told}
	trails, err := accuracy.Track(t.Context(), ramp(100), last, accuracy.TrackOptions{
		From: 3, Stride: 2, Steps: []int{5, 2}, Refit: 7 * time.Hour, Probabilities: []float64{0.5},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ steps, first, n int }{{5, 5, 48}, {2, 3, 49}} {
		tr := trails[i]
		if tr.Steps != want.steps || len(tr.At) != want.n || tr.At[0] != want.first || tr.At[want.n-1] != 99 {
			t.Errorf("trail %d: %d steps, at %v, want %+v", i, tr.Steps, tr.At, want)
		}
		for k, at := range tr.At {
			if got := tr.Quantiles[k][0]; got != float64(at-tr.Steps) {
				t.Fatalf("%d steps before %d the forecast is %v", tr.Steps, at, got)
			}
		}
	}
	if told != 98 {
		t.Errorf("the method saw %d observations, want 98: all but the last two", told)
	}
	if _, err = accuracy.Track(t.Context(), ramp(9), last, accuracy.TrackOptions{Steps: []int{0}, Probabilities: []float64{0.5}}); err == nil {
		t.Error("0 steps ahead are taken")
	}
}
