package harmonic

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// keptVersion changes whenever state or the arithmetic of a model does.
const keptVersion = 2

// state is a model as it is written down.
type state struct {
	Version       int
	Settings      string
	Key           series.Key
	Unit          series.Unit
	Step          time.Duration
	Origin, First time.Time
	Scale         forecast.Scale
	Span, Top     float64
	Lengths       []time.Duration
	Orders        []int
	Locals        []bool
	Offset, Slope float64
	Waves         []float64
	Effects       []float64
	Sigma         float64
	Rate, Drift   float64
	Least         float64
}

// settings tells methods apart: seasons, time zone and the names of the occasions.
func (m Method) settings() string {
	out := fmt.Sprint("seasons ", m.Seasons, ", zone ", location(m.Calendar))
	if m.Calendar == nil {
		return out
	}
	h := fnv.New64a()
	for _, name := range m.Calendar.Occasions() {
		fmt.Fprintf(h, "%q", name)
	}
	return fmt.Sprintf("%s, occasions %x", out, h.Sum64())
}

// MarshalBinary writes the model down for Method.Restore.
func (m *model) MarshalBinary() ([]byte, error) {
	s := state{
		Version: keptVersion, Settings: m.settings, Key: m.key, Unit: m.unit, Step: m.step, Origin: m.origin, First: m.first,
		Scale: m.scale, Span: m.span, Top: m.top, Offset: m.offset, Slope: m.slope, Waves: m.waves, Effects: m.effects,
		Sigma: m.sigma, Rate: m.drift.rate, Drift: m.drift.scale, Least: m.least,
	}
	for _, v := range m.seasons {
		s.Lengths, s.Orders, s.Locals = append(s.Lengths, v.length), append(s.Orders, v.order), append(s.Locals, v.local)
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("write harmonic model: %w", err)
	}
	return b.Bytes(), nil
}

// Restore implements forecast.Keeper. The method must have the seasons and a calendar with the time zone and the occasions of the one
// that fitted the model.
func (m Method) Restore(written []byte) (forecast.Model, error) {
	var s state
	if err := gob.NewDecoder(bytes.NewReader(written)).Decode(&s); err != nil {
		return nil, fmt.Errorf("read harmonic model: %w", err)
	}
	if s.Version != keptVersion || s.Settings != m.settings() {
		return nil, fmt.Errorf("harmonic model is of version %d with %s, want version %d with %s",
			s.Version, s.Settings, keptVersion, m.settings())
	}
	if !s.sound() {
		return nil, errors.New("read harmonic model: a number is out of range")
	}
	out := &model{
		name: m.Name(), settings: s.Settings, calendar: m.Calendar, key: s.Key, unit: s.Unit, step: s.Step, origin: s.Origin,
		scale: s.Scale, first: s.First, span: s.Span, top: s.Top, clock: clock{loc: location(m.Calendar)}, offset: s.Offset,
		slope: s.Slope, waves: s.Waves, effects: s.Effects, sigma: s.Sigma, drift: drift{rate: s.Rate, scale: s.Drift},
		buffer: make([]float64, len(s.Waves)), least: s.Least,
	}
	columns := 0
	if len(s.Orders) != len(s.Lengths) || len(s.Locals) != len(s.Lengths) {
		return nil, errors.New("read harmonic model: seasons are of different numbers")
	}
	for i, length := range s.Lengths {
		if length <= 0 || s.Orders[i] < 0 || s.Orders[i] > len(s.Waves) {
			return nil, errors.New("read harmonic model: a season is out of range")
		}
		out.seasons = append(out.seasons, season{length: length, order: s.Orders[i], local: s.Locals[i]})
		columns += 2 * s.Orders[i]
	}
	if columns != len(s.Waves) || len(s.Effects) > 0 && (m.Calendar == nil || len(s.Effects) != len(m.Calendar.Occasions())) {
		return nil, errors.New("read harmonic model: sizes do not match")
	}
	return out, nil
}

// sound reports whether the numbers are some that a model can have.
func (s state) sound() bool {
	for _, v := range slices.Concat([]float64{s.Span, s.Top, s.Offset, s.Slope, s.Sigma, s.Rate, s.Drift, s.Least}, s.Waves, s.Effects) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return s.Step > 0 && s.Span > 0 && s.Top > 0 && s.Sigma > 0 && s.Rate >= 0 && s.Rate <= mostChanges && s.Drift > 0 && s.Least >= 0
}
