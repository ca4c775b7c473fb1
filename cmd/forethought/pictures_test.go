package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/series"
)

// TestPicturesDoc holds the pictures of the documents to what the program draws, and writes them anew where asked to.
func TestPicturesDoc(t *testing.T) {
	f := func(name string, p *plot.Panel) {
		t.Helper()
		generated(t, "docs/img/"+name+".svg", []byte(plot.Standalone(p.SVG())))
	}
	f("fan", fanPicture(t))
	f("origins", originsPicture())
}

// officeDemand is the demand of the pictures: working hours, a quiet week-end, a job each hour and noise, four weeks every five minutes.
func officeDemand() series.Series {
	const n = 28 * 288
	y := series.Series{
		Key: "office", Unit: series.Cores, Start: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Step: 5 * time.Minute, Values: make([]float64, n),
	}
	rng := rand.New(rand.NewPCG(7, 7))
	drift := 0.0
	for i := range y.Values {
		at := y.TimeAt(i)
		hour := at.Sub(at.Truncate(24 * time.Hour)).Hours()
		v := 60 + 240*math.Exp(-(hour-13.5)*(hour-13.5)/14)
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			v = 60 + (v-60)*0.2
		}
		if at.Minute() < 10 {
			v += 40
		}
		drift = 0.98*drift + 3*rng.NormFloat64()
		y.Values[i] = math.Round(max(0, v*(1+0.04*rng.NormFloat64())+drift))
	}
	return y
}

// fanPicture shows a demand on a Thursday morning, its forecast for the next two hours, and what came.
func fanPicture(t *testing.T) *plot.Panel {
	t.Helper()
	y := officeDemand()
	now := y.Index(time.Date(2026, 1, 29, 9, 0, 0, 0, time.UTC))
	const steps, before = 24, 48
	model, err := recipe{step: y.Step, horizon: steps}.auto().Fit(t.Context(), y.Slice(0, now+1))
	if err != nil {
		t.Fatal(err)
	}
	f := model.Forecast(steps)
	x := []float64{plot.Seconds(y.TimeAt(now))}
	probabilities := []float64{0.025, 0.1, 0.5, 0.9, 0.975}
	q := make([][]float64, len(probabilities))
	for k := range q {
		q[k] = []float64{y.Values[now]}
	}
	for h, d := range f.Steps {
		x = append(x, plot.Seconds(f.TimeAt(h+1)))
		for k, p := range probabilities {
			q[k] = append(q[k], d.Quantile(p))
		}
	}
	p := &plot.Panel{
		Title: "A demand and its forecast: not a number but a range for each time", X: plot.Axis{Time: true}, Y: plot.Axis{Label: "cores", Zero: true},
		Desc: "The demand of a morning in cores, the forecast made at nine for the next two hours as bands that hold 95 and 80 per cent of what may come, their median, and what came.",
	}
	p.Band("95 % interval", plot.Pen{Ink: plot.Said}, x, q[0], q[4])
	p.Band("80 % interval", plot.Pen{Ink: plot.Said, Strong: true}, x, q[1], q[3])
	p.Line("median", plot.Pen{Ink: plot.Said, Width: 2}, x, q[2])
	past, future := timesOf(y.Slice(now-before, now+1)), timesOf(y.Slice(now, now+steps+1))
	p.Line("what was known", plot.Pen{Ink: plot.Came}, past, y.Values[now-before:now+1])
	p.Line("what came", plot.Pen{Ink: plot.Came, Dashed: true, Width: 1.2}, future, y.Values[now:now+steps+1])
	p.Rule("now", plot.Pen{Ink: plot.Grey, Width: 1}, x[0])
	return p
}

// timesOf returns the times of y as places on an axis.
func timesOf(y series.Series) []float64 {
	out := make([]float64, y.Len())
	for i := range out {
		out[i] = plot.Seconds(y.TimeAt(i))
	}
	return out
}

// originsPicture shows what rolling origins are: the same history forecast from several moments, each of which knows its past only.
func originsPicture() *plot.Panel {
	const rows, length, horizon = 6, 100.0, 8.0
	p := &plot.Panel{
		Title: "Rolling origins: every forecast knows its own past and nothing else", Height: 270,
		X: plot.Axis{Label: "time", From: 0, To: length, Ticks: []plot.Tick{}},
		Y: plot.Axis{From: 0, To: rows, Ticks: []plot.Tick{}},
		Desc: "Six rows, one for each origin, later ones lower. In each, a bar of known history ends at the origin, the steps after it are " +
			"forecast and scored, and what comes later is not used.",
	}
	fitted := func(i int) float64 { return 50 + 16*float64(i/2) } // a fit serves two origins
	origin := func(i int) float64 { return fitted(i) + 7*float64(i%2) }
	parts := []struct {
		name     string
		pen      plot.Pen
		from, to func(i int) float64
	}{
		{"fitted on", plot.Pen{Ink: plot.Said, Strong: true}, func(int) float64 { return 0 }, fitted},
		{"told since", plot.Pen{Ink: plot.Sky, Strong: true}, fitted, origin},
		{"forecast and scored", plot.Pen{Ink: plot.Amber, Strong: true}, origin, func(i int) float64 { return origin(i) + horizon }},
		{"not known", plot.Pen{Ink: plot.Grey}, func(i int) float64 { return origin(i) + horizon }, func(int) float64 { return length }},
	}
	for i := range rows {
		p.Y.Ticks = append(p.Y.Ticks, plot.Tick{At: rows - 0.5 - float64(i), Text: fmt.Sprintf("origin %d", i+1)})
	}
	for _, part := range parts {
		for i := range rows {
			from, to := part.from(i), part.to(i)
			if from == to {
				continue
			}
			y := float64(rows - i)
			p.Band(part.name, part.pen, []float64{from, to}, []float64{y - 0.8, y - 0.8}, []float64{y - 0.2, y - 0.2})
			part.name = "" // in the legend once
		}
	}
	return p
}
