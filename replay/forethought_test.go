package replay

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// quick is the program with a method that is quick to fit.
func quick(step time.Duration, probabilities ...float64) Forethought {
	day := 24 * time.Hour
	return Forethought{
		Interval: time.Minute, Probabilities: probabilities,
		Fleet: loop.FleetOptions{
			Name: "web", Query: "load", Unit: series.Requests, Step: step, History: 3 * day, Horizon: 14, Pools: []string{"fixed"},
			Method: selection.Auto{
				Methods: []forecast.Method{naive.Last{}, naive.Smooth{}, naive.Seasonal{Period: day}}, Fallback: naive.Last{}, Horizon: 14,
				Seasons: []time.Duration{day}, Benchmarks: []string{naive.Seasonal{Period: day}.Name()},
			},
			Policy: pool.Policy{
				Mode: pool.Shadow, Probability: 0.9, Paced: true, Interval: time.Minute, Validity: 5 * time.Minute,
				StaleAfter: 5 * time.Minute, Hold: 4 * time.Hour,
			},
		},
	}
}

// TestForethoughtIsHonest holds the program to the rules that hold for every policy.
func TestForethoughtIsHonest(t *testing.T) {
	l, s := week(1, 5), onePool()
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute} {
		l.Values = l.Values[:minutesPerDay/3]
		p := quick(step, 0.9, 0.99)
		all := wants(t, p, s, l, p.Settings())
		checkScramble(t, p, s, l, all)
		if n := all[len(all)-1][0][0]; n < 2 || n > 14 {
			t.Errorf("on a grid of %s the last minute, with a load of %.0f, has %d instances of 10", step, l.Values[len(l.Values)-1], n)
		}
	}
}

// TestForethoughtForesees compares it with the present need: before the morning it must have more.
func TestForethoughtForesees(t *testing.T) {
	l := week(5, 6)
	for m := range l.Values { // a step at eight each day, which only a forecast can meet
		l.Values[m] = 20
		if h := m % minutesPerDay / 60; h >= 8 && h < 18 {
			l.Values[m] = 100
		}
	}
	p := quick(5*time.Minute, 0.95)
	l.Values = l.Values[:4*minutesPerDay+9*60]
	all := wants(t, p, onePool(), l, p.Settings())
	m := 4*minutesPerDay + 8*60
	if got := all[m-4][0][0]; got < 8 {
		t.Errorf("four minutes before a step to 10 instances that comes each day there are %d", got)
	}
	if got := all[m-60][0][0]; got > 3 {
		t.Errorf("an hour before it there are %d, want the 2 that are needed", got)
	}
}

func TestForethoughtRefuses(t *testing.T) {
	f := func(want string, change func(*Forethought, *[]float64)) {
		t.Helper()
		p, settings := quick(time.Minute, 0.9), []float64{0.9}
		change(&p, &settings)
		if _, err := p.Start(onePool(), settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f("probability 1 is outside (0, 1)", func(_ *Forethought, s *[]float64) { *s = []float64{1} })
	f("no settings", func(_ *Forethought, s *[]float64) { *s = nil })
	f("Interval is missing", func(p *Forethought, _ *[]float64) { p.Interval = 0 })
	f("must be given", func(p *Forethought, _ *[]float64) { p.Fleet.Query = "" })
}

// TestPastSourceHasNothingOfTheFuture asks for more than there is, on a fine and on a coarse grid.
func TestPastSourceHasNothingOfTheFuture(t *testing.T) {
	past := make([]float64, 12)
	for i := range past {
		past[i] = float64(i)
	}
	at := monday.Add(12 * time.Minute)
	s := &pastSource{query: "load"}
	s.hand(at, past)
	f := func(expr string, from, to time.Duration, step time.Duration, want ...float64) {
		t.Helper()
		out, err := s.Range(context.Background(), series.Query{Expr: expr, Start: monday.Add(from), End: monday.Add(to), Step: step})
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		if len(out) > 0 {
			got = out[0].Values
		}
		if len(got) != len(want) {
			t.Fatalf("%s from %s to %s each %s is %v, want %v", expr, from, to, step, got, want)
		}
		for i := range got {
			if got[i] != want[i] && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
				t.Fatalf("%s from %s to %s each %s is %v, want %v", expr, from, to, step, got, want)
			}
		}
	}
	nan := math.NaN()
	f("load", 10*time.Minute, 14*time.Minute, time.Minute, 9, 10, 11, nan, nan) // the minute that ends then
	f("load", 0, 15*time.Minute, 5*time.Minute, 0, 5, 10, nan)                  // the minute that begins then
	f("load", -2*time.Minute, time.Minute, time.Minute, nan, nan, nan, 0)
	f("load", 12*time.Minute+10*time.Second, 12*time.Minute+10*time.Second, time.Second, 11) // now
	f("load", 20*time.Minute, 20*time.Minute, time.Second)                                   // long ago
	f("other", 0, 12*time.Minute, time.Minute)
}

// TestBesideWantsTheLarger pairs two policies.
func TestBesideWantsTheLarger(t *testing.T) {
	l, s := week(2, 7), twoPools()
	a, b := HPATarget(), StaticPeak(minutesPerDay)
	both := Beside(a, b, b.Settings()[0])
	if both.Name() != a.Name()+"|"+b.Name() {
		t.Errorf("it is called %s", both.Name())
	}
	settings := a.Settings()[:2]
	x, y, z := wants(t, a, s, l, settings), wants(t, b, s, l, b.Settings()[:1]), wants(t, both, s, l, settings)
	for m := range z {
		for k := range z[m] {
			for i, n := range z[m][k] {
				if want := max(x[m][k][i], y[m][0][i]); n != want {
					t.Fatalf("minute %d, setting %d, pool %d: %d, want %d", m, k, i, n, want)
				}
			}
		}
	}
}
