package demo_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forethought-autoscaler/forethought/demo"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

const day = 24 * time.Hour

var tuesday = time.Date(2026, 11, 24, 9, 30, 17, 0, time.UTC)

// signal returns the organisation's signal of a group, or of the alert.
func signal(t *testing.T, w demo.World, name string) series.Series {
	t.Helper()
	for _, s := range w.Signals {
		if s.Labels["group"] == name || s.Labels["alertname"] == name {
			return s.Series
		}
	}
	t.Fatalf("no signal %s", name)
	return series.Series{}
}

func TestOrganisationIsWhatItSays(t *testing.T) {
	w := demo.Organisation(tuesday, 1)
	for _, s := range w.Signals {
		if s.Series.Start.After(tuesday.Add(-28*day)) || s.Series.End().Before(tuesday.Add(day)) {
			t.Errorf("%v goes from %s to %s", s.Labels, s.Series.Start, s.Series.End())
		}
		for i, v := range s.Series.Values {
			if v < 0 || math.IsInf(v, 0) || math.IsNaN(v) && s.Labels["group"] != "" {
				t.Fatalf("%v is %v at %s", s.Labels, v, s.Series.TimeAt(i))
			}
		}
	}
	reports, alert := signal(t, w, "reports"), signal(t, w, "BatchOutage")
	analytics, research := signal(t, w, "analytics"), signal(t, w, "research")
	firing := 0
	for i, v := range reports.Values {
		at := reports.TimeAt(i)
		if alert.Values[i] == 1 {
			firing++
			if v+analytics.Values[i]+research.Values[i] != 0 {
				t.Fatalf("batch is not zero in the outage, at %s", at)
			}
			continue
		}
		if (v == 240) != (at.Minute() < 5) {
			t.Fatalf("reports ask for %v at %s", v, at)
		}
	}
	if firing != 105 {
		t.Errorf("the outage lasts %d minutes, want 105", firing)
	}
	shop := signal(t, w, "shop-europe")
	launch := series.Align(tuesday.Add(-11*day), day).Add(18 * time.Hour)
	if ratio := shop.At(launch) / shop.At(launch.Add(-7*day)); ratio < 2 || ratio > 4.5 {
		t.Errorf("the launch has %.2f times the demand of a week before", ratio)
	}
	sunday := series.Align(tuesday, day).Add(-2*day + 10*time.Hour)
	if work, rest := analytics.At(sunday.Add(day)), analytics.At(sunday); work < 5*rest {
		t.Errorf("analytics asks for %v on Monday and %v on Sunday", work, rest)
	}
}

func TestOrganisationIsSeeded(t *testing.T) {
	a, b, c := demo.Organisation(tuesday, 1), demo.Organisation(tuesday.Add(20*time.Second), 1), demo.Organisation(tuesday, 2)
	if !reflect.DeepEqual(signal(t, a, "research"), signal(t, b, "research")) {
		t.Error("the same seed and minute give two organisations")
	}
	if slices.Equal(signal(t, a, "research").Values, signal(t, c, "research").Values) {
		t.Error("two seeds give the same organisation")
	}
}

func trace(key string, step time.Duration, n int) series.Series {
	y := series.Series{Key: series.Key(key), Start: time.Date(1995, 7, 1, 0, 0, 0, 0, time.UTC), Step: step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = float64(i % 100)
	}
	return y
}

func TestFromTraceMovesByWholeWeeks(t *testing.T) {
	f := func(now time.Time, step time.Duration, n int) {
		t.Helper()
		y := trace("requests", step, n)
		w, err := demo.FromTrace("web", y, "", now)
		if err != nil {
			t.Fatal(err)
		}
		moved := w.Signals[0].Series
		if by := moved.Start.Sub(y.Start); by%(7*day) != 0 {
			t.Errorf("the trace is moved by %s, which is no whole number of weeks", by)
		}
		if ahead := moved.End().Sub(now); ahead <= day || ahead > 8*day {
			t.Errorf("%s of the trace lie ahead, want one to eight days", ahead)
		}
		if w.Fleets[0].Unit != "requests" || w.Fleets[0].Pools[0].Capacity != 5 {
			t.Errorf("unit %s, capacity %g, want requests and 5", w.Fleets[0].Unit, w.Fleets[0].Pools[0].Capacity)
		}
	}
	f(tuesday, time.Minute, 40*1440)
	f(tuesday.Add(3*day), 5*time.Minute, 12*288)
	f(tuesday.Add(6*day+23*time.Hour), 30*time.Minute, 200*48)
}

