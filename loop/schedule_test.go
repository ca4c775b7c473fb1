package loop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// TestScheduledNeverGoesBack looks at the boundaries of histories that grow, with holes and in windows that move on: they do not go back,
// they do not lie ahead, and the same boundary comes of each end until the next.
func TestScheduledNeverGoesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, step := range []time.Duration{15 * time.Second, 45 * time.Second, time.Minute, 5 * time.Minute, 40 * time.Minute, time.Hour} {
		for fleet := range 4 {
			y := series.Series{Start: start, Step: step}
			for range min(int(100*time.Hour/step), 6000) {
				v := 1.0
				if rng.Float64() < 0.3 {
					v = math.NaN()
				}
				y.Values = append(y.Values, v)
			}
			h := history{learnt: y}
			name, last := fmt.Sprint("fleet ", fleet), time.Time{}
			for i := range y.Values {
				end := y.TimeAt(i)
				b, every := h.scheduled(name, 80*time.Hour, end)
				if b.Before(last) || b.After(end) || end.Sub(b) > every+step || !b.Equal(series.Align(b, step)) {
					t.Fatalf("step %s, %s: at %s the boundary is %s, every %s, the one before %s", step, name, end, b, every, last)
				}
				if again, _ := h.scheduled(name, 80*time.Hour, b); !again.Equal(b) {
					t.Fatalf("step %s, %s: at its own time the boundary %s is %s", step, name, b, again)
				}
				last = b
			}
		}
	}
}

func TestScheduledOfAnOldHistoryIsEverySixHours(t *testing.T) {
	y := series.Series{Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Step: time.Minute, Values: make([]float64, 6*24*60)}
	h := history{learnt: y}
	f := func(fleet string) time.Time {
		t.Helper()
		b, every := h.scheduled(fleet, 5*24*time.Hour, y.End())
		if every != 6*time.Hour {
			t.Errorf("every %s", every)
		}
		next, _ := h.scheduled(fleet, 5*24*time.Hour, b.Add(-time.Minute))
		if b.Sub(next) != every {
			t.Errorf("the boundary before %s is %s", b, next)
		}
		return b
	}
	if f("web").Equal(f("batch")) {
		t.Error("two fleets are fitted at once")
	}
}
