package exporter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// The size of the chart and the room for its labels, in the chart's own units.
const (
	fanWidth, fanHeight = 460, 190
	fanLeft, fanRight   = 44, 8
	fanTop, fanBottom   = 10, 24
	// fanPoints bounds the points of a line, so that a long forecast makes no large page.
	fanPoints = 48
)

// fan is the chart of one forecast: bands of quantiles that widen with the horizon, and the capacity that is planned for it. The shapes
// are lists of points for SVG, empty where there is nothing to draw.
type fan struct {
	ID, Title, Desc     string
	Width, Height       int
	Left, Right, Bottom float64
	Outer, Inner        string
	Median, High        string
	Plan, Reactive      *float64
	Across, Down        []tick
	// LastText is the label at the right end.
	HighLabel, LastText string
}

// tick is a label of an axis at a place on it.
type tick struct {
	At   float64
	Text string
}

// fanOf draws the forecast of a valid decision up to the fleet's longest horizon, nil where there is none.
func fanOf(s pool.Snapshot, id string) *fan {
	d := s.Decision
	steps := fanSteps(s)
	if len(steps) == 0 {
		return nil
	}
	median := quantiles(d, steps, 0.5)
	high := quantiles(d, steps, d.Probability)
	low, top := quantiles(d, steps, 0.1), quantiles(d, steps, 0.9)
	c := fan{
		ID: id, Width: fanWidth, Height: fanHeight, Left: fanLeft, Right: fanWidth - fanRight, Bottom: fanHeight - fanBottom,
		HighLabel: probabilityText(d.Probability),
	}
	last := steps[len(steps)-1]
	scale := newScale(last, largest(median, high, top), capacity(s, d.Plan), capacity(s, d.Reactive))
	c.Outer = scale.band(steps, low, top)
	c.Inner = scale.band(steps, quantiles(d, steps, 0.25), quantiles(d, steps, 0.75))
	c.Median, c.High = scale.line(steps, median), scale.line(steps, high)
	c.Plan, c.Reactive = scale.level(capacity(s, d.Plan)), scale.level(capacity(s, d.Reactive))
	c.Down, c.Across = scale.down(), scale.across(d.Forecast.Step)
	c.LastText = c.Across[len(c.Across)-1].Text
	span := horizonText(time.Duration(last) * d.Forecast.Step)
	c.Title = fmt.Sprintf("Forecast of the demand of %s for the next %s", s.Fleet, span)
	c.Desc = fmt.Sprintf("The demand is %s now. In %s the median forecast is %s, the 80 %% interval %s to %s, and with probability %s it is at most %s. "+
		"The plan serves %s.", amount(d.Demand, s.Unit), span, figure(median[len(median)-1]), figure(low[len(low)-1]), figure(top[len(top)-1]),
		c.HighLabel, figure(high[len(high)-1]), amount(capacity(s, d.Plan), s.Unit))
	return &c
}

// fanSteps returns the steps to draw, at most fanPoints: 0, which is the origin, and those up to the longest horizon.
func fanSteps(s pool.Snapshot) []int {
	f := s.Decision.Forecast
	if f.Step <= 0 || len(f.Steps) == 0 {
		return nil
	}
	last := len(f.Steps)
	if len(s.Horizons) > 0 {
		last = min(max(f.StepAt(f.Origin.Add(slices.Max(s.Horizons))), 1), last)
	}
	stride := (last + fanPoints - 1) / fanPoints
	steps := []int{0}
	for h := stride; h < last; h += stride {
		steps = append(steps, h)
	}
	return append(steps, last)
}

// quantiles returns the quantile at p of each step; step 0 is the demand itself.
func quantiles(d pool.Decision, steps []int, p float64) []float64 {
	out := make([]float64, 0, len(steps))
	for _, h := range steps {
		var dist forecast.Distribution = forecast.Point(d.Demand)
		if h > 0 {
			dist = d.Forecast.Steps[h-1]
		}
		out = append(out, demand(dist.Quantile(p)))
	}
	return out
}

// capacity is the demand that the plan's instances serve.
func capacity(s pool.Snapshot, p pool.Plan) float64 {
	var sum float64
	for _, t := range p.Targets {
		sum += poolNamed(s, t.Pool).Serves(t)
	}
	return sum
}

func largest(lists ...[]float64) float64 {
	most := 0.0
	for _, list := range lists {
		for _, v := range list {
			if v > most {
				most = v
			}
		}
	}
	return most
}

// scale maps steps and demands to places in the chart.
type scale struct {
	last int
	most float64
	unit float64 // distance of the labels of the upright axis
}

// newScale fits the demands, and those capacities that do not press the demands flat.
func newScale(last int, most float64, capacities ...float64) scale {
	top := most
	for _, c := range capacities {
		if c <= 2.5*most {
			top = max(top, c)
		}
	}
	if top <= 0 {
		top = 1
	}
	unit := niceUnit(top / 3)
	return scale{last: last, most: unit * math.Ceil(top*1.02/unit), unit: unit}
}

// niceUnit returns the smallest of 1, 2 or 5 times a power of ten that is at least v.
func niceUnit(v float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*base >= v {
			return m * base
		}
	}
	return 10 * base
}

func (c scale) x(step int) float64 {
	return fanLeft + (fanWidth-fanLeft-fanRight)*float64(step)/float64(c.last)
}

func (c scale) y(v float64) float64 {
	return fanHeight - fanBottom - (fanHeight-fanBottom-fanTop)*v/c.most
}

// line returns the points of a line; what is missing is left out.
func (c scale) line(steps []int, values []float64) string {
	parts := make([]string, 0, len(steps))
	for i, h := range steps {
		if !math.IsNaN(values[i]) {
			parts = append(parts, fmt.Sprintf("%.1f,%.1f", c.x(h), c.y(values[i])))
		}
	}
	return strings.Join(parts, " ")
}

// band returns the outline of the area between low and high.
func (c scale) band(steps []int, low, high []float64) string {
	there := strings.Fields(c.line(steps, high))
	back := strings.Fields(c.line(steps, low))
	for _, b := range slices.Backward(back) {
		there = append(there, b)
	}
	return strings.Join(there, " ")
}

// level returns the height of a capacity, nil where it lies outside the chart.
func (c scale) level(v float64) *float64 {
	if !(v > 0 && v <= c.most) {
		return nil
	}
	y := math.Round(10*c.y(v)) / 10
	return &y
}

func (c scale) down() []tick {
	var out []tick
	for v := 0.0; v <= c.most*1.0001; v += c.unit {
		out = append(out, tick{At: math.Round(10*c.y(v)) / 10, Text: figure(v)})
	}
	return out
}

func (c scale) across(step time.Duration) []tick {
	out := []tick{{At: c.x(0), Text: "now"}}
	if half := c.last / 2; c.last%2 == 0 {
		out = append(out, tick{At: math.Round(10*c.x(half)) / 10, Text: "+" + horizonText(time.Duration(half)*step)})
	}
	return append(out, tick{At: c.x(c.last), Text: "+" + horizonText(time.Duration(c.last)*step)})
}
