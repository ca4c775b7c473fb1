package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/replay"
)

// policyPens tell policies apart.
var policyPens = map[string]plot.Pen{
	"forethought":             {Ink: plot.Said, Width: 2.4},
	today:                     {Ink: plot.Rose},
	"hpa":                     {Ink: plot.Rose},
	"hpa-70%+20%":             {Ink: plot.Rose, Dashed: true},
	"static-peak":             {Ink: plot.Grey},
	"schedule":                {Ink: plot.Violet},
	"last-value":              {Ink: plot.Sky, Dashed: true},
	"seasonal-naive|reactive": {Ink: plot.Teal},
	"holt-winters|reactive":   {Ink: plot.Amber},
	"cloud-hourly|reactive":   {Ink: plot.Sky},
}

// penOf returns a policy's pen, and that of the subject for one whose name is not known.
func (r *replayReport) penOf(policy string) plot.Pen {
	pen, ok := policyPens[policy]
	switch {
	case ok:
		return pen
	case policy == r.Subject:
		return policyPens["forethought"]
	}
	return plot.Pen{Ink: plot.Violet, Dashed: true}
}

// pareto draws cost against shortage behind the i-th actuator on the test part.
func (r *replayReport) pareto(i int) replayFigures {
	name, least := r.Comparison.Actuators[i], r.Oracles[i].Test.Physical.InstanceHours
	minutes := r.minutesScored()
	if minutes == 0 || !(least > 0) {
		return replayFigures{Text: "No minute of the test part was judged, or none has a load: there is nothing to draw."}
	}
	floor := 100 / float64(minutes)
	f := front{replayReport: r, actuator: name, least: least, floor: floor, edge: r.edge(name, least)}
	f.panel = &plot.Panel{
		Title: "Cost and shortage on test, actuator " + name, Width: 960, Height: 420,
		X: plot.Axis{Label: "instance-hours over the oracle's: left is cheaper", From: f.begin(), To: f.edge},
		Y: plot.Axis{Label: "minutes short: lower is better", Floor: floor, To: 100, Ticks: shareTicks(floor)},
		Desc: fmt.Sprintf("For each policy and setting behind actuator %s, the instance-hours over those of the oracle against the share of minutes with a shortage. "+
			"The table of every setting below has the same numbers.", name),
	}
	f.oracle(r.Oracles[i].Test)
	for _, policy := range r.names() {
		f.line(policy)
	}
	for _, policy := range r.names() {
		f.chosen(policy)
	}
	return replayFigures{
		Text: "Each line is a policy over its settings, each filled dot what validation chose for a target, drawn where it came to lie on test. " +
			"Towards the lower left is better. No run without a shortage lies left of the oracle.",
		Pictures: picturesOf(f.panel), Notes: f.beyond,
	}
}

// shareTicks labels shares of minutes in per cent from that of a single minute on.
func shareTicks(floor float64) []plot.Tick {
	out := []plot.Tick{{At: floor, Text: "≤ 1 min"}}
	for _, p := range []float64{0.001, 0.01, 0.1, 1, 10, 100} {
		if p > 1.8*floor {
			out = append(out, plot.Tick{At: p, Text: fine(p / 100)})
		}
	}
	return out
}

// edge returns where the picture ends: beyond what was chosen of all but the static peak.
func (r *replayReport) edge(actuator string, least float64) float64 {
	edge := 1.3
	for _, x := range r.Choices {
		if v := x.Run.Test.InstanceHours / least; x.Run.Actuator == actuator && x.Run.Policy != "static-peak" && finite(v) {
			edge = max(edge, 1.08*v)
		}
	}
	return min(edge, 8)
}

// front is a picture of cost against shortage under way.
type front struct {
	*replayReport
	panel              *plot.Panel
	actuator           string
	least, floor, edge float64
	beyond             []string
}

// begin returns where the picture begins: before what was chosen.
func (f *front) begin() float64 {
	from := 0.95
	for _, x := range f.Choices {
		if v := x.Run.Test.InstanceHours / f.least; x.Run.Actuator == f.actuator && finite(v) {
			from = min(from, v-0.05)
		}
	}
	return max(from, 0)
}

