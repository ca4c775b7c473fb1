//go:build bench

package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

const (
	// leastCPU is the processor time over which one fit is repeated, since the kernel's account of it moves in ticks, and mostCPU that
	// after which no further series is timed.
	leastCPU, mostCPU = 50 * time.Millisecond, 6 * time.Second
	// updates is how many observations a model is told while an update is timed.
	updates = 500
)

// timed is a method and the fastest program that does the same.
type timed struct {
	method string
	peer   string // what the peer is called by the script that runs the peers
	label  string
	// hourly and fiveMinutes are the CPU milliseconds that the peer took in another run, on a machine of the same type, as a mean over many
	// series of the sets, but for the 605, which is a median; 0 where it was not measured.
	hourly, fiveMinutes float64
}

// timedMethods are the methods whose speed is measured.
func timedMethods() []timed {
	return []timed{
		{method: "theta", peer: "thetaf", label: "R forecast, thetaf", hourly: 8.0, fiveMinutes: 21.6},
		{method: "ets", peer: "ets", label: "statsforecast (C++), AutoETS", hourly: 418}, // R's ets, which is run here, takes 2203
		{method: "mstl-ets", peer: "augurs_mstl", label: "augurs (Rust), MSTL and ETS", hourly: 19.0, fiveMinutes: 105},
		{method: "mstl-arima", peer: "mstl_arima", label: "R forecast, mstl and auto.arima", hourly: 158.7, fiveMinutes: 605},
		{method: "arima", peer: "ctsa_autoarima", label: "ctsa (C), auto ARIMA", hourly: 1901},
		{method: "harmonic", peer: "augurs_prophet", label: "augurs (Stan), Prophet", hourly: 110, fiveMinutes: 920},
		{method: "ridge-window-log"},
		{method: "ridge-log"},
		{method: "boost"},
		{method: "forest", peer: "rf_local", label: "scikit-learn, RandomForestRegressor", hourly: 278},
		{method: "lstm"},
		{method: "auto"},
	}
}

// resultsOfSpeed times every method on a few questions of both sets. Nothing fails: other work on the machine moves the figures.
func resultsOfSpeed(t *testing.T, doc io.Writer, hourly, fiveMinutes questionSet, peers *peers) {
	where := "They were measured in another run, on a machine of the same type, over more series."
	if peers != nil {
		where = "They are the smaller of those measured in this run on the same series and those of another run on a machine of the same type\n" +
			"over more series, because some programs need a while to warm up. An empty cell is one that was not measured or cannot take the season."
	}
	fmt.Fprintf(doc, `
## Speed

CPU milliseconds of one series from nothing to a forecast with quantiles, garbage collection included: means over %d series of M4 hourly
(700 to 960 points, 48 steps) and over %d of the forecasts above (%d points of five minutes, %d steps), evenly spaced. The other programs'
figures are those of one thread as well.
%s

| method | hourly | other | times faster | five minutes | other | times faster | the other program |
| --- | --- | --- | --- | --- | --- | --- | --- |
`, len(hourly.questions), len(fiveMinutes.questions), operationalHistory, operationalHorizon, where)
	for _, m := range timedMethods() {
		h, f := fitTime(t, hourly, m.method), fitTime(t, fiveMinutes, m.method)
		if peers != nil {
			m.hourly = faster(m.hourly, peers.milliseconds(t, hourly, m.peer))
			m.fiveMinutes = faster(m.fiveMinutes, peers.milliseconds(t, fiveMinutes, m.peer))
		}
		row := fmt.Sprintf("| %s | %s | %s | %s |", m.method, beside(h, m.hourly), beside(f, m.fiveMinutes), m.label)
		fmt.Fprintln(doc, row)
		t.Log(row)
	}
	update := updateTime(t, fiveMinutes)
	t.Logf("one new observation and 24 steps with quantiles: %.3f CPU-ms", update)
	fmt.Fprintf(doc, "\nA model that is told one new observation and asked for %d steps with their quantiles takes %.3f CPU milliseconds (five minutes,\nauto). The budget of that is 0.15, and that of auto's first forecast at five minutes 60.\n",
		operationalHorizon, update)
}

// faster returns the smaller of two times of which 0 is unknown.
func faster(a, b float64) float64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// beside formats our time, the other program's and the ratio.
func beside(ours, other float64) string {
	if other == 0 {
		return figure(ours) + " | | "
	}
	return figure(ours) + " | " + figure(other) + " | " + figure(other/ours)
}

// figure writes a number with about three digits.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// fitTime returns the CPU milliseconds of a fit and a forecast with quantiles, the mean over the questions.
func fitTime(t *testing.T, set questionSet, name string) float64 {
	t.Helper()
	m, err := recipe{step: set.step, horizon: set.horizon}.called(name)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var sum, spent time.Duration
	n := 0
	for _, k := range set.questions {
		begun, repeats := cpuOf(t), time.Duration(0)
		for cpuOf(t)-begun < leastCPU {
			fitOnce(t, m, k, set.horizon)
			repeats++
		}
		took := cpuOf(t) - begun
		sum, spent, n = sum+took/repeats, spent+took, n+1
		if spent > mostCPU {
			break
		}
	}
	return sum.Seconds() * 1000 / float64(n)
}

func fitOnce(t *testing.T, m forecast.Method, k question, horizon int) forecast.Model {
	t.Helper()
	model, err := m.Fit(context.Background(), k.y)
	if err != nil {
		t.Fatalf("%s of %s: %v", m.Name(), k.id, err)
	}
	answerOf(model.Forecast(horizon))
	return model
}

// updateTime returns the CPU milliseconds of one new observation and the forecast from it, the median over the questions.
func updateTime(t *testing.T, set questionSet) float64 {
	t.Helper()
	var all []float64
	for _, k := range set.questions {
		model := fitOnce(t, recipe{step: set.step, horizon: set.horizon}.auto(), k, set.horizon)
		runtime.GC()
		begun := cpuOf(t)
		for i := range updates {
			model.Update(k.y.Values[i%k.y.Len()])
			answerOf(model.Forecast(set.horizon))
		}
		all = append(all, (cpuOf(t)-begun).Seconds()*1000/updates)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
