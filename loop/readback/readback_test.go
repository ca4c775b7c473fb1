package readback

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOptions(t *testing.T) {
	f := func(want string, change func(o *Options)) {
		t.Helper()
		o := Options{
			Source: newStore(), Board: loop.NewBoard(nil), Interval: time.Second, Validity: time.Minute, Clock: clock{time.Now},
			Log: newReading(t, newStore(), nil).opts.Log, Registerer: prometheus.NewRegistry(),
		}
		change(&o)
		if _, err := New(o); fmt.Sprint(err) != want {
			t.Errorf("New: %v, want %s", err, want)
		}
	}
	f("<nil>", func(*Options) {})
	f("<nil>", func(o *Options) { o.Match = `cluster="eu", region=~"a|b"` })
	f("readback: Source is missing", func(o *Options) { o.Source = nil })
	f("readback: Board is missing", func(o *Options) { o.Board = nil })
	f("readback: Interval is missing", func(o *Options) { o.Interval = 0 })
	f("readback: Validity is missing", func(o *Options) { o.Validity = 0 })
	f("readback: Clock is missing", func(o *Options) { o.Clock = nil })
	f("readback: Log is missing", func(o *Options) { o.Log = nil })
	f("readback: Registerer is missing", func(o *Options) { o.Registerer = nil })
	f("readback: Fleets has one without a name", func(o *Options) { o.Fleets = []string{"a", ""} })
	f(`readback: Match is "{cluster=\"eu\"}", want label matchers without braces, such as cluster="eu"`, func(o *Options) { o.Match = `{cluster="eu"}` })
}

// TestStart says what a process that begins answers: nothing, then what is exported.
func TestStart(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})})
	g := newReading(t, s, named("web", "batch"))
	if err := g.Announce(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.wantReason("web", pool.Starting, "nothing was read back from http://store:9090 yet")
	g.wantAsks("web", noon, -1, -1)
	if err := g.Ready(); err == nil || err.Error() != "the first read of http://store:9090 has not ended" {
		t.Errorf("ready before the first read: %v", err)
	}
	if len(s.asked) > 0 {
		t.Errorf("asked before the first read: %v", s.asked)
	}
	g.at(noon)
	g.wantAsks("web", noon, 9, 3)
	g.wantReason("batch", pool.Failed, "no exporter of it is seen in http://store:9090")
	if err := g.Ready(); err != nil {
		t.Errorf("after the first read: %v", err)
	}
	var order []string
	for _, s := range g.board.Snapshots() {
		order = append(order, s.Fleet)
		if s.Turn.IsZero() {
			t.Errorf("%s has had no turn", s.Fleet)
		}
	}
	if diff := cmp.Diff([]string{"web", "batch"}, order); diff != "" {
		t.Errorf("not in the order of the configuration:\n%s", diff)
	}
}

// TestReadyWithoutAnswer: a store that fails leaves each fleet with a reason, and the process ready to tell it.
func TestReadyWithoutAnswer(t *testing.T) {
	s := newStore()
	s.fail(errors.New("503: starting"))
	g := newReading(t, s, named("web"))
	if err := g.Announce(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.at(noon)
	if err := g.Ready(); err != nil {
		t.Error(err)
	}
	g.wantReason("web", pool.Failed, "503: starting")
}

// TestAFleetWithoutDecisionYet: an exporter that starts says so.
func TestAFleetWithoutDecisionYet(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{{Fleet: "web", State: pool.Starting}}, "instance", "a")
	g := newReading(t, s, nil)
	g.at(noon)
	g.wantReason("web", pool.Starting, "a has had none and is starting")
	s.scrape(t, noon, []pool.Snapshot{{Fleet: "web", State: pool.Failed}}, "instance", "a")
	g.at(noon)
	g.wantReason("web", pool.Failed, "a has had none and is failed")
	g.ignored(0, 0, 0)
}

