package selection_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/series"
)

// learner is a method that forecasts one season ago once it was pooled, and nothing useful before.
type learner struct{ season time.Duration }

func (learner) Name() string { return "learner" }

func (l learner) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if l.season == 0 {
		return nil, &forecast.TooShortError{Method: "learner", Need: 1 << 20, Have: y.Len()}
	}
	return naive.Seasonal{Period: l.season}.Fit(ctx, y)
}

func (learner) Pool(_ context.Context, ys []series.Series) (forecast.Method, error) {
	if len(ys) < 2 {
		return learner{}, nil
	}
	return learner{day}, nil
}

// family returns the automatic choice with a method that learns from many series.
func family(seasons []time.Duration, _ time.Duration) selection.Auto {
	return selection.Auto{
		Methods: []forecast.Method{
			naive.Last{},
			naive.Seasonal{Period: day},
			ridge.Window{Horizon: 12, Seasons: seasons, Log: true},
			learner{},
		},
		Benchmarks: []string{"snaive-week"}, Fallback: naive.Last{}, Horizon: 12, Origins: 40, Seasons: seasons,
	}
}

func TestSeasoned(t *testing.T) {
	y := office(12*144, 10*time.Minute, 3)
	m := methodtest.Fit(t, selection.Seasoned{For: family}, y)
	s := selectionOf(m)
	if len(s.Seasons) == 0 || s.Seasons[len(s.Seasons)-1] != week {
		t.Errorf("seasons %v, want a week among them", s.Seasons)
	}
}

// Seasons that are not those of the calendar are found, and those of the calendar are tried where none is.
func TestSeasonsOf(t *testing.T) {
	f := func(period int, want ...time.Duration) {
		t.Helper()
		y := series.Series{Key: "t", Start: start, Step: 10 * time.Minute, Values: make([]float64, 21*144)}
		for i := range y.Values {
			y.Values[i] = 10
			if period > 0 && i%period < period/3 {
				y.Values[i] = 30
			}
		}
		got := selection.SeasonsOf(y)
		if len(got) != len(want) {
			t.Fatalf("period %d: seasons %v, want %v", period, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("period %d: seasons %v, want %v", period, got, want)
			}
		}
	}
	f(144, day, week)
	f(138, 23*time.Hour)
	f(0, day, week)
}

func TestPoolLearnsFromOthersAndNotFromTheFuture(t *testing.T) {
	var ys []series.Series
	for seed := range uint64(3) {
		ys = append(ys, office(8*144, 10*time.Minute, 20+seed))
	}
	pool := func(ys []series.Series) forecast.Method {
		t.Helper()
		m, err := selection.Seasoned{For: family}.Pool(t.Context(), ys)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	y := office(8*144, 10*time.Minute, 99)
	m := methodtest.Fit(t, pool(ys), y)
	if s := selectionOf(m); !slices.ContainsFunc(s.Scores, func(c forecast.Score) bool { return c.Method == "learner" }) {
		t.Errorf("scores %+v, want learner among the members", s.Scores)
	}
	a := methodtest.Table(m.Forecast(12))
	b := methodtest.Table(methodtest.Fit(t, pool(ys), y).Forecast(12))
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("quantile %d: %v and %v from the same pool", i, a[i], b[i])
		}
	}
	// A single series teaches nothing about others.
	methodtest.Sane(t, methodtest.Fit(t, pool(ys[:1]), y).Forecast(12), 12)
}

// Members are compared at any step, and scores of members that dropped out are relative to the same origins.
func TestLongSteps(t *testing.T) {
	y := office(300, 36*time.Hour, 1)
	if s := selectionOf(methodtest.Fit(t, newAuto(6), y)); len(s.Scores) == 0 {
		t.Errorf("nothing was compared on 300 steps of 36 h: %s", s.Reason)
	}
}

// dear is a method that costs more than there is.
type dear struct{ naive.Smooth }

func (dear) Name() string { return "dear" }

func TestBudget(t *testing.T) {
	a := newAuto(12)
	a.Methods = append(a.Methods, dear{})
	a.Budget = 10 * time.Millisecond
	a.Cost = func(m forecast.Method, n int) time.Duration {
		if m.Name() == "dear" {
			return time.Duration(n) * time.Microsecond * 10
		}
		return 0
	}
	f := func(n int, left bool) {
		t.Helper()
		s := selectionOf(methodtest.Fit(t, a, office(n, 10*time.Minute, 1)))
		if strings.Contains(s.Reason, "left out for their cost: dear") != left {
			t.Errorf("%d observations: reason %q", n, s.Reason)
		}
	}
	f(300, false)
	f(900, true)
}
