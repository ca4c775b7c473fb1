package mstl

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// stateVersion changes when what is written changes.
const stateVersion = 3

// state is a model as it is written.
type state struct {
	Version   int
	Settings  string
	Key       series.Key
	Unit      series.Unit
	Step      time.Duration
	End       time.Time
	Scale     forecast.Scale
	Cycles    [][]float32
	Passed    int
	Least     float64
	Remainder []byte
}

// settings tells methods apart whose models are no good to each other.
func (m Method) settings() string { return fmt.Sprintf("%s %v", m.Name(), m.Seasons) }

// MarshalBinary implements encoding.BinaryMarshaler. It returns an error where the remainder's model cannot be kept.
func (m *model) MarshalBinary() ([]byte, error) {
	kept, ok := m.remainder.(encoding.BinaryMarshaler)
	if !ok {
		return nil, fmt.Errorf("write %s: the model of the remainder cannot be written", m.name)
	}
	remainder, err := kept.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", m.name, err)
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(state{
		Version: stateVersion, Settings: m.settings, Key: m.key, Unit: m.unit, Step: m.step, End: m.end, Scale: m.scale,
		Cycles: m.cycles, Passed: m.passed, Least: m.least, Remainder: remainder,
	})
	return b.Bytes(), err
}

// Restore implements forecast.Keeper. It returns an error where the remainder's method is no forecast.Keeper.
func (m Method) Restore(written []byte) (forecast.Model, error) {
	keeper, ok := m.Remainder.(forecast.Keeper)
	if !ok {
		return nil, fmt.Errorf("restore %s: the method of the remainder keeps no models", m.Name())
	}
	var s state
	if err := gob.NewDecoder(bytes.NewReader(written)).Decode(&s); err != nil {
		return nil, fmt.Errorf("restore %s: %w", m.Name(), err)
	}
	if err := s.validate(m.settings()); err != nil {
		return nil, fmt.Errorf("restore %s: %w", m.Name(), err)
	}
	remainder, err := keeper.Restore(s.Remainder)
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", m.Name(), err)
	}
	if f := remainder.Forecast(1); f.Step != s.Step || !f.Origin.Equal(s.End) {
		return nil, fmt.Errorf("restore %s: the remainder goes on from %s by %s, want %s by %s", m.Name(), f.Origin, f.Step, s.End, s.Step)
	}
	restored := &model{
		name: m.Name(), settings: s.Settings, key: s.Key, unit: s.Unit, step: s.Step, end: s.End, scale: s.Scale,
		cycles: s.Cycles, passed: s.Passed, remainder: remainder, least: s.Least,
	}
	return restored.simulating(), nil
}

// validate refuses what no model of this version and these settings has written.
func (s state) validate(settings string) error {
	switch {
	case s.Version != stateVersion:
		return fmt.Errorf("written as version %d, want %d", s.Version, stateVersion)
	case s.Settings != settings:
		return fmt.Errorf("written by %q, want %q", s.Settings, settings)
	case s.Step <= 0 || s.Passed < 0:
		return errors.New("the step or its count is not positive")
	case !(s.Least >= 0 && s.Least <= math.MaxFloat64):
		return errors.New("the least value is no demand")
	}
	for _, c := range s.Cycles {
		if len(c) == 0 {
			return errors.New("a season is empty")
		}
		for _, v := range c {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return errors.New("a season is not finite")
			}
		}
	}
	return nil
}
