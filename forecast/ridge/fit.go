package ridge

import (
	"context"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

const (
	// mostRows bounds the number of origins that are learned from.
	mostRows = 1000
	// heldShare is the share of the latest origins on which lambda is chosen and the errors are measured.
	heldShare = 0.2
	// recency draws origins towards the present: a share u of them lies within the last u^recency of the history.
	recency = 1.15
	// huber is the number of robust standard deviations beyond which an error counts no further.
	huber = 2.0
)

// lambdas are the penalties tried, largest first, in units of each feature's own sum of squares. They are large because neighbouring
// origins are not independent.
var lambdas = []float64{3, 1, 0.3, 0.1}

// learnt is what a fit found: the coefficients and the held-out errors of each knot.
type learnt struct {
	coef   [][]float64
	errors []forecast.Grid
}

// fit learns the coefficients of every horizon from the beginnings of z that end at ends, ascending, and the ranges of the shared
// features from the first of them. It returns nil where too few origins have what it takes.
func fit(ctx context.Context, l layout, z []float64, ends []int) (found []learnt, low, high []float64, err error) {
	v := summed(z, l)
	rows := l.origins(v)
	if len(rows) < leastRows/2 {
		return nil, nil, nil, nil
	}
	s := l.sharedCount()
	shared := l.sharedColumns(v, rows)
	low, high = make([]float64, s), make([]float64, s)
	first, _ := slices.BinarySearch(rows, ends[0]+1)
	for j, column := range shared {
		low[j], high[j] = rangeOf(column[:first])
		for i, x := range column {
			column[i] = min(max(x, low[j]), high[j])
		}
	}
	found = make([]learnt, len(ends))
	w := newWork(len(rows), l.count())
	for _, h := range l.knots {
		if err := ctx.Err(); err != nil {
			return nil, nil, nil, err
		}
		w.fill(l, v, rows, shared, h)
		for i, end := range ends {
			n := w.before(end, h)
			if n < leastRows/2 {
				return nil, nil, nil, nil
			}
			coef, errs := w.solve(n, h)
			found[i].coef, found[i].errors = append(found[i].coef, coef), append(found[i].errors, errs)
		}
	}
	return found, low, high, nil
}

// sharedColumns returns the features that all steps share, each for every origin.
func (l layout) sharedColumns(v view[float64], rows []int) [][]float64 {
	s := l.sharedCount()
	columns := columnsOf(s, len(rows))
	x := make([]float64, s)
	for i, n := range rows {
		v.shared(l, n, v.anchor(l, n), x)
		for j, f := range x {
			columns[j][i] = f
		}
	}
	return columns
}

// columnsOf returns n columns of rows zeros that share one array.
func columnsOf(n, rows int) [][]float64 {
	all := make([]float64, n*rows)
	out := make([][]float64, n)
	for j := range out {
		out[j] = all[j*rows : (j+1)*rows : (j+1)*rows]
	}
	return out
}

// rangeOf returns about the 1 % and 99 % quantiles of column.
func rangeOf(column []float64) (low, high float64) {
	const most = 1000
	stride := max(1, len(column)/most)
	some := make([]float64, 0, len(column)/stride+1)
	for i := 0; i < len(column); i += stride {
		some = append(some, column[i])
	}
	n := len(some)
	return nth(some, n/100), nth(some, n-1-n/100)
}

// nth returns the k-th smallest of x, counted from 0, which it reorders (Hoare 1961, algorithm 65, with the middle of three as pivot).
func nth(x []float64, k int) float64 {
	for lo, hi := 0, len(x)-1; lo < hi; {
		a, b, c := x[lo], x[lo+(hi-lo)/2], x[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}

// origins returns the origins to learn from, ascending: up to mostRows, denser towards the end, at positions of the golden-ratio
// sequence, which keeps no fixed phase to any season.
func (l layout) origins(v view[float64]) []int {
	const golden = 0.6180339887498949
	from, to := l.deepest()+l.anchor, len(v.z)
	span := to - from
	count := max(min(mostRows, span), 0)
	out := make([]int, 0, count)
	for i := range count {
		u := math.Mod(golden*float64(i+1), 1)
		out = append(out, to-1-int(math.Pow(u, recency)*float64(span)))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(n int) bool { return n < from || math.IsNaN(v.anchor(l, n)) })
}
