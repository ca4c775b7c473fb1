package rnn

import (
	"bytes"
	"encoding/gob"
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

// shifted returns n hours of a day's season that become five times as much 40 hours before their end.
func shifted(n int) series.Series {
	y := series.Series{Key: "t", Unit: series.Cores, Start: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Step: time.Hour}
	for i := range n {
		v := 100 + 60*math.Sin(2*math.Pi*float64(i)/24)
		if i >= n-40 {
			v *= 5
		}
		y.Values = append(y.Values, v)
	}
	return y
}

// A network that draws every forecast far down is not believed where the demand was never that low.
func TestLowExtrapolationFallsBackToBase(t *testing.T) {
	method := Method{Horizon: 12, Seasons: []time.Duration{24 * time.Hour}, Windows: 256}
	f := func(y series.Series, zero bool) {
		t.Helper()
		m := methodtest.Fit(t, method, y).(*model)
		for i := range m.know.net.steps {
			for j := range probabilities {
				m.know.net.bias[i*quantileCount+j] -= 1000
			}
		}
		for k, d := range m.Forecast(12).Steps {
			if got := d.Quantile(0.5); (got == 0) != zero {
				t.Errorf("step %d: median %v", k+1, got)
			}
		}
	}
	y := shifted(600)
	f(y, false)
	for i := range y.Values {
		if i%24 > 18 {
			y.Values[i] = 0
		}
	}
	f(y, true)
}

func TestRestoreRefusesDamage(t *testing.T) {
	method := Method{Horizon: 4, Seasons: []time.Duration{24 * time.Hour}, Windows: 128}
	written, err := methodtest.Fit(t, method, shifted(300)).(*model).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, ok bool, change func(s *state)) {
		t.Helper()
		var s state
		if err := gob.NewDecoder(bytes.NewReader(written)).Decode(&s); err != nil {
			t.Fatal(err)
		}
		change(&s)
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(s); err != nil {
			t.Fatal(err)
		}
		if _, err := method.Restore(b.Bytes()); (err == nil) != ok {
			t.Errorf("%s: error %v", name, err)
		}
	}
	f("nothing", true, func(*state) {})
	f("rho", false, func(s *state) { s.Rho = 2 })
	f("no rho", false, func(s *state) { s.Rho = math.NaN() })
	f("scale", false, func(s *state) { s.Scale = 1 << 40 })
	f("factor", false, func(s *state) { s.Factors[0][1] = -1 })
	f("top", false, func(s *state) { s.Top = math.Inf(1) })
	f("history", false, func(s *state) { s.History[0] = -1 })
	f("other number of buckets", false, func(s *state) { s.Factors = s.Factors[1:] })
}
