package naive

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// kept is a model as it is written down; one of the centres is not nil.
type kept struct {
	Settings string
	Key      series.Key
	Unit     series.Unit
	Step     time.Duration
	End      time.Time
	Scale    forecast.Scale
	Logs     []keptLog
	Past     []float64
	N, Gap   int
	Level    float64
	Ready    bool

	Last     *keptLast
	Smooth   *keptSmooth
	Seasonal *keptSeasonal
}

type keptLog struct {
	Knot, Stride, MaxStride int
	At                      []int32
	Errs                    []float32
	Added, Known            int
	Grid                    forecast.Grid
}

// keptLast is a struct because gob leaves out a pointer to 0.
type keptLast struct{ Value float64 }

type keptSmooth struct {
	Level, Err [len(alphas)]float64
	Past       [smoothKnot][len(alphas)]float64
	N          int
}

type keptSeasonal struct {
	Period, N int
	Ring      []float64
	Value     float64
}

// settings identifies models of the same method.
func settings(name string) string { return name + " 2" }

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *model) MarshalBinary() ([]byte, error) {
	k := kept{
		Settings: settings(m.name), Key: m.key, Unit: m.unit, Step: m.step, End: m.end, Scale: m.scale,
		Past: m.past, N: m.n, Gap: m.gap, Level: m.level, Ready: m.ready,
	}
	for _, l := range m.errors {
		k.Logs = append(k.Logs, keptLog{l.knot, l.stride, l.maxStride, l.at, l.errs, l.added, l.known, l.grid})
	}
	switch c := m.centre.(type) {
	case *last:
		k.Last = &keptLast{c.value}
	case *smooth:
		k.Smooth = &keptSmooth{c.level, c.err, c.past, c.n}
	case *seasonal:
		k.Seasonal = &keptSeasonal{c.period, c.n, c.ring, c.value}
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(k)
	return b.Bytes(), err
}

// restore reads what MarshalBinary wrote for the method of this name.
func restore(name string, state []byte) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore %s: %w", name, err)
	}
	m := &model{
		name: name, key: k.Key, unit: k.Unit, step: k.Step, end: k.End, scale: k.Scale,
		past: k.Past, n: k.N, gap: k.Gap, level: k.Level, ready: k.Ready,
	}
	if !m.ready {
		m.level = math.NaN() // gob leaves zeros out, so that NaN can't be what it begins with
	}
	for _, l := range k.Logs {
		m.errors = append(m.errors, &errorLog{
			knot: l.Knot, stride: l.Stride, maxStride: l.MaxStride, at: l.At, errs: l.Errs, added: l.Added, known: l.Known, grid: l.Grid,
		})
	}
	switch {
	case k.Last != nil:
		m.centre = &last{k.Last.Value}
	case k.Smooth != nil:
		m.centre = &smooth{k.Smooth.Level, k.Smooth.Err, k.Smooth.Past, k.Smooth.N}
	case k.Seasonal != nil:
		m.centre = &seasonal{period: k.Seasonal.Period, ring: k.Seasonal.Ring, n: k.Seasonal.N, value: k.Seasonal.Value}
	}
	if k.Settings != settings(name) || m.centre == nil {
		return nil, fmt.Errorf("restore %s: model of %q", name, k.Settings)
	}
	return m, nil
}

// Restore implements forecast.Keeper.
func (m Last) Restore(state []byte) (forecast.Model, error) { return restore(m.Name(), state) }

// Restore implements forecast.Keeper.
func (m Smooth) Restore(state []byte) (forecast.Model, error) { return restore(m.Name(), state) }

// Restore implements forecast.Keeper.
func (m Seasonal) Restore(state []byte) (forecast.Model, error) { return restore(m.Name(), state) }
