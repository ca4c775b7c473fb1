package harmonic

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted additive model.
type model struct {
	name, settings string
	calendar       forecast.Calendar
	key            series.Key
	unit           series.Unit
	step           time.Duration
	origin         time.Time
	scale          forecast.Scale

	first time.Time // where scaled time is 0
	span  float64   // seconds of scaled time
	top   float64   // what a scaled observation is divided by
	clock clock

	seasons       []season
	offset, slope float64 // of the trend after its last change
	waves         []float64
	effects       []float64 // of each of the calendar's occasions, nil where none was seen
	sigma         float64
	drift         drift
	least         float64 // of the upper quantiles, scaled

	buffer []float64
}

// adopt takes over what was estimated.
func (m *model) adopt(d *design, e estimate) {
	m.first, m.span, m.top, m.clock = d.first, d.span, d.top, clock{loc: d.clock.loc}
	m.seasons, m.sigma = d.seasons, e.sigma
	m.offset, m.slope = e.free[0], e.free[1]
	m.drift.rate = float64(len(e.changes))
	for j, v := range e.changes {
		m.slope += v
		m.offset -= v * d.changes[j]
		m.drift.scale += math.Abs(v) / float64(len(e.changes))
	}
	m.drift.scale += driftFloor
	m.waves = e.free[2 : 2+d.waves]
	m.buffer = make([]float64, d.waves)
	if len(d.occasions) > 0 {
		m.effects = make([]float64, len(d.calendar.Occasions()))
		for j, o := range d.occasions {
			m.effects[o] = e.free[2+d.waves+j]
		}
	}
}

// Update moves the time on by a step. The observation is not learned from.
func (m *model) Update(float64) { m.origin = m.origin.Add(m.step) }

// mean returns what the model expects at t, in scaled time and units of top, and the scaled time.
func (m *model) mean(at time.Time) (mean, t float64) {
	t = at.Sub(m.first).Seconds() / m.span
	mean = m.offset + m.slope*t
	m.clock.waves(m.seasons, at, m.buffer)
	for j, v := range m.buffer {
		mean += m.waves[j] * v
	}
	if m.effects != nil {
		for _, o := range m.calendar.On(at) {
			mean += m.effects[o]
		}
	}
	return mean, t
}

// Forecast returns the distributions of the next h steps: normal noise, and a trend that goes on to change as it did.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.key, Unit: m.unit, Method: m.name, Origin: m.origin, Step: m.step, Steps: make([]forecast.Distribution, h)}
	steps := make([]outcome, h)
	for k := range steps {
		mean, t := m.mean(f.TimeAt(k + 1))
		steps[k] = m.drift.outcome(m.sigma, t-1)
		steps[k].mean, steps[k].top, steps[k].scale, steps[k].least = mean, m.top, m.scale, m.least
		f.Steps[k] = &steps[k]
	}
	return f
}

// Simulate draws sample paths: changes of slope come as a Poisson process from the end of the history on and are Laplace, and the noise
// of each step is normal and independent (Taylor and Letham 2018, section 3.1.4). The noise of a step is stratified over the paths, so
// that a few paths have the forecast's quantiles (McKay, Beckman and Conover 1979, Latin hypercube sampling).
func (m *model) Simulate(h, n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x6861726d6f6e6963))
	mean, t := make([]float64, h), make([]float64, h)
	for k := range h {
		mean[k], t[k] = m.mean(m.origin.Add(time.Duration(k+1) * m.step))
	}
	paths, all := make([][]float64, n), make([]float64, n*h)
	for i := range paths {
		paths[i] = all[i*h : (i+1)*h : (i+1)*h]
		m.drift.wander(rng, t, paths[i])
	}
	for k := range h {
		for i, stratum := range rng.Perm(n) {
			z := forecast.NormalQuantile((float64(stratum) + 0.001 + 0.998*rng.Float64()) / float64(n))
			paths[i][k] = m.scale.Out((mean[k] + paths[i][k] + m.sigma*z) * m.top)
		}
		raise(paths, k, m.scale.Out(m.least))
	}
	return paths
}
