package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/series"
)

// horizonInks tell horizons apart.
var horizonInks = []plot.Ink{plot.Sky, plot.Said, plot.Amber, plot.Teal, plot.Rose, plot.Violet}

// fanPanel draws what came at the end of y, and the intervals that were said about each time one horizon before.
func fanPanel(y series.Series, trail accuracy.Trail, horizon time.Duration) *plot.Panel {
	name := horizonName(horizon)
	p := &plot.Panel{
		Title: "What was said " + name + " before, and what came", Width: 960, Height: 300,
		X: plot.Axis{Time: true}, Y: plot.Axis{Label: string(y.Unit)},
	}
	if len(trail.At) == 0 {
		return p
	}
	x := make([]float64, len(trail.At))
	q := make([][]float64, len(trailProbabilities))
	for i, at := range trail.At {
		x[i] = plot.Seconds(y.TimeAt(at))
		for k, v := range trail.Quantiles[i] {
			q[k] = append(q[k], v)
		}
	}
	end := y.Slice(trail.At[0], y.Len())
	times := make([]float64, end.Len())
	for i := range times {
		times[i] = plot.Seconds(end.TimeAt(i))
	}
	p.Y.From, p.Y.To = ends(end.Values, q[1], q[3])
	p.Band("95 % interval", plot.Pen{Ink: plot.Said}, x, q[0], q[4])
	p.Band("80 % interval", plot.Pen{Ink: plot.Said, Strong: true}, x, q[1], q[3])
	p.Line("what came", plot.Pen{Ink: plot.Came, Width: 0.8}, times, end.Values)
	p.Line("median", plot.Pen{Ink: plot.Said, Width: 2}, x, q[2])
	p.Desc = fmt.Sprintf("The end of %s: the 80 and 95 %% intervals that were forecast %s ahead, their median, and what came.", y.Key, name)
	return p
}

// ends returns an axis that shows what came and most of the 80 % intervals, so that a few wide intervals do not press everything flat.
func ends(came, low, high []float64) (from, to float64) {
	var seen []float64
	for _, v := range slices.Concat(came, high) {
		if !math.IsNaN(v) {
			seen = append(seen, v)
		}
	}
	if len(seen) == 0 {
		return 0, 0
	}
	slices.Sort(seen)
	least := seen[0]
	for _, v := range low {
		least = min(least, v)
	}
	usual := seen[len(seen)*98/100]
	to = min(seen[len(seen)-1], 2*usual)
	for _, v := range came {
		if v > to { // what came is always shown
			to = v
		}
	}
	to += 0.05 * (to - least)
	if least < 0.6*to {
		least = 0
	}
	return least, to
}

// scoreBars draws the scaled scores of all methods, the best of the longest range first.
func scoreBars(all []ranking) string {
	b := plot.Bars{
		Title: "Score over that of seasonal naive, by distance ahead", Width: 720, Label: "scaled quantile score: shorter is better",
		Reference: 1, ReferenceText: "seasonal naive", Most: 2,
	}
	if len(all) == 0 {
		return b.SVG()
	}
	for _, row := range all[len(all)-1].rows {
		b.Groups = append(b.Groups, row.Method)
	}
	for i, r := range all {
		part := plot.Part{Name: r.title, Pen: plot.Pen{Ink: horizonInks[i%len(horizonInks)]}}
		for _, method := range b.Groups {
			v := math.NaN()
			if k := slices.IndexFunc(r.rows, func(row ranked) bool { return row.Method == method }); k >= 0 {
				v = r.rows[k].Scaled
			}
			part.Values = append(part.Values, v)
		}
		b.Parts = append(b.Parts, part)
	}
	return b.SVG()
}

// coveragePanel draws, for the program's choice or the best method where that was not evaluated, how often what came was not above each
// quantile: an honest forecast lies on the diagonal.
func coveragePanel(all []ranking) string {
	p := plot.Panel{
		Width: 440, Height: 340,
		X: plot.Axis{Label: "probability that was said", From: 0, To: 1}, Y: plot.Axis{From: 0, To: 1},
	}
	probabilities := accuracy.Probabilities()
	method := ""
	p.Line("honest", plot.Pen{Ink: plot.Grey, Dashed: true}, []float64{0, 1}, []float64{0, 1})
	for i, r := range all {
		if len(r.rows) == 0 {
			continue
		}
		k := max(0, slices.IndexFunc(r.rows, func(row ranked) bool { return row.Method == forecast.Combination }))
		method = r.rows[k].Method
		pen := plot.Pen{Ink: horizonInks[i%len(horizonInks)]}
		p.Line("", pen, probabilities, r.rows[k].Below)
		p.Dots(r.title, pen, probabilities, r.rows[k].Below)
	}
	p.Title = "Share of what came at or below each quantile: " + method
	return p.SVG()
}
