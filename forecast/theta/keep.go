package theta

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// version changes with what a written model means.
const version = "theta 1"

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
	return &out, nil
}
