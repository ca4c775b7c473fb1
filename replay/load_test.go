package replay

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 99)) }

func same64(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

func TestLoadOf(t *testing.T) {
	nan := math.NaN()
	f := func(at time.Time, step time.Duration, values, want []float64) {
		t.Helper()
		l, err := LoadOf(series.Series{Key: "web", Unit: series.Cores, Start: at, Step: step, Values: values})
		if err != nil {
			t.Fatal(err)
		}
		if !same64(l.Values, want) || !l.Start.Equal(start) || l.Step != step || l.Unit != series.Cores || l.Name != "web" {
			t.Errorf("%+v, want %v", l, want)
		}
	}
	f(start, time.Minute, []float64{1, nan, 0}, []float64{1, nan, 0})
	f(start, 3*time.Minute, []float64{1, nan, 2}, []float64{1, 1, 1, nan, nan, nan, 2, 2, 2})
	f(start, 30*time.Second, []float64{1, 3, nan, 5, nan, nan, 4}, []float64{2, 5, nan, 4})
	f(start.Add(45*time.Second), 15*time.Second, []float64{8, 1, 2, 3, 4, 0}, []float64{8, 2.5, 0})
	if l, err := LoadOf(series.Series{Start: start, Step: time.Hour, Values: []float64{1}}); err != nil || l.Unit != series.Units || len(l.Values) != 60 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestLoadOfRefuses(t *testing.T) {
	f := func(want string, step time.Duration, values ...float64) {
		t.Helper()
		_, err := LoadOf(series.Series{Key: "web", Start: start, Step: step, Values: values})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "load web") {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	f("a step of 1h1m0s is not within an hour", time.Hour+time.Minute, 1)
	f("a step of 0s", 0, 1)
	f("a step of 1m30s does not go into whole minutes", 90*time.Second, 1)
	f("a step of 7s does not go into whole minutes", 7*time.Second, 1)
	f("no observation", time.Minute)
	f("no observation", time.Minute, math.NaN())
	f("-1 at 2026-03-02T00:01:00Z", time.Minute, 1, -1)
	f("+Inf at 2026-03-02T00:00:00Z", time.Minute, math.Inf(1))
}

func TestSplit(t *testing.T) {
	const day = 24 * 60
	f := func(at time.Time, minutes int, want Parts) {
		t.Helper()
		l := loadOf(constant(1, minutes))
		l.Start = at
		got, err := Split(l, 0.5, 0.25)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	f(start, 28*day, Parts{Part{0, 14 * day}, Part{14 * day, 21 * day}, Part{21 * day, 28 * day}})
	f(start, 10*day, Parts{Part{0, 5 * day}, Part{5 * day, 8 * day}, Part{8 * day, 10 * day}})
	// From six in the morning, cuts are 18 hours and so many days on.
	f(start.Add(6*time.Hour), 8*day, Parts{Part{0, 3*day + 1080}, Part{3*day + 1080, 5*day + 1080}, Part{5*day + 1080, 8 * day}})
	g := func(want string, minutes int, train, validation float64) {
		t.Helper()
		if _, err := Split(loadOf(constant(1, minutes)), train, validation); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	g("shares 0.7 and 0.3", 28*day, 0.7, 0.3)
	g("shares 0 and 0.3", 28*day, 0, 0.3)
	g("shares NaN", 28*day, math.NaN(), 0.3)
	g("train has no day", 3*day, 0.1, 0.5)
	g("validation has no day", 10*day, 0.5, 0.01)
	g("test has no day", 3*day, 0.5, 0.4)
}
