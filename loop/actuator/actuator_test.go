package actuator

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestKilledWritesTheReactiveNeed(t *testing.T) {
	x := newFixture(t, web, room)
	x.board.s.Decision.Killed = true
	x.pass(t.Context())
	if got := x.api.value(webPath, "spec", "replicas"); got != "20" {
		t.Errorf("%s replicas, want 20", got)
	}
	if got := x.api.value(bufferPath, "spec", "replicas"); got != "0" {
		t.Errorf("%s spare, want 0", got)
	}
	if e := strings.Join(x.events.all(), "\n"); !strings.Contains(e,
		"from 12 to 20 for pool spot of fleet batch: the kill switch is on, so that only the present demand of 310 cores counts; reactive need 20") {
		t.Errorf("events: %s", e)
	}
}

func TestNotLeading(t *testing.T) {
	x := newFixture(t, web)
	x.leads = false
	x.pass(t.Context())
	if n := len(x.api.requests); n > 0 {
		t.Errorf("%d requests of a replica that does not lead", n)
	}
	if got := x.counted(web); got != "" {
		t.Errorf("outcomes %s", got)
	}
}

// Each change makes an event, and what stays the same is told once.
func TestEventsPerChange(t *testing.T) {
	x := newFixture(t, web)
	ask := func(n int) {
		x.board.s.Decision.Plan.Targets[1].Instances = n
		x.pass(t.Context())
	}
	ask(26)
	ask(26)
	ask(30)
	x.board.s.Decision.Mode = pool.Shadow
	ask(31)
	ask(32)
	x.board.s.Decision.Mode = pool.Act
	ask(33)
	const why = " for pool spot of fleet batch: demand 310 cores is expected to peak at 402 within 8m with probability 0.99; reactive need 20"
	same(t, "events", x.events.all(), []string{
		"Normal Scaled from 12 to 26" + why, "Normal Scaled from 26 to 30" + why, "Normal Scaled from 30 to 33" + why,
	})
	if n := strings.Count(x.log.String(), "outcome=shadow"); n != 1 {
		t.Errorf("shadow is logged %d times:\n%s", n, x.log)
	}
}

// An event is about the object as it was: the recorder makes one of events that differ in their note only.
func TestEventsAreAboutTheObject(t *testing.T) {
	x := newFixture(t, web)
	x.pass(t.Context())
	want := []corev1.ObjectReference{{
		APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "u-web", ResourceVersion: "7",
	}}
	if !slices.Equal(x.events.about, want) {
		t.Errorf("got %+v, want %+v", x.events.about, want)
	}
}