// TestEndings says what holds when what was read is there no more: until the decision runs out, what it says, then an error.
func TestEndings(t *testing.T) {
	const added = "instance"
	f := func(reason, after string, end func(s *store)) {
		t.Helper()
		s := newStore()
		s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})}, added, "a")
		g := newReading(t, s, named("web"))
		g.at(noon)
		end(s)
		last := noon.Add(validity)
		for now := noon.Add(15 * time.Second); !now.After(last); now = now.Add(15 * time.Second) {
			g.at(now)
			g.wantAsks("web", now, 9, 3)
			g.wantReason("web", pool.Stale, "the last decision holds until 2026-03-02T12:05:10Z: ", reason)
		}
		g.wantAsks("web", last.Add(time.Nanosecond), -1, -1)
		g.at(last.Add(time.Second))
		g.wantReason("web", pool.Failed, after)
		g.wantAsks("web", last.Add(time.Second), -1, -1)
		if d := g.fleet("web").Decision; !d.ValidUntil.Equal(last) {
			t.Errorf("what was decided last was valid until %s", d.ValidUntil)
		}

		s.fail(nil)
		s.scrape(t, noon, []pool.Snapshot{turned(decided("web", pool.Act, [2]int{4, 0}, [2]int{4, 0}), 6*time.Minute)}, added, "a")
		g.at(last.Add(time.Minute))
		g.wantAsks("web", last.Add(time.Minute), 4, 0)
		g.wantReason("web", pool.Ready)
	}
	const refused, unseen = "read http://store:9090: connection refused", "no exporter of it is seen in http://store:9090"
	f(refused, refused, func(s *store) { s.fail(errors.New("connection refused")) })
	f(unseen, unseen, func(s *store) { s.gone(added, "a") })
	f("a is left out: forethought_pool_instances_reactive of pool a-fixed is missing", "that of a, which is ready, ran out at 2026-03-02T12:05:10Z",
		func(s *store) {
			s.change(func(name string, _ *sample) bool { return name != "forethought_pool_instances_reactive" }, added, "a")
		})
	f("a has had none and is failed", "a has had none and is failed", func(s *store) {
		s.scrape(t, noon, []pool.Snapshot{{Fleet: "web", State: pool.Failed}}, added, "a")
	})
}

// TestOneExporterOfSeveralDies: the other's decision is the one from the next read on.
func TestOneExporterOfSeveralDies(t *testing.T) {
	s := newStore()
	act := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	s.scrape(t, noon, []pool.Snapshot{act}, "instance", "a")
	s.scrape(t, noon, []pool.Snapshot{turned(act, -time.Minute)}, "instance", "b")
	g := newReading(t, s, nil)
	g.at(noon)
	g.wantReason("web", pool.Ready, "by a")
	s.gone("instance", "a")
	g.at(noon.Add(15 * time.Second))
	g.wantReason("web", pool.Ready, "by b")
	g.wantAsks("web", noon.Add(15*time.Second), 9, 3)
}

// TestFleetsComeAndGo where none is named.
func TestFleetsComeAndGo(t *testing.T) {
	s := newStore()
	on := func(names ...string) []pool.Snapshot {
		var out []pool.Snapshot
		for _, n := range names {
			out = append(out, decided(n, pool.Act, [2]int{9, 3}, [2]int{5, 1}))
		}
		return out
	}
	g := newReading(t, s, nil)
	f := func(now time.Time, exported []pool.Snapshot, want ...string) {
		t.Helper()
		s.scrape(t, noon, exported)
		g.at(now)
		var got []string
		for _, s := range g.board.Snapshots() {
			got = append(got, s.Fleet+" "+string(s.State))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the board (-want +got):\n%s", diff)
		}
		if n := testutil.CollectAndCount(g.metrics.disagreement); n != len(exported) && now.Equal(noon) {
			t.Errorf("%d fleets with a disagreement of 0 or 1, want %d", n, len(exported))
		}
	}
	f(noon, nil)
	f(noon, on("web"), "web ready")
	f(noon, on("web", "batch"), "batch ready", "web ready")
	f(noon.Add(time.Minute), on("batch"), "batch ready", "web stale")
	f(noon.Add(validity+time.Second), nil, "batch failed", "web failed")
	g.wantReason("web", pool.Failed, "no exporter of it is seen in http://store:9090")
	f(noon.Add(2*validity), nil, "batch failed", "web failed")
	f(noon.Add(2*validity+time.Second), nil)
	if n := testutil.CollectAndCount(g.metrics.disagreement); n != 0 {
		t.Errorf("%d fleets are left in the metrics", n)
	}
}

// TestAFailingStoreLosesNoFleet where none is named and so none is found.
func TestAFailingStoreLosesNoFleet(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})})
	g := newReading(t, s, nil)
	g.at(noon)
	s.fail(errors.New("connection refused"))
	g.at(noon.Add(3 * validity))
	g.wantReason("web", pool.Failed, "find the fleets that are exported: read http://store:9090: connection refused")
	if n := strings.Count(g.log.String(), "decisions are not read back"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, g.log)
	}
	if got := testutil.ToFloat64(g.metrics.reads.WithLabelValues("failed")); got != 1 {
		t.Errorf("%g reads failed", got)
	}
}

