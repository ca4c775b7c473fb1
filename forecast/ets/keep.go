package ets

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// version changes with what a written model means.
const version = "ets 1"

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
func (m Method) Restore(state []byte) (forecast.Model, error) { return restore(state, m.settings()) }

// Restore implements forecast.Keeper.
func (a Auto) Restore(state []byte) (forecast.Model, error) { return restore(state, a.settings()) }

// restore reads a model that a method with these settings wrote.
func restore(state []byte, settings string) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore exponential smoothing: %w", err)
	}
	m := model(k.Model)
	if k.Version != version || m.Settings != settings {
		return nil, fmt.Errorf("restore exponential smoothing: written by %q with %q, want %q with %q", k.Version, m.Settings, version, settings)
	}
	return &m, nil
}
