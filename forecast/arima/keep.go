package arima

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// stateVersion changes when what is written changes.
const stateVersion = 1

// kept is model without its methods, so that gob does not call them.
type kept model

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *model) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode((*kept)(m))
	return b.Bytes(), err
}

// restore reads what MarshalBinary wrote of a method with this name and these settings.
func restore(written []byte, name, settings string) (forecast.Model, error) {
	m := &model{}
	if err := gob.NewDecoder(bytes.NewReader(written)).Decode((*kept)(m)); err != nil {
		return nil, fmt.Errorf("restore %s: %w", name, err)
	}
	if m.Version != stateVersion || m.Settings != settings {
		return nil, fmt.Errorf("restore %s: written by version %d of %q, want version %d of %q",
			name, m.Version, m.Settings, stateVersion, settings)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("restore %s: %w", name, err)
	}
	return m, nil
}

// validate returns an error where the numbers are none that a fitted model has.
func (m *model) validate() error {
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	if m.Step <= 0 || !positive(m.Units.Largest) || m.Deviation != 0 && !positive(m.Deviation) {
		return fmt.Errorf("step %s, largest value %v and deviation %v are not those of a model", m.Step, m.Units.Largest, m.Deviation)
	}
	return m.Filter.validate()
}

// mostState bounds the state: the lags of the longest polynomials of Method.
const mostState = highest + mostSeasonal*longestSeason + mostDifferences + longestSeason

// validate returns an error where the filter would read outside its state, or hold more than a fitted one does.
func (f *filter) validate() error {
	if f == nil || f.Rank < 0 || f.Rank > len(f.State) || len(f.State) > mostState {
		return errors.New("the filter has no state, or too large a one")
	}
	within := func(l lags, n int) bool {
		return len(l.At) == len(l.By) && (len(l.At) == 0 || slices.Min(l.At) >= 1 && slices.Max(l.At) <= n)
	}
	if !within(f.AR, f.Rank) || !within(f.MA, f.Rank) || !within(f.Diff, len(f.State)-f.Rank) {
		return errors.New("the filter's lags lie outside its state")
	}
	return f.validateColumns()
}

// validateColumns returns an error where the columns do not go with the state.
func (f *filter) validateColumns() error {
	if len(f.Columns) > f.room()+spare || len(f.Columns) > 0 && len(f.State) == 0 || f.Since < 0 || f.Since > spare {
		return fmt.Errorf("the filter has %d columns for a state of %d", len(f.Columns), len(f.State))
	}
	for _, c := range f.Columns {
		if len(c) != len(f.State) {
			return errors.New("the filter's columns are not of the length of its state")
		}
	}
	return nil
}