func TestFromTraceRefuses(t *testing.T) {
	f := func(y series.Series, want string) {
		t.Helper()
		if _, err := demo.FromTrace("web", y, "", tuesday); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	f(trace("a", time.Minute, 100), "needs 2 days")
	missing := trace("b", time.Hour, 100)
	for i := range missing.Values {
		missing.Values[i] = math.NaN()
	}
	f(missing, "series b: 0 observations")
}

// store keeps what it is given.
type store struct {
	backfilled map[string]int
	appended   []float64
	at         []time.Time
	err        error
}

func (s *store) Backfill(_ context.Context, signals []demo.Signal) error {
	s.backfilled = map[string]int{}
	for _, g := range signals {
		s.backfilled[g.Labels["series"]] = g.Series.Len()
	}
	return s.err
}

func (s *store) Append(_ context.Context, _ map[string]string, at time.Time, v float64) error {
	s.at, s.appended = append(s.at, at), append(s.appended, v)
	return s.err
}

func TestFeedShowsNothingBeforeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := demo.NewClock(60)
		y := trace("requests", time.Minute, 20*1440)
		w, err := demo.FromTrace("web", y, "", clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		moved := w.Signals[0].Series
		now := moved.Index(clock.Now())
		moved.Values[now+3], moved.Values[now+4] = math.NaN(), math.NaN()
		s := &store{}
		feed := demo.NewFeed(w, s, clock)
		if err := feed.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.backfilled["requests"] != now+1 {
			t.Errorf("%d points are stored at the start, want those up to now, %d", s.backfilled["requests"], now+1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- feed.Run(ctx) }()
		time.Sleep(6*time.Second + 500*time.Millisecond) // six and a half minutes of the clock
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []float64{moved.Values[now+1], moved.Values[now+2], math.NaN(), moved.Values[now+5], moved.Values[now+6]}
		if len(s.appended) != len(want) || !s.at[0].Equal(moved.TimeAt(now+1)) {
			t.Fatalf("appended %v, want %v: each point in its minute, and a gap said once", s.appended, want)
		}
		for i, v := range want {
			if s.appended[i] != v && !math.IsNaN(v) {
				t.Errorf("point %d is %v, want %v", i, s.appended[i], v)
			}
		}
	})
}

func TestFeedReportsAStoreThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := demo.NewClock(1)
		w := demo.Organisation(clock.Now(), 1)
		s := &store{}
		feed := demo.NewFeed(w, s, clock)
		if err := feed.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("disk full")
		if err := feed.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("error %v, want that of the store", err)
		}
	})
}

// board has one snapshot.
type board struct{ s pool.Snapshot }

func (b *board) Snapshot(string) (pool.Snapshot, bool) { return b.s, true }
func (b *board) Snapshots() []pool.Snapshot            { return []pool.Snapshot{b.s} }

type configured []pool.Pool

func (c configured) Pools(context.Context, string, time.Time) ([]pool.Pool, error) {
	return slices.Clone(c), nil
}

func TestClusterStartsInstancesInTheirLeadTime(t *testing.T) {
	b := &board{}
	standing := demo.NewCluster(b).Over(configured{{Name: "p", Capacity: 10, LeadTime: 4 * time.Minute}})
	f := func(minute, decided, warming, warm, active int) {
		t.Helper()
		at := tuesday.Add(time.Duration(minute) * time.Minute)
		pools, err := standing.Pools(t.Context(), "web", at)
		if err != nil {
			t.Fatal(err)
		}
		if p := pools[0]; !p.Observed || !p.Phases || p.Warming != warming || p.Warm != warm || p.Active != active {
			t.Errorf("minute %d: %d warming, %d warm, %d active, want %d, %d, %d", minute, p.Warming, p.Warm, p.Active, warming, warm, active)
		}
		plan := pool.Plan{Targets: []pool.Target{{Pool: "p", Instances: decided}}}
		b.s.Decision = pool.Decision{At: at, Mode: pool.Act, Demand: 25, Plan: plan}
	}
	f(0, 3, 0, 0, 0) // nothing is decided yet
	f(1, 5, 0, 0, 3) // what the first decision asks for is there at once
	f(2, 5, 2, 0, 3) // what a later one asks for takes its lead time
	f(4, 5, 2, 0, 3)
	f(5, 4, 0, 2, 3) // asked for in minute 1, ready in minute 5
	f(6, 4, 0, 1, 3)
}
