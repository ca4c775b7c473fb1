package tree

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a head and the end of the history that it forecasts from.
type model struct {
	settings
	key    series.Key
	unit   series.Unit
	end    time.Time // of the latest observation told, missing ones included
	layout layout
	head   head
	print  uint64 // of the pool that the head belongs to; 0 where the head is the model's own

	scale   forecast.Scale
	scales  []forecast.Scale // of the leading indicators
	history []float64        // ends with an observation that is not missing
	leads   [][]float64      // of the same length
	gap     int              // how many were missing since
	normal  forecast.Grid
}

// model returns the model that forecasts from the end of p.
func (s settings) model(l layout, p prepared, h head) *model {
	m := &model{settings: s, key: p.Key, unit: p.Unit, end: p.End(), layout: l, head: h, scale: p.scale, scales: p.scales}
	n := len(p.Values)
	for n > 0 && math.IsNaN(p.Values[n-1]) {
		n--
	}
	m.gap = len(p.Values) - n
	from := max(0, n-l.keep())
	m.history = m.tail(p.Values[from:n])
	for _, x := range p.leads {
		m.leads = append(m.leads, m.tail(x[from:n]))
	}
	m.normal = forecast.NormalGrid()
	return m
}

// tail returns a copy of z with room for the next observations.
func (m *model) tail(z []float64) []float64 {
	keep := m.layout.keep()
	return append(make([]float64, 0, keep+keep/8+16), z...)
}

// Update takes the next observation.
func (m *model) Update(y float64) { m.UpdateWith(y, nil) }

// UpdateWith takes the next observation with its leading indicators, those beyond the slice being missing.
func (m *model) UpdateWith(y float64, x []float64) {
	m.end = m.end.Add(m.layout.step)
	z := m.scale.In(y)
	if math.IsNaN(z) {
		m.gap++
		return
	}
	for range min(m.gap, m.layout.keep()) {
		m.push(math.NaN(), nil)
	}
	m.gap = 0
	m.push(z, x)
}

// push appends one point to the history, forgetting the oldest when there is no more room.
func (m *model) push(z float64, x []float64) {
	m.history = pushed(m.history, z, m.layout.keep())
	for i := range m.leads {
		v := math.NaN()
		if i < len(x) {
			v = m.scales[i].In(x[i])
		}
		m.leads[i] = pushed(m.leads[i], v, m.layout.keep())
	}
}

func pushed(a []float64, v float64, keep int) []float64 {
	if len(a) == cap(a) {
		a = a[:copy(a, a[len(a)-keep:])]
	}
	return append(a, v)
}

// Forecast returns the distributions of the next h steps. Steps beyond the horizon that was learned are those at the horizon, as far apart
// as the square root of the step. After missing observations all steps are as much further ahead.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.key, Unit: m.unit, Method: m.name, Origin: m.end, Step: m.layout.step}
	f.Steps = make([]forecast.Distribution, h)
	start := m.end.Add(-time.Duration(len(m.history)+m.gap-1) * m.layout.step)
	o, _ := newPast(m.layout, start, m.history, m.leads, false).from(len(m.history))
	t := &table{cols: m.layout.count(), x: make([]float32, h*m.layout.count())}
	steps, bases := make([]int, h), make([]float64, h)
	shared := m.layout.sharedCount()
	for k := range h {
		far := k + 1 + m.gap
		row := t.row(k)
		if k == 0 {
			o.shared(row)
		} else {
			copy(row[:shared], t.x)
		}
		steps[k], bases[k] = far, o.base(far)
		o.own(far, bases[k], row[shared:])
	}
	for k, g := range m.head.distributions(t, steps) {
		f.Steps[k] = m.brought(g, &o, bases[k], steps[k])
	}
	return f
}

// brought turns the distribution of a target into that of the demand, in place.
func (m *model) brought(g forecast.Grid, o *origin, base float64, far int) forecast.Grid {
	grow := math.Sqrt(float64(max(far, m.horizon)) / float64(m.horizon))
	middle := g.Quantile(0.5)
	for k, q := range g {
		q = middle + grow*(q-middle) + leastScale*m.normal[k]
		g[k] = m.scale.Out(base + o.scale*q)
	}
	return g
}

// Simulate draws sample paths: at each step the ranks of the paths follow a first-order autoregression of normal numbers, and the paths
// share the distribution among them evenly (Latin hypercube sampling, McKay, Beckman and Conover 1979), so that their marginals are the
// forecast's.
func (m *model) Simulate(h, n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	f := m.Forecast(h)
	paths := make([][]float64, n)
	for i := range paths {
		paths[i] = make([]float64, h)
	}
	rho := m.head.correlation()
	score, order := make([]float64, n), make([]int, n)
	for i := range order {
		order[i] = i
	}
	for k, d := range f.Steps {
		for i := range score {
			if e := rng.NormFloat64(); k == 0 {
				score[i] = e
			} else {
				score[i] = rho*score[i] + math.Sqrt(1-rho*rho)*e
			}
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(score[a], score[b]), cmp.Compare(a, b)) })
		for rank, i := range order {
			paths[i][k] = d.Quantile((float64(rank) + rng.Float64()) / float64(n))
		}
	}
	return paths
}
