package loop_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestARefitNeverBlocksATurn(t *testing.T) {
	src := demandOnly(wiggle)
	release, begun := make(chan struct{}), make(chan struct{}, 100)
	var fits atomic.Int32
	p := newProcess(t, src, chain{onFit: func(ctx context.Context, _ series.Series) error {
		if fits.Add(1) == 1 {
			return nil
		}
		begun <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}, func(o *loop.Options) { o.Background = nil })
	at := monday.Add(turnAt)
	first := fittedAt(t, src.turn(p, at))
	for len(begun) == 0 {
		at = at.Add(time.Minute)
		if at.After(monday.Add(7 * time.Hour)) {
			t.Fatal("no refit begins in seven hours")
		}
		src.turn(p, at)
		runtime.Gosched()
	}
	for range 10 {
		at = at.Add(time.Minute)
		if s := src.turn(p, at); fittedAt(t, s) != first || s.State != pool.Ready || !s.Decision.Forecast.Origin.Equal(series.Align(at, 5*time.Minute)) {
			t.Errorf("during the refit the model is of %s, its origin %s: %s", fittedAt(t, s), s.Decision.Forecast.Origin, s.Reason)
		}
	}
	if n := p.counter(t, "forethought_forecast_fits_late_total"); n != 1 {
		t.Errorf("%g late fits, want 1", n)
	}
	close(release)
	for deadline := at.Add(100 * time.Minute); ; {
		at = at.Add(time.Minute)
		s := src.turn(p, at)
		if b := fittedAt(t, s); b != first {
			if !s.Decision.Forecast.Origin.Equal(series.Align(at, 5*time.Minute)) {
				t.Errorf("the new model was not told what came since: its origin is %s", s.Decision.Forecast.Origin)
			}
			break
		}
		if at.After(deadline) {
			t.Fatal("the refit is never adopted")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestARefitThatFailsLeavesTheFormerModel(t *testing.T) {
	f := func(want string, fail func() error) {
		t.Helper()
		src := demandOnly(wiggle)
		var fits atomic.Int32
		p := newProcess(t, src, chain{onFit: func(context.Context, series.Series) error {
			if fits.Add(1) > 1 && fits.Load() < 10 {
				return fail()
			}
			return nil
		}}, nil)
		first, said := fittedAt(t, src.turn(p, monday.Add(turnAt))), 0
		for k := range 7 * 60 {
			s := src.turn(p, monday.Add(time.Duration(k)*time.Minute+turnAt))
			if s.Reason != "" {
				if said++; !strings.Contains(s.Reason, "the model could not be fitted anew: "+want) || fittedAt(t, s) != first || s.State != pool.Ready {
					t.Errorf("%s: model of %s: %s", s.State, fittedAt(t, s), s.Reason)
				}
			}
			if k == 7*60-1 && (fittedAt(t, s) == first || s.Reason != "") {
				t.Errorf("the refit is not made once it can be: %s", s.Reason)
			}
		}
		if said == 0 {
			t.Error("the reason does not say that a fit failed")
		}
	}
	f("fit chain to web: singular", func() error { return errors.New("singular") })
	f("fit chain to web panics: index out of range", func() error { panic("index out of range") })
}

func TestARefitUsesWhatIsKnownWhereTheHistoryCannotBeRead(t *testing.T) {
	src := demandOnly(wiggle)
	limit := 0 // no more points than this in one answer
	p := newProcess(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
		if _, n := q.Grid(); q.Expr == "demand" && limit > 0 && n > limit {
			if q.End.Minute()%2 == 0 {
				panic("out of memory")
			}
			return nil, errors.New("422: too many samples")
		}
		return src.Range(context.Background(), q)
	}), chain{}, nil)
	first := fittedAt(t, src.turn(p, monday.Add(turnAt)))
	limit = 100
	var s pool.Snapshot
	for k := range 13 * 60 {
		s = src.turn(p, monday.Add(time.Duration(k)*time.Minute+turnAt))
	}
	if b := fittedAt(t, s); b <= first || s.State != pool.Ready {
		t.Errorf("the model is of %s, %s: %s", b, s.State, s.Reason)
	}
	if !strings.Contains(p.log.String(), "history is not read anew before a fit") {
		t.Errorf("the log does not say so:\n%s", p.log)
	}
}

func TestCloseEndsFits(t *testing.T) {
	before := goleak.IgnoreCurrent()
	src := demandOnly(wiggle)
	var fits atomic.Int32
	ended := make(chan error, 1)
	p := newProcess(t, src, chain{onFit: func(ctx context.Context, _ series.Series) error {
		if fits.Add(1) == 1 {
			return nil
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}}, func(o *loop.Options) { o.Background = nil })
	for at := monday.Add(turnAt); fits.Load() < 2; at = at.Add(time.Minute) {
		src.turn(p, at)
		runtime.Gosched()
	}
	p.loop.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the fit ends with %v", err)
	}
	goleak.VerifyNone(t, before)
}

func TestRefitsAtOnceAreBounded(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
	var first, running, most, refits atomic.Int32
	src := demandOnly(wiggle)
	src.now = monday.Add(48 * time.Hour)
	method := chain{onFit: func(context.Context, series.Series) error {
		if int(first.Add(1)) <= len(names) {
			return nil // the first of a process, in its first turn
		}
		n := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		refits.Add(1)
		return nil
	}}
	board := loop.NewBoard(names)
	p := newProcess(t, src, method, func(o *loop.Options) {
		o.Background, o.Publisher = nil, board
		one := o.Fleets[0]
		o.Fleets = nil
		specs := map[string][]loop.PoolSpec{}
		for _, name := range names {
			one.Name = name
			o.Fleets = append(o.Fleets, one)
			specs[name] = []loop.PoolSpec{{Pool: pool.Pool{Name: "p", Class: pool.Variable, Capacity: 10}}}
		}
		o.Fleet = loop.NewConfigured(src, specs)
	})
	p.loop.Turn(t.Context(), monday.Add(turnAt))
	for k := 1; int(refits.Load()) < len(names); k++ {
		p.loop.Turn(t.Context(), monday.Add(7*time.Hour+time.Duration(k)*time.Minute+turnAt))
		time.Sleep(time.Millisecond)
	}
	if bound := int32(max(1, runtime.GOMAXPROCS(0)/2)); most.Load() > bound {
		t.Errorf("%d refits at once, want at most %d", most.Load(), bound)
	}
}

func TestAReloadTakesOverTheFitUnderWay(t *testing.T) {
	f := func(settings string, wantTaken bool) {
		t.Helper()
		src := demandOnly(wiggle)
		var fits atomic.Int32
		release, cancelled := make(chan struct{}), make(chan struct{})
		old := newProcess(t, src, chain{onFit: func(ctx context.Context, _ series.Series) error {
			if fits.Add(1) != 2 {
				return nil
			}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				close(cancelled)
				return ctx.Err()
			}
		}}, func(o *loop.Options) { o.Background = nil })
		at := monday.Add(turnAt)
		first := fittedAt(t, src.turn(old, at))
		for ; fits.Load() < 2; at = at.Add(time.Minute) {
			src.turn(old, at)
			runtime.Gosched()
		}
		next := newProcess(t, src, chain{onFit: func(context.Context, series.Series) error {
			fits.Add(1)
			return nil
		}}, func(o *loop.Options) {
			o.Background, o.Metrics, o.Fleets[0].Settings = nil, old.metrics, settings
		})
		next.loop.Adopt(old.loop)
		if !wantTaken {
			<-cancelled
		}
		close(release)
		var b time.Duration
		for range 1000 {
			at = at.Add(time.Minute)
			if b = fittedAt(t, src.turn(next, at)); b != first {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if want := int32(2); wantTaken && fits.Load() != want || !wantTaken && fits.Load() <= want {
			t.Errorf("with settings %q %d fits are made, the model is of %s", settings, fits.Load(), b)
		}
		if n := testutil.CollectAndCount(old.registry, "forethought_forecast_fits_late_total"); n != 1 {
			t.Errorf("%d series of late fits", n)
		}
	}
	f("1", true)
	f("2", false)
}

func TestTheCalendarExcludes(t *testing.T) {
	src := demandOnly(func(at time.Time) float64 {
		if h := at.Sub(monday).Hours(); h > -20 && h < -10 {
			return 1e9
		}
		return 50
	})
	var sum float64
	p := newProcess(t, src, chain{onFit: func(_ context.Context, y series.Series) error {
		for _, v := range y.Values {
			if !math.IsNaN(v) {
				sum += v
			}
		}
		return nil
	}}, func(o *loop.Options) {
		o.Fleets[0].Excluded = func(at time.Time) bool { return at.Sub(monday).Hours() > -21 && at.Sub(monday).Hours() < -9 }
	})
	if s := src.turn(p, monday.Add(turnAt)); s.State != pool.Ready || sum == 0 || sum > 1e6 {
		t.Errorf("what the calendar excludes is learnt: %g, %s: %s", sum, s.State, s.Reason)
	}
	src.series["demand"]["{}"] = func(time.Time) float64 { return 70 }
	q := newProcess(t, src, chain{}, func(o *loop.Options) { o.Fleets[0].Excluded = func(time.Time) bool { return true } })
	if s := src.turn(q, monday.Add(turnAt)); s.Decision.Demand != 70 || s.Decision.Plan.Total() != 7 {
		t.Errorf("during an excluded window the reactive need is %d for a demand of %g, want 7 for 70: %s", s.Decision.Plan.Total(), s.Decision.Demand, s.Reason)
	}
}

func TestASourceThatWasDownForLongerThanTheHistory(t *testing.T) {
	src := demandOnly(wiggle)
	var queue []func()
	p := newProcess(t, src, chain{}, func(o *loop.Options) {
		o.Fleets[0].History, o.Background = 24*time.Hour, func(f func()) { queue = append(queue, f) }
	})
	t.Cleanup(func() {
		for _, f := range queue {
			f()
		}
	})
	src.turn(p, monday.Add(turnAt))
	src.broken = map[string]error{"demand": errors.New("502: Bad Gateway")}
	at := monday.Add(40*time.Hour + turnAt)
	src.turn(p, at)
	src.broken = nil
	s := src.turn(p, at.Add(time.Minute))
	if s.State != pool.Ready || !s.Decision.Forecast.Origin.Equal(series.Align(at, 5*time.Minute)) || fittedAt(t, s) < 33*time.Hour {
		t.Errorf("%s: the model is of %s, its origin %s: %s", s.State, fittedAt(t, s), s.Decision.Forecast.Origin, s.Reason)
	}
}

// TestARefitIsOfTheHistoryAsItWas runs the refit only after the turns went on and a point came late.
func TestARefitIsOfTheHistoryAsItWas(t *testing.T) {
	src, late := demandOnly(wiggle), true
	var queue []func()
	var fitted []series.Series
	hidden := monday.Add(2*time.Hour + 50*time.Minute) // the first boundary
	src.series["demand"]["{}"] = func(at time.Time) float64 {
		if late && !at.Before(hidden) {
			return math.NaN()
		}
		return wiggle(at)
	}
	begun := false
	p := newProcess(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
		if _, n := q.Grid(); begun && n > 100 && q.Expr == "demand" {
			return nil, errors.New("422: too many samples")
		}
		return src.Range(context.Background(), q)
	}), chain{onFit: func(_ context.Context, y series.Series) error {
		fitted = append(fitted, y.Clone())
		return nil
	}}, func(o *loop.Options) { o.Background = func(f func()) { queue = append(queue, f) } })
	for m := 0; len(queue) == 0; m++ {
		src.turn(p, hidden.Add(time.Duration(m-60)*time.Minute+turnAt))
		begun = true
	}
	late = false
	src.turn(p, hidden.Add(10*time.Minute+turnAt))
	for _, f := range queue {
		f()
	}
	queue = nil
	if last := fitted[len(fitted)-1]; len(fitted) != 2 || !last.End().Equal(hidden) || !math.IsNaN(last.Values[last.Len()-1]) {
		t.Errorf("%d fits, the last until %s with %g, want what was known when it began: a missing point", len(fitted), last.End(), last.Values[last.Len()-1])
	}
}
