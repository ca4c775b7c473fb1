package ets_test

import (
	"encoding"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/ets"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
)

func TestRestoreRefusesOtherSettings(t *testing.T) {
	state, err := methodtest.Fit(t, ets.SES(), daily(100)).(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := func(m forecast.Keeper) {
		t.Helper()
		if _, err := m.Restore(state); err == nil || !strings.Contains(err.Error(), "ANN") {
			t.Errorf("%s restores a model of ses: %v", m.Name(), err)
		}
	}
	f(ets.DampedHolt())
	f(ets.Method{Signed: true})
	f(ets.Auto{})
}
