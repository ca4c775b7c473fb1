package naive

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted naive method.
type model struct {
	name  string
	key   series.Key
	unit  series.Unit
	step  time.Duration
	end   time.Time
	scale forecast.Scale

	centre centre
	errors []*errorLog
	past   []float64 // centres of the last steps, a ring: past[i%len] was the forecast made after observation i
	n      int       // observations told, missing ones included
	gap    int       // how many of the latest are missing
	level  float64   // a slow mean of the observations, to which the prior is proportional
	ready  bool
	normal forecast.Grid
}

// Update tells the model the next observation, NaN where missing.
func (m *model) Update(y float64) {
	m.end = m.end.Add(m.step)
	y = m.scale.In(y)
	if m.past == nil {
		m.past = make([]float64, m.errors[len(m.errors)-1].knot)
		for i := range m.past {
			m.past[i] = math.NaN()
		}
	}
	m.learn(y)
	m.centre.observe(y)
	m.past[m.n%len(m.past)] = m.centre.ahead(1)
	m.n++
}

// learn records the errors of observation y at every knot.
func (m *model) learn(y float64) {
	if math.IsNaN(y) {
		m.gap++
		return
	}
	m.gap = 0
	switch {
	case !m.ready:
		m.level, m.ready = y, true
	default:
		m.level += 0.02 * (y - m.level)
	}
	for _, l := range m.errors {
		if l.knot > m.n || !l.due(m.n) {
			continue
		}
		if f := m.past[(m.n-l.knot)%len(m.past)]; !math.IsNaN(f) {
			l.add(m.n, y-f)
		}
	}
}

// seasonal reports whether the errors do not depend on the horizon.
func (m *model) seasonal() bool { return len(m.errors) == 1 }

// Forecast returns the distributions of the next h steps.
func (m *model) Forecast(h int) forecast.Forecast {
	if m.normal == nil {
		m.normal = forecast.NormalGrid()
	}
	f := forecast.Forecast{Key: m.key, Unit: m.unit, Method: m.name, Origin: m.end, Step: m.step, Steps: make([]forecast.Distribution, h)}
	steps := make([]distribution, h)
	said := beliefs(m.errors)
	for k := range h {
		c := m.centre.ahead(k + 1)
		level := max(c, m.level)
		if level == 0 {
			level = 1
		}
		far := k + 1
		if !m.seasonal() {
			far += m.gap
		}
		steps[k] = distribution{
			model: m, centre: c, spread: blend(m.errors, said, far, m.centre.seasons(k+1), level),
		}
		f.Steps[k] = &steps[k]
	}
	return f
}

// distribution is a centre and the errors around it, cut at zero.
type distribution struct {
	spread
	model  *model
	centre float64
}

// Quantile implements forecast.Distribution.
func (d *distribution) Quantile(p float64) float64 {
	v := d.centre + d.wPr*d.model.normal.Quantile(p)
	if d.wLo != 0 {
		v += d.wLo * d.lo.Quantile(p)
	}
	if d.wHi != 0 {
		v += d.wHi * d.hi.Quantile(p)
	}
	return d.model.scale.Out(v)
}
