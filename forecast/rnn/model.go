package rnn

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a network and the end of a series.
type model struct {
	method Method
	know   *trained
	key    series.Key
	unit   series.Unit
	end    time.Time
	scale  forecast.Scale

	history []float64 // scaled; it ends with the latest observation that is not missing
	gap     int       // how many are missing after that
	top     float64   // the largest observation
}

// newModel returns the model of prepared series y.
func newModel(method Method, know *trained, y series.Series, scale forecast.Scale) *model {
	m := &model{method: method, know: know, key: y.Key, unit: y.Unit, end: y.End(), scale: scale}
	n := y.Len()
	for n > 0 && math.IsNaN(y.Values[n-1]) {
		n--
	}
	m.gap = y.Len() - n
	for _, v := range y.Values {
		if v > m.top {
			m.top = v
		}
	}
	m.remember(y.Values[max(0, n-know.layout.keep()):n]...)
	return m
}

// slack is how many observations are kept beyond what is needed, so that the memory moves rarely.
const slack = 64

// remember appends to the history and forgets what is no longer needed of it.
func (m *model) remember(values ...float64) {
	keep := m.know.layout.keep()
	if m.history == nil {
		m.history = make([]float64, 0, keep+slack)
	}
	for _, v := range values {
		if len(m.history) == cap(m.history) {
			n := copy(m.history, m.history[len(m.history)-keep+1:])
			m.history = m.history[:n]
		}
		m.history = append(m.history, v)
	}
}

// Update tells the model the next observation, NaN where missing. It takes constant time, and after a gap time in proportion to the gap.
func (m *model) Update(y float64) {
	m.end = m.end.Add(m.know.layout.step)
	v := m.scale.In(y)
	if math.IsNaN(v) {
		m.gap++
		return
	}
	for range min(m.gap, m.know.layout.keep()) {
		m.remember(math.NaN())
	}
	m.remember(v)
	m.gap = 0
	m.top = max(m.top, v)
}

// Forecast returns the distributions of the next h steps. After a gap they are those made at the last observation, for as many steps
// more.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{
		Key: m.key, Unit: m.unit, Method: m.method.Name(), Origin: m.end, Step: m.know.layout.step, Steps: make([]forecast.Distribution, h),
	}
	steps := make([]distribution, h)
	m.fill(steps)
	for k := range steps {
		f.Steps[k] = &steps[k]
	}
	return f
}

// clock returns the clock of the history.
func (m *model) clock() clock {
	step := m.know.layout.step
	return clock{calendar: m.method.Calendar, start: m.end.Add(-time.Duration(m.gap+len(m.history)-1) * step), step: step}
}

// The least width of a distribution, as a share of its centre and alone, keeps the intervals of a demand that never changed from having
// no width.
const leastWidth, leastWidthZero = 1e-6, 1e-12

// leastShare is the share of the lowest observation remembered below which the network's centre is not believed: it then says what it saw
// nowhere, as it does soon after a shift of level, and the base is the better forecast. A demand that has been zero may become so again.
const leastShare = 0.5

// lowest returns the lowest observation remembered.
func (m *model) lowest() float64 {
	out := math.Inf(1)
	for _, v := range m.history {
		if v < out {
			out = v
		}
	}
	return out
}

// fill computes the distributions of the next steps.
func (m *model) fill(steps []distribution) {
	l, net := m.know.layout, m.know.net
	w, _ := l.newWindow(m.history, len(m.history), m.clock())
	b := newBatch(1, net.shape)
	l.readPatches(&w, b, 0)
	l.readContext(&w, b, 0)
	net.forward(b)
	candidates, lowest := make([]float32, l.candidates()), leastShare*m.lowest()
	for k := range steps {
		far := k + 1 + m.gap
		base := l.readStep(&w, far, candidates)
		i, frac := l.between(min(far, l.horizon))
		q := quantilesBetween(b.out.row(0), i, frac)
		grow := math.Sqrt(max(1, float64(far)/float64(l.horizon)))
		centre := base + w.narrow*(q[median]+float64(net.mix(b.out.row(0), i, candidates)))
		if centre = max(centre, 0); centre < lowest {
			centre = base
		}
		centre = min(centre, 2*m.top)
		least := max(leastWidth*centre, leastWidthZero)
		for j := range q {
			deviation := m.know.factors[net.bucket[i]][j] * (q[j] - q[median])
			steps[k].values[j] = centre + grow*w.narrow*deviation + least*scores[j]
		}
		slices.Sort(steps[k].values[:])
		steps[k].scale = m.scale
	}
}

// quantilesBetween returns the sorted quantiles of an output, the share frac of the way from step i to the next.
func quantilesBetween(out []float32, i int, frac float64) (q [quantileCount]float64) {
	for j := range q {
		q[j] = float64(out[i*quantileCount+j])
		if frac > 0 {
			q[j] += frac * (float64(out[(i+1)*quantileCount+j]) - q[j])
		}
	}
	slices.Sort(q[:])
	return q
}

// scores are the standard normal quantiles at probabilities.
var scores = func() (z [quantileCount]float64) {
	for j, p := range probabilities {
		z[j] = forecast.NormalQuantile(p)
	}
	return z
}()

// distribution is a scaled demand known by its quantiles at probabilities, ascending.
type distribution struct {
	values [quantileCount]float64
	scale  forecast.Scale
}

// Quantile interpolates linearly on the axis of the standard normal distribution's quantiles, also beyond the first and the last.
func (d *distribution) Quantile(p float64) float64 {
	z := forecast.NormalQuantile(p)
	i := 1
	for i < quantileCount-1 && z > scores[i] {
		i++
	}
	a, b := d.values[i-1], d.values[i]
	return d.scale.Out(a + (z-scores[i-1])/(scores[i]-scores[i-1])*(b-a))
}

// Simulate draws n paths of h steps: a Gaussian autoregression whose ranks among the paths choose the probabilities (Clark et al. 2004),
// so that the paths' marginals are the forecast's to within half a rank.
func (m *model) Simulate(h, n int, seed uint64) [][]float64 {
	steps := make([]distribution, h)
	m.fill(steps)
	rng := rand.New(rand.NewPCG(seed, 2))
	paths, state, order := make([][]float64, n), make([]float64, n), make([]int, n)
	for i := range paths {
		paths[i], order[i] = make([]float64, h), i
		state[i] = rng.NormFloat64()
	}
	fresh := math.Sqrt(1 - m.know.rho*m.know.rho)
	for k := range steps {
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(state[i], state[j]) })
		for rank, i := range order {
			paths[i][k] = steps[k].Quantile((float64(rank) + 0.5) / float64(n))
		}
		for i := range state {
			state[i] = m.know.rho*state[i] + fresh*rng.NormFloat64()
		}
	}
	return paths
}
