package rnn

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// matrix is a dense matrix of rows*cols numbers, row by row.
type matrix struct {
	rows, cols int
	data       []float32
}

// newMatrix returns a matrix of zeros.
func newMatrix(rows, cols int) matrix { return matrix{rows, cols, make([]float32, rows*cols)} }

// row returns row i.
func (a matrix) row(i int) []float32 { return a.data[i*a.cols : (i+1)*a.cols] }

// slab returns the rows [from, to) as a matrix that shares the numbers.
func (a matrix) slab(from, to int) matrix {
	return matrix{to - from, a.cols, a.data[from*a.cols : to*a.cols]}
}

// general returns columns [from, to) in the form of blas32.
func (a matrix) general(from, to int) blas32.General {
	return blas32.General{Rows: a.rows, Cols: to - from, Stride: a.cols, Data: a.data[from:]}
}

// The panels of a product. Gonum multiplies in blocks of 64x64 and shares the work among goroutines from four blocks of the result on;
// panels of one by three blocks stay below that, so that a fit uses one core and sums in one order.
const (
	panelRows = 64
	panelCols = 3 * 64
)

// mulAdd sets c to a*b + beta*c.
func mulAdd(a, b matrix, beta float32, c matrix) {
	for i := 0; i < c.rows; i += panelRows {
		end := min(i+panelRows, c.rows)
		left, into := a.slab(i, end), c.slab(i, end)
		for j := 0; j < c.cols; j += panelCols {
			to := min(j+panelCols, c.cols)
			blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, left.general(0, a.cols), b.general(j, to), beta, into.general(j, to))
		}
	}
}

// mulTransAdd sets c to a'*b + c.
func mulTransAdd(a, b, c matrix) {
	for i := 0; i < c.rows; i += panelRows {
		end := min(i+panelRows, c.rows)
		left, into := a.general(i, end), c.slab(i, end)
		for j := 0; j < c.cols; j += panelCols {
			to := min(j+panelCols, c.cols)
			blas32.Gemm(blas.Trans, blas.NoTrans, 1, left, b.general(j, to), 1, into.general(j, to))
		}
	}
}

// transpose sets b to a'.
func transpose(a, b matrix) {
	for i := range a.rows {
		for j, v := range a.row(i) {
			b.data[j*b.cols+i] = v
		}
	}
}

// addColumnSums adds the sum of each column of a to sums.
func addColumnSums(a matrix, sums []float32) {
	for i := range a.rows {
		for j, v := range a.row(i) {
			sums[j] += v
		}
	}
}

// The table of exp: 2^(j/expParts) for j < expParts.
const (
	expShift = 5
	expParts = 1 << expShift
)

var expTable = func() (t [expParts]float64) {
	for j := range t {
		t[j] = math.Exp2(float64(j) / expParts)
	}
	return t
}()

// exp is the exponential function to a relative error of 1e-9 for |x| < 700, which is more than float32 has room for: 2^(k/32) for the
// nearest whole k, times the Taylor series to degree 3 of the rest, which is at most ln(2)/64.
func exp(x float64) float64 {
	const shift = 1024 * expParts // makes the truncation of a conversion a rounding down
	k := int64(x*(expParts*math.Log2E) + (shift + 0.5))
	r := x - float64(k-shift)*(math.Ln2/expParts)
	p := expTable[k&(expParts-1)] * (1 + r*(1+r*(1./2+r*(1./6))))
	return p * math.Float64frombits(uint64(k>>expShift-1)<<52)
}

// activationLimit is where the logistic function and the hyperbolic tangent equal their limits in float32.
const activationLimit = 30

// sigmoid is the logistic function.
func sigmoid(x float32) float32 {
	switch {
	case x > activationLimit:
		return 1
	case x < -activationLimit:
		return 0
	}
	return float32(1 / (1 + exp(-float64(x))))
}

// tanh is the hyperbolic tangent.
func tanh(x float32) float32 {
	switch {
	case x > activationLimit:
		return 1
	case x < -activationLimit:
		return -1
	}
	return float32(2/(1+exp(-2*float64(x))) - 1)
}
