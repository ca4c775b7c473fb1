package arima_test

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

const day = 24 * time.Hour

var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// noise returns n numbers between -1/2 and 1/2: the linear congruential generator of Park and Miller (1988), which R computes exactly in
// double precision: x <- 1; for (i in 1:n) { x <- (16807*x) %% 2147483647; u[i] <- x/2147483647 - 0.5 }.
func noise(n int) []float64 {
	out, x := make([]float64, n), int64(1)
	for i := range out {
		x = 16807 * x % 2147483647
		out[i] = float64(x)/2147483647 - 0.5
	}
	return out
}

// hourly returns n hours of a daily season around a level that wanders, as in R:
// e <- noise(n); v <- filter(4*e, 0.7, "recursive"); t <- 0:(n-1); y <- 100 + 30*sin(2*pi*t/24) + 10*cos(2*pi*t/12) + v.
func hourly(n int) series.Series {
	y := series.Series{Key: "t", Unit: series.Cores, Start: start, Step: time.Hour, Values: make([]float64, n)}
	var v float64
	for i, e := range noise(n) {
		v = 0.7*v + 4*e
		t := float64(i)
		y.Values[i] = 100 + 30*math.Sin(2*math.Pi*t/24) + 10*math.Cos(2*math.Pi*t/12) + v
	}
	return y
}

// remainder returns n values around zero.
func remainder(n int) series.Series {
	y := hourly(n)
	var v float64
	for i, e := range noise(n) {
		v = 0.8*v + e
		y.Values[i] = v
	}
	return y
}

func TestPromises(t *testing.T) {
	f := func(m forecast.Method, y series.Series) {
		t.Helper()
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, y) })
	}
	f(arima.Auto{Period: day}, hourly(200))
	f(arima.Auto{}, hourly(150))
	f(arima.Method{P: 1, D: 1, Q: 1}, hourly(150))
	f(arima.Method{P: 2, Q: 1, Constant: true}, hourly(150))
	f(arima.Method{P: 1, SeasonalD: 1, SeasonalQ: 1, Period: day}, hourly(150))
}

