// Package plot turns numbers into SVG: lines with gaps, bands, dots and bars between labelled axes, for reports and for documents.
//
// The pictures need nothing from outside and no script. Their colours are classes of the style sheet CSS, which knows light, dark and
// print; a document with pictures holds it once, and Standalone puts it into a picture that stands alone. Equal numbers give equal
// bytes. NaN is a gap and is never drawn; infinite numbers are gaps too.
package plot

import (
	"math"
	"time"
)

// Ink is a colour with a meaning that is the same in every picture.
type Ink int

// The inks. Came is for what happened, Said for what the program forecast; the others tell things of one kind apart.
const (
	Came Ink = iota
	Said
	Teal
	Amber
	Rose
	Sky
	Violet
	Grey
	inks
)

// Pen says how something is drawn.
type Pen struct {
	Ink Ink
	// Width is that of a line, and the radius of a dot; 0 means 1.6 and 3.
	Width float64
	// Dashed is for lines. Strong makes a band darker, for an inner one over an outer one. Hollow makes a dot a ring.
	Dashed, Strong, Hollow bool
}

// Tick is a labelled place on an axis.
type Tick struct {
	At   float64
	Text string
}

// Axis says what one direction of a Panel counts. Its zero value fits what is drawn.
type Axis struct {
	Label string
	// Time says that numbers are Unix seconds, labelled in UTC.
	Time bool
	// From and To are the ends where they differ; what lies beyond is drawn at the edge. Otherwise the ends follow from what is drawn, and
	// include 0 where Zero is set or most of the axis would lie above it.
	From, To float64
	Zero     bool
	// Floor above 0 makes the axis logarithmic and is where it begins, whatever From is: what is smaller, 0 included, is drawn at it.
	Floor float64
	// Ticks replace those that are chosen, where it is not nil.
	Ticks []Tick
}

// Panel is one pair of axes and what is drawn between them, in the order in which it was added. Names go into the legend; what has an
// empty name is not in it. Slices that are given are kept and must not change until the picture is written.
type Panel struct {
	// Title stands above the picture, and Desc is what a person who can't see it is told; an empty one is the Title.
	Title, Desc string
	// Width and Height are in the picture's own units, about pixels; 0 means 720 and 280.
	Width, Height float64
	X, Y          Axis

	marks []mark
}

// kind is what a mark is drawn as.
type kind int

const (
	lineMark kind = iota
	bandMark
	dotMark
	ruleMark
	barMark // in legends only
)

// mark is one thing drawn in a Panel. Lines and dots are at low; a rule is at x[0]. Dots may have a tip each.
type mark struct {
	kind         kind
	name         string
	pen          Pen
	x, low, high []float64
	tips         []string
}

// Line draws a line through (x[i], y[i]), with a gap where one of them is NaN.
func (p *Panel) Line(name string, pen Pen, x, y []float64) {
	p.marks = append(p.marks, mark{kind: lineMark, name: name, pen: pen, x: x, low: y, high: y})
}

// Band fills the area between low and high, with a gap where one of them is NaN.
func (p *Panel) Band(name string, pen Pen, x, low, high []float64) {
	p.marks = append(p.marks, mark{kind: bandMark, name: name, pen: pen, x: x, low: low, high: high})
}

// Dots draws a dot at each (x[i], y[i]).
func (p *Panel) Dots(name string, pen Pen, x, y []float64) { p.TippedDots(name, pen, x, y, nil) }

// TippedDots are Dots of which the i-th shows tips[i] to who points at it.
func (p *Panel) TippedDots(name string, pen Pen, x, y []float64, tips []string) {
	p.marks = append(p.marks, mark{kind: dotMark, name: name, pen: pen, x: x, low: y, high: y, tips: tips})
}

// Rule draws an upright line at x over the whole height, with the name beside it.
func (p *Panel) Rule(name string, pen Pen, x float64) {
	p.marks = append(p.marks, mark{kind: ruleMark, name: name, pen: pen, x: []float64{x}})
}

// Stack draws shares on top of each other, one band for each name: values[k][i] is the height of band k at x[i].
func (p *Panel) Stack(names []string, pens []Pen, x []float64, values [][]float64) {
	base := make([]float64, len(x))
	for k, v := range values {
		top := make([]float64, len(x))
		for i := range x {
			top[i] = base[i] + v[i]
		}
		p.Band(names[k], pens[k], x, base, top)
		base = top
	}
}

// Seconds returns the place of a time on an axis of time.
func Seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// largest bounds the ends of an axis, so that nothing overflows between them; smallest is the least distance of its ends.
const (
	largest  = 1e300
	smallest = 1e-290
)

// extent returns the smallest and the largest of the numbers that can be drawn; ok is false where there is none.
func extent(lists ...[]float64) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, list := range lists {
		for _, v := range list {
			if drawable(v) {
				v = min(max(v, -largest), largest)
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	return lo, hi, lo <= hi
}

func drawable(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
