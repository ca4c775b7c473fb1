package harmonic

import (
	"bytes"
	"encoding/gob"
	"math"
	"slices"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
)

// One value in a wrong unit moves the forecast by little.
func TestOutlier(t *testing.T) {
	y := daily(2000, 4)
	want := median(t, Method{}, y, 30)
	y.Values[700] = 1e6
	if got := median(t, Method{}, y, 30); math.Abs(got-want) > 0.1*want {
		t.Errorf("an outlier moves the forecast from %v to %v", want, got)
	}
}

// What a demand does often, where it may stay, or what lies within the limit is not limited.
func TestLimitOutliers(t *testing.T) {
	f := func(value, limited float64, at ...int) {
		t.Helper()
		y := make([]float64, 2000)
		for i := range y {
			y[i] = float64(100 + i%5) // quartiles 101 and 103
		}
		y[9] = math.NaN()
		for _, i := range at {
			y[i] = value
		}
		forecast.LimitOutliers(y)
		for _, i := range at {
			if y[i] != limited {
				t.Fatalf("%v at %v is limited to %v, want %v", value, at, y[i], limited)
			}
		}
	}
	f(1e6, 142, 700)
	f(430, 142, 700, 800)
	f(420, 420, 700)
	f(1e6, 1e6, 1, 2, 3, 4)
	f(1e6, 1e6, 700, 1999)
	f(1e6, 142, 700, 1998)
	for _, y := range [][]float64{nil, {math.NaN()}, {5}, make([]float64, 1000)} {
		forecast.LimitOutliers(y)
	}
	rare := make([]float64, 2000)
	rare[7] = 5
	if forecast.LimitOutliers(rare); rare[7] != 5 {
		t.Error("a demand that is seldom there is limited to zero")
	}
}

// After a fall of the level no quantile near the top is a certain zero.
func TestNeverACertainZero(t *testing.T) {
	y := daily(1000, 5)
	for i := 600; i < y.Len(); i++ {
		y.Values[i] *= 0.01
	}
	least := 1e-3 * slices.Max(y.Values[y.Len()-48:])
	for k, d := range methodtest.Fit(t, Method{}, y).Forecast(200).Steps {
		if got := d.Quantile(0.995); got < 0.999*least {
			t.Fatalf("step %d: quantile 0.995 is %v, want %v at least", k+1, got, least)
		}
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	written, err := methodtest.Fit(t, Method{}, daily(400, 1)).(*model).MarshalBinary()
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
		if _, err := (Method{}).Restore(b.Bytes()); (err == nil) != ok {
			t.Errorf("%s: error %v", name, err)
		}
	}
	f("nothing", true, func(*state) {})
	f("rate", false, func(s *state) { s.Rate = -1 })
	f("endless rate", false, func(s *state) { s.Rate = 1e300 })
	f("span", false, func(s *state) { s.Span = 0 })
	f("sigma", false, func(s *state) { s.Sigma = math.NaN() })
	f("drift", false, func(s *state) { s.Drift = math.Inf(1) })
	f("wave", false, func(s *state) { s.Waves[0] = math.NaN() })
	f("length", false, func(s *state) { s.Lengths[0] = 0 })
	f("order", false, func(s *state) { s.Orders[0] = -s.Orders[0] })
	f("effects without a calendar", false, func(s *state) { s.Effects = []float64{1} })
}
