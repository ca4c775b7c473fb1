package main

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/gob"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/series"
)

// TestPicturesDoc holds the pictures of the documents to what the program draws, and writes them anew where asked to.
func TestPicturesDoc(t *testing.T) {
	f := func(name string, p *plot.Panel) {
		t.Helper()
		generated(t, "docs/img/"+name+".svg", []byte(plot.Standalone(p.SVG())))
	}
	y := officeDemand()
	f("fan", fanPicture(t, y))
	f("seasons", seasonsPicture(t, y))
	f("origins", originsPicture())
	f("weights", weightsPicture(t, y))
	f("calibration", calibrationPicture(t, y))
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
func fanPicture(t *testing.T, y series.Series) *plot.Panel {
	t.Helper()
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

// seasonsPicture shows the seasons that are found in y: the mean demand at each place of each, in a row of its own.
func seasonsPicture(t *testing.T, y series.Series) *plot.Panel {
	t.Helper()
	found := forecast.Seasons(y)
	if want := []time.Duration{time.Hour, day, week}; !slices.Equal(found, want) {
		t.Fatalf("the seasons found in the demand of the pictures are %s, want %s", found, want)
	}
	p := &plot.Panel{
		Title: "The seasons that are found in a demand", Height: 110 + 60*float64(len(found)),
		X: plot.Axis{Label: "mean demand, from the begin of the season to its end", From: 0, To: 1, Ticks: []plot.Tick{}},
		Y: plot.Axis{From: 0, To: float64(len(found)), Ticks: []plot.Tick{}},
		Desc: "A row for each season that the program finds, with the mean demand at each place in it: in an hour a job in the first ten " +
			"minutes, in a day a rise to midday and a fall, in a week five high days and two low ones.",
	}
	most := 0.0
	rows := make([]struct{ x, mean []float64 }, len(found))
	for i, season := range found {
		rows[i].x, rows[i].mean = profile(y.Values, int(season/y.Step))
		most = max(most, slices.Max(rows[i].mean))
	}
	for i, r := range rows {
		base := float64(len(found)-1-i) + 0.05
		low, high := make([]float64, len(r.x)), make([]float64, len(r.x))
		for k, v := range r.mean {
			low[k], high[k] = base, base+0.85*v/most
		}
		p.Band("", plot.Pen{Ink: horizonInks[i%len(horizonInks)], Strong: true}, r.x, low, high)
		p.Y.Ticks = append(p.Y.Ticks, plot.Tick{At: base, Text: horizonName(found[i])})
	}
	return p
}

// profile returns the mean of values at each place of a season of so many steps, as a line of at most about two hundred stairs.
func profile(values []float64, steps int) (x, mean []float64) {
	width := max(steps/168, 1)
	for from := 0; from < steps; from += width {
		to := min(from+width, steps)
		var sum, n float64
		for i, v := range values {
			if at := i % steps; at >= from && at < to {
				sum += v
				n++
			}
		}
		x = append(x, float64(from)/float64(steps), float64(to)/float64(steps))
		mean = append(mean, sum/n, sum/n)
	}
	return x, mean
}

// weightsPicture shows the part that each method has in a forecast of y, by how far ahead.
func weightsPicture(t *testing.T, y series.Series) *plot.Panel {
	t.Helper()
	const steps = 144
	model, err := recipe{step: y.Step, horizon: steps}.auto().Fit(t.Context(), y)
	if err != nil {
		t.Fatal(err)
	}
	state, err := model.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var kept struct { // of what keeps a model
		Methods []string
		Shares  [][]float64
	}
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&kept); err != nil {
		t.Fatal(err)
	}
	p := &plot.Panel{
		Title: "The weights of the methods, by how far ahead", X: plot.Axis{From: 0, To: math.Log(steps)}, Y: plot.Axis{From: 0, To: 1},
		Desc: "A stack of one band for each method that takes part in the forecast of the demand. Its height is the method's weight, which " +
			"changes from five minutes to twelve hours ahead.",
	}
	for _, h := range []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		p.X.Ticks = append(p.X.Ticks, plot.Tick{At: math.Log(float64(h / y.Step)), Text: horizonName(h)})
	}
	for _, q := range []float64{0, 0.25, 0.5, 0.75, 1} {
		p.Y.Ticks = append(p.Y.Ticks, plot.Tick{At: q, Text: fmt.Sprintf("%.0f %%", 100*q)})
	}
	x, shares := sharesAhead(kept.Shares, model.(forecast.Explainer).Selection().Scores, len(kept.Methods))
	order := make([]int, 0, len(kept.Methods))
	for i, share := range shares {
		if slices.Max(share) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(shares[b][0], shares[a][0]) })
	inks := []plot.Ink{plot.Said, plot.Sky, plot.Teal, plot.Amber, plot.Rose, plot.Violet, plot.Grey, plot.Came}
	names, pens, stack := make([]string, len(order)), make([]plot.Pen, len(order)), make([][]float64, len(order))
	for k, i := range order {
		names[k], pens[k], stack[k] = kept.Methods[i], plot.Pen{Ink: inks[k%len(inks)], Strong: true}, shares[i]
	}
	p.Stack(names, pens, x, stack)
	return p
}

