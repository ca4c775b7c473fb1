package theta

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// version changes with what a written model means.
const version = "theta 2"

// plain is a model without its methods, which gob would call.
type plain model

// kept is what MarshalBinary writes.
type kept struct {
	Version string
	Model   plain
}

// settings describes the method, so that a model is only restored by one alike.
func (m Method) settings() string {
	return fmt.Sprintf("period %s optimised %t", m.Period, m.Optimised)
}

// MarshalBinary writes the model for Restore.
func (m *model) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(kept{version, plain(*m)})
	return b.Bytes(), err
}

// Restore implements forecast.Keeper.
func (m Method) Restore(state []byte) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore theta: %w", err)
	}
	out := model(k.Model)
	if k.Version != version || out.Settings != m.settings() {
		return nil, fmt.Errorf("restore theta: written by %q with %q, want %q with %q", k.Version, out.Settings, version, m.settings())
	}
	if out.Method != m.Name() || !out.sound(m) {
		return nil, errors.New("restore theta: the state is damaged")
	}
	return &out, nil
}

// sound reports whether the model is one that a fit of the method, and updates after it, may leave.
func (m *model) sound(by Method) bool {
	n := len(m.Season)
	if m.Step <= 0 || m.Gap < 0 || m.Gap > mostGap || m.At < 0 || m.At >= max(n, 1) || n > 0 && n != steps(by.Period, m.Step) {
		return false
	}
	if !m.measured() {
		return false
	}
	if by.Optimised {
		return m.Drift == nil && m.Line != nil && m.Line.sound()
	}
	return m.Line == nil && m.Drift != nil && m.Drift.sound()
}

// measured reports whether the numbers of the model are finite and in their ranges.
func (m *model) measured() bool {
	negative := slices.ContainsFunc(m.Season, func(v float64) bool { return v < 0 })
	return !negative && finite(m.Season...) && finite(m.Size, m.Most) && m.Size > 0 && m.Most >= 0 &&
		math.Abs(float64(m.Scale)) <= mostPower
}

// mostPower is beyond the exponents of all finite numbers.
const mostPower = 1100

// sound reports whether every part is in its range.
func (d *drift) sound() bool {
	return finite(d.Level, d.Slope, d.Sigma2) && d.Alpha >= leastAlpha && d.Alpha <= mostAlpha &&
		d.Forgotten >= 0 && d.Forgotten <= 1 && d.Sigma2 >= 0
}

// sound reports whether every part is in its range.
func (l *line) sound() bool {
	return finite(l.Level, l.Mean, l.Slope, l.Count, l.Sigma2) && l.Alpha >= leastLineAlpha && l.Alpha <= mostLineAlpha &&
		l.Share >= 0 && l.Share <= mostShare && l.Count >= 1 && l.Sigma2 >= 0
}

// finite reports whether no value is infinite or NaN.
func finite(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}
