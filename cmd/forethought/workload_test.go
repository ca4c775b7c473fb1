package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestClassify(t *testing.T) {
	y := series.Series{Start: noon, Step: 5 * time.Minute, Values: make([]float64, 7*24*12)}
	for i := range y.Values {
		y.Values[i] = wave(y.TimeAt(i))
	}
	before := y.Clone()
	mix := []pool.Jobs{{Shape: pool.Shape{CPU: 4, Memory: 60 << 30}, Count: 7}}
	w := classify(y, mix, pool.Shape{CPU: 16, Memory: 64 << 30})
	if w.Pattern != pool.Steady || w.PatternVotes < 0.5 || !strings.HasPrefix(w.PatternReason, "steady: ") {
		t.Errorf("pattern %q: %s", w.Pattern, w.PatternReason)
	}
	if w.Bound != "memory" || w.BoundVotes < 0.5 || !strings.HasPrefix(w.BoundReason, "memory-bound: ") {
		t.Errorf("bound %q: %s", w.Bound, w.BoundReason)
	}
	for i, v := range y.Values {
		if v != before.Values[i] {
			t.Fatal("the history is changed")
		}
	}
	w = classify(y, nil, pool.Shape{})
	if w.Pattern != pool.Steady || w.Bound != "" || w.BoundReason != "unknown: nothing is known of what the workload asks for" {
		t.Errorf("without jobs %+v", w)
	}
	y.Values = y.Values[:24*12]
	if w = classify(y, nil, pool.Shape{}); w.Pattern != pool.UnknownPattern || !w.IsKnown() || !strings.HasPrefix(w.PatternReason, "unknown: ") {
		t.Errorf("a day of history is %+v", w)
	}
}

// What a fleet's workload is stands on every surface.
func TestWorkloadIsShown(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"load": {"a": wave}}}
	a := serveOn(t, fake, "load", "")
	s := turn(a, noon)
	if s.Workload.Pattern != pool.Steady {
		t.Fatalf("workload %+v", s.Workload)
	}
	f := func(path, want string) {
		t.Helper()
		if got := string(getFrom(t, a, path)); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
	f("/metrics", `forethought_fleet_workload_info{bound="unknown",fleet="web",pattern="steady"} 1`)
	f("/api/v1/fleets/web/explain", `"pattern":"steady"`)
	f("/", "Workload: steady (")
}

func TestHintsAreLogged(t *testing.T) {
	var log bytes.Buffer
	folder := t.TempDir()
	file := filepath.Join(folder, "forethought.yml")
	config := func(query string) { write(t, file, configText("http://127.0.0.1:1", folder, query, "")) }
	config("sum(node_utilisation)")
	o := testOptions(file)
	o.log = slog.New(slog.NewTextHandler(&log, nil))
	a, err := newApp(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err = a.close(); err != nil {
			t.Error(err)
		}
	}()
	f := func(want int) {
		t.Helper()
		if got := strings.Count(log.String(), "configuration may be mistaken"); got != want {
			t.Errorf("%d hints, want %d: %s", got, want, log.String())
		}
		log.Reset()
	}
	f(1)
	config("sum(kube_deployment_spec_replicas)")
	if err = a.tryReload(); err != nil {
		t.Fatal(err)
	}
	f(1)
	config("sum(load)")
	if err = a.tryReload(); err != nil {
		t.Fatal(err)
	}
	f(0)
}
