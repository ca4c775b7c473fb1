package harmonic

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// mostOccasions bounds the holidays and events that have a regressor: those on at the most observations.
const mostOccasions = 128

// design says what the columns of the regression are: a constant and the scaled time, the waves of the seasons, an indicator an
// occasion, and a ramp a change point.
type design struct {
	*history
	clock     clock
	waves     int
	shrink    []float64 // attenuation of the waves, nil where rows are observations
	calendar  forecast.Calendar
	on        [][]int // what is on at each row; nil without a calendar
	occasions []int   // the calendar's indices of those that have a column, ascending
}

// newDesign lays out the columns for h.
func newDesign(h *history, c forecast.Calendar) *design {
	d := &design{history: h, clock: clock{loc: location(c)}, calendar: c}
	for _, s := range h.seasons {
		d.waves += 2 * s.order
	}
	if h.cell > 1 {
		d.shrink = attenuation(h.seasons, h.step, h.cell)
	}
	if c != nil {
		d.survey()
	}
	return d
}

// survey finds the occasions that the history has seen to the end at least once. One that has begun for the first time has no column
// yet: what the small hours of a holiday say about its noon is worse than nothing. In this the model differs from Prophet, whose days are
// whole.
func (d *design) survey() {
	count := make([]float64, len(d.calendar.Occasions()))
	ended := make([]bool, len(count))
	d.on = make([][]int, len(d.rows))
	var before []int
	for i, r := range d.rows {
		d.on[i] = d.calendar.On(r.at)
		for _, o := range d.on[i] {
			count[o] += r.weight
		}
		for _, o := range before {
			ended[o] = ended[o] || !slices.Contains(d.on[i], o)
		}
		before = d.on[i]
	}
	for o := range count {
		if ended[o] {
			d.occasions = append(d.occasions, o)
		}
	}
	if len(d.occasions) > mostOccasions {
		slices.SortStableFunc(d.occasions, func(a, b int) int { return cmp.Compare(count[b], count[a]) })
		d.occasions = d.occasions[:mostOccasions]
		slices.Sort(d.occasions)
	}
}

// quadratic is the part of the posterior that is quadratic: the observations' sums of squares and the normal priors. The coefficients
// are those with a normal prior, free of them, followed by the change points.
type quadratic struct {
	free, changes int
	g             []float64 // X'X, all of it, row by row
	b             []float64 // X'y
	yy, n         float64
	prior         []float64 // precision of the normal prior of each free coefficient
}

// size returns the number of coefficients.
func (q *quadratic) size() int { return q.free + q.changes }

// The priors of Prophet: a normal one for slope and offset, and for waves and occasions; a Laplace one for changes of slope.
const (
	trendPrior  = 5.0
	effectPrior = 10.0
	changePrior = 0.05
)

// chunk is how many rows are multiplied at a time; they stay in the processor's cache.
const chunk = 128

// normal returns the normal equations. Constant, time, waves and ramps are dense and go through the matrix product; occasions are on
// at few rows and are added one by one.
func (d *design) normal() *quadratic {
	s := newSums(2+d.waves+len(d.changes), len(d.occasions))
	column := d.columns()
	block := make([]float64, chunk*s.dense)
	ys := make([]float64, chunk)
	for from := 0; from < len(d.rows); from += chunk {
		rows := d.rows[from:min(from+chunk, len(d.rows))]
		for i, r := range rows {
			x := block[i*s.dense : (i+1)*s.dense]
			d.fill(r, x)
			if d.on != nil {
				s.occasions(d.on[from+i], column, x, r)
			}
			ys[i] = r.y
			if r.weight != 1 {
				root := math.Sqrt(r.weight)
				ys[i] *= root
				blas64.Scal(root, blas64.Vector{N: s.dense, Inc: 1, Data: x})
			}
		}
		s.add(block[:len(rows)*s.dense], ys[:len(rows)])
	}
	q := s.arrange(len(d.changes))
	q.yy, q.n = d.squares, float64(d.present)
	q.prior = make([]float64, q.free)
	for j := range q.prior {
		q.prior[j] = 1 / (effectPrior * effectPrior)
	}
	q.prior[0], q.prior[1] = 1/(trendPrior*trendPrior), 1/(trendPrior*trendPrior)
	return q
}

