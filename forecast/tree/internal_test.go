package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The gain of a split is the sum over sides of squared sums over counts, less that of the node (Chen and Guestrin 2016, equation 7, without
// its half); for classes it is the same of counts.
func TestGain(t *testing.T) {
	m := newMatrix(&table{cols: 1, x: []float32{1, 2, 3, 4, 5, 6, 7, 8}}, mostBins)
	rows := []int32{0, 1, 2, 3, 4, 5, 6, 7}
	f := func(r rule, gradients []int64, bin uint8, gain float64) {
		t.Helper()
		h := make(histogram, 1)
		entries := make([]int64, len(gradients))
		for i, g := range gradients {
			entries[i] = pack(g)
		}
		h.add(m, rows, entries)
		if s := r.best([]histogram{h}, m, []int{0}); s.bin != bin || math.Abs(s.gain-gain) > 1e-12 {
			t.Errorf("%+v: split at %d of gain %v, want %d of %v", r, s.bin, s.gain, bin, gain)
		}
	}
	f(rule{least: 1}, []int64{-5, -5, -5, -5, 5, 5, 5, 5}, 3, 200)
	f(rule{least: 1, penalty: 4}, []int64{-5, -5, -5, -5, 5, 5, 5, 5}, 3, 100)
	f(rule{least: 1}, []int64{-1, -1, 3, 3, 3, 3, 3, 3}, 1, 2.0*1+6*9-16.0*16/8)
	f(rule{least: 3}, []int64{-1, -1, 3, 3, 3, 3, 3, 3}, 2, 1.0/3+5*9-16.0*16/8)
	f(rule{least: 1, shift: -0.5}, []int64{0, 0, 0, 0, 1, 1, 1, 1}, 3, 2)
	f(rule{least: 1}, []int64{4, 4, 4, 4, 4, 4, 4, 4}, 0, 0)

	classes := []histogram{make(histogram, 1), make(histogram, 1)}
	classes[0].add(m, rows[:4], []int64{1, 1, 1, 1})
	classes[1].add(m, rows[4:], []int64{1, 1, 1, 1})
	if s := (rule{least: 1, classes: true}).best(classes, m, []int{0}); s.bin != 3 || s.gain != 4 {
		t.Errorf("split of classes at %d of gain %v, want 3 of 4", s.bin, s.gain)
	}
}

// What remains of a parent less one side is the other side, to the last bit.
func TestSubtraction(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	tb := &table{cols: 11}
	for range 11 * 500 {
		v := float32(rng.NormFloat64())
		if rng.IntN(9) == 0 {
			v = float32(math.NaN())
		}
		tb.x = append(tb.x, v)
	}
	m := newMatrix(tb, 40)
	rows, entries := make([]int32, 500), make([]int64, 500)
	for i := range rows {
		rows[i], entries[i] = int32(i), pack(rng.Int64N(1<<30)-1<<29)
	}
	all, left, right := make(histogram, 2), make(histogram, 2), make(histogram, 2)
	all.add(m, rows, entries)
	left.add(m, rows[:200], entries[:200])
	right.add(m, rows[200:], entries[200:])
	all.subtract(left)
	if !slices.Equal(all, right) {
		t.Error("parent less left is not right")
	}
	for j := range 11 {
		var total int64
		for _, v := range right.feature(j) {
			total += v
		}
		if _, n := unpack(total); n != 300 {
			t.Errorf("feature %d counts %d rows, want 300", j, n)
		}
	}
}

func TestQuantileOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		a := make([]int32, 1+rng.IntN(40))
		for i := range a {
			a[i] = int32(rng.IntN(1+rng.IntN(1<<20))) - 1<<10
		}
		p := rng.Float64()
		s := slices.Sorted(slices.Values(a))
		x := p * float64(len(s)-1)
		want := float64(s[int(x)])
		if k := int(x); k+1 < len(s) {
			want += (x - float64(k)) * float64(s[k+1]-s[k])
		}
		if got := quantileOf(a, p); math.Abs(got-want) > 1e-6 {
			t.Fatalf("quantile %v of %v is %v, want %v", p, s, got, want)
		}
	}
	if got := quantileOf(make([]int32, 1<<20), 0.5); got != 0 { // quick where all are equal
		t.Errorf("quantile of zeros is %v", got)
	}
}

// Cuts divide values into bins of equal size, give equal values one bin and order codes as values.
func TestCuts(t *testing.T) {
	f := func(bins int, values []float32, want ...uint8) {
		t.Helper()
		c := newCuts(&table{cols: 1, x: values}, 0, bins)
		got := make([]uint8, len(values))
		for i, v := range values {
			got[i] = c.code(v)
		}
		if !slices.Equal(got, want) {
			t.Errorf("codes of %v are %v, want %v", values, got, want)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.MaxFloat32)
	f(8, []float32{3, 1, 2, 3}, 2, 0, 1, 2)
	f(2, []float32{1, 2, 3, 4}, 0, 0, 1, 1)
	f(4, []float32{5, nan, 5, 5}, 0, missing, 0, 0)
	f(3, []float32{0, 0, 0, 0, 1, 2}, 0, 0, 0, 0, 1, 2)
	f(8, []float32{-inf, inf, 0}, 0, 2, 1)
	f(8, []float32{1, math.Nextafter32(1, 2)}, 0, 1)
}

// Rows sent down together end where each ends alone.
func TestSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	tb, y := &table{cols: 5}, make([]float64, 300)
	for i := range y {
		for range 5 {
			v := rng.NormFloat64()
			if rng.IntN(6) == 0 {
				v = math.NaN()
			}
			tb.x = append(tb.x, single(v))
			y[i] += v * v
		}
		if math.IsNaN(y[i]) {
			y[i] = 9
		}
	}
	m, err := boost(t.Context(), Regressor{Trees: 20, LeastRows: 3}, newMatrix(tb, 20), y, len(y))
	if err != nil {
		t.Fatal(err)
	}
	for i, together := range m.predictCodes(codeTable(tb, m.cuts), len(y)) {
		row := make([]float64, 5)
		for j, v := range tb.row(i) {
			row[j] = float64(v)
		}
		if alone := m.Predict(row); alone != together {
			t.Fatalf("row %d is %v alone and %v together", i, alone, together)
		}
	}
}
