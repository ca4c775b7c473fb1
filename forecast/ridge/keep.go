package ridge

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// kept is a model as it is written down.
type kept struct {
	Settings  string
	Key       series.Key
	Unit      series.Unit
	End       time.Time
	Scale     forecast.Scale
	Offset    float64
	Errors    []forecast.Grid
	Knots     [][]float64
	Low, High []float64
	History   []float32
	Capacity  int
	Gap, N    int
	Top       float64
	Step      time.Duration
}

// settings identifies models of the same method on series of a step and a length.
func (m Method) settings() string { return fmt.Sprintf("%s 2 %d %v", m.Name(), m.Horizon, m.Seasons) }

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *model) MarshalBinary() ([]byte, error) {
	k := kept{
		Settings: m.settings, Key: m.key, Unit: m.unit, End: m.end, Scale: m.scale, Offset: m.transform.offset, Errors: m.errors, Knots: m.coef,
		Low: m.low, High: m.high, History: m.history, Capacity: cap(m.history), Gap: m.gap, N: m.length, Top: m.top, Step: m.step,
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(k)
	return b.Bytes(), err
}

// Restore implements forecast.Keeper.
func (m Method) Restore(state []byte) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore %s: %w", m.Name(), err)
	}
	if k.Settings != m.settings() || k.Step <= 0 {
		return nil, fmt.Errorf("restore %s: model of %q, want %q", m.Name(), k.Settings, m.settings())
	}
	out := &model{
		settings: k.Settings, length: k.N, name: m.Name(), key: k.Key, unit: k.Unit, step: k.Step, end: k.End, scale: k.Scale,
		transform: transform{log: m.Log, offset: k.Offset}, layout: newLayout(k.Step, m.Horizon, k.N, m.seasons()), horizon: m.Horizon,
		learnt: learnt{coef: k.Knots, errors: k.Errors}, low: k.Low, high: k.High, normal: forecast.NormalGrid(), gap: k.Gap, top: k.Top,
	}
	if len(k.Knots) != len(out.layout.knots) {
		return nil, fmt.Errorf("restore %s: %d knots, want %d", m.Name(), len(k.Knots), len(out.layout.knots))
	}
	out.keep = out.layout.keep(2 * out.horizon)
	out.history = append(make([]float32, 0, k.Capacity), k.History...)
	return out, nil
}