// oracle draws the bounds and the targets.
func (f *front) oracle(b replay.Bounds) {
	var x, y []float64
	for _, o := range b.Frontier {
		x, y = append(x, o.InstanceHours/f.least), append(y, max(f.floor*float64(o.Violations), f.floor))
	}
	x, y = append(x, 1), append(y, f.floor)
	x, y = clipped(f.begin(), f.edge, x, y)
	f.panel.Line("oracle: knows the future", plot.Pen{Ink: plot.Came, Dashed: true, Width: 2}, x, y)
	if bound := b.Actuator.InstanceHours / f.least; finite(bound) && bound < f.edge {
		f.panel.Rule(fmt.Sprintf("bound of this actuator, %.3f", bound), plot.Pen{Ink: plot.Came, Dashed: true, Width: 1}, bound)
	}
	for _, t := range f.targets {
		f.panel.Line("", plot.Pen{Ink: plot.Grey, Width: 1}, []float64{f.begin(), f.edge}, []float64{100 * t, 100 * t})
	}
}

// places returns where the runs of a policy lie, and what each is.
func (f *front) places(policy string) (x, y []float64, tips []string) {
	for _, run := range f.Of(policy, f.actuator) {
		over := run.Test.InstanceHours / f.least
		x, y = append(x, over), append(y, max(100*run.Test.Share(), f.floor))
		tips = append(tips, fmt.Sprintf("%s %s: %s of minutes short, %s times the oracle", policy, settingText(run.Setting), fine(run.Test.Share()), ratioText(over)))
	}
	return x, y, tips
}

// line draws all settings of a policy.
func (f *front) line(policy string) {
	x, y, tips := f.places(policy)
	name, pen := policy, f.penOf(policy)
	if len(x) > 1 {
		cx, cy := clipped(f.begin(), f.edge, x, y)
		f.panel.Line(name, pen, cx, cy)
	}
	for i := range x {
		if x[i] > f.edge || x[i] < f.begin() {
			x[i] = math.NaN()
		}
	}
	f.panel.TippedDots("", plot.Pen{Ink: pen.Ink, Hollow: true, Width: 2.5}, x, y, tips)
}

// chosen draws what was chosen of a policy, at the edge where it lies beyond.
func (f *front) chosen(policy string) {
	var x, y []float64
	var tips []string
	for _, target := range f.targets {
		c, ok := f.Chosen(policy, f.actuator, target)
		if !ok {
			continue
		}
		test := c.Run.Test
		over, share := test.InstanceHours/f.least, test.Share()
		text := fmt.Sprintf("%s %s, chosen for %s: %s of minutes short, %s times the oracle", policy, settingText(c.Run.Setting), fine(target), fine(share), ratioText(over))
		if over > f.edge {
			f.beyond = append(f.beyond, "Beyond the right edge: "+text+".")
		}
		x, y, tips = append(x, over), append(y, max(100*share, f.floor)), append(tips, text)
	}
	name := ""
	if len(f.Of(policy, f.actuator)) == 1 { // it has no line to be named by
		name = policy
	}
	f.panel.TippedDots(name, plot.Pen{Ink: f.penOf(policy).Ink, Width: 5}, x, y, tips)
}

// clipped returns a line without what lies outside of from..to. Where it crosses an end it stops there, with the height between its points
// linear in the logarithm.
func clipped(from, to float64, x, y []float64) (cx, cy []float64) {
	add := func(a, b float64) { cx, cy = append(cx, a), append(cy, b) }
	for i := range x {
		if i > 0 && finite(x[i-1]) && finite(x[i]) {
			ends := []float64{from, to}
			if x[i] < x[i-1] {
				ends = []float64{to, from}
			}
			for _, end := range ends {
				if (x[i-1] < end) != (x[i] < end) && x[i-1] != end && x[i] != end {
					w := (end - x[i-1]) / (x[i] - x[i-1])
					add(end, math.Exp((1-w)*math.Log(y[i-1])+w*math.Log(y[i])))
				}
			}
		}
		if x[i] >= from && x[i] <= to {
			add(x[i], y[i])
		} else {
			add(math.NaN(), y[i])
		}
	}
	return cx, cy
}

