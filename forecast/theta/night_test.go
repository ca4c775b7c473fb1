package theta_test

import (
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/theta"
	"github.com/forethought-autoscaler/forethought/series"
)

// A demand that is zero at night is forecast at noon, also from the middle of the night.
func TestZeroAtNight(t *testing.T) {
	f := func(hours int) {
		t.Helper()
		y := series.Series{Key: "t", Start: time.Unix(0, 0).UTC(), Step: time.Hour, Values: make([]float64, 14*24+hours)}
		for i := range y.Values {
			if h := i % 24; h >= 7 && h < 19 {
				y.Values[i] = 100 + float64(i*7%11)
			}
		}
		for _, optimised := range []bool{false, true} {
			m := methodtest.Fit(t, theta.Method{Period: 24 * time.Hour, Optimised: optimised}, y)
			for range 5 {
				m.Update(y.Values[y.Len()-24])
			}
			steps := m.Forecast(48).Steps
			for k, d := range steps {
				noon := (y.Len()+5+k)%24 == 12
				if q := d.Quantile(0.5); noon && (q < 50 || q > 200) {
					t.Errorf("history ends at hour %d: median %.1f at noon, want about 105", hours, q)
				}
			}
		}
	}
	f(0)
	f(12)
	f(20)
}
