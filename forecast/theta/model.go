package theta

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted Theta method at its latest observation. Its fields are exported for gob.
type model struct {
	Method, Settings string
	Key              series.Key
	Unit             series.Unit
	Step             time.Duration
	End              time.Time // of the latest observation told, missing ones included
	Scale            forecast.Scale

	Season []float64 // indices by phase; nil without a season
	At     int       // the phase of the observation after the latest that is not missing
	Gap    int       // how many of the latest observations are missing
	Size   float64   // the mean of the observations fitted on, at the scale
	Most   float64   // the largest observation told, at the scale
	Drift  *drift    // of Theta
	Line   *line     // of the dynamic optimised model
}

// mostGap bounds the steps that a gap is followed for; a longer one is taken as that long.
const mostGap = 5000

// Update tells the model the next observation, NaN where missing.
func (m *model) Update(y float64) {
	m.End = m.End.Add(m.Step)
	y = m.Scale.In(y)
	m.meet(y)
	if math.IsNaN(y) || m.index(m.Gap) < leastIndex {
		m.miss()
		return
	}
	m.At = m.phase(m.Gap)
	z := y / m.index(0)
	m.At = m.phase(1)
	if m.Line != nil {
		m.Line.observe(z, m.Gap)
	} else {
		m.Drift.observe(z, m.Gap)
	}
	m.Gap = 0
}

// meet keeps the largest observation, NaN where missing.
func (m *model) meet(y float64) {
	if y > m.Most {
		m.Most = y
	}
}

// miss takes note of a missing observation.
func (m *model) miss() {
	if m.Gap == mostGap {
		m.At = m.phase(1)
		return
	}
	m.Gap++
}

// phase returns the phase k steps after At.
func (m *model) phase(k int) int {
	if len(m.Season) == 0 {
		return 0
	}
	return (m.At + k) % len(m.Season)
}

// index returns the seasonal index k steps after At.
func (m *model) index(k int) float64 {
	if len(m.Season) == 0 {
		return 1
	}
	return m.Season[m.phase(k)]
}

// leastWidth, as a share of the level, keeps the intervals of a demand that never changed from having no width.
const leastWidth = 1e-6

// Forecast returns the distributions of the next h steps. After a gap they are those of the steps beyond it.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.Key, Unit: m.Unit, Method: m.Method, Origin: m.End, Step: m.Step, Steps: make([]forecast.Distribution, h)}
	steps := m.normals(h)
	for k := range steps {
		f.Steps[k] = &steps[k]
	}
	return f
}

// A quantile at the probability whose standard normal quantile is upper, 0.995, is at least so many times the largest observation: a
// demand that was there may come back.
const (
	upper      = 2.5758293035489004
	leastUpper = 1e-3
)

// normals returns the distributions of the next h steps. The variance is that of the adjusted demand, as in thetaf: the season moves the
// mean and not the width.
func (m *model) normals(h int) []forecast.Gaussian {
	mean, variance := make([]float64, m.Gap+h), make([]float64, m.Gap+h)
	if m.Line != nil {
		m.Line.moments(mean, variance)
	} else {
		m.Drift.moments(mean, variance)
	}
	out := make([]forecast.Gaussian, h)
	for k := range out {
		c := mean[m.Gap+k] * m.index(m.Gap+k)
		least := leastWidth * max(math.Abs(c), leastWidth*m.Size)
		d := max(math.Sqrt(variance[m.Gap+k]), least)
		if floor := leastUpper * m.Most; c+upper*d < floor {
			c = max(c, -m.Most)
			d = (floor - c) / upper
		}
		out[k] = forecast.Gaussian{Mean: c, Deviation: d, Scale: m.Scale}
	}
	return out
}
