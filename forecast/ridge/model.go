package ridge

import (
	"math"
	"time"

	"gonum.org/v1/gonum/floats"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted ridge regression.
type model struct {
	settings  string // of the method
	length    int    // observations fitted to
	name      string
	key       series.Key
	unit      series.Unit
	step      time.Duration
	end       time.Time
	scale     forecast.Scale
	transform transform
	layout    layout
	horizon   int

	learnt // by knot, in the space of the regression
	// low and high bound the shared features, when fitting and when forecasting: a shift of level such as was hardly ever seen is followed
	// and not taken for a deviation that will pass.
	low, high []float64
	normal    forecast.Grid

	history []float32 // the latest observations in the space of the regression
	keep    int
	gap     int     // how many of the latest are missing
	top     float64 // the largest of the history
}

// between returns the knot at or before step h and how far h lies towards the next one, 0 to 1.
func (m *model) between(h int) (int, float64) {
	k := m.layout.knots
	for i := range k[:len(k)-1] {
		if h < k[i+1] {
			return i, float64(h-k[i]) / float64(k[i+1]-k[i])
		}
	}
	return len(k) - 1, 0
}

// remember keeps the end of z.
func (m *model) remember(z []float64) {
	m.keep = m.layout.keep(2 * m.horizon)
	for _, v := range z {
		if v > m.top {
			m.top = v
		}
	}
	for i := len(z) - 1; i >= 0 && z[i] != z[i]; i-- {
		m.gap++
	}
	z = z[max(0, len(z)-m.keep):]
	m.history = make([]float32, 0, roomFor(len(z)))
	for _, v := range z {
		m.history = append(m.history, float32(v))
	}
}

// roomFor returns the capacity to keep n observations in and a few more.
func roomFor(n int) int { return n + n/16 + 32 }

// winsorise brings the shared features x into the range that was learned from, in place.
func (m *model) winsorise(x []float64) {
	for j, v := range x {
		x[j] = min(max(v, m.low[j]), m.high[j])
	}
}

// Update appends the next observation, NaN where missing.
func (m *model) Update(y float64) {
	m.end = m.end.Add(m.step)
	if len(m.history) == cap(m.history) {
		if len(m.history) > m.keep {
			n := copy(m.history, m.history[len(m.history)-m.keep:])
			m.history = m.history[:n]
		} else {
			m.history = append(make([]float32, 0, roomFor(len(m.history))), m.history...)
		}
	}
	z := m.transform.in(m.scale.In(y))
	m.history = append(m.history, float32(z))
	if math.IsNaN(z) {
		m.gap++
		return
	}
	m.gap = 0
	m.top = max(m.top, z)
}

// Forecast returns the distributions of the next h steps. After a gap they are those made at the last observation, for as many steps
// more.
func (m *model) Forecast(h int) forecast.Forecast {
	l := m.layout
	f := forecast.Forecast{Key: m.key, Unit: m.unit, Method: m.name, Origin: m.end, Step: m.step, Steps: make([]forecast.Distribution, h)}
	v := view[float32]{z: m.history}
	n := len(m.history) - m.gap
	a := orZero(v.anchor(l, n))
	s := l.sharedCount()
	x := make([]float64, l.count())
	v.shared(l, n, a, x[:s])
	m.winsorise(x[:s])
	steps := make([]distribution, h)
	limit := m.transform.in(2 * m.transform.out(m.top))
	for k := range steps {
		far := k + 1 + m.gap
		near := min(far, m.horizon)
		v.own(l, n, far, x[s:])
		span := l.anchorFor(near)
		knot, frac := m.between(near)
		c := floats.Dot(m.coef[knot], x)
		if frac > 0 {
			c += frac * (floats.Dot(m.coef[knot+1], x) - c)
		}
		c += orZero(v.mean(n-span, n))
		steps[k] = distribution{model: m, centre: min(max(c, 0), limit), knot: knot, frac: frac, grow: 1}
		if far > m.horizon {
			steps[k].grow = math.Sqrt(float64(far) / float64(m.horizon))
		}
		f.Steps[k] = &steps[k]
	}
	return f
}

// leastWidth, as a share of the forecast, keeps the intervals of a demand that never changed from having no width.
const leastWidth = 1e-6

// distribution is a centre and the held-out errors of two neighbouring knots around it, brought back from the space of the regression.
type distribution struct {
	model  *model
	centre float64
	knot   int
	frac   float64
	grow   float64
}

// Quantile implements forecast.Distribution.
func (d *distribution) Quantile(p float64) float64 {
	e := d.model.errors[d.knot].Quantile(p)
	if d.frac > 0 {
		e += d.frac * (d.model.errors[d.knot+1].Quantile(p) - e)
	}
	least := max(leastWidth*d.centre, leastWidth*leastWidth)
	return d.model.scale.Out(d.model.transform.out(d.centre + d.grow*e + least*d.model.normal.Quantile(p)))
}