// TestAnotherReaderGoesOn: a reload replaces the Reader, and what was read holds.
func TestAnotherReaderGoesOn(t *testing.T) {
	s, registry := newStore(), prometheus.NewRegistry()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})})
	g := newReading(t, s, func(o *Options) { o.Registerer = registry })
	g.at(noon)
	next := newReading(t, s, func(o *Options) { o.Registerer, o.Board, o.Fleets = registry, g.board, []string{"batch", "web"} })
	next.board = g.board
	next.wantAsks("web", noon, 9, 3)
	s.fail(errors.New("connection refused"))
	next.at(noon.Add(time.Minute))
	next.wantAsks("web", noon.Add(time.Minute), 9, 3)
	next.wantReason("web", pool.Stale, "connection refused")
	next.wantReason("batch", pool.Failed, "connection refused")
	if got := testutil.ToFloat64(g.metrics.reads.WithLabelValues("failed")); got != 1 {
		t.Errorf("the two do not share their metrics: %g", got)
	}
}

// TestTheLogIsToldOnce of what lasts.
func TestTheLogIsToldOnce(t *testing.T) {
	s := newStore()
	act := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	other := decided("web", pool.Act, [2]int{8, 3}, [2]int{5, 1})
	s.scrape(t, noon, []pool.Snapshot{act}, "instance", "a")
	s.scrape(t, noon, []pool.Snapshot{other}, "instance", "b")
	s.scrape(t, noon, []pool.Snapshot{turned(act, time.Hour)}, "instance", "c")
	g := newReading(t, s, nil)
	f := func(disagreements, left int) {
		t.Helper()
		g.at(noon)
		text := g.log.String()
		if n := strings.Count(text, `msg="exporters disagree"`); n != disagreements {
			t.Errorf("%d disagreements, want %d:\n%s", n, disagreements, text)
		}
		if n := strings.Count(text, `msg="exported decisions are left out" fleets=1 first=web why="c: its decision is valid for 3900s`); n != left {
			t.Errorf("%d left out, want %d:\n%s", n, left, text)
		}
	}
	f(1, 1)
	f(1, 1)
	s.gone("instance", "b")
	f(1, 1)
	s.gone("instance", "c")
	s.scrape(t, noon, []pool.Snapshot{other}, "instance", "b")
	f(2, 1)
	s.scrape(t, noon, []pool.Snapshot{turned(act, time.Hour)}, "instance", "c")
	f(2, 2)
}

// TestRun reads at once and then each interval, and is alive only while it does.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		g := newReading(t, s, func(o *Options) { o.Fleets, o.Clock = []string{"web"}, clock{time.Now} })
		if err := g.Alive(); err != nil {
			t.Errorf("before Run: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		synctest.Wait()
		f := func(reads int) {
			t.Helper()
			if n := len(s.queries()); n != reads {
				t.Errorf("%d reads, want %d", n, reads)
			}
			if err := g.Alive(); err != nil {
				t.Error(err)
			}
		}
		f(1)
		time.Sleep(14 * time.Second)
		f(1)
		time.Sleep(2 * time.Second)
		f(2)
		time.Sleep(10 * time.Minute)
		f(42)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		time.Sleep(validity/2 + time.Minute)
		if err := g.Alive(); err == nil || !strings.HasPrefix(err.Error(), "no read has begun since 2000-01-01T00:10:15Z") {
			t.Errorf("after Run: %v", err)
		}
	})
}

// slow is a store that does not answer before its context ends.
type slow struct{ *store }

func (s slow) Range(ctx context.Context, q series.Query) ([]series.Series, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestAHangingStore is given up while what was read is valid, and leaves reads out.
func TestAHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		g := newReading(t, slow{s}, func(o *Options) { o.Fleets, o.Clock = []string{"web"}, clock{time.Now} })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		time.Sleep(validity/2 + time.Second)
		g.wantReason("web", pool.Failed, "context deadline exceeded")
		time.Sleep(validity/2 + 15*time.Second)
		if n := len(s.queries()); n != 2 {
			t.Errorf("asked %d times", n)
		}
		if err := g.Alive(); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Second)
		before := g.fleet("web")
		cancel() // while a read is under way
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if after := g.fleet("web"); !after.Turn.Equal(before.Turn) || after.Reason != before.Reason {
			t.Errorf("an interrupted read is published: %s", after.Reason)
		}
	})
}
