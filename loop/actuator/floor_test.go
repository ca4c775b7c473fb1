package actuator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func (f *fixture) hpa(t *testing.T, annotations, spec string) {
	t.Helper()
	f.api.put(t, hpaPath, fmt.Sprintf(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",
		"metadata":{"name":"web","namespace":"shop","uid":"u-hpa","annotations":{%s}},"spec":{%s}}`, annotations, spec))
}

func (f *fixture) ask(t *testing.T, n int) {
	t.Helper()
	f.board.s.Decision.Plan.Targets[1].Instances = n
	f.pass(t.Context())
}

func TestFloorIsBounded(t *testing.T) {
	f := func(asked int, annotations, spec, wantMin, wantKept string) {
		t.Helper()
		x := newFixture(t, floor)
		x.hpa(t, annotations, spec)
		x.ask(t, asked)
		if got := x.api.value(hpaPath, "spec", "minReplicas"); got != wantMin {
			t.Errorf("minReplicas %s, want %s: %s", got, wantMin, x.log)
		}
		if got := x.api.value(hpaPath, "metadata", "annotations", FloorAnnotation); got != wantKept {
			t.Errorf("annotation %s, want %s", got, wantKept)
		}
	}
	f(5, ``, `"minReplicas":2,"maxReplicas":20`, "5", "2")
	f(26, ``, `"minReplicas":2,"maxReplicas":20`, "20", "2")
	f(1, ``, `"minReplicas":2,"maxReplicas":20`, "2", "none") // nothing to write
	f(5, ``, `"maxReplicas":20`, "5", "1")
	f(0, ``, `"minReplicas":0,"maxReplicas":20`, "0", "none")
	f(5, `"forethought.dev/min-replicas":"3"`, `"minReplicas":9,"maxReplicas":20`, "5", "3")
	f(1, `"forethought.dev/min-replicas":"3"`, `"minReplicas":9,"maxReplicas":20`, "3", "3")
	f(5, `"forethought.dev/min-replicas":"8"`, `"minReplicas":4,"maxReplicas":6`, "6", "8") // the maximum was lowered
}

func TestFloorSaysItsBounds(t *testing.T) {
	x := newFixture(t, floor)
	x.ask(t, 26)
	if e := x.events.all(); len(e) != 1 || !strings.HasSuffix(e[0], "; 26 wanted, and spec.minReplicas may be 2 to 20 here") {
		t.Errorf("events: %v", e)
	}
}

func TestFloorRefuses(t *testing.T) {
	f := func(want string, change func(x *fixture)) {
		t.Helper()
		x := newFixture(t, floor)
		change(x)
		x.ask(t, 5)
		if e := x.events.all(); len(e) != 1 || !strings.Contains(e[0], want) || !strings.HasPrefix(e[0], "Warning ScaleRefused") {
			t.Errorf("events %v, want one with %q", e, want)
		}
		if w := x.api.writes(); len(w) > 0 {
			t.Errorf("writes: %v", w)
		}
	}
	for _, text := range []string{"many", "-1", "1.5", "99999999999"} {
		f("annotation forethought.dev/min-replicas is \""+text+"\": it must be the minReplicas to go back to", func(x *fixture) {
			x.hpa(t, `"forethought.dev/min-replicas":"`+text+`"`, `"minReplicas":9,"maxReplicas":20`)
		})
	}
	f("ScaledObject jobs writes it: set the minimum there", func(x *fixture) {
		x.api.put(t, hpaPath, `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop",
			"ownerReferences":[{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","name":"jobs","uid":"k","controller":true}]},"spec":{"maxReplicas":20}}`)
	})
}

// What takes a floor out of the configuration takes it back to what it was before.
func TestFloorIsRestored(t *testing.T) {
	x := newFixture(t, floor, web)
	x.ask(t, 9)
	if err := x.SetTargets([]Target{web}); err != nil {
		t.Fatal(err)
	}
	x.api.requests = nil
	x.leads = false
	x.pass(t.Context())
	if n := len(x.api.writes()); n != 0 {
		t.Errorf("%d writes of a replica that does not lead", n)
	}
	x.leads = true
	x.pass(t.Context())
	back := `PATCH ` + hpaPath + `?%sfieldManager=forethought {"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",` +
		`"metadata":{"name":"web","namespace":"shop","uid":"u-hpa"},"spec":{"minReplicas":2}}`
	same(t, "requests", x.api.writes(), []string{dry(back), sent(back)})
	if e := x.events.all(); e[len(e)-1] != "Normal Scaled from 9 to 2 for pool spot of fleet batch: it is not in the configuration any more" {
		t.Errorf("events: %v", e)
	}
	x.pass(t.Context())
	if n := len(x.api.writes()); n != 2 {
		t.Errorf("%d writes: it is restored again", n)
	}
}

func TestFloorThatComesBackIsNotRestored(t *testing.T) {
	x := newFixture(t, floor)
	x.ask(t, 9)
	for _, targets := range [][]Target{nil, {floor}} {
		if err := x.SetTargets(targets); err != nil {
			t.Fatal(err)
		}
	}
	x.api.requests = nil
	x.ask(t, 9)
	if w := x.api.writes(); len(w) > 0 {
		t.Errorf("writes: %v", w)
	}
}

func TestFloorIsRestoredLater(t *testing.T) {
	x := newFixture(t, floor)
	x.ask(t, 9)
	if err := x.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	x.api.answer = func(request) *reply { return status(http.StatusInternalServerError, "", "etcd is away") }
	x.pass(t.Context())
	x.api.answer = nil
	x.pass(t.Context())
	if got := x.api.value(hpaPath, "spec", "minReplicas"); got != "2" {
		t.Errorf("minReplicas %s, want 2", got)
	}
}

func TestFloorOfSomebodyElseIsLeft(t *testing.T) {
	x := newFixture(t, floor)
	x.ask(t, 9)
	if err := x.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	x.api.requests = nil
	x.api.answer = func(r request) *reply {
		if r.body["spec"] != nil {
			return owned(`"kubectl"`)
		}
		return nil
	}
	x.pass(t.Context())
	x.pass(t.Context())
	w := x.api.writes()
	if len(w) != 2 || !strings.HasSuffix(w[1], `?fieldManager=forethought {"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",`+
		`"metadata":{"name":"web","namespace":"shop","uid":"u-hpa"}}`) {
		t.Errorf("writes: %v", w)
	}
	if e := x.events.all(); !strings.Contains(e[len(e)-1], "kubectl owns the field") {
		t.Errorf("events: %v", e)
	}
}

func TestFloorOfADryRunIsNotRestored(t *testing.T) {
	target := floor
	target.DryRun = true
	x := newFixture(t, target)
	x.ask(t, 9)
	if err := x.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	x.api.requests = nil
	x.pass(t.Context())
	if n := len(x.api.requests); n > 0 {
		t.Errorf("%d requests", n)
	}
}
