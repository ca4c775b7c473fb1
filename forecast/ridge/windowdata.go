package ridge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// windows are the rows of a window regression.
type windows struct {
	layout windowLayout
	// z is the history in the space of the regression over spread, NaN where missing; full is z with what is missing taken from a season
	// before, for features only.
	z, full        []float64
	offset, spread float64
	// at[i] is the origin of row i: the index of its first step. x and y hold its features and targets, each a column.
	at   []int
	x, y [][]float64
}

const (
	// mostWindows bounds the number of rows: overlapping windows add cost rather than knowledge.
	mostWindows = 800
	// targetLimit winsorises targets, in units of the spread; poolLimit does the same for features that others will learn from.
	targetLimit = 30.0
	poolLimit   = 30.0
)

// prepare builds the rows of values, of which the first learnt ones set the offset and the spread.
func (w Window) prepare(values []float64, learnt int, l windowLayout) *windows {
	t := transform{log: w.Log, offset: offsetOf(values[:learnt])}
	d := &windows{layout: l, z: values, offset: t.offset}
	for i, v := range d.z {
		d.z[i] = t.in(v)
	}
	d.spread = spreadOf(d.z[:learnt], l)
	for i := range d.z {
		d.z[i] /= d.spread
	}
	d.full = filled(d.z, l)
	from, to := l.deepest(), len(d.z)-l.H
	count := min(mostWindows, to-from+1)
	for i := range count {
		n := to - (to-from)*(count-1-i)/max(count-1, 1)
		if !math.IsNaN(d.z[n-1]) {
			d.at = append(d.at, n)
		}
	}
	d.x, d.y = l.columns(d.full, d.at), columnsOf(l.H, len(d.at))
	for h, y := range d.y {
		for i, n := range d.at {
			if e := d.z[n+h] - d.z[n-1]; e == e { // a missing target is taken to be no change, which is what the penalty assumes anyway
				y[i] = min(max(e, -targetLimit), targetLimit)
			}
		}
	}
	return d
}

// spreadOf returns how far z moves over the horizon: the middle of the root mean square differences at four steps up to it.
func spreadOf(z []float64, l windowLayout) float64 {
	var moves []float64
	for _, h := range []int{1, l.H/4 + 1, l.H/2 + 1, l.H} {
		var sum, n float64
		for i := 0; i+h < len(z); i++ {
			if e := z[i+h] - z[i]; e == e {
				sum += e * e
				n++
			}
		}
		if n > 0 {
			moves = append(moves, math.Sqrt(sum/n))
		}
	}
	slices.Sort(moves)
	if len(moves) < 4 || !(moves[1]+moves[2] > 1e-12) {
		return 1
	}
	return (moves[1] + moves[2]) / 2
}

// filled returns z with each missing observation taken from the shortest season before, or else from the observation before.
func filled(z []float64, l windowLayout) []float64 {
	out := z
	copied := false
	for i, v := range z {
		if v == v {
			continue
		}
		if !copied {
			out, copied = slices.Clone(z), true
		}
		switch {
		case l.Season > 0 && i >= l.Season:
			out[i] = out[i-l.Season]
		case i > 0:
			out[i] = out[i-1]
		default:
			out[i] = z[slices.IndexFunc(z, func(v float64) bool { return v == v })]
		}
	}
	return out
}

// columns returns the features of the origins at. z must reach the latest one plus H less the shortest shift.
func (l windowLayout) columns(z []float64, at []int) [][]float64 {
	x := columnsOf(l.P, len(at))
	for i := range at {
		x[0][i] = 1
	}
	difference := func(column []float64, lag, from int) {
		for i, n := range at {
			column[i] = z[n-lag] - z[n-from]
		}
	}
	for k := 1; k < l.Latest; k++ {
		difference(x[k], k+1, 1)
	}
	seasonal := x[l.Latest:]
	for _, s := range l.Shifts {
		difference(seasonal[0], 1, s+1)
		for h := range l.H {
			difference(seasonal[h+1], s-h, s+1)
		}
		seasonal = seasonal[l.H+1:]
	}
	return x
}

// features fills x with the same features of the origin after the end of z, and returns the level there.
func (l windowLayout) features(z []float32, x []float64) float64 {
	n := len(z)
	a := float64(z[n-1])
	x[0] = 1
	for k := 1; k < l.Latest; k++ {
		x[k] = float64(z[n-1-k]) - a
	}
	x = x[l.Latest:]
	for _, s := range l.Shifts {
		then := float64(z[n-1-s])
		x[0] = a - then
		for h, v := range z[n-s : n-s+l.H] {
			x[h+1] = float64(v) - then
		}
		x = x[l.H+1:]
	}
	return a
}

// winsorise limits the features.
func (d *windows) winsorise(limit float64) {
	for _, column := range d.x {
		for i, v := range column {
			column[i] = min(max(v, -limit), limit)
		}
	}
}

// before returns the number of rows whose targets lie before index n.
func (d *windows) before(n int) int {
	i, _ := slices.BinarySearch(d.at, n-d.layout.H+1)
	return i
}

// chunk is the number of rows that are summed at a time, so that their features stay in the cache.
const chunk = 128

// sum adds X'X (upper triangle) and X'Y of the rows [from, to).
func (d *windows) sum(from, to int, gram, right []float64) {
	p, h := d.layout.P, d.layout.H
	for ; from < to; from += chunk {
		end := min(from+chunk, to)
		for j, column := range d.x {
			a := column[from:end]
			for k := j; k < p; k++ {
				gram[j*p+k] += floats.Dot(a, d.x[k][from:end])
			}
			for k, y := range d.y {
				right[j*h+k] += floats.Dot(a, y[from:end])
			}
		}
	}
}

// predict fills out with what coefficients expect of the rows [from, from+len(out)) at step k; there are steps for each feature.
func (d *windows) predict(coefficients []float64, steps, k, from int, out []float64) {
	clear(out)
	for j, column := range d.x {
		floats.AddScaled(out, coefficients[j*steps+k], column[from:from+len(out)])
	}
}
