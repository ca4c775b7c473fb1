package arima

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted model. Its exported fields are what is kept of it.
type model struct {
	Version   int
	Settings  string
	Method    string
	Key       series.Key
	Unit      series.Unit
	Step      time.Duration
	End       time.Time
	Units     units
	Order     order
	Filter    *filter
	Deviation float64 // of the innovations
}

// Update tells the model the next observation, NaN where missing.
func (m *model) Update(y float64) {
	m.End = m.End.Add(m.Step)
	if y = m.Units.in(y); math.IsNaN(y) {
		m.Filter.miss()
		return
	}
	m.Filter.observe(y)
}

// leastWidth, as a share of the forecast, keeps the intervals of a series that never changed from having no width.
const leastWidth = 1e-6

// most keeps a deviation far enough from the largest number that quantiles are finite.
const most = 1e300

// ahead returns the means and deviations of the next h observations at forecast.Scale: the state's mean and each column of its
// uncertainty move on without errors, and each innovation adds the square of its weight in the infinite moving average.
func (m *model) ahead(h int) (mean, deviation []float64) {
	f := m.Filter
	mean, deviation = make([]float64, h), make([]float64, h)
	state, weights := slices.Clone(f.State), make([]float64, len(f.State))
	own := 1.0
	for k := range h {
		mean[k] = min(max(f.advance(state, 0, f.Constant), -most), most)
		if k == 0 {
			f.advance(weights, 1, 0)
		} else {
			psi := f.advance(weights, 0, 0)
			own += psi * psi
		}
		deviation[k] = own
	}
	column := make([]float64, len(f.State))
	for _, c := range f.Columns {
		copy(column, c)
		for k := range h {
			a := f.advance(column, 0, 0)
			deviation[k] += a * a
		}
	}
	for k, v := range deviation {
		mean[k] *= m.Units.Largest
		least := max(leastWidth*math.Abs(mean[k]), leastWidth*leastWidth)
		deviation[k] = min(max(m.Units.Largest*m.Deviation*math.Sqrt(v), least), most)
	}
	return mean, deviation
}

// Forecast returns the distributions of the next h observations.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.Key, Unit: m.Unit, Method: m.Method, Origin: m.End, Step: m.Step, Steps: make([]forecast.Distribution, h)}
	mean, deviation := m.ahead(h)
	if m.Units.Signed {
		steps := make([]normal, h)
		for k := range steps {
			steps[k] = normal{mean[k], deviation[k], m.Units}
			f.Steps[k] = &steps[k]
		}
		return f
	}
	steps := make([]forecast.Gaussian, h)
	for k := range steps {
		steps[k] = forecast.Gaussian{Mean: mean[k], Deviation: deviation[k], Scale: m.Units.Scale}
		f.Steps[k] = &steps[k]
	}
	return f
}

// Simulate draws paths by running the model on random innovations from a random state. At each step the paths then take the quantiles of
// the forecast in the order they are in, so that the marginal distributions hold for few paths too (the Schaake shuffle, Clark et al.
// 2004).
func (m *model) Simulate(h, n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x61726d61))
	paths := make([][]float64, n)
	for i := range paths {
		paths[i] = m.draw(rng, h)
	}
	order := make([]int, n)
	for k, d := range m.Forecast(h).Steps {
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(paths[a][k], paths[b][k]) })
		for rank, i := range order {
			paths[i][k] = d.Quantile((float64(rank) + 0.5) / float64(n))
		}
	}
	return paths
}

// draw returns one path at the scale of the model.
func (m *model) draw(rng *rand.Rand, h int) []float64 {
	f := m.Filter
	state := slices.Clone(f.State)
	deviation := max(m.Deviation, leastWidth*leastWidth)
	for _, c := range f.Columns {
		floats.AddScaled(state, deviation*rng.NormFloat64(), c)
	}
	path := make([]float64, h)
	for k := range path {
		path[k] = f.advance(state, deviation*rng.NormFloat64(), f.Constant)
	}
	return path
}
