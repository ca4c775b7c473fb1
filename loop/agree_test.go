package loop_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestARefitIsAdoptedTwoIntervalsAfterItsBoundary(t *testing.T) {
	src := demandOnly(wiggle)
	p := newProcess(t, src, chain{}, nil)
	boundaries := map[time.Duration]bool{}
	last := time.Duration(-1 << 62)
	for at := monday.Add(turnAt); at.Before(monday.Add(20 * time.Hour)); at = at.Add(time.Minute) {
		b := fittedAt(t, src.turn(p, at))
		if b < last {
			t.Fatalf("at %s the model is of %s, before it of %s", at.Sub(monday), b, last)
		}
		if age := at.Sub(monday) - b; age < 2*time.Minute || age >= 6*time.Hour+7*time.Minute {
			t.Fatalf("at %s the model is of %s", at.Sub(monday), b)
		}
		if b > last && last > -24*time.Hour {
			if age := at.Sub(monday) - b; age != 2*time.Minute+turnAt {
				t.Errorf("a model of %s is adopted at %s", b, at.Sub(monday))
			}
			boundaries[b] = true
		}
		last = b
	}
	if n := p.counter(t, "forethought_forecast_fits_total"); len(boundaries) != 3 && len(boundaries) != 4 || int(n) != len(boundaries)+1 {
		t.Errorf("in 20 hours %d models are adopted, %g fits counted: %v", len(boundaries), n, boundaries)
	}
	if n := p.counter(t, "forethought_forecast_fits_late_total"); n != 0 {
		t.Errorf("%g of them are late", n)
	}
}

func TestSeveralProcessesAgree(t *testing.T) {
	f := func(src *world, step time.Duration, hours, leastEarly int) {
		t.Helper()
		method := chain{shift: 60}
		change := func(o *loop.Options) {
			o.Fleets[0].Leading, o.Fleets[0].Step = []string{"lead"}, step
			o.Fleets[0].Policy.StaleAfter = time.Hour // so that only what is learnt may differ
			o.Fleets[0].Classify = func(y series.Series, _ []pool.Jobs, _ pool.Shape) pool.Workload {
				h := fnv.New64a()
				fmt.Fprint(h, y)
				return pool.Workload{PatternReason: strconv.FormatUint(h.Sum64(), 10)}
			}
		}
		a := newProcess(t, src, method, change)
		compared := 0
		for k := range hours * 60 {
			at := monday.Add(time.Duration(k)*time.Minute + turnAt)
			s := src.turn(a, at)
			if k%23 != 0 || s.State == pool.Failed { // then the last decision, which only the one that made it has, is shown
				continue
			}
			want := published(s)
			compared++
			if got := published(src.turn(newProcess(t, src, method, change), at)); got != want {
				t.Fatalf("at %s a process that has run says\n%s\nand one that begins\n%s", at.Sub(monday), want, got)
			}
		}
		if n := a.counter(t, "forethought_forecast_fits_early_total"); int(n) < leastEarly || int(n) > hours {
			t.Errorf("%g fits are early", n)
		}
		if compared < hours*2 {
			t.Errorf("compared %d times", compared)
		}
	}
	src := demandOnly(jumpy)
	src.series["lead"] = map[string]func(time.Time) float64{
		`{g="a"}`: func(at time.Time) float64 { return jumpy(at.Add(10 * time.Minute)) },
		`{g="b"}`: func(at time.Time) float64 {
			if at.Before(monday.Add(5*time.Hour)) || at.After(monday.Add(7*time.Hour)) {
				return math.NaN()
			}
			return wiggle(at)
		},
	}
	f(src, 5*time.Minute, 30, 4)
	young := func() *world {
		return demandOnly(func(at time.Time) float64 {
			if at.Before(monday) {
				return math.NaN()
			}
			return jumpy(at)
		})
	}
	f(young(), time.Minute, 8, 0)
	f(young(), 5*time.Minute, 70, 4)
}

func TestAProcessThatBeginsGoesOnAsTheOther(t *testing.T) {
	src := demandOnly(jumpy)
	method := chain{shift: 60}
	a, b := newProcess(t, src, method, nil), newProcess(t, src, method, nil)
	for k := range 20 * 60 {
		at := monday.Add(time.Duration(k)*time.Minute + turnAt)
		s := src.turn(a, at)
		if at.Before(monday.Add(7*time.Hour)) || s.State == pool.Failed {
			continue
		}
		want := published(s)
		if got := published(src.turn(b, at)); got != want {
			t.Fatalf("at %s one process says\n%s\nand one that began later\n%s", at.Sub(monday), want, got)
		}
	}
}

func TestDriftRefitsAtMostOnceAnHour(t *testing.T) {
	src := demandOnly(func(at time.Time) float64 { return wiggle(at) + 1000*math.Floor(at.Sub(monday).Hours()*6+1000) })
	p := newProcess(t, src, chain{shift: 50}, nil)
	last, n := time.Duration(0), 0
	for k := range 24 * 60 {
		s := src.turn(p, monday.Add(time.Duration(k)*time.Minute+turnAt))
		b := fittedAt(t, s)
		if k > 0 && b != last {
			n++
		}
		last = b
	}
	if n < 20 || n > 29 {
		t.Errorf("%d refits in a day of steady drift, want one an hour and the scheduled ones", n)
	}
}
