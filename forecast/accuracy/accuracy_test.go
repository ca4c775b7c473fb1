package accuracy_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/series"
)

// spy is a method that notes the longest history it was ever shown.
type spy struct {
	name  string
	value func(y series.Series) float64
	told  *int
}

func (s spy) Name() string { return s.name }
func (s spy) Fit(_ context.Context, y series.Series) (forecast.Model, error) {
	*s.told = max(*s.told, y.Len())
	return &spyModel{spy: s, y: y}, nil
}

type spyModel struct {
	spy
	y series.Series
}

func (m *spyModel) Update(y float64) { m.y.Values = append(m.y.Values[:m.y.Len():m.y.Len()], y) }
func (m *spyModel) Forecast(h int) forecast.Forecast {
	*m.told = max(*m.told, m.y.Len())
	f := forecast.Forecast{Method: m.name, Steps: make([]forecast.Distribution, h)}
	for k := range f.Steps {
		f.Steps[k] = forecast.Point(m.value(m.y))
	}
	return f
}

// ramp counts up, an hour a step.
func ramp(n int) series.Series {
	y := series.Series{Key: "ramp", Start: time.Unix(0, 0).UTC(), Step: time.Hour, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = float64(i)
	}
	return y
}

// On a ramp a forecast of the last value is h short at step h: at probability p it costs 2ph, and half of that on average over
// probabilities that are symmetric.
func TestScoresByHand(t *testing.T) {
	told := 0
	last := spy{"last", func(y series.Series) float64 { return y.Values[y.Len()-1] }, &told}
	half := spy{"half", func(y series.Series) float64 { return y.Values[y.Len()-1] + 1 }, &told}
	rows, err := accuracy.Evaluate(t.Context(), ramp(100), accuracy.Options{
		Methods: []forecast.Method{last, half}, Last: "last", Seasonal: []string{"last"}, Probabilities: []float64{0.25, 0.5, 0.75},
		Horizons: []time.Duration{time.Hour, 3 * time.Hour}, Origins: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(i int, method string, horizon time.Duration, quantile, scaled float64, n int) {
		t.Helper()
		r := rows[i]
		if r.Method != method || r.Horizon != horizon || math.Abs(r.Quantile-quantile) > 1e-12 || math.Abs(r.Scaled-scaled) > 1e-12 || r.N != n {
			t.Errorf("row %d is %+v, want %s %s %v %v %d", i, r, method, horizon, quantile, scaled, n)
		}
	}
	f(0, "last", time.Hour, 1, 1, 10)
	f(1, "last", 3*time.Hour, 2.5, 1, 20)
	f(2, "half", time.Hour, 0, 0, 10)
	f(3, "half", 3*time.Hour, 1.5, 0.6, 20)
	if told >= 100 {
		t.Errorf("a method saw %d observations, the last origin leaves 97 at most", told)
	}
}

func TestTooShortHasNoRows(t *testing.T) {
	rows, err := accuracy.Evaluate(t.Context(), ramp(50), accuracy.Options{
		Methods:  []forecast.Method{naive.Last{}, naive.Seasonal{Period: 7 * day}},
		Horizons: []time.Duration{time.Hour}, Last: "last", Seasonal: []string{"snaive-week"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].Method != "last" || !math.IsNaN(rows[0].Scaled) || rows[0].SkillVsLast != 0 {
		t.Errorf("rows %+v, want the last value's only, unscaled", rows)
	}
}

func TestRefuses(t *testing.T) {
	f := func(want string, n int, o accuracy.Options) {
		t.Helper()
		if _, err := accuracy.Evaluate(t.Context(), ramp(n), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
	h := []time.Duration{time.Hour}
	m := []forecast.Method{naive.Last{}}
	f("Options.Methods", 50, accuracy.Options{Horizons: h})
	f("Options.Horizons", 50, accuracy.Options{Methods: m})
	f("Options.Horizons", 50, accuracy.Options{Methods: m, Horizons: []time.Duration{2 * time.Hour, time.Hour}})
	f("Options.Share", 50, accuracy.Options{Methods: m, Horizons: h, Share: 1})
	f("Options.Origins", 50, accuracy.Options{Methods: m, Horizons: h, Origins: -1})
	f("no room", 2, accuracy.Options{Methods: m, Horizons: []time.Duration{9 * time.Hour}})
}

func TestWriteMarkdown(t *testing.T) {
	var b strings.Builder
	err := accuracy.WriteMarkdown(&b, []accuracy.Row{{
		Series: "web", Method: "auto", Horizon: 2 * time.Hour, Quantile: 12.345678, Scaled: 0.5, SkillVsSeasonal: 0.5,
		SkillVsLast: math.NaN(), MASE: 0.25, Coverage80: 0.8, Coverage95: 0.95, Below99: 0.99, N: 40,
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "| web | 2h | auto | 12.35 | 0.500 | 0.500 | - | 0.250 | 0.800 | 0.950 | 0.990 | 40 |"
	if lines := strings.Split(b.String(), "\n"); len(lines) != 4 || lines[2] != want {
		t.Errorf("wrote\n%s\nwant the row\n%s", b.String(), want)
	}
}