// columns returns the column of each of the calendar's occasions among occasions, -1 where it has none.
func (d *design) columns() []int {
	if d.calendar == nil {
		return nil
	}
	out := make([]int, len(d.calendar.Occasions()))
	for o := range out {
		out[o] = -1
	}
	for j, o := range d.occasions {
		out[o] = j
	}
	return out
}

// fill writes the dense columns of a row into x.
func (d *design) fill(r row, x []float64) {
	x[0], x[1] = 1, r.t
	waves := x[2 : 2+d.waves]
	d.clock.waves(d.seasons, r.at, waves)
	for j, a := range d.shrink {
		waves[j] *= a
	}
	ramps := x[2+d.waves:]
	for j, s := range d.changes {
		ramps[j] = max(r.t-s, 0)
	}
}

// sums collects products of columns.
type sums struct {
	dense, sparse int
	g, b          []float64 // of the dense columns, upper triangle
	cross         []float64 // sparse by dense
	both, bs      []float64 // of the sparse columns
}

func newSums(dense, sparse int) *sums {
	return &sums{
		dense: dense, sparse: sparse, g: make([]float64, dense*dense), b: make([]float64, dense),
		cross: make([]float64, sparse*dense), both: make([]float64, sparse*sparse), bs: make([]float64, sparse),
	}
}

// add adds rows of the dense columns and their observations.
func (s *sums) add(x, y []float64) {
	a := blas64.General{Rows: len(y), Cols: s.dense, Stride: s.dense, Data: x}
	blas64.Syrk(blas.Trans, 1, a, 1, blas64.Symmetric{N: s.dense, Stride: s.dense, Data: s.g, Uplo: blas.Upper})
	blas64.Gemv(blas.Trans, 1, a, blas64.Vector{N: len(y), Inc: 1, Data: y}, 1, blas64.Vector{N: s.dense, Inc: 1, Data: s.b})
}

// occasions adds what is on at a row whose dense columns are x.
func (s *sums) occasions(on, column []int, x []float64, r row) {
	for _, o := range on {
		j := column[o]
		if j < 0 {
			continue
		}
		s.bs[j] += r.weight * r.y
		blas64.Axpy(r.weight, blas64.Vector{N: s.dense, Inc: 1, Data: x},
			blas64.Vector{N: s.dense, Inc: 1, Data: s.cross[j*s.dense : (j+1)*s.dense]})
		for _, other := range on {
			if k := column[other]; k >= 0 {
				s.both[j*s.sparse+k] += r.weight
			}
		}
	}
}

// arrange puts the sparse columns between the dense ones with a normal prior and the change points.
func (s *sums) arrange(changes int) *quadratic {
	q := &quadratic{free: s.dense - changes + s.sparse, changes: changes}
	p, head := q.size(), s.dense-changes
	place := func(i int) int {
		if i < head {
			return i
		}
		return i + s.sparse
	}
	q.g, q.b = make([]float64, p*p), make([]float64, p)
	set := func(i, j int, v float64) { q.g[i*p+j], q.g[j*p+i] = v, v }
	for i := range s.dense {
		q.b[place(i)] = s.b[i]
		for j := i; j < s.dense; j++ {
			set(place(i), place(j), s.g[i*s.dense+j])
		}
	}
	for i := range s.sparse {
		q.b[head+i] = s.bs[i]
		for j := range s.dense {
			set(head+i, place(j), s.cross[i*s.dense+j])
		}
		for j := range s.sparse {
			set(head+i, head+j, s.both[i*s.sparse+j])
		}
	}
	return q
}
