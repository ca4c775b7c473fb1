package mstl

import (
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model holds the last cycle of each season and the model of what remains. All values are at the scale.
type model struct {
	name      string
	settings  string // of the method
	key       series.Key
	unit      series.Unit
	step      time.Duration
	end       time.Time
	scale     forecast.Scale
	cycles    [][]float32 // cycles[i][k] is season i at step k+1 after the fit; half the memory, and exact to 6e-8 of the season
	passed    int         // steps since the fit
	remainder forecast.Model
	least     float64 // of the upper quantiles
}

// newModel returns a model of y without its remainder. seasons[i] is the season of periods[i] steps at each observation of y.
func newModel(m Method, y series.Series, scale forecast.Scale, periods []int, seasons [][]float64) *model {
	fitted := &model{name: m.Name(), settings: m.settings(), key: y.Key, unit: y.Unit, step: y.Step, end: y.End(), scale: scale}
	fitted.least = leastUpper(y.Values, periods)
	for i, p := range periods {
		cycle := make([]float32, p)
		for k, v := range seasons[i][y.Len()-p:] {
			cycle[k] = float32(v)
		}
		fitted.cycles = append(fitted.cycles, cycle)
	}
	return fitted
}

// season returns the sum of the seasons at step h from now on, counted from 1.
func (m *model) season(h int) float64 {
	var sum float64
	for _, c := range m.cycles {
		sum += float64(c[(m.passed+h-1)%len(c)])
	}
	return sum
}

// Update passes the next observation on without its season; NaN where it is missing.
func (m *model) Update(y float64) {
	m.remainder.Update(m.scale.In(y) - m.season(1))
	m.end = m.end.Add(m.step)
	m.passed++
}

// Forecast adds the seasons to the forecast of the remainder.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.key, Unit: m.unit, Method: m.name, Origin: m.end, Step: m.step, Steps: make([]forecast.Distribution, h)}
	steps := make([]shifted, h)
	for k, d := range m.remainder.Forecast(h).Steps {
		steps[k] = shifted{base: d, by: m.season(k + 1), scale: m.scale, least: m.least}
		f.Steps[k] = &steps[k]
	}
	return f
}

// shifted is a distribution moved by a number, brought back to the unit of the demand.
type shifted struct {
	base  forecast.Distribution
	by    float64
	scale forecast.Scale
	least float64 // of quantiles from upper on
}

// Quantile implements forecast.Distribution.
func (d *shifted) Quantile(p float64) float64 {
	v := d.by + d.base.Quantile(p)
	if p >= upper {
		v = max(v, d.least)
	}
	return d.scale.Out(v)
}

// simulator is a model whose remainder draws sample paths.
type simulator struct{ *model }

// simulating returns m, with Simulate where the remainder has it.
func (m *model) simulating() forecast.Model {
	if _, ok := m.remainder.(forecast.Simulator); ok {
		return simulator{m}
	}
	return m
}

// Simulate implements forecast.Simulator.
func (s simulator) Simulate(h, n int, seed uint64) [][]float64 {
	paths := s.remainder.(forecast.Simulator).Simulate(h, n, seed)
	for k := range h {
		by := s.season(k + 1)
		for _, path := range paths {
			path[k] = s.scale.Out(by + path[k])
		}
		raise(paths, k, s.scale.Out(s.least))
	}
	return paths
}
