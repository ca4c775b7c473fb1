package rnn

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// state is a model written down, its network included, so that it can be read without the pool.
type state struct {
	Settings string
	Key      series.Key
	Unit     series.Unit
	Step     time.Duration
	End      time.Time
	Scale    forecast.Scale
	Length   int // of the histories that the layout was made for
	Params   []byte
	Factors  [][]float64
	Rho      float64
	History  []float64
	Gap      int
	Top      float64
}

// version changes with the arithmetic and with state.
const version = 2

// settings says what a state depends on beside its fields.
func (m Method) settings() string {
	var occasions []string
	if m.Calendar != nil {
		occasions = append(m.Calendar.Occasions(), m.Calendar.Location().String())
	}
	return fmt.Sprintf("lstm %d horizon=%d seasons=%v calendar=%q seed=%d windows=%d,%d",
		version, m.Horizon, m.seasons(), occasions, m.Seed, m.Windows, m.PoolWindows)
}

// MarshalBinary implements encoding.BinaryMarshaler. The state holds the network: 4 bytes a parameter, some 500 kB at horizon 48.
func (m *model) MarshalBinary() ([]byte, error) {
	s := state{
		Settings: m.method.settings(), Key: m.key, Unit: m.unit, Step: m.know.layout.step, End: m.end, Scale: m.scale,
		Length: m.know.layout.length, Params: packed(m.know.net.params), Factors: m.know.factors, Rho: m.know.rho,
		History: m.history, Gap: m.gap, Top: m.top,
	}
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(s); err != nil {
		return nil, fmt.Errorf("write lstm model of %s: %w", m.key, err)
	}
	return out.Bytes(), nil
}

// packed returns the bits of params, little-endian.
func packed(params []float32) []byte {
	out := make([]byte, 0, 4*len(params))
	for _, v := range params {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// Restore reads what a model of a method with the same settings wrote. A method that has learned from the pool that the model comes from
// shares its network with the model.
func (m Method) Restore(data []byte) (forecast.Model, error) {
	var s state
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return nil, fmt.Errorf("read lstm model: %w", err)
	}
	if want := m.settings(); s.Settings != want {
		return nil, fmt.Errorf("read lstm model: written with settings %q, want %q", s.Settings, want)
	}
	know, err := m.restoreTrained(s)
	if err != nil {
		return nil, fmt.Errorf("read lstm model of %s: %w", s.Key, err)
	}
	out := &model{method: m, know: know, key: s.Key, unit: s.Unit, end: s.End, scale: s.Scale, gap: s.Gap, top: s.Top}
	out.remember(s.History...)
	return out, nil
}

// restoreTrained returns what the state says was learned.
func (m Method) restoreTrained(s state) (*trained, error) {
	if m.Horizon < 1 || s.Step <= 0 || s.Gap < 0 || len(s.History) == 0 || math.IsNaN(s.History[len(s.History)-1]) {
		return nil, errors.New("the state holds no history")
	}
	if !s.sound() {
		return nil, errors.New("a number of the state is out of range")
	}
	if p := m.pooled; p != nil && p.layout.step == s.Step && p.layout.length == s.Length && bytes.Equal(s.Params, packed(p.net.params)) {
		return p, nil
	}
	l := newLayout(m, s.Step, s.Length)
	out := &trained{layout: l, net: newNet(l.shape()), factors: s.Factors, rho: s.Rho}
	if len(s.Params) != 4*len(out.net.params) || len(s.Factors) != out.net.buckets() ||
		slices.ContainsFunc(s.Factors, func(f []float64) bool { return len(f) != quantileCount }) {
		return nil, errors.New("the network has another shape")
	}
	for i := range out.net.params {
		out.net.params[i] = math.Float32frombits(binary.LittleEndian.Uint32(s.Params[4*i:]))
	}
	return out, nil
}

// sound reports whether the numbers beside the parameters are some that a model can have.
func (s state) sound() bool {
	demand := func(v float64) bool { return v >= 0 && v <= math.MaxFloat64 }
	factors := slices.Concat(s.Factors...)
	return s.Rho >= 0 && s.Rho <= rhoHigh && s.Scale >= lowestScale && s.Scale <= highestScale && demand(s.Top) &&
		!slices.ContainsFunc(factors, func(v float64) bool { return !(v >= factorLow && v <= factorHigh) }) &&
		!slices.ContainsFunc(s.History, func(v float64) bool { return !math.IsNaN(v) && !demand(v) })
}

// lowestScale and highestScale are the scales of the smallest and of the largest number.
const lowestScale, highestScale = forecast.Scale(-1073), forecast.Scale(1024)
