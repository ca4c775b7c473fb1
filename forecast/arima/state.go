package arima

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// filter is the Kalman filter of a model in innovations form. The state holds Rank numbers x with w(t) = x(1) + e(t), w being the
// differenced series without its constant, and then as many of the latest observations as differencing looks back, latest first. A
// step moves each element one place and adds one term for each coefficient that is not zero, whatever the length of the season.
//
// Once the past is known the state is known too, and the filter is in its steady state: the errors are the innovations. What is not
// known of it, at the beginning and after missing observations, is kept as a factor: the state is State plus Columns times independent
// standard normal numbers times the innovations' deviation. The factor shrinks as observations come and is dropped when it is nothing.
type filter struct {
	AR, MA, Diff lags
	Rank         int
	Constant     float64
	State        []float64
	Columns      [][]float64
	Since        int // observations since the columns were last compressed

	along, across []float64 // scratch
}

// newFilter returns the filter of a model whose past is all zero.
func newFilter(o order, c coefficients, constant float64) *filter {
	return &filter{
		AR: product(c.ar, c.sar, o.M, -1), MA: product(c.ma, c.sma, o.M, 1), Diff: differencing(o),
		Rank: o.rank(), Constant: constant, State: make([]float64, o.rank()+o.lost()),
	}
}

// predict returns the observation expected of state s.
func (f *filter) predict(s []float64, constant float64) float64 {
	y := constant
	if f.Rank > 0 {
		y += s[0]
	}
	past := s[f.Rank:]
	for i, at := range f.Diff.At {
		y += f.Diff.By[i] * past[at-1]
	}
	return y
}

// advance moves the state s over an observation that differs by e from the one expected, which it returns.
func (f *filter) advance(s []float64, e, constant float64) float64 {
	y, w := f.predict(s, constant)+e, e
	if f.Rank > 0 {
		w += s[0]
	}
	f.shift(s, y, w, e)
	return y
}

// shift moves the state s over observation y, differenced to w, with innovation e.
func (f *filter) shift(s []float64, y, w, e float64) {
	if r := f.Rank; r > 0 {
		copy(s[:r], s[1:r])
		s[r-1] = 0
		for i, at := range f.AR.At {
			s[at-1] += f.AR.By[i] * w
		}
		for i, at := range f.MA.At {
			s[at-1] += f.MA.By[i] * e
		}
	}
	f.remember(s, y)
}

// remember makes y the latest observation of state s.
func (f *filter) remember(s []float64, y float64) {
	if past := s[f.Rank:]; len(past) > 0 {
		copy(past[1:], past)
		past[0] = y
	}
}

// push tells of an observation before the differenced series begins.
func (f *filter) push(y float64) { f.remember(f.State, y) }

// condition tells of an observation that has no innovation, as the conditional sum of squares has it at the beginning.
func (f *filter) condition(y float64) {
	w := y - f.predict(f.State, f.Constant)
	if f.Rank > 0 {
		w += f.State[0]
	}
	f.shift(f.State, y, w, 0)
}

// miss moves on by one observation that is missing: its innovation becomes one more unknown.
func (f *filter) miss() {
	f.advance(f.State, 0, f.Constant)
	for _, c := range f.Columns {
		f.advance(c, 0, 0)
	}
	c := make([]float64, len(f.State))
	if len(c) == 0 {
		return
	}
	f.advance(c, 1, 0)
	f.Columns = append(f.Columns, c)
	if len(f.Columns) >= f.room()+spare {
		f.compress()
	}
}

// observe moves on by observation y. It returns the error of the one expected and its variance in units of the innovations'. The
// columns follow the square root form of the update (Potter 1963, in Anderson and Moore 1979, section 6.5).
func (f *filter) observe(y float64) (v, variance float64) {
	v = y - f.predict(f.State, f.Constant)
	f.advance(f.State, v, f.Constant)
	if f.Rank < len(f.State) {
		f.State[f.Rank] = y
	}
	if len(f.Columns) == 0 {
		return v, 1
	}
	a, u, sum := scratch(&f.along, len(f.Columns)), scratch(&f.across, len(f.State)), 0.0
	for k, c := range f.Columns {
		a[k] = f.predict(c, 0)
		sum += a[k] * a[k]
		f.advance(c, -a[k], 0)
		if f.Rank < len(c) {
			c[f.Rank] = 0
		}
		floats.AddScaled(u, a[k], c)
	}
	variance = 1 + sum
	if sum > 0 {
		floats.AddScaled(f.State, v/variance, u)
		for k, c := range f.Columns {
			floats.AddScaled(c, -(1-1/math.Sqrt(variance))/sum*a[k], u)
		}
	}
	if f.Since++; f.Since >= spare {
		f.compress()
	}
	return v, variance
}

// scratch returns n zeros in the memory of s, which it makes longer where it must.
func scratch(s *[]float64, n int) []float64 {
	if cap(*s) < n {
		*s = make([]float64, n)
	}
	*s = (*s)[:n]
	clear(*s)
	return *s
}

const (
	// spare is how many columns may be added, or observations made, before the columns are compressed.
	spare = 16
	// exactState is the largest state whose uncertainty is kept in full; of a larger one the directions in which most is not known are.
	exactState   = 100
	mostOfLarger = 24
	// known is the variance, in units of the innovations', below which an element of the state counts as known.
	known = 1e-10
)

// room returns how many columns are kept at most.
func (f *filter) room() int {
	if n := len(f.State); n <= exactState {
		return n
	}
	return mostOfLarger
}

// compress replaces the columns by as few that have the same covariance: the Cholesky factor with the largest pivot first (Higham 2002,
// section 10.3), which ends when what is left is nothing or there is no room.
func (f *filter) compress() {
	f.Since = 0
	n := len(f.State)
	left := make([]float64, n)
	for _, c := range f.Columns {
		for i, x := range c {
			left[i] += x * x
		}
	}
	var kept [][]float64
	for range f.room() {
		pivot := floats.MaxIdx(left)
		if !(left[pivot] > known) {
			break
		}
		next := make([]float64, n)
		for _, c := range f.Columns {
			floats.AddScaled(next, c[pivot], c)
		}
		for _, c := range kept {
			floats.AddScaled(next, -c[pivot], c)
		}
		floats.Scale(1/math.Sqrt(next[pivot]), next)
		for i, x := range next {
			left[i] = max(left[i]-x*x, 0)
		}
		left[pivot] = 0
		kept = append(kept, next)
	}
	f.Columns = kept
}
