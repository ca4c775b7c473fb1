package tree

import (
	"math"
	"slices"
)

const (
	// mostBins is the number of bins for values; with the bin for missing ones a code fits a byte.
	mostBins = 255
	// cutRows bounds the number of values that quantiles are taken from.
	cutRows = 1 << 15
)

// table holds rows of features, row by row; NaN is missing.
type table struct {
	cols int
	x    []float32
}

// rows returns the number of rows.
func (t *table) rows() int { return len(t.x) / max(t.cols, 1) }

// row returns row i.
func (t *table) row(i int) []float32 { return t.x[i*t.cols : (i+1)*t.cols : (i+1)*t.cols] }

// cuts holds the ascending upper bounds of a feature's bins but the last, whose bound is infinite.
type cuts []float32

// newCuts divides column j of t into at most bins bins of about equal size. A value held by many rows gets a bin of its own.
func newCuts(t *table, j, bins int) cuts {
	stride := (t.rows() + cutRows - 1) / cutRows
	values := make([]float32, 0, t.rows()/max(stride, 1)+1)
	for i := 0; i < t.rows(); i += stride {
		if v := t.x[i*t.cols+j]; v == v { // not NaN
			values = append(values, v)
		}
	}
	slices.Sort(values)
	distinct := 0
	for i, v := range values {
		if i == 0 || v != values[i-1] {
			distinct++
		}
	}
	out := make(cuts, 0, min(bins, distinct))
	if distinct <= bins {
		for i := 1; i < len(values); i++ {
			if values[i] != values[i-1] {
				out = append(out, between(values[i-1], values[i]))
			}
		}
		return out
	}
	for b := 1; b < bins; b++ {
		i := b * len(values) / bins
		for i < len(values) && values[i] == values[i-1] {
			i++
		}
		if i == len(values) {
			break
		}
		if c := between(values[i-1], values[i]); len(out) == 0 || c > out[len(out)-1] {
			out = append(out, c)
		}
	}
	return out
}

// between returns a number c with a <= c < b, halfway where there is one.
func between(a, b float32) float32 {
	c := float32(float64(a)/2 + float64(b)/2)
	if c != c || c >= b {
		return a
	}
	return max(c, a)
}

// code returns the bin of v: the number of cuts below v.
func (c cuts) code(v float32) uint8 {
	if v != v {
		return missing
	}
	lo := 0
	for n := len(c); n > 0; {
		half := (n + 1) / 2
		if c[lo+half-1] < v {
			lo += half
			n -= half
		} else {
			n = half - 1
		}
	}
	return uint8(lo)
}

// octet is the number of features whose codes share a word.
const octet = 8

// matrix holds the codes of rows: words[q][i] those of the features 8q..8q+7 of row i, the first in the lowest byte.
type matrix struct {
	cols, rows int
	cuts       []cuts
	words      [][]uint64
}

// newMatrix cuts and codes t.
func newMatrix(t *table, bins int) *matrix {
	c := make([]cuts, t.cols)
	for j := range c {
		c[j] = newCuts(t, j, bins)
	}
	return codeMatrix(t, c)
}

// codeMatrix codes t by cuts that were made before.
func codeMatrix(t *table, c []cuts) *matrix {
	m := &matrix{cols: t.cols, rows: t.rows(), cuts: c}
	for q := 0; q < t.cols; q += octet {
		words := make([]uint64, m.rows)
		for i := range words {
			var w uint64
			row := t.row(i)
			for j := q; j < min(q+octet, t.cols); j++ {
				w |= uint64(c[j].code(row[j])) << (8 * (j - q))
			}
			words[i] = w
		}
		m.words = append(m.words, words)
	}
	return m
}

// code returns the code of feature j of row i.
func (m *matrix) code(i int32, j int) uint8 { return uint8(m.words[j/octet][i] >> (8 * (j % octet))) }

// doubled writes the codes of row i twice, as tree.find wants them; out has room for 2*cols.
func (m *matrix) doubled(i int32, out []uint8) {
	for j := range m.cols {
		c := m.code(i, j)
		out[2*j], out[2*j+1] = c, c
		if c == missing {
			out[2*j+1] = 0
		}
	}
}

// from returns the rows of m from the first on, whose codes it shares.
func (m *matrix) from(first int) *matrix {
	out := &matrix{cols: m.cols, rows: m.rows - first, cuts: m.cuts}
	for _, w := range m.words {
		out.words = append(out.words, w[first:])
	}
	return out
}

// single brings a number to single precision; what is beyond its range becomes the largest, infinities included.
func single(v float64) float32 {
	if math.IsNaN(v) {
		return float32(math.NaN())
	}
	return float32(min(max(v, -math.MaxFloat32), math.MaxFloat32))
}
