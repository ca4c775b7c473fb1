package main

import (
	"fmt"
	"math"
	"slices"

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
	name, least := r.Actuators[i], r.Oracles[i].Test.Physical.InstanceHours
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
		Desc: fmt.Sprintf("For each policy and setting behind actuator %s, the instance-hours over those of the oracle against the share of "+
			"minutes with a shortage. "+
			"The table of every setting below has the same numbers.", name),
	}
	f.oracle(r.Oracles[i].Test)
	for _, policy := range r.names() {
		f.line(policy)
	}
	if len(r.Of(r.Subject, name)) > 1 { // once more, over the others
		f.trace("", r.Subject)
	}
	for _, policy := range r.names() {
		f.chosen(policy)
	}
	return replayFigures{
		Text: "Each line is a policy over its settings, each filled dot what validation chose for a target, drawn where it came to lie on " +
			"test. " +
			"Towards the lower left is better; the level lines across are the targets. No run without a shortage lies left of the oracle.",
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

// generous are the policies that may lie beyond the right edge of a picture, so that the others are told apart.
var generous = []string{"static-peak", "hpa-70%+20%"}

// edge returns where the picture ends: beyond what was chosen of all but the generous policies, and at twice the subject's cost at most, so
// that what lies near the oracle is told apart.
func (r *replayReport) edge(actuator string, least float64) float64 {
	others, own := 1.3, 0.0
	for _, x := range r.Choices {
		v := x.Run.Test.InstanceHours / least
		if x.Run.Actuator != actuator || slices.Contains(generous, x.Run.Policy) || !finite(v) {
			continue
		}
		others = max(others, 1.08*v)
		if x.Run.Policy == r.Subject {
			own = max(own, v)
		}
	}
	if own > 0 {
		others = min(others, max(2*own, 1.3))
	}
	return min(others, 8)
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
		tips = append(tips, fmt.Sprintf("%s %s: %s of minutes short, %s times the "+
			"oracle", policy, settingText(run.Setting), fine(run.Test.Share()), ratioText(over)))
	}
	return x, y, tips
}

// trace draws the line of a policy.
func (f *front) trace(name, policy string) {
	x, y, _ := f.places(policy)
	x, y = clipped(f.begin(), f.edge, x, y)
	f.panel.Line(name, f.penOf(policy), x, y)
}

// line draws all settings of a policy.
func (f *front) line(policy string) {
	x, y, tips := f.places(policy)
	if len(x) > 1 {
		f.trace(policy, policy)
	}
	for i := range x {
		if x[i] > f.edge || x[i] < f.begin() {
			x[i] = math.NaN()
		}
	}
	f.panel.TippedDots("", plot.Pen{Ink: f.penOf(policy).Ink, Hollow: true, Width: 2.5}, x, y, tips)
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
		text := fmt.Sprintf("%s %s, chosen for %s: %s of minutes short, %s times the "+
			"oracle", policy, settingText(c.Run.Setting), fine(target), fine(share), ratioText(over))
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
