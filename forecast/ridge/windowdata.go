package ridge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// windows are the rows of a window regression.
type windows struct {
	layout windowLayout
	// z is the history in the space of the regression over spread, NaN where missing; full is z with what is missing taken from a season
	// before, for features only.
	z, full        []float64
	offset, spread float64
	// at[i] is the origin of row i: the index of its first step. x and y hold its features and targets.
	at   []int
	x, y []float64
}

const (
	// mostWindows bounds the number of rows: overlapping windows add cost rather than knowledge. Twice the features is enough.
	mostWindows = 1200
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
	d.x, d.y = make([]float64, len(d.at)*l.P), make([]float64, len(d.at)*l.H)
	for i, n := range d.at {
		l.features(d.full, n, d.x[i*l.P:(i+1)*l.P])
		for h := range l.H {
			if e := d.z[n+h] - d.z[n-1]; e == e { // a missing target is taken to be no change, which is what the penalty assumes anyway
				d.y[i*l.H+h] = min(max(e, -targetLimit), targetLimit)
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

// features fills x with those of origin n, where z[n-1] is the latest observation, and returns the level there. z must reach n+H less the
// shortest shift.
func (l windowLayout) features(z []float64, n int, x []float64) float64 {
	a := z[n-1]
	x[0] = 1
	for k := 1; k < l.Latest; k++ {
		x[k] = z[n-1-k] - a
	}
	x = x[l.Latest:]
	for _, s := range l.Shifts {
		then := z[n-1-s]
		x[0] = a - then
		for h, v := range z[n-s : n-s+l.H] {
			x[h+1] = v - then
		}
		x = x[l.H+1:]
	}
	return a
}

// winsorise limits the features.
func (d *windows) winsorise(limit float64) {
	for i, v := range d.x {
		d.x[i] = min(max(v, -limit), limit)
	}
}

// before returns the number of rows whose targets lie before index n.
func (d *windows) before(n int) int {
	i, _ := slices.BinarySearch(d.at, n-d.layout.H+1)
	return i
}

// sum adds X'X (upper triangle) and X'Y of the rows [from, to).
func (d *windows) sum(from, to int, gram, right []float64) {
	p, h := d.layout.P, d.layout.H
	if to <= from {
		return
	}
	x := blas64.General{Rows: to - from, Cols: p, Stride: p, Data: d.x[from*p : to*p]}
	y := blas64.General{Rows: to - from, Cols: h, Stride: h, Data: d.y[from*h : to*h]}
	blas64.Syrk(blas.Trans, 1, x, 1, blas64.Symmetric{N: p, Stride: p, Data: gram, Uplo: blas.Upper})
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, x, y, 1, blas64.General{Rows: p, Cols: h, Stride: h, Data: right})
}

// predict returns the targets that coefficients expect of the rows [from, to).
func (d *windows) predict(coefficients []float64, from, to int) []float64 {
	p, h := d.layout.P, d.layout.H
	out := make([]float64, (to-from)*h)
	if to <= from {
		return out
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, blas64.General{Rows: to - from, Cols: p, Stride: p, Data: d.x[from*p : to*p]},
		blas64.General{Rows: p, Cols: h, Stride: h, Data: coefficients}, 0, blas64.General{Rows: to - from, Cols: h, Stride: h, Data: out})
	return out
}
