package plot

import (
	"math"
	"strconv"
)

// Bars is a picture of numbers from 0 on as bars that go right, one group a name and one bar a part in each group. A bar's number stands
// at its end.
type Bars struct {
	// Title, Desc and Width are as in Panel. The height follows from the bars.
	Title, Desc string
	Width       float64
	// Label says what the bars count.
	Label  string
	Groups []string
	Parts  []Part
	// Reference is a number that all are compared with, marked by an upright line with a text; 0 for none.
	Reference     float64
	ReferenceText string
	// Stacked puts the parts of a group one behind the other into one bar, whose number is their sum. What is NaN is left out of it.
	Stacked bool
	// Most is where the axis ends; longer bars end there too, and their number tells. 0 fits the longest bar.
	Most float64
}

// Part is a bar of each group: Values has one number a group, NaN for none.
type Part struct {
	Name   string
	Pen    Pen
	Values []float64
}

// The height of a bar and the room between groups.
const (
	barHeight = 11.0
	groupGap  = 9.0
)

// SVG returns the picture as an svg element for a document that holds CSS.
func (b Bars) SVG() string {
	width := b.Width
	if width == 0 {
		width = 720
	}
	keys := make([]key, 0, len(b.Parts))
	lists := make([][]float64, 0, len(b.Parts)+1)
	for _, p := range b.Parts {
		keys = append(keys, key{p.Name, barMark, p.Pen})
		if !b.Stacked {
			lists = append(lists, p.Values)
		}
	}
	if b.Stacked {
		lists = append(lists, b.sums())
	}
	_, most, ok := extent(append(lists, []float64{b.Reference})...)
	if b.Most > 0 {
		most = min(most, b.Most)
	}
	longest := 0
	for _, g := range b.Groups {
		longest = max(longest, len([]rune(g)))
	}
	left := min(24+letter*1.1*float64(longest), 0.4*width)

	var body canvas
	top := body.heading(b.Title, keys, width-14) + 4
	if b.Reference > 0 {
		top += 12
	}
	bottom := top + float64(len(b.Groups))*(b.height()+groupGap)
	x := Axis{Zero: true}.fit(0, most, ok, left, width-50, 80)
	for _, t := range x.ticks {
		body.segment(x.at(t.At), top, x.at(t.At), bottom, "grid", "")
		body.text(x.at(t.At), bottom+14, "mid", t.Text)
	}
	b.bars(&body, x, top)
	if b.Reference > 0 {
		at := x.at(b.Reference)
		body.segment(at, top-6, at, bottom, "line i0", ` stroke-width="1.2"`)
		body.text(at, top-10, "mid", b.ReferenceText)
	}
	body.text(14, bottom+30, "", b.Label)
	var c canvas
	c.begin(width, bottom+38, b.Title, b.Desc)
	c.WriteString(body.String())
	c.WriteString("</svg>\n")
	return c.String()
}

// height is that of a group.
func (b Bars) height() float64 {
	if b.Stacked {
		return barHeight
	}
	return barHeight * float64(len(b.Parts))
}

// sums returns the sum of each group's parts, NaN where it has none.
func (b Bars) sums() []float64 {
	out := make([]float64, len(b.Groups))
	for g := range out {
		out[g] = math.NaN()
		for _, p := range b.Parts {
			switch v := p.Values[g]; {
			case !drawable(v):
			case math.IsNaN(out[g]):
				out[g] = v
			default:
				out[g] += v
			}
		}
	}
	return out
}

// bars draws the groups from top on.
func (b Bars) bars(c *canvas, x scale, top float64) {
	y := top + groupGap/2
	sums := b.sums()
	for g, name := range b.Groups {
		c.text(x.a-8, y+b.height()/2+4, "end", name)
		if b.Stacked {
			b.stack(c, x, y, g)
			b.number(c, x, y, sums[g])
		} else {
			for k, p := range b.Parts {
				b.bar(c, x, y+barHeight*float64(k), 0, p.Values[g], p.Pen)
				b.number(c, x, y+barHeight*float64(k), p.Values[g])
			}
		}
		y += b.height() + groupGap
	}
}

// stack draws the parts of a group one behind the other.
func (b Bars) stack(c *canvas, x scale, y float64, g int) {
	from := 0.0
	for _, p := range b.Parts {
		if b.bar(c, x, y, from, p.Values[g], p.Pen) {
			from += p.Values[g]
		}
	}
}

// bar draws v from a place on, and reports whether v is a number.
func (Bars) bar(c *canvas, x scale, y, from, v float64, pen Pen) bool {
	if !drawable(v) {
		return false
	}
	c.box(x.at(from), y, max(x.at(from+v)-x.at(from), 0.5), barHeight-2, "fill i"+strconv.Itoa(int(pen.Ink)))
	return true
}

// number writes v where its bar ends: with three digits, and a large one without an exponent.
func (Bars) number(c *canvas, x scale, y, v float64) {
	if !drawable(v) {
		return
	}
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if v >= 1000 && v < 1e9 {
		text = strconv.FormatFloat(v, 'f', 0, 64)
	}
	c.text(x.at(v)+4, y+barHeight-2, "", text)
}
