package theta_test

import (
	"encoding"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/theta"
	"github.com/forethought-autoscaler/forethought/series"
)

// A damaged state is refused or gives a forecast: it never panics.
func TestRestoreDamaged(t *testing.T) {
	f := func(m forecast.Keeper, y series.Series) {
		t.Helper()
		state, err := methodtest.Fit(t, m, y).(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Restore(state); err != nil {
			t.Fatalf("%s: %v", m.Name(), err)
		}
		rng := rand.New(rand.NewPCG(4, 4))
		for range 1000 {
			bad := slices.Clone(state)
			bad[rng.IntN(len(bad))] ^= byte(1 + rng.IntN(255))
			model, err := m.Restore(bad)
			if err != nil {
				continue
			}
			methodtest.Sane(t, model.Forecast(30), 30)
			model.Update(60)
			model.Update(math.NaN())
			model.(forecast.Simulator).Simulate(3, 3, 1)
			methodtest.Sane(t, model.Forecast(30), 30)
		}
	}
	zeros := daily(100, time.Hour)
	clear(zeros.Values)
	for _, optimised := range []bool{false, true} {
		f(theta.Method{Period: day, Optimised: optimised}, daily(200, time.Hour))
		f(theta.Method{Optimised: optimised}, zeros)
	}
}

// A demand that fell is not ruled out to come back.
func TestNoCertainZero(t *testing.T) {
	f := func(m forecast.Method, level float64) {
		t.Helper()
		y := daily(2000, time.Minute)
		for i := range y.Values {
			y.Values[i] = 100
			if i >= 1900 {
				y.Values[i] = level
			}
		}
		for k, d := range methodtest.Fit(t, m, y).Forecast(200).Steps {
			if q := d.Quantile(0.995); q < 0.0999 {
				t.Fatalf("%s: quantile %v at step %d of a demand that was 100", m.Name(), q, k+1)
			}
		}
	}
	for _, level := range []float64{0, 1, 10} {
		f(theta.Method{}, level)
		f(theta.Method{Optimised: true}, level)
	}
}

// A demand of one hour a day says too little of its level in three days for a season.
func TestOneHourADay(t *testing.T) {
	for _, optimised := range []bool{false, true} {
		y := series.Series{Key: "t", Start: start, Step: time.Hour, Values: make([]float64, 75)}
		for i := 2; i < len(y.Values); i += 24 {
			y.Values[i] = 100
		}
		m := methodtest.Fit(t, theta.Method{Period: day, Optimised: optimised}, y)
		for k, d := range m.Forecast(48).Steps {
			if q := d.Quantile(0.995); q < 0.0999 || q > 1000 {
				t.Fatalf("quantile %v at step %d of a demand up to 100", q, k+1)
			}
		}
	}
}
