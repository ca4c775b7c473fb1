package mstl_test

import (
	"bytes"
	"encoding/gob"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/ets"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/mstl"
)

// Where no season has two steps the remainder's method forecasts alone.
func TestSeasonsShorterThanTwoSteps(t *testing.T) {
	y := hours(100)
	m := methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{time.Minute, time.Hour}}, y)
	alone := methodtest.Fit(t, walk{}, y)
	for range 3 {
		for k, d := range m.Forecast(5).Steps {
			if got, want := d.Quantile(0.7), alone.Forecast(5).Steps[k].Quantile(0.7); math.Abs(got-want) > 1e-3 { // the walk adds a width of its own scale
				t.Errorf("step %d is %v, alone %v", k+1, got, want)
			}
		}
		m.Update(130)
		alone.Update(130)
	}
}

// One value in a wrong unit moves the forecast by little, and what a demand does often is left alone.
func TestOutlier(t *testing.T) {
	method := mstl.Method{Remainder: ets.Auto{Signed: true}, Seasons: []time.Duration{day}}
	f := func(value float64, every int, limited bool) {
		t.Helper()
		y, least := hours(2000), hours(2000)
		for i := 500; i < 1800; i += every {
			y.Values[i] = value
			least.Values[i] = min(value, 1000)
		}
		got, want := methodtest.Fit(t, method, y).Forecast(48).Steps, methodtest.Fit(t, method, least).Forecast(48).Steps
		near := true
		for k := range got {
			near = near && math.Abs(got[k].Quantile(0.5)-want[k].Quantile(0.5)) < 0.3*want[k].Quantile(0.5)
		}
		if near != limited {
			t.Errorf("%v every %d steps: limited %v, want %v", value, every, near, limited)
		}
	}
	f(1e6, 2000, true)
	f(1e6, 400, false) // 4 of 2000 are 0.2 %
}

// After a fall of the level no quantile near the top is a certain zero.
func TestNeverACertainZero(t *testing.T) {
	y := hours(1000)
	for i := range y.Values {
		y.Values[i] = 2 * (y.Values[i] - 70)
		if i > 940 {
			y.Values[i] *= 0.05
		}
		y.Values[i] = max(y.Values[i], 0)
	}
	m := methodtest.Fit(t, mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day}}, y)
	least := 1e-3 * slices.Max(y.Values[y.Len()-24:])
	for k, d := range m.Forecast(200).Steps {
		if got := d.Quantile(0.995); got < 0.999*least {
			t.Errorf("step %d: quantile 0.995 is %v, want %v at least", k+1, got, least)
		}
	}
}

// state has the fields of the written state that are changed here.
type state struct {
	Version   int
	Settings  string
	Key, Unit string
	Step      time.Duration
	End       time.Time
	Scale     int
	Cycles    [][]float32
	Passed    int
	Least     float64
	Remainder []byte
}

func TestRestoreRefusesDamage(t *testing.T) {
	method := mstl.Method{Remainder: walk{}, Seasons: []time.Duration{day}}
	written, err := methodtest.Fit(t, method, hours(200)).(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
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
	f("step", false, func(s *state) { s.Step *= 2 })
	f("end", false, func(s *state) { s.End = s.End.Add(s.Step) })
	f("least", false, func(s *state) { s.Least = math.NaN() })
	f("season", false, func(s *state) { s.Cycles[0][3] = float32(math.Inf(1)) })
}
