package plot

import (
	"fmt"
	"strconv"
)

// Bars is a picture of numbers from 0 on as bars that go right, one group a name and one bar a part in each group.
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
		lists = append(lists, p.Values)
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
	bottom := top + float64(len(b.Groups))*(barHeight*float64(len(b.Parts))+groupGap)
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

// bars draws the groups from top on.
func (b Bars) bars(c *canvas, x scale, top float64) {
	y := top + groupGap/2
	for g, name := range b.Groups {
		c.text(x.a-8, y+barHeight*float64(len(b.Parts))/2+4, "end", name)
		for _, p := range b.Parts {
			if v := p.Values[g]; drawable(v) {
				fmt.Fprintf(c, `<rect x="%s" y="%s" width="%s" height="%s" class="fill i%d"/>`+"\n",
					num(x.a), num(y), num(max(x.at(v)-x.a, 0.5)), num(barHeight-2), p.Pen.Ink)
				c.text(x.at(v)+4, y+barHeight-2, "", strconv.FormatFloat(v, 'g', 3, 64))
			}
			y += barHeight
		}
		y += groupGap
	}
}
