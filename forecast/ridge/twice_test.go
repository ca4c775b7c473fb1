package ridge_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
)

// The model of the beginning is that of a fit to it, up to what both share, and knows nothing of what came after; the model of all goes
// on where the series ends.
func TestFitTwiceIsLikeTwoFits(t *testing.T) {
	const cut = 900
	y := sine(1300, 3)
	other := y.Clone()
	for i := cut + 24; i < other.Len(); i++ {
		other.Values[i] = 7
	}
	f := func(m forecast.TwiceFitter) {
		t.Helper()
		before, all, err := m.FitTwice(t.Context(), y, cut)
		if err != nil {
			t.Fatalf("fit %s twice: %v", m.Name(), err)
		}
		near(t, m.Name()+" before the cut", before.Forecast(24), methodtest.Fit(t, m, y.Slice(0, cut)).Forecast(24))
		near(t, m.Name()+" on all", all.Forecast(24), methodtest.Fit(t, m, y).Forecast(24))
		blind, _, err := m.FitTwice(t.Context(), other, cut)
		if err != nil {
			t.Fatalf("fit %s twice: %v", m.Name(), err)
		}
		near(t, m.Name()+" with another future", before.Forecast(24), blind.Forecast(24))
	}
	f(ridge.Method{Horizon: 24})
	f(ridge.Method{Horizon: 24, Log: true})
	f(ridge.Window{Horizon: 24, Seasons: []time.Duration{day}})
	f(ridge.Window{Horizon: 24, Seasons: []time.Duration{day}, Log: true})
}

// near fails the test where the medians of two forecasts are further apart than two thirds of the noise.
func near(t *testing.T, what string, got, want forecast.Forecast) {
	t.Helper()
	if !got.Origin.Equal(want.Origin) {
		t.Errorf("%s: origin %s, want %s", what, got.Origin, want.Origin)
	}
	for k := range want.Steps {
		if g, w := got.Steps[k].Quantile(0.5), want.Steps[k].Quantile(0.5); math.Abs(g-w) > 2 {
			t.Errorf("%s: median of step %d is %.2f, want %.2f", what, k+1, g, w)
		}
	}
}

func TestFitTwiceRefuses(t *testing.T) {
	f := func(m forecast.TwiceFitter, cut int) {
		t.Helper()
		if _, _, err := m.FitTwice(t.Context(), sine(900, 1), cut); err == nil {
			t.Errorf("%s cut at %d: no error", m.Name(), cut)
		}
	}
	f(ridge.Method{Horizon: 24}, 0)
	f(ridge.Method{Horizon: 24}, 901)
	f(ridge.Method{Horizon: 24}, 100)
	f(ridge.Window{Horizon: 24}, 0)
	f(ridge.Window{Horizon: 24}, 100)
}
