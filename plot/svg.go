package plot

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// The room around what is drawn, and the width of a letter of the labels on average.
const (
	marginLeft, marginRight = 56.0, 22.0
	marginTop, marginBottom = 12.0, 40.0
	lineHeight              = 18.0
	letter                  = 6.4
)

// canvas collects the elements of a picture.
type canvas struct{ strings.Builder }

// begin opens a picture of the given size.
func (c *canvas) begin(width, height float64, title, desc string) {
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 %s %s" role="img" aria-label="%s">`+"\n",
		num(width), num(height), html.EscapeString(cmp.Or(desc, title)))
}

func (c *canvas) text(x, y float64, class, s string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(c, `<text x="%s" y="%s"%s>%s</text>`+"\n", num(x), num(y), class, html.EscapeString(s))
}

func (c *canvas) segment(x1, y1, x2, y2 float64, class, more string) {
	fmt.Fprintf(c, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"%s/>`+"\n", num(x1), num(y1), num(x2), num(y2), class, more)
}

func (c *canvas) box(x, y, width, height float64, class string) {
	fmt.Fprintf(c, `<rect x="%s" y="%s" width="%s" height="%s" class="%s"/>`+"\n", num(x), num(y), num(width), num(height), class)
}

// dot draws a dot or a ring, with a tip unless that is empty.
func (c *canvas) dot(x, y float64, pen Pen, tip string) {
	look := fmt.Sprintf(`class="fill i%d"`, pen.Ink)
	if pen.Hollow {
		look = fmt.Sprintf(`class="line i%d" stroke-width="1.2"`, pen.Ink)
	}
	fmt.Fprintf(c, `<circle cx="%s" cy="%s" r="%s" %s`, num(x), num(y), num(cmp.Or(pen.Width, 3)), look)
	if tip == "" {
		c.WriteString("/>\n")
		return
	}
	fmt.Fprintf(c, "><title>%s</title></circle>\n", html.EscapeString(tip))
}

// num writes a place with at most one decimal.
func num(v float64) string {
	if v = math.Round(v*10) / 10; v == 0 {
		return "0" // not -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (p Pen) line() string {
	class := "line i" + strconv.Itoa(int(p.Ink))
	if p.Dashed {
		class += " dashed"
	}
	return class
}

func (p Pen) band() string {
	class := "band fill i" + strconv.Itoa(int(p.Ink))
	if p.Strong {
		class += " strong"
	}
	return class
}

func (p Pen) stroke() string { return fmt.Sprintf(` stroke-width="%s"`, num(cmp.Or(p.Width, 1.6))) }

// key is an entry of the legend.
type key struct {
	name string
	kind kind
	pen  Pen
}

// heading writes the title and the legend, in rows of the given width, and returns where what is below them begins.
func (c *canvas) heading(title string, keys []key, width float64) float64 {
	y := marginTop
	if title != "" {
		y += 12
		c.text(14, y, "title", title)
		y += 8
	}
	x := 14.0
	for i, k := range keys {
		need := 30 + letter*float64(len([]rune(k.name)))
		if i == 0 || x+need > width {
			x, y = 14, y+lineHeight
		}
		c.sample(x, y-4, k)
		c.text(x+24, y, "", k.name)
		x += need + 12
	}
	if len(keys) > 0 {
		y += 6
	}
	return y + 8
}

// sample draws what a key stands for, 18 wide around the height y.
func (c *canvas) sample(x, y float64, k key) {
	switch k.kind {
	case bandMark:
		c.box(x, y-5, 18, 10, k.pen.band())
	case barMark:
		c.box(x, y-5, 18, 10, "fill i"+strconv.Itoa(int(k.pen.Ink)))
	case dotMark:
		c.dot(x+9, y, k.pen, "")
	default:
		c.segment(x, y, x+18, y, k.pen.line(), k.pen.stroke())
	}
}

// SVG returns the picture as an svg element for a document that holds CSS.
func (p *Panel) SVG() string {
	width, height := cmp.Or(p.Width, 720), cmp.Or(p.Height, 280)
	var c canvas
	c.begin(width, height, p.Title, p.Desc)
	top := c.heading(p.Title, p.keys(), width-14)
	x, y := p.scales(width, height, top)
	p.axes(&c, x, y)
	for _, m := range p.marks {
		m.draw(&c, x, y)
	}
	c.WriteString("</svg>\n")
	return c.String()
}

// keys returns the legend. A rule carries its name itself.
func (p *Panel) keys() []key {
	var out []key
	for _, m := range p.marks {
		if m.name != "" && m.kind != ruleMark {
			out = append(out, key{m.name, m.kind, m.pen})
		}
	}
	return out
}

// scales fits both axes to the marks.
func (p *Panel) scales(width, height, top float64) (x, y scale) {
	var across, up [][]float64
	for _, m := range p.marks {
		across = append(across, m.x)
		up = append(up, m.low, m.high)
	}
	lo, hi, ok := extent(across...)
	x = p.X.fit(lo, hi, ok, marginLeft, width-marginRight, 88)
	lo, hi, ok = extent(up...)
	y = p.Y.fit(lo, hi, ok, height-marginBottom, top+4, 36)
	return x, y
}

// axes draws the grid with its labels.
func (p *Panel) axes(c *canvas, x, y scale) {
	for _, t := range y.ticks {
		at := y.at(t.At)
		c.segment(x.a, at, x.b, at, "grid", "")
		c.text(x.a-6, at+4, "end", t.Text)
	}
	for _, t := range x.ticks {
		at := x.at(t.At)
		c.segment(at, y.a, at, y.a+4, "grid", "")
		c.text(at, y.a+16, "mid", t.Text)
	}
	label := p.X.Label
	if p.X.Time && label == "" {
		label = dates(x.from, x.to)
	}
	if label != "" {
		c.text(x.b, y.a+32, "end", label)
	}
	if p.Y.Label != "" {
		c.text(14, y.a+32, "", p.Y.Label)
	}
}

// draw writes one mark.
func (m mark) draw(c *canvas, x, y scale) {
	switch m.kind {
	case ruleMark:
		at := x.at(m.x[0])
		c.segment(at, y.a, at, y.b, m.pen.line(), m.pen.stroke())
		if m.name != "" {
			class, shift := "", 5.0
			if at > x.b-letter*float64(len(m.name)) {
				class, shift = "end", -5
			}
			c.text(at+shift, y.b+10, class, m.name)
		}
	case dotMark:
		for i := range m.x {
			if drawable(m.x[i]) && drawable(m.low[i]) {
				tip := ""
				if i < len(m.tips) {
					tip = m.tips[i]
				}
				c.dot(x.at(m.x[i]), y.at(m.low[i]), m.pen, tip)
			}
		}
	default:
		for _, r := range m.runs() {
			m.run(c, x, y, r[0], r[1])
		}
	}
}

// runs returns the half-open ranges of points without a gap.
func (m mark) runs() [][2]int {
	var out [][2]int
	from := -1
	for i := range len(m.x) + 1 {
		there := i < len(m.x) && drawable(m.x[i]) && drawable(m.low[i]) && drawable(m.high[i])
		switch {
		case there && from < 0:
			from = i
		case !there && from >= 0:
			out = append(out, [2]int{from, i})
			from = -1
		}
	}
	return out
}

// run writes a line or a band through the points from..to. A point alone is drawn as a short dash.
func (m mark) run(c *canvas, x, y scale, from, to int) {
	if to-from == 1 {
		at, high, low := x.at(m.x[from]), y.at(m.high[from]), y.at(m.low[from])
		if m.kind == bandMark {
			c.box(at-1, high, 2, max(low-high, 1), m.pen.band())
		} else {
			c.segment(at-1.5, high, at+1.5, high, m.pen.line(), m.pen.stroke())
		}
		return
	}
	points := path(x, y, m.x[from:to], m.high[from:to], false)
	if m.kind == lineMark {
		fmt.Fprintf(c, `<polyline points="%s" class="%s"%s/>`+"\n", points, m.pen.line(), m.pen.stroke())
		return
	}
	fmt.Fprintf(c, `<polygon points="%s %s" class="%s"/>`+"\n", points, path(x, y, m.x[from:to], m.low[from:to], true), m.pen.band())
}

// path returns the points of a line. Where several fall into one column of half a unit, the first, the lowest, the highest and the last
// of them are kept, so that a long history makes no large picture and no spike is lost.
func path(x, y scale, xs, ys []float64, backwards bool) string {
	var parts []string
	for i := 0; i < len(xs); {
		j, column := i, math.Floor(2*x.at(xs[i]))
		low, high := i, i
		for ; j < len(xs) && math.Floor(2*x.at(xs[j])) == column; j++ {
			if ys[j] < ys[low] {
				low = j
			}
			if ys[j] > ys[high] {
				high = j
			}
		}
		kept := -1
		for _, k := range []int{i, min(low, high), max(low, high), j - 1} {
			if k > kept {
				parts = append(parts, num(x.at(xs[k]))+","+num(y.at(ys[k])))
				kept = k
			}
		}
		i = j
	}
	if backwards {
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
	}
	return strings.Join(parts, " ")
}
