package tree

import (
	"math"
	"math/bits"
)

// ensembleTree is a tree of an ensemble with the value of each leaf, in units.
type ensembleTree struct {
	tree
	values []int32
}

// RegressorModel is a fitted Regressor. It is immutable and safe for concurrent use.
type RegressorModel struct {
	cuts  []cuts
	unit  int // values are multiples of 2^unit
	start int32
	trees []ensembleTree
}

// Trees returns the number of trees, those dropped by early stopping left out.
func (m *RegressorModel) Trees() int { return len(m.trees) }

// Predict returns the prediction for a row, which has as many features as those fitted on; NaN is missing.
func (m *RegressorModel) Predict(x []float64) float64 {
	codes := make([]uint8, 2*len(m.cuts))
	codeRow(m.cuts, x, codes)
	sum := int64(m.start)
	for i := range m.trees {
		t := &m.trees[i]
		sum += int64(t.values[t.leaf[t.find(codes)]])
	}
	return math.Ldexp(float64(sum), m.unit)
}

// codeRow writes the codes of a row twice, as tree.find wants them.
func codeRow(c []cuts, x []float64, out []uint8) {
	for j, v := range x {
		code := c[j].code(single(v))
		out[2*j], out[2*j+1] = code, code
		if code == missing {
			out[2*j+1] = 0
		}
	}
}

// predictMatrix returns the predictions for the rows of x from the first on.
func (m *RegressorModel) predictMatrix(x *matrix, first int) []float64 {
	n := x.rows - first
	codes := make([]uint8, n*2*x.cols)
	for i := range n {
		x.doubled(int32(first+i), codes[i*2*x.cols:(i+1)*2*x.cols])
	}
	return m.predictCodes(codes, n)
}

// codeTable returns the codes of t's rows, each twice, as tree.find wants them.
func codeTable(t *table, c []cuts) []uint8 {
	width := 2 * t.cols
	out := make([]uint8, t.rows()*width)
	for i := range t.rows() {
		row, before := t.row(i), t.row(max(i-1, 0))
		codes := out[i*width : (i+1)*width]
		for j, v := range row {
			if i > 0 && v == before[j] { // what the steps of an origin share is looked up once
				copy(codes[2*j:2*j+2], out[(i-1)*width+2*j:])
				continue
			}
			code := c[j].code(v)
			codes[2*j], codes[2*j+1] = code, code
			if code == missing {
				codes[2*j+1] = 0
			}
		}
	}
	return out
}

// predictCodes returns the predictions for n rows of codes.
func (m *RegressorModel) predictCodes(codes []uint8, n int) []float64 {
	out := make([]float64, n)
	eachBatch(m.cuts, codes, n, func(b *batch, first int) { m.predictBatch(b, out[first:min(first+batchRows, n)]) })
	return out
}

// predictBatch writes the predictions for the rows of a batch into out.
func (m *RegressorModel) predictBatch(b *batch, out []float64) {
	var sums [batchRows]int64
	for k := range m.trees {
		t := &m.trees[k]
		t.spread(0, b.all, b, func(leaf int32, rows uint64) {
			v := int64(t.values[leaf])
			for ; rows != 0; rows &= rows - 1 {
				sums[bits.TrailingZeros64(rows)] += v
			}
		})
	}
	for i := range out {
		out[i] = math.Ldexp(float64(int64(m.start)+sums[i]), m.unit)
	}
}