// A field that somebody else owns is tried again after 15 s, 30 s, one minute and so on up to five.
func TestConflictWaits(t *testing.T) {
	x := newFixture(t, web)
	theirs := true
	x.api.answer = func(r request) *reply {
		if r.method == http.MethodPatch && theirs {
			return owned(`"kubectl"`)
		}
		return nil
	}
	x.board.s.Decision.ValidUntil = noon.Add(24 * time.Hour)
	var tries []time.Duration
	for ; x.now.Before(noon.Add(20 * time.Minute)); x.now = x.now.Add(15 * time.Second) {
		before := len(x.api.writes())
		x.pass(t.Context())
		if len(x.api.writes()) > before {
			tries = append(tries, x.now.Sub(noon))
		}
	}
	want := []time.Duration{0, 15, 45, 105, 225, 465, 765, 1065}
	if len(tries) != len(want) {
		t.Fatalf("tries at %v", tries)
	}
	for i := range want {
		if tries[i] != want[i]*time.Second {
			t.Errorf("try %d at %s, want %s", i, tries[i], want[i]*time.Second)
		}
	}
	if n := len(x.events.all()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	theirs, x.now = false, noon.Add(30*time.Minute)
	x.pass(t.Context())
	if got := x.api.value(webPath, "spec", "replicas"); got != "26" {
		t.Errorf("%s replicas after the field was handed over", got)
	}
}

func TestAutoscalersAreListedOnceAMinute(t *testing.T) {
	other := web
	other.Name = "api"
	x := newFixture(t, web, other)
	x.api.objects[strings.Replace(webPath, "/web", "/api", 1)] = x.api.objects[webPath]
	lists := func() (n int) {
		for _, r := range x.api.requests {
			if strings.HasSuffix(r.path, "horizontalpodautoscalers") {
				n++
			}
		}
		return n
	}
	x.pass(t.Context())
	x.now = x.now.Add(59 * time.Second)
	x.pass(t.Context())
	if n := lists(); n != 1 {
		t.Errorf("%d lists within a minute", n)
	}
	x.now = x.now.Add(time.Second)
	x.pass(t.Context())
	if n := lists(); n != 2 {
		t.Errorf("%d lists after a minute", n)
	}
}

func TestSetTargets(t *testing.T) {
	x := newFixture(t, web, nodes)
	x.pass(t.Context())
	if err := x.SetTargets([]Target{web, web}); err == nil {
		t.Error("two targets of one field are taken")
	}
	x.pass(t.Context())
	if n := len(x.tasks); n != 2 {
		t.Errorf("%d targets after a mistake", n)
	}
	changed := nodes
	changed.PerInstance = 0.5
	if err := x.SetTargets([]Target{web, changed, room}); err != nil {
		t.Fatal(err)
	}
	kept, anew := x.tasks[0], x.tasks[1]
	if !kept.known || kept.written != 26 {
		t.Errorf("what is remembered of a target that stays is lost: %+v", kept)
	}
	if anew.known {
		t.Errorf("a target that changed remembers %+v", anew)
	}
	x.pass(t.Context())
	if got := x.api.value(nodesPath, "spec", "size"); got != "13" {
		t.Errorf("size %s of the target that changed, want 13", got)
	}
	if err := x.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	x.pass(t.Context())
	if n, err := testutil.GatherAndCount(x.registry); err != nil || n != 0 {
		t.Errorf("%d series without targets, %v", n, err)
	}
}

func TestMetrics(t *testing.T) {
	other := web
	other.Name, other.PerInstance = "api", 0.5
	x := newFixture(t, web, other, room)
	x.api.objects[strings.Replace(webPath, "/web", "/api", 1)] = x.api.objects[webPath]
	x.pass(t.Context())
	if err := testutil.GatherAndCompare(x.registry, strings.NewReader(`
# HELP forethought_actuator_replicas Replicas that the objects which follow a pool were last given, or found to have as wanted; `+
		`absent where this replica does not lead.
# TYPE forethought_actuator_replicas gauge
forethought_actuator_replicas{actuator="capacity_buffer",fleet="batch",pool="spot"} 6
forethought_actuator_replicas{actuator="scale",fleet="batch",pool="spot"} 39
`), "forethought_actuator_replicas"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(x.registry, "forethought_actuator_writes_total"); err != nil || n != 2*len(outcomes()) {
		t.Errorf("%d series of outcomes, %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(x.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	x.leads = false
	x.pass(t.Context())
	if n, _ := testutil.GatherAndCount(x.registry, "forethought_actuator_replicas"); n != 0 {
		t.Errorf("%d series of replicas on a replica that does not lead", n)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newFixture(t, web)
		x.board.s.Decision.ValidUntil = noon.Add(24 * time.Hour)
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- x.Run(ctx) }()
		synctest.Wait()
		if got := x.api.value(webPath, "spec", "replicas"); got != "26" {
			t.Errorf("%s replicas at the start", got)
		}
		x.board.mu.Lock()
		x.board.s.Decision.Plan = pool.Plan{Targets: []pool.Target{{Pool: "spot", Instances: 28}}}
		x.board.mu.Unlock()
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if got := x.api.value(webPath, "spec", "replicas"); got != "28" {
			t.Errorf("%s replicas after an interval", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOptions(t *testing.T) {
	x := newFixture(t)
	f := func(want string, change func(*Options)) {
		t.Helper()
		o := x.o
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("Options.Board is missing", func(o *Options) { o.Board = nil })
	f("Options.Now is missing", func(o *Options) { o.Now = nil })
	f("Options.Log is missing", func(o *Options) { o.Log = nil })
	f("Options.Registerer is missing", func(o *Options) { o.Registerer = nil })
	f("Options.Dynamic is missing", func(o *Options) { o.Dynamic = nil })
	f("Options.Mapper is missing", func(o *Options) { o.Mapper = nil })
	f("Options.Events is missing", func(o *Options) { o.Events = nil })
	f("Options.Interval must be above 0", func(o *Options) { o.Interval = 0 })
	f("Options.Leading is missing", func(o *Options) { o.Leading = nil })
	f("duplicate", func(*Options) {}) // the metrics are registered already
	f("name of the object is missing", func(o *Options) { o.Targets = []Target{{Fleet: "a", Pool: "b", Kind: HPAFloor}} })
}

func TestOwners(t *testing.T) {
	if got := owners(errors.New("conflict with \"kubectl\"")); got != nil {
		t.Errorf("owners %v in an error of another kind", got)
	}
	if onlyOurs(nil) {
		t.Error("no error is taken for a conflict with this manager")
	}
}
