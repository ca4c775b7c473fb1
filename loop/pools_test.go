package loop_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// bursting is a pool of burstable instances with a query of their credits.
func bursting(src series.Source) *loop.Configured {
	return loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{
		Pool: pool.Pool{
			Name: "p", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute,
			Burst: pool.Burst{Baseline: 0.2, MaxCredits: 100, Credits: math.NaN()},
		},
		CreditsQuery: "credits",
	}}})
}

// TestCreditsAreHeld lets a query fall silent, or fail: what it said last stands for a quarter of an hour.
func TestCreditsAreHeld(t *testing.T) {
	credits := map[string]func(time.Time) float64{}
	w := &world{broken: map[string]error{}, series: map[string]map[string]func(time.Time) float64{"credits": credits}}
	until := func(last time.Time, then float64) {
		credits["{}"] = func(at time.Time) float64 {
			if at.After(last) {
				return then
			}
			return 7
		}
	}
	until(monday, math.NaN())
	f := func(c *loop.Configured, after time.Duration, want float64, doubts ...string) {
		t.Helper()
		w.mu.Lock()
		w.now = monday.Add(after)
		w.mu.Unlock()
		pools, err := c.Pools(context.Background(), "web", w.now)
		if got := pools[0].Burst.Credits; err != nil || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s after the last answer there are %v credits, want %v: %v", after, got, want, err)
		}
		if got := strings.Join(c.Doubts("web"), "\n"); got != strings.Join(doubts, "\n") {
			t.Errorf("%s after the last answer the doubts are\n%s\nwant\n%s", after, got, strings.Join(doubts, "\n"))
		}
	}
	const held, gone = "the credits of p are not known and 7 are assumed, what they were last: ", "the credits of p are not known and its baseline counts: "
	const silent, negative = "query returned no value", "query returned -1; credits are at least 0"
	c := bursting(w)
	f(c, 0, 7)
	f(c, 15*time.Minute, 7, held+silent)
	f(bursting(w), 15*time.Minute, 7, held+silent) // a process that has just begun
	f(c, 15*time.Minute+turnAt, math.NaN(), gone+silent)
	f(bursting(w), 15*time.Minute+turnAt, math.NaN(), gone+silent)

	until(monday, -1)
	f(bursting(w), time.Minute, 7, held+negative)
	f(bursting(w), time.Hour, math.NaN(), gone+negative)

	w.broken["credits"] = errors.New("down")
	f(c, 10*time.Minute, 7, held+"down")
	next := bursting(w)
	f(next, 10*time.Minute, math.NaN(), gone+"down")
	next.Adopt(c)
	f(next, 10*time.Minute, 7, held+"down")
	f(next, 16*time.Minute, math.NaN(), gone+"down")
}

// TestAPlanOutlivesSilentCredits has instances that serve a fifth of what they serve with credits.
func TestAPlanOutlivesSilentCredits(t *testing.T) {
	w := demandOnly(func(time.Time) float64 { return 100 })
	w.broken = map[string]error{}
	w.series["credits"] = map[string]func(time.Time) float64{"{}": func(at time.Time) float64 {
		if at.Before(monday.Add(2 * time.Minute)) {
			return 60
		}
		return math.NaN()
	}}
	p := newProcess(t, w, flat{}, func(o *loop.Options) { o.Fleet = bursting(w) })
	f := func(minute, want int, reason string) {
		t.Helper()
		s := w.turn(p, monday.Add(time.Duration(minute)*time.Minute+turnAt))
		if d := s.Decision; d.Reactive.Total() != want || d.Plan.Total() != want || !strings.Contains(s.Reason, reason) {
			t.Errorf("minute %d: reactive %d, plan %d, want %d: %s", minute, d.Reactive.Total(), d.Plan.Total(), want, s.Reason)
		}
	}
	f(0, 10, "")
	f(2, 10, "60 are assumed")
	w.broken["credits"] = errors.New("down")
	f(3, 10, "60 are assumed")
	delete(w.broken, "credits")
	f(16, 10, "60 are assumed")
	f(17, 50, "its baseline counts")
}