// costs draws what every policy costs for the first target behind the first actuator.
func (r *replayReport) costs() replayFigures {
	out := replayFigures{Text: fmt.Sprintf("With what validation chose for at most %s of minutes short, behind actuator %s, on test.", fine(r.targets[0]), r.Comparison.Actuators[0])}
	days := inDays(r.Parts.Test)
	hours := plot.Bars{
		Title: "Instance-hours a day", Width: 720, Label: "instance-hours a day: shorter is cheaper", Stacked: true,
		Reference: r.Oracles[0].Test.Physical.InstanceHours / days, ReferenceText: "oracle",
	}
	money := plot.Bars{Title: fmt.Sprintf("Money in %d days", month), Width: 720, Label: "at the prices of the pools: shorter is cheaper"}
	split := [3][]float64{}
	var bill []float64
	for _, name := range r.names() {
		x, ok := r.chosen(name)
		if !ok {
			continue
		}
		label := name
		if !x.OnTest {
			label += " (missed)"
		}
		hours.Groups, money.Groups = append(hours.Groups, label), append(money.Groups, label)
		for k, v := range r.split(x.Run.Test) {
			split[k] = append(split[k], v/days)
		}
		bill = append(bill, monthly(x.Run.Test.Money, r.Parts.Test))
	}
	hours.Parts = []plot.Part{
		{Name: "serving", Pen: plot.Pen{Ink: plot.Teal}, Values: split[0]},
		{Name: "ready, not used", Pen: plot.Pen{Ink: plot.Amber}, Values: split[1]},
		{Name: "booting, leaving or not judged", Pen: plot.Pen{Ink: plot.Grey}, Values: split[2]},
	}
	if !r.divisible() {
		hours.Parts = []plot.Part{{Name: "in all", Pen: plot.Pen{Ink: plot.Teal}, Values: split[2]}}
	}
	money.Parts = []plot.Part{{Name: "in all", Pen: plot.Pen{Ink: plot.Said}, Values: bill}}
	if r.o.Priced {
		out.Pictures = append(out.Pictures, picture(money.SVG()))
	}
	out.Pictures = append(out.Pictures, picture(hours.SVG()))
	return out
}

// divisible reports whether it is known what instance-hours were used for: with a backlog, load is unmet in every minute in which it waits,
// and so says nothing about what was served.
func (r *replayReport) divisible() bool { return len(r.o.Site.Pools) > 0 && !r.o.Site.Backlog }

// split returns the instance-hours that served, that were ready and not used, and the rest, which is all where it is not divisible.
func (r *replayReport) split(o replay.Outcome) [3]float64 {
	if !r.divisible() {
		return [3]float64{math.NaN(), math.NaN(), o.InstanceHours}
	}
	perHour := 60 * r.o.Site.Pools[0].Capacity
	served, idle := (o.Offered-o.Unmet)/perHour, o.Excess/perHour
	return [3]float64{served, idle, max(o.InstanceHours-served-idle, 0)}
}

// days draws the test part day by day.
func (r *replayReport) days() replayFigures {
	names := []string{r.Subject, today}
	short := &plot.Panel{Title: "Minutes short, day by day", Width: 960, Height: 240, X: plot.Axis{Time: true}, Y: plot.Axis{Label: "% of the day's minutes", Zero: true},
		Desc: "The share of minutes with a shortage on each day of the test part, for " + strings.Join(names, " and ") + "."}
	hours := &plot.Panel{Title: "Instance-hours, day by day", Width: 960, Height: 240, X: plot.Axis{Time: true}, Y: plot.Axis{Label: "instance-hours", Zero: true},
		Desc: "The instance-hours of each day of the test part, for " + strings.Join(names, " and ") + "."}
	shown := 0
	for _, name := range names {
		x, ok := r.chosen(name)
		if !ok {
			continue
		}
		shown++
		var at, violations, used []float64
		for _, d := range x.Run.Test.Days {
			at, violations, used = append(at, plot.Seconds(d.Start.Add(day/2))), append(violations, 100*d.Violations), append(used, d.InstanceHours)
		}
		pen := r.penOf(name)
		for _, p := range []struct {
			*plot.Panel
			values []float64
		}{{short, violations}, {hours, used}} {
			p.Line(name, pen, at, p.values)
			p.Dots("", pen, at, p.values)
		}
	}
	if shown == 0 {
		return replayFigures{Text: "Neither Forethought nor what runs today was replayed."}
	}
	return replayFigures{
		Text:     fmt.Sprintf("For at most %s of minutes short, behind actuator %s. Days are those of UTC; the first and the last may be parts of one.", fine(r.targets[0]), r.Comparison.Actuators[0]),
		Pictures: picturesOf(short, hours),
	}
}
