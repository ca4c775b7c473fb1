package ridge_test

import (
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
)

func TestWindowKeepsPromises(t *testing.T) {
	for _, log := range []bool{false, true} {
		m := ridge.Window{Horizon: 24, Seasons: []time.Duration{6 * time.Hour, 24 * time.Hour}, Log: log}
		t.Run(m.Name(), func(t *testing.T) { methodtest.Check(t, m, sine(400, 0.5)) })
	}
}
