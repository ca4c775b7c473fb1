package harmonic

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// mostPoints bounds the observations that are looked at; the latest are.
	mostPoints = 1 << 21
	// fewRows is the number of observations above which neighbouring ones become one row, their mean: at least leastCell of them, of which
	// two define a line and the others the noise, and as many as leave cellsPerWave rows to the shortest harmonic. With the attenuation of
	// each harmonic taken into account that changes the forecast by little.
	fewRows      = 8192
	leastCell    = 4
	cellsPerWave = 12
	// mostRows bounds the rows; the latest are kept.
	mostRows = 40000
	// mostChanges and changeRange say where the trend may change: at 25 points spread over the observations of the first 80 % (Taylor
	// and Letham 2018, section 3.1.3, and the defaults of Prophet).
	mostChanges = 25
	changeRange = 0.8
)

// row is one observation, or the mean of several: weight counts them.
type row struct {
	at     time.Time
	t      float64 // scaled time: 0 at the first observation, 1 at the last
	y      float64 // scaled by the largest observation
	weight float64
}

// history is what a design is made of.
type history struct {
	step    time.Duration
	seasons []season
	rows    []row
	cell    int // steps a row
	present int
	squares float64 // sum of y^2 over observations; where these are not rows, as estimated
	// first and span turn a time into a scaled time, top an observation into y.
	first time.Time
	span  float64 // seconds
	top   float64
	// changes are the scaled times of the change points, ascending.
	changes []float64
}

// newHistory makes rows of a scaled series. Only present is set where that is below leastPoints.
func newHistory(y series.Series, lengths []time.Duration) *history {
	h := &history{step: y.Step, cell: 1, present: y.Present()}
	if h.present < leastPoints {
		return h
	}
	h.seasons = seasonsFor(lengths, y.Step, y.Len(), h.present)
	if n := y.Len(); n > fewRows {
		h.cell = min(max(leastCell, (n+fewRows-1)/fewRows), int(shortest(h.seasons)/y.Step/cellsPerWave))
		if h.cell < leastCell {
			h.cell = 1
		}
		y = y.Slice(n-mostRows*h.cell, n)
		h.present = y.Present()
		if h.present < leastPoints {
			return h
		}
		h.seasons = seasonsFor(lengths, y.Step, y.Len(), h.present)
	}
	h.measure(y)
	h.fill(y)
	return h
}

// measure sets the scales and places the change points.
func (h *history) measure(y series.Series) {
	at := make([]int, 0, h.present)
	for i, v := range y.Values {
		if !math.IsNaN(v) {
			at = append(at, i)
			h.top = max(h.top, v)
		}
	}
	if h.top == 0 {
		h.top = 1
	}
	first, last := at[0], at[len(at)-1]
	h.first, h.span = y.TimeAt(first), float64(last-first)*y.Step.Seconds()
	n := changePoints(h.present)
	head := math.Floor(changeRange * float64(h.present))
	h.changes = make([]float64, n)
	for j := range h.changes {
		k := int(math.RoundToEven(1+float64(j+1)*(head-1)/float64(n))) - 1
		h.changes[j] = float64(at[k]-first) / float64(last-first)
	}
}

// changePoints returns how many times the trend of so many observations may change.
func changePoints(present int) int {
	return min(mostChanges, int(changeRange*float64(present))-1)
}

// fill makes the rows. The sum of squares is that of the rows and of the noise that their means have lost, which is measured around a
// line in each cell: the waves go up and down within a cell, too, and that is not noise.
func (h *history) fill(y series.Series) {
	h.rows = make([]row, 0, min(h.present, y.Len()/h.cell+1))
	var lost, rest, freedom float64
	for from := 0; from < y.Len(); from += h.cell {
		c := cellOf(y.Values[from:min(from+h.cell, y.Len())], h.top)
		if c.n == 0 {
			continue
		}
		r := row{at: y.TimeAt(from), y: c.y / c.n, weight: c.n}
		if c.x > 0 {
			r.at = r.at.Add(time.Duration(c.x / c.n * float64(y.Step)))
		}
		r.t = h.scaled(r.at)
		h.rows = append(h.rows, r)
		h.squares += c.y * c.y / c.n
		lost += c.n - 1
		if c.n > 2 {
			rest += c.aroundLine()
			freedom += c.n - 2
		}
	}
	if freedom > 0 {
		h.squares += lost * rest / freedom
	}
}

// cell is the sums of some observations y at positions x.
type cell struct{ n, x, y, xx, xy, yy float64 }

// cellOf returns the sums of the values divided by top, missing ones left out.
func cellOf(values []float64, top float64) (c cell) {
	for i, v := range values {
		if v != v { // NaN
			continue
		}
		x, u := float64(i), v/top
		c.n++
		c.x += x
		c.y += u
		c.xx += x * x
		c.xy += x * u
		c.yy += u * u
	}
	return c
}

// aroundLine returns the sum of squares around the line of least squares.
func (c cell) aroundLine() float64 {
	sxx, sxy, syy := c.xx-c.x*c.x/c.n, c.xy-c.x*c.y/c.n, c.yy-c.y*c.y/c.n
	return max(syy-sxy*sxy/sxx, 0)
}

// scaled returns the scaled time of t.
func (h *history) scaled(t time.Time) float64 { return t.Sub(h.first).Seconds() / h.span }
