package main

import (
	"fmt"
	"math"

	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/replay"
)

// costs draws what every policy costs for the first target behind the first actuator.
func (r *replayReport) costs() replayFigures {
	out := replayFigures{
		Text: fmt.Sprintf("With what validation chose for at most %s of minutes short, behind actuator %s, on "+
			"test.", fine(r.targets[0]), r.Actuators[0]),
	}
	var groups []string
	var chosen []replay.Outcome
	for _, name := range r.names() {
		x, ok := r.chosen(name)
		if !ok {
			continue
		}
		if !x.OnTest {
			name += " (missed)"
		}
		groups, chosen = append(groups, name), append(chosen, x.Run.Test)
	}
	if r.o.Priced {
		out.Pictures = append(out.Pictures, picture(r.moneyBars(groups, chosen)))
	}
	out.Pictures = append(out.Pictures, picture(r.hourBars(groups, chosen)))
	out.Notes = r.most()
	return out
}

// moneyBars draws what outcomes on the test part cost in a month.
func (r *replayReport) moneyBars(groups []string, of []replay.Outcome) string {
	bill := plot.Part{Name: "in all", Pen: plot.Pen{Ink: plot.Said}}
	for _, o := range of {
		bill.Values = append(bill.Values, monthly(o.Money, r.Parts.Test))
	}
	return plot.Bars{
		Title: fmt.Sprintf("Money in %d days", month), Width: 960, Label: "at the prices of the pools: shorter is cheaper",
		Groups: groups, Parts: []plot.Part{bill},
	}.SVG()
}

// hourBars draws the instance-hours of outcomes on the test part by what they were used for, where that is known.
func (r *replayReport) hourBars(groups []string, of []replay.Outcome) string {
	parts := []plot.Part{
		{Name: "serving", Pen: plot.Pen{Ink: plot.Teal}},
		{Name: "ready, not used", Pen: plot.Pen{Ink: plot.Amber}},
		{Name: "booting, leaving or not judged", Pen: plot.Pen{Ink: plot.Grey}},
	}
	days := inDays(r.Parts.Test)
	for _, o := range of {
		for k, v := range r.split(o) {
			parts[k].Values = append(parts[k].Values, v/days)
		}
	}
	if !r.divisible() {
		parts = []plot.Part{{Name: "in all", Pen: plot.Pen{Ink: plot.Teal}, Values: parts[2].Values}}
	}
	return plot.Bars{
		Title: "Instance-hours a day", Width: 960, Label: "instance-hours a day: shorter is cheaper", Groups: groups, Parts: parts, Stacked: true,
		Reference: r.Oracles[0].Test.Physical.InstanceHours / days, ReferenceText: "oracle",
	}.SVG()
}

// most says what the pools' bounds let a fleet cost at most, whatever is decided.
func (r *replayReport) most() []string {
	var hours, bill float64
	for _, p := range r.o.Site.Pools {
		if p.Max == 0 {
			return []string{"Pool " + p.Name + " has no max: nothing bounds what it may cost."}
		}
		hours += 24 * float64(p.Max)
		bill += 24 * float64(p.Max) * p.Price.Hourly
	}
	switch {
	case hours == 0:
		return nil
	case r.o.Priced:
		return []string{fmt.Sprintf("The most that the pools' bounds allow is %s instances' hours a day, and %s in %d days without "+
			"interruptions.",
			orDash(hours), r.money(month*bill), month)}
	}
	return []string{fmt.Sprintf("The most that the pools' bounds allow is %s instances' hours a day.", orDash(hours))}
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

// days draws the test part day by day: the subject, and what runs today.
func (r *replayReport) days() replayFigures {
	short, hours := dayByDay("Minutes short", "% of the day's minutes"), dayByDay("Instance-hours", "instance-hours")
	subject, _ := r.chosen(r.Subject)
	now, _ := r.now(r.targets[0])
	shown := 0
	for _, x := range []replay.Choice{subject, now} {
		if x.Run.Policy == "" {
			continue
		}
		shown++
		var at, violations, used []float64
		for _, d := range x.Run.Test.Days {
			at, violations, used = append(at, plot.Seconds(d.Start.Add(day/2))), append(violations, 100*d.Violations), append(used, d.InstanceHours)
		}
		name, pen := x.Run.Policy+" behind actuator "+x.Run.Actuator, r.penOf(x.Run.Policy)
		short.Line(name, pen, at, violations)
		short.Dots("", plot.Pen{Ink: pen.Ink}, at, violations)
		hours.Line(name, pen, at, used)
		hours.Dots("", plot.Pen{Ink: pen.Ink}, at, used)
	}
	if shown == 0 {
		return replayFigures{Text: "Neither Forethought nor what runs today was replayed."}
	}
	return replayFigures{
		Text: fmt.Sprintf("For at most %s of minutes short. Days are those of UTC; the first and the last may be parts of "+
			"one.", fine(r.targets[0])),
		Pictures: picturesOf(short, hours),
	}
}

// dayByDay returns an empty picture of something by days of the test part.
func dayByDay(what, unit string) *plot.Panel {
	return &plot.Panel{
		Title: what + ", day by day", Desc: what + " of each day of the test part, with Forethought and with what runs today.",
		Width: 960, Height: 240, X: plot.Axis{Time: true}, Y: plot.Axis{Label: unit, Zero: true},
	}
}
