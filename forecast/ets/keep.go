package ets

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// version changes with what a written model means.
const version = "ets 2"

// plain is a model without its methods, which gob would call.
type plain model

// kept is what MarshalBinary writes.
type kept struct {
	Version string
	Model   plain
}

// settings describes the method, so that a model is only restored by one alike.
func (m Method) settings() string {
	return fmt.Sprintf("%s period %s signed %t", m.shape(), m.Period, m.Signed)
}

func (a Auto) settings() string { return fmt.Sprintf("auto period %s signed %t", a.Period, a.Signed) }

// MarshalBinary writes the model for Restore.
func (m *model) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(kept{version, plain(*m)})
	return b.Bytes(), err
}

// Restore implements forecast.Keeper.
func (m Method) Restore(state []byte) (forecast.Model, error) {
	return restore(state, m.Name(), m.settings(), m.Period)
}

// Restore implements forecast.Keeper.
func (a Auto) Restore(state []byte) (forecast.Model, error) {
	return restore(state, a.Name(), a.settings(), a.Period)
}

// restore reads a model that a method of this name with these settings wrote.
func restore(state []byte, name, settings string, period time.Duration) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore exponential smoothing: %w", err)
	}
	m := model(k.Model)
	if k.Version != version || m.Settings != settings {
		return nil, fmt.Errorf("restore exponential smoothing: written by %q with %q, want %q with %q", k.Version, m.Settings, version, settings)
	}
	if m.Method != name || !m.sound(period) {
		return nil, errors.New("restore exponential smoothing: the state is damaged")
	}
	return &m, nil
}

// sound reports whether the model is one that a fit with such a period, and updates after it, may leave.
func (m *model) sound(period time.Duration) bool {
	n := 0
	if m.Shape.Season != NoSeason {
		n = steps(period, m.Step)
	}
	if m.Step <= 0 || len(m.Season) != n || m.Gap < 0 || m.Gap > mostGap || m.At < 0 || m.At >= max(n, 1) {
		return false
	}
	return m.Shape.known() && m.measured()
}

// known reports whether the shape is one of the taxonomy.
func (s shape) known() bool {
	return s.Error >= AdditiveError && s.Error <= MultiplicativeError && s.Trend >= NoTrend && s.Trend <= DampedTrend &&
		s.Season >= NoSeason && s.Season <= MultiplicativeSeason
}

// measured reports whether the numbers of the model are finite and in their ranges.
func (m *model) measured() bool {
	x := m.Smoothing
	for _, v := range append([]float64{x.Alpha, x.Beta, x.Gamma, x.Phi, m.Level, m.Slope, m.Sigma2, m.Size, m.Most, m.Bound}, m.Season...) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return min(x.Alpha, x.Beta, x.Gamma, x.Phi, m.Most) >= 0 && max(x.Alpha, x.Beta, x.Gamma, x.Phi) <= 2 &&
		m.Size > 0 && m.Bound > 0 && m.Bound <= mostQuantile && math.Abs(float64(m.Scale.Power)) <= mostPower
}

// mostPower is beyond the exponents of all finite numbers.
const mostPower = 1100
