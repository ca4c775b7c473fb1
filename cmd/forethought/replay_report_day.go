package main

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/replay"
)

func picturesOf(panels ...*plot.Panel) []template.HTML {
	out := make([]template.HTML, 0, len(panels))
	for _, p := range panels {
		out = append(out, picture(p.SVG()))
	}
	return out
}

// worstDay draws the subject's worst day minute by minute, and what runs today on the same one; nil where it is not known.
func (r *replayReport) worstDay() *replayFigures {
	d := r.WorstDay
	if d == nil || len(d.Load) == 0 {
		return nil
	}
	out := &replayFigures{Text: fmt.Sprintf("%s, the day of the test part on which %s was short most often, for at most %s of minutes "+
		"short and behind actuator %s. "+
		"Capacity is that at the end of each minute; what a minute lacked in its course only is in the tables and not in the picture.",
		d.Start.UTC().Format("Monday 2 January 2006"), r.Subject, fine(r.targets[0]), r.Actuators[0])}
	low, high := dayEnds(d, []string{r.Subject, today})
	for _, name := range []string{r.Subject, today} {
		i := slices.IndexFunc(d.Lines, func(l replay.Line) bool { return l.Policy == name })
		if i < 0 || len(d.Lines[i].Serving) != len(d.Load) {
			continue
		}
		p, short := r.dayPanel(d, d.Lines[i], low, high)
		out.Pictures = append(out.Pictures, picture(p.SVG()))
		out.Notes = append(out.Notes, fmt.Sprintf("%s at setting %s: %s short at their end on this "+
			"day.", name, settingText(d.Lines[i].Setting), minutesText(short)))
	}
	now, ok := r.now(r.targets[0])
	if i := slices.IndexFunc(now.Run.Test.Days, func(x replay.Day) bool { return x.Start.Equal(d.Start.UTC().Truncate(day)) }); ok && i >= 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%s behind actuator %s, as many run it, was short in %s of this day's minutes.",
			today, now.Run.Actuator, fine(now.Run.Test.Days[i].Violations)))
	}
	return out
}

// dayEnds returns the ends of the axes of a day, which show its load and what the named policies had; 0 is left out where it would press
// everything flat.
func dayEnds(d *replay.WorstDay, policies []string) (low, high float64) {
	low = math.Inf(1)
	see := func(values []float64) {
		for _, v := range values {
			if finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	see(d.Load)
	for _, l := range d.Lines {
		if slices.Contains(policies, l.Policy) {
			see(l.Serving)
			see(l.Paid)
		}
	}
	if low < 0.4*high || high <= 0 {
		return 0, max(1.03*high, 1)
	}
	return 0.95 * low, 1.03 * high
}

// dayPanel draws one policy's day, and returns in how many minutes it was short at their end.
func (r *replayReport) dayPanel(d *replay.WorstDay, l replay.Line, low, high float64) (*plot.Panel, int) {
	n := len(d.Load)
	at, lacking, mark := make([]float64, n), make([]float64, n), make([]float64, n)
	short := 0
	for m, load := range d.Load {
		at[m], lacking[m], mark[m] = plot.Seconds(d.Start.Add(time.Duration(m)*time.Minute)), math.NaN(), math.NaN()
		if load > l.Serving[m]*(1+1e-9) {
			lacking[m], mark[m] = load, low
			short++
		}
	}
	p := &plot.Panel{
		Title: "The worst day: " + l.Policy, Width: 960, Height: 300, X: plot.Axis{Time: true}, Y: plot.Axis{Label: r.Unit, From: low, To: high},
		Desc: fmt.Sprintf("The load of the worst day minute by minute with the capacity of %s: what was ready for it, what was paid for, "+
			"and where the load was above it.", l.Policy),
	}
	pen := r.penOf(l.Policy)
	p.Band("paid: booting or idle", plot.Pen{Ink: plot.Grey, Strong: true}, at, l.Serving, l.Paid)
	p.Band("short", plot.Pen{Ink: plot.Rose, Strong: true}, at, l.Serving, lacking)
	if needed := r.needed(d.Load); needed != nil {
		p.Line("fewest instances that serve it", plot.Pen{Ink: plot.Grey, Dashed: true, Width: 1}, at, needed)
	}
	p.Line("capacity that served", plot.Pen{Ink: pen.Ink, Width: 1.8}, at, l.Serving)
	p.Line("load", plot.Pen{Ink: plot.Came, Width: 0.9}, at, d.Load)
	p.Line("minutes short", plot.Pen{Ink: plot.Rose, Width: 7}, at, mark)
	return p, short
}

// needed returns the capacity of the fewest instances that serve each load, nil where instances differ in what they serve.
func (r *replayReport) needed(loads []float64) []float64 {
	pools := r.o.Site.Pools
	if len(pools) == 0 || !(pools[0].Capacity > 0) {
		return nil
	}
	capacity := pools[0].Capacity
	for _, p := range pools {
		if p.Capacity != capacity {
			return nil
		}
	}
	out := make([]float64, len(loads))
	for m, v := range loads {
		out[m] = capacity * math.Ceil(v/capacity-1e-9)
	}
	return out
}
