package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// square is a square matrix by rows.
type square [][]float64

// newSquare returns a matrix of zeros.
func newSquare(n int) square {
	all, s := make([]float64, n*n), make(square, n)
	for i := range s {
		s[i] = all[i*n : (i+1)*n : (i+1)*n]
	}
	return s
}

// factor replaces the lower triangle of the first n rows of s by that of its Cholesky factor and returns the logarithm of the
// determinant. Where s is not positive definite ok is false.
func (s square) factor(n int) (logDet float64, ok bool) {
	product, exponent := 1.0, 0
	for i := range n {
		row := s[i][:n]
		for j := range i {
			row[j] = (row[j] - floats.Dot(row[:j], s[j][:j])) / s[j][j]
		}
		d := row[i] - floats.Dot(row[:i], row[:i])
		if !(d > 0) || math.IsInf(d, 0) {
			return 0, false
		}
		row[i] = math.Sqrt(d)
		f, e := math.Frexp(product * d)
		product, exponent = f, exponent+e
	}
	return math.Log(product) + float64(exponent)*math.Ln2, true
}

// half replaces the lower triangle of s by a factor L with LL' = s, s being positive semidefinite: a column whose pivot is lost in
// rounding becomes zero.
func (s square) half(n int) {
	for i := range n {
		row := s[i][:n]
		least := 1e-13 * row[i]
		for j := range i {
			if s[j][j] == 0 {
				row[j] = 0
				continue
			}
			row[j] = (row[j] - floats.Dot(row[:j], s[j][:j])) / s[j][j]
		}
		d := row[i] - floats.Dot(row[:i], row[:i])
		row[i] = 0
		if d > least {
			row[i] = math.Sqrt(d)
		}
	}
}

// forward solves Lz = b in place, L being the lower triangle of s.
func (s square) forward(b []float64) {
	for i := range b {
		b[i] = (b[i] - floats.Dot(s[i][:i], b[:i])) / s[i][i]
	}
}

// backward solves L'z = b in place.
func (s square) backward(b []float64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] /= s[i][i]
		floats.AddScaled(b[:i], -b[i], s[i][:i])
	}
}