// sharesAhead returns the shares of methods at the middles of the horizon buckets, between which they change in proportion to the logarithm
// of the step, and at the first and the last step.
func sharesAhead(byBucket [][]float64, scores []forecast.Score, methods int) (x []float64, shares [][]float64) {
	shares = make([][]float64, methods)
	add := func(at float64, share []float64) {
		x = append(x, at)
		for i := range shares {
			shares[i] = append(shares[i], share[i])
		}
	}
	b := 0
	for _, s := range scores {
		if s.Method != forecast.Combination {
			continue
		}
		if from, to := math.Log(float64(s.FromStep)), math.Log(float64(s.ToStep)); b < len(byBucket) {
			add((from+to)/2, byBucket[b])
			if b++; b == len(byBucket) {
				add(to, byBucket[b-1])
			}
		}
	}
	return x, shares
}

// calibrationPicture shows how often what came lay below each quantile of forecasts of the end of y: the methods' own, and those of the
// combination, which is calibrated on its errors.
func calibrationPicture(t *testing.T, y series.Series) *plot.Panel {
	t.Helper()
	const horizon = 2 * time.Hour
	r := recipe{step: y.Step, horizon: int(horizon / y.Step)}
	auto := r.auto()
	o := accuracy.Options{
		Methods: append(r.combined(forecast.Seasons(y)).Methods, auto), Horizons: []time.Duration{horizon}, Share: 0.25, Origins: 120, Refit: 2 * day,
		Probabilities: []float64{0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98},
	}
	rows, err := accuracy.Evaluate(t.Context(), y, o)
	if err != nil {
		t.Fatal(err)
	}
	p := &plot.Panel{
		Title: "What the quantiles promise, and what they hold", Width: 520, Height: 380,
		X: plot.Axis{Label: "probability that was said", From: 0, To: 1},
		Y: plot.Axis{Label: "share of what came at or below", From: 0, To: 1},
		Desc: "For each quantile, the share of what came that lay at or below it. An honest forecast lies on the diagonal. The thick line is " +
			"that of the calibrated combination, the thin ones are those of single methods.",
	}
	p.Line("honest", plot.Pen{Ink: plot.Grey, Dashed: true}, []float64{0, 1}, []float64{0, 1})
	name := "methods by themselves"
	for _, row := range rows {
		if row.Method == auto.Name() {
			p.Line("the calibrated combination", plot.Pen{Ink: plot.Said, Width: 2.4}, o.Probabilities, row.Below)
			p.Dots("", plot.Pen{Ink: plot.Said}, o.Probabilities, row.Below)
			continue
		}
		p.Line(name, plot.Pen{Ink: plot.Sky, Width: 0.8}, o.Probabilities, row.Below)
		name = "" // in the legend once
	}
	return p
}