func TestRefuses(t *testing.T) {
	f := func(m forecast.Method, want string) {
		t.Helper()
		if _, err := m.Fit(t.Context(), hourly(200)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
	f(arima.Method{P: 11}, "Method.P")
	f(arima.Method{D: 3}, "Method.D")
	f(arima.Method{Q: -1}, "Method.Q")
	f(arima.Method{SeasonalP: 1}, "Method.Period")
	f(arima.Method{SeasonalD: 2, Period: day}, "Method.SeasonalD")
	f(arima.Method{P: 1, Period: -day}, "period")
	f(arima.Auto{Period: -day}, "period")
	f(arima.Method{P: 1, Period: 400 * time.Hour}, "at most 350")
	y := hourly(200)
	y.Step = 0
	if _, err := (arima.Auto{}).Fit(t.Context(), y); err == nil || !strings.Contains(err.Error(), "step") {
		t.Errorf("error %v, want one about the step", err)
	}
}

func TestNeed(t *testing.T) {
	f := func(m forecast.Method, need int) {
		t.Helper()
		_, err := m.Fit(t.Context(), hourly(need-1))
		short, ok := errors.AsType[*forecast.TooShortError](err)
		if !ok || short.Need != need || short.Have != need-1 {
			t.Errorf("%s: error %v, want a need of %d", m.Name(), err, need)
			return
		}
		methodtest.Sane(t, methodtest.Fit(t, m, hourly(need)).Forecast(30), 30)
	}
	f(arima.Auto{Period: day}, 10)
	f(arima.Method{D: 1}, 9)
	f(arima.Method{P: 2, Q: 2, Constant: true}, 10)
	f(arima.Method{P: 1, SeasonalP: 1, SeasonalD: 1, SeasonalQ: 1, Period: day}, 55)
}

// The order of a process is found from a long realisation of it, and the season is taken out by differencing.
func TestOrders(t *testing.T) {
	f := func(m forecast.Method, y series.Series, want string) {
		t.Helper()
		if got := fmt.Sprint(methodtest.Fit(t, m, y)); got != want {
			t.Errorf("order %s, want %s", got, want)
		}
	}
	f(arima.Auto{Signed: true}, remainder(1000), "ARIMA(1,0,0)")
	walk := hourly(600)
	level := 1000.0
	for i, e := range noise(600) {
		level += e
		walk.Values[i] = level
	}
	f(arima.Auto{}, walk, "ARIMA(0,1,0)")
	flat := hourly(100)
	for i := range flat.Values {
		flat.Values[i] = 12
	}
	f(arima.Auto{Period: day}, flat, "ARIMA(0,0,0)(0,0,0)[24] with mean")
	line := hourly(100)
	for i := range line.Values {
		line.Values[i] = float64(16 + 2*i)
	}
	f(arima.Auto{}, line, "ARIMA(0,1,0) with drift")
	if got := fmt.Sprint(methodtest.Fit(t, arima.Auto{Period: day}, hourly(500))); !strings.Contains(got, ",1,") {
		t.Errorf("order %s, want one that differences over the season", got)
	}
}

// A signed method follows the series below zero and is symmetric about it; a demand is never negative.
func TestSigned(t *testing.T) {
	y, mirrored := remainder(300), remainder(300)
	for i := range mirrored.Values {
		mirrored.Values[i] = -mirrored.Values[i]
	}
	m := arima.Auto{Signed: true}
	a, b := methodtest.Fit(t, m, y), methodtest.Fit(t, m, mirrored)
	for h := range 10 {
		for _, p := range []float64{0.1, 0.5, 0.9} {
			up, down := a.Forecast(10).Steps[h].Quantile(p), b.Forecast(10).Steps[h].Quantile(1-p)
			if math.Abs(up+down) > 1e-9 {
				t.Errorf("step %d quantile %v: %v, mirrored %v", h+1, p, up, down)
			}
		}
	}
	a.Update(-1e300)
	a.Update(math.Inf(1))
	if q := a.Forecast(3).Steps[2].Quantile(0.1); !(q < 0) || math.IsInf(q, 0) {
		t.Errorf("quantile after a fall is %v", q)
	}
}

// A model that is told of a gap afterwards forecasts as one that was fitted on the gap.
func TestGapAtTheEnd(t *testing.T) {
	f := func(m forecast.Method, y series.Series, gap int) {
		t.Helper()
		model := methodtest.Fit(t, m, y)
		with := y.Clone()
		for range gap {
			with.Values = append(with.Values, math.NaN())
			model.Update(math.NaN())
		}
		want := methodtest.Table(model.Forecast(30))
		if got := methodtest.Table(methodtest.Fit(t, m, with).Forecast(30)); !slices.Equal(got, want) {
			t.Errorf("%s: a gap of %d in the history differs from one in updates", m.Name(), gap)
		}
	}
	f(arima.Auto{}, hourly(150), 20)
	f(arima.Method{P: 1, SeasonalD: 1, SeasonalQ: 1, Period: day}, hourly(150), 60)
}

// After a gap over which the level moved, one observation moves the forecast most of the way, and the interval then narrows again.
func TestCatchesUpAfterGap(t *testing.T) {
	y := hourly(300)
	level := 100.0
	for i, e := range noise(300) {
		level += 0.3 * e
		y.Values[i] = level + 3*noise(300)[299-i]
	}
	model := methodtest.Fit(t, arima.Method{D: 1, Q: 1}, y)
	before := width(model)
	for range 2000 {
		model.Update(math.NaN())
	}
	if after := width(model); after < 3*before {
		t.Errorf("interval of width %v after the gap, %v before", after, before)
	}
	model.Update(level + 50)
	if q := model.Forecast(1).Steps[0].Quantile(0.5); math.Abs(q-level-50) > 10 {
		t.Errorf("forecast %v, want near %v", q, level+50)
	}
	for range 60 {
		model.Update(level + 50)
	}
	if after := width(model); math.Abs(after-before) > 1e-3*before {
		t.Errorf("interval of width %v long after the gap, %v before", after, before)
	}
}

func width(m forecast.Model) float64 {
	d := m.Forecast(1).Steps[0]
	return d.Quantile(0.9) - d.Quantile(0.1)
}

func TestRestoreRefusesOthers(t *testing.T) {
	y := hourly(150)
	state, err := methodtest.Fit(t, arima.Auto{}, y).(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := func(k forecast.Keeper) {
		t.Helper()
		if _, err := k.Restore(state); err == nil || !strings.Contains(err.Error(), "written by") {
			t.Errorf("Restore gives %v, want an error about who wrote", err)
		}
	}
	f(arima.Auto{Period: day})
	f(arima.Auto{Signed: true})
	f(arima.Method{P: 1})
}

// Long seasons and long histories are fitted to their end only, at a bounded cost.
func TestLongSeries(t *testing.T) {
	f := func(m forecast.Method, y series.Series) {
		t.Helper()
		methodtest.Sane(t, methodtest.Fit(t, m, y).Forecast(48), 48)
	}
	week := hourly(700)
	f(arima.Method{P: 1, SeasonalD: 1, SeasonalQ: 1, Period: 7 * day}, week)
	week.Values[500] = math.NaN()
	week.Values[690] = math.NaN()
	f(arima.Method{P: 1, SeasonalD: 1, SeasonalQ: 1, Period: 7 * day}, week)
	long := hourly(3000)
	for len(long.Values) < 2_000_000 {
		long.Values = append(long.Values, long.Values...)
	}
	f(arima.Method{P: 1, Constant: true}, long)
	ended := hourly(150)
	ended.Values = append(ended.Values, make([]float64, 1_000_000)...)
	for i := 150; i < len(ended.Values); i++ {
		ended.Values[i] = math.NaN()
	}
	f(arima.Method{P: 1, D: 1, Q: 1}, ended)
}

func TestCancelledWhileSearching(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (arima.Auto{Period: day}).Fit(ctx, hourly(300)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
