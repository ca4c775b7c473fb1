package ridge

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// windowState is all that a window model knows.
type windowState struct {
	Settings string
	Name     string
	Key      series.Key
	Unit     series.Unit
	Step     time.Duration
	End      time.Time
	Scale    forecast.Scale
	Log      bool
	Offset   float64
	Spread   float64
	Layout   windowLayout
	Horizon  int
	Gap      int // how many of the latest observations are missing
	Top      float64
	Known    []float32 // the latest observations in the space of the regression, gaps before the last one filled
	// Coefficients of feature j for step h+1 are at [j*Horizon+h]; Errors are by step.
	Coefficients []float32
	Errors       []forecast.Grid
}

// windowModel is a fitted Window.
type windowModel struct{ windowState }

// remember keeps the end of z, up to its last observation.
func (m *windowModel) remember(z []float64) {
	for _, v := range z {
		if v > m.Top {
			m.Top = v
		}
	}
	n := len(z)
	for ; n > 0 && z[n-1] != z[n-1]; n-- {
		m.Gap++
	}
	keep := m.keep()
	from := max(0, n-keep-m.Layout.Season)
	full := filled(z[from:n], m.Layout)
	full = full[max(0, len(full)-keep):]
	m.Known = make([]float32, 0, roomFor(keep))
	for _, v := range full {
		m.Known = append(m.Known, float32(v))
	}
}

// keep returns how many observations features reach back over.
func (m *windowModel) keep() int { return m.Layout.deepest() + 1 }

// Update appends the next observation, NaN where missing.
func (m *windowModel) Update(y float64) {
	m.End = m.End.Add(m.Step)
	z := transform{m.Log, m.Offset}.in(m.Scale.In(y)) / m.Spread
	if math.IsNaN(z) {
		m.Gap++
		return
	}
	for ; m.Gap > 0; m.Gap-- {
		m.push(m.ago(m.Layout.Season))
	}
	m.push(float32(z))
	m.Top = max(m.Top, z)
}

// ago returns what was known season steps before the next one; the latest without a season.
func (m *windowModel) ago(season int) float32 {
	if season == 0 || season > len(m.Known) {
		season = 1
	}
	return m.Known[len(m.Known)-season]
}

// push appends z and forgets what no feature reaches.
func (m *windowModel) push(z float32) {
	if len(m.Known) == cap(m.Known) && len(m.Known) > m.keep() {
		n := copy(m.Known, m.Known[len(m.Known)-m.keep():])
		m.Known = m.Known[:n]
	}
	m.Known = append(m.Known, z)
}

// Forecast returns the distributions of the next h steps. After a gap they are those made at the last observation, for as many steps
// more.
func (m *windowModel) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.Key, Unit: m.Unit, Method: m.Name, Origin: m.End, Step: m.Step, Steps: make([]forecast.Distribution, h)}
	l := m.Layout
	x := make([]float64, l.P)
	a := l.features(m.Known, x)
	centre := make([]float64, l.H)
	for j, v := range x {
		if v != 0 {
			for k, c := range m.Coefficients[j*l.H : (j+1)*l.H] {
				centre[k] += v * float64(c)
			}
		}
	}
	t := transform{m.Log, m.Offset}
	limit := t.in(2*t.out(m.Top*m.Spread)) / m.Spread
	steps := make([]windowDistribution, h)
	for k := range steps {
		far := k + 1 + m.Gap
		at := min(far, l.H)
		steps[k] = windowDistribution{model: m, centre: min(max(a+centre[at-1], 0), limit), step: at - 1, grow: 1}
		if far > l.H {
			steps[k].grow = math.Sqrt(float64(far) / float64(l.H))
		}
		f.Steps[k] = &steps[k]
	}
	return f
}

// windowDistribution is a centre and the held-out errors of its step around it, brought back from the space of the regression.
type windowDistribution struct {
	model  *windowModel
	centre float64
	step   int
	grow   float64
}

// Quantile implements forecast.Distribution.
func (d *windowDistribution) Quantile(p float64) float64 {
	m := d.model
	least := max(leastWidth*d.centre, leastWidth*leastWidth)
	z := d.centre + d.grow*m.Errors[d.step].Quantile(p) + least*forecast.NormalQuantile(p)
	return m.Scale.Out(transform{m.Log, m.Offset}.out(z * m.Spread))
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *windowModel) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(m.windowState)
	return b.Bytes(), err
}

// Restore implements forecast.Keeper.
func (w Window) Restore(state []byte) (forecast.Model, error) {
	m := &windowModel{}
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&m.windowState); err != nil {
		return nil, fmt.Errorf("restore %s: %w", w.Name(), err)
	}
	if m.Settings != w.settings() {
		return nil, fmt.Errorf("restore %s: model of %q, want %q", w.Name(), m.Settings, w.settings())
	}
	return m, nil
}
