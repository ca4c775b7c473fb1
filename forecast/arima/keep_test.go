package arima_test

import (
	"encoding"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
)

// A state in which bits are flipped is refused, or makes a model that runs.
func TestRestoreOfFlippedBits(t *testing.T) {
	f := func(m forecast.Keeper, n int) {
		t.Helper()
		y := hourly(n)
		y.Values[n-3] = math.NaN()
		state, err := methodtest.Fit(t, m.(forecast.Method), y).(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 * len(state) {
			broken := slices.Clone(state)
			broken[i/8] ^= 1 << (i % 8)
			restored, err := m.Restore(broken)
			if err != nil {
				continue
			}
			restored.Update(80)
			for range 20 {
				restored.Update(math.NaN())
			}
			restored.Update(80)
			restored.Forecast(3).Steps[2].Quantile(0.9)
			restored.(forecast.Simulator).Simulate(3, 2, 1)
		}
	}
	f(arima.Method{P: 1, D: 1, Q: 1}, 100)
	f(arima.Method{P: 1, SeasonalD: 1, SeasonalQ: 1, Period: 4 * time.Hour}, 100)
	f(arima.Method{}, 100)
	f(arima.Auto{}, 100)
}
