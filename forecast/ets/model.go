package ets

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted shape at its latest observation. Its fields are exported for gob.
type model struct {
	Method, Settings string
	Key              series.Key
	Unit             series.Unit
	Step             time.Duration
	End              time.Time // of the latest observation told, missing ones included
	Scale            scale

	Shape     shape
	Smoothing smoothing
	Level     float64
	Slope     float64
	Season    []float64 // by phase; nil without a season
	At        int       // the phase of the next observation
	Gap       int       // how many of the latest observations are missing
	Sigma2    float64   // the variance of the innovations
	Size      float64   // the mean size of the observations fitted on, at the scale
	Most      float64   // the largest size of an observation told, at the scale
	Bound     float64   // how many times Most a median is at most
}

// How many times the largest observation a quantile and, of Auto, a median is at most. A demand that doubles within the horizon is rare,
// while slopes and products of errors grow without end.
const (
	mostQuantile = 10.0
	mostMedian   = 2.0
)

// mostGap bounds the steps over which a gap widens the intervals; over the rest of a longer one, when no slope is left, only the season
// goes on.
const mostGap = 1000

// newModel returns the model at the end of the history, with the parameters of c and medians at most bound times the largest observation.
func newModel(name, settings string, y series.Series, h history, c *candidate, bound float64) *model {
	k := c.k
	k.value(c.x)
	m := &model{
		Method: name, Settings: settings, Key: y.Key, Unit: y.Unit, Step: y.Step, End: y.End(), Scale: h.scale,
		Shape: k.shape, Smoothing: k.at, Level: k.end.l, Slope: k.end.b, Sigma2: k.variance(), Size: h.unit, Bound: bound,
	}
	if k.Season != NoSeason {
		m.Season = append([]float64(nil), k.ring...)
		m.At = len(k.y) % k.m
	}
	for _, v := range y.Values {
		m.meet(h.scale.in(v))
	}
	for range h.gap {
		m.miss()
	}
	return m
}

// variance returns the estimate of the variance of the innovations, with the number of parameters taken off the divisor.
func (k *likelihood) variance() float64 {
	n := float64(k.present)
	return (n/k.weight - n*exact*k.noise()) / math.Max(n-float64(k.count(k.m)), 1)
}

// Update tells the model the next observation, NaN where missing.
func (m *model) Update(y float64) {
	m.End = m.End.Add(m.Step)
	y = m.Scale.in(y)
	if math.IsNaN(y) {
		m.miss()
		return
	}
	m.meet(y)
	m.Slope = m.slope()
	for ; m.Gap > 0; m.Gap-- {
		m.advance()
	}
	m.observe(y)
}

// meet keeps the largest size of an observation, NaN where missing.
func (m *model) meet(y float64) {
	if size := math.Abs(y); size > m.Most {
		m.Most = size
	}
}

// fade is what a slope keeps of itself for each missing observation after the first of a gap: a slope of minutes is gone in half an hour.
const fade = 0.9

// slope returns the slope that the model goes over the gap with.
func (m *model) slope() float64 {
	if m.Gap <= 1 {
		return m.Slope
	}
	return m.Slope * math.Pow(fade, float64(m.Gap-1))
}

// miss takes note of a missing observation.
func (m *model) miss() {
	if m.Gap == mostGap {
		m.turn()
		return
	}
	m.Gap++
}

// advance goes one step without an innovation.
func (m *model) advance() {
	m.Slope *= m.Smoothing.Phi
	m.Level += m.Slope
	m.turn()
}

// turn goes to the next phase of the season.
func (m *model) turn() {
	if m.At++; m.At >= len(m.Season) {
		m.At = 0
	}
}

// mostIndex bounds multiplicative seasonal states, and one over it from below, against observations beyond all sense.
const mostIndex = 1e6

// parts returns what the forecast of the next observation is made of: the level it grows to, by how much, and the season.
func (m *model) parts() (level, growth, season float64) {
	growth = m.Smoothing.Phi * m.Slope
	level = m.Level + growth
	switch m.Shape.Season {
	case AdditiveSeason:
		season = m.Season[m.At]
	case MultiplicativeSeason:
		level, season = max(level, leastForecast), m.Season[m.At]
	default:
	}
	return level, growth, season
}

// next returns the forecast of the next observation.
func (m *model) next() float64 {
	level, _, season := m.parts()
	if m.Shape.Season == MultiplicativeSeason {
		return level * season
	}
	return level + season
}

// observe lets the states follow the error of the forecast of y.
func (m *model) observe(y float64) {
	level, growth, season := m.parts()
	x := m.Smoothing
	e := y - level - season
	switch m.Shape.Season {
	case AdditiveSeason:
		m.Season[m.At] = season + x.Gamma*e
	case MultiplicativeSeason:
		miss := y - level*season
		e = miss / season
		m.Season[m.At] = min(max(season+x.Gamma*miss/level, 1/mostIndex), mostIndex)
	default:
	}
	m.Level = level + x.Alpha*e
	m.Slope = growth + x.Beta*e
	m.turn()
}

// leastWidth, as a share of the level, keeps the intervals of a demand that never changed from having no width.
const leastWidth = 1e-6

// Forecast returns the distributions of the next h steps. After a gap they are those of the steps beyond it.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.Key, Unit: m.Unit, Method: m.Method, Origin: m.End, Step: m.Step, Steps: make([]forecast.Distribution, h)}
	normals := m.normals(h)
	for k := range normals {
		f.Steps[k] = &normals[k]
	}
	return f
}

// A demand's quantile at the probability whose standard normal quantile is upper, 0.995, is at least so many times the largest observation.
const (
	upper      = 2.5758293035489004
	leastUpper = 1e-3
)

// normals returns the distributions of the next h steps at the scale.
func (m *model) normals(h int) []normal {
	mean, variance := m.moments(m.Gap + h)
	out := make([]normal, h)
	most := max(m.Most, leastWidth*m.Size)
	for k := range out {
		c := min(max(mean[m.Gap+k], -m.Bound*most), m.Bound*most)
		least := leastWidth * max(math.Abs(c), leastWidth*m.Size)
		d := max(math.Sqrt(max(variance[m.Gap+k], 0)), least)
		if floor := leastUpper * m.Most; !m.Scale.Signed && c+upper*d < floor {
			c = max(c, -most)
			d = (floor - c) / upper
		}
		out[k] = normal{c, d, mostQuantile * most, m.Scale}
	}
	return out
}

// normal is a normal distribution, cut at most and at -most, of a number that may be negative if the scale says so.
type normal struct {
	mean, deviation, most float64
	scale                 scale
}

// Quantile implements forecast.Distribution.
func (d *normal) Quantile(p float64) float64 { return d.at(forecast.NormalQuantile(p)) }

// at returns the quantile at the probability whose standard normal quantile is z.
func (d *normal) at(z float64) float64 {
	return d.scale.out(min(max(d.mean+d.deviation*z, -d.most), d.most))
}
