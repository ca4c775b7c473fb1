package actuator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is applied, as the API server gets it.
const (
	webApply = `PATCH ` + webPath + `/scale?%sfieldManager=forethought {"apiVersion":"autoscaling/v1","kind":"Scale",` +
		`"metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":26}}`
	webForced = `PATCH ` + webPath + `/scale?%sfieldManager=forethought&force=true {"apiVersion":"autoscaling/v1","kind":"Scale",` +
		`"metadata":{"name":"web","namespace":"shop","resourceVersion":"7"},"spec":{"replicas":26}}`
	nodesApply = `PATCH ` + nodesPath + `?%sfieldManager=forethought {"apiVersion":"example.com/v1","kind":"NodeSet",` +
		`"metadata":{"name":"spot","uid":"u-spot"},"spec":{"size":26}}`
	roomApply = `PATCH ` + bufferPath + `?%sfieldManager=forethought {"apiVersion":"autoscaling.x-k8s.io/v1beta1","kind":"CapacityBuffer",` +
		`"metadata":{"name":"room","namespace":"shop","uid":"u-room"},"spec":{"replicas":6}}`
	floorApply = `PATCH ` + hpaPath + `?%sfieldManager=forethought {"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",` +
		`"metadata":{"annotations":{"forethought.dev/min-replicas":"2"},"name":"web","namespace":"shop","uid":"u-hpa"},"spec":{"minReplicas":20}}`
)

func dry(apply string) string  { return strings.Replace(apply, "%s", "dryRun=All&", 1) }
func sent(apply string) string { return strings.Replace(apply, "%s", "", 1) }

func TestWrites(t *testing.T) {
	f := func(target Target, apply, path string, field ...string) {
		t.Helper()
		x := newFixture(t, target)
		x.pass(t.Context())
		same(t, "requests", x.api.writes(), []string{dry(apply), sent(apply)})
		for _, r := range x.api.requests {
			if r.method == http.MethodPatch && r.content != "application/apply-patch+yaml" {
				t.Errorf("content type %q is not that of an apply", r.content)
			}
		}
		before := x.api.value(path, field...)
		x.pass(t.Context())
		if n := len(x.api.writes()); n != 2 {
			t.Errorf("%d requests after a pass without a change", n)
		}
		if after := x.api.value(path, field...); after != before || after == "none" {
			t.Errorf("%s after a pass without a change, %s before", after, before)
		}
	}
	f(web, webApply, webPath, "spec", "replicas")
	f(nodes, nodesApply, nodesPath, "spec", "size")
	f(room, roomApply, bufferPath, "spec", "replicas")
	f(floor, floorApply, hpaPath, "spec", "minReplicas")
}

func TestWritesZero(t *testing.T) {
	x := newFixture(t, web)
	x.board.s.Decision.Plan.Targets[1].Instances = 0
	x.pass(t.Context())
	if got := x.api.value(webPath, "spec", "replicas"); got != "0" {
		t.Fatalf("%s replicas, want 0: %s", got, x.log)
	}
	x.pass(t.Context()) // the Scale of 0 replicas leaves them out
	if n := len(x.api.writes()); n != 2 {
		t.Errorf("%d requests: an object of 0 replicas is written again", n)
	}
}

func TestDryRunIsAskedFirst(t *testing.T) {
	x := newFixture(t, web)
	x.api.answer = func(r request) *reply {
		if r.query.Get("dryRun") == "All" {
			return status(http.StatusForbidden, metav1.StatusReasonForbidden, "exceeded quota")
		}
		return nil
	}
	x.pass(t.Context())
	same(t, "requests", x.api.writes(), []string{dry(webApply)})
	same(t, "events", x.events.all(), []string{"Warning ScaleFailed stays at 12 for pool spot of fleet batch: exceeded quota"})
}

func TestDryRunOnly(t *testing.T) {
	target := web
	target.DryRun = true
	x := newFixture(t, target)
	x.pass(t.Context())
	x.pass(t.Context())
	same(t, "requests", x.api.writes(), []string{dry(webApply), dry(webApply)})
	same(t, "events", x.events.all(), []string{"Normal ScaleDryRun would go from 12 to 26 for pool spot of fleet batch, and dry_run leaves it: " +
		"demand 310 cores is expected to peak at 402 within 8m with probability 0.99; reactive need 20"})
	x.board.s.Decision.Plan.Targets[1].Instances = 27
	x.pass(t.Context())
	if n := len(x.events.all()); n != 2 {
		t.Errorf("%d events after another number, want 2", n)
	}
	same(t, "actions", x.events.acts, []string{"ScaleTo26", "ScaleTo27"}) // else the recorder makes one event of both
}

// The API server tells what a manager applied to a subresource from what it applied to the object, and makes up an owner where there is
// none. Both are taken over, bound to the version that was read; nobody else is.
func TestTakesFromItselfAndFromNobody(t *testing.T) {
	f := func(want []string, managers ...string) {
		t.Helper()
		x := newFixture(t, web)
		x.api.answer = func(r request) *reply {
			if r.method == http.MethodPatch && r.query.Get("force") == "" {
				return owned(managers...)
			}
			return nil
		}
		x.pass(t.Context())
		same(t, "requests", x.api.writes(), want)
	}
	taken := []string{dry(webApply), dry(webForced), sent(webForced)}
	f(taken, `"forethought"`)
	f(taken, `"before-first-apply" with subresource "scale" using autoscaling/v1`)
	f(taken, `"forethought" with subresource "scale" using autoscaling/v1`, `"before-first-apply" with subresource "scale" using autoscaling/v1`)
	f([]string{dry(webApply)}, `"kubectl"`)
	f([]string{dry(webApply)}, `"forethought"`, `"kubectl-client-side-apply" using apps/v1`)
	f([]string{dry(webApply)}, `"forethought-two"`)
}

func TestForcesNothingElse(t *testing.T) {
	for _, target := range []Target{nodes, room, floor} {
		x := newFixture(t, target)
		x.api.answer = func(r request) *reply {
			if r.method == http.MethodPatch {
				return owned(`"before-first-apply" using v1`)
			}
			return nil
		}
		x.pass(t.Context())
		if w := x.api.writes(); len(w) != 1 || strings.Contains(w[0], "force") {
			t.Errorf("%s: %v", target.Kind, w)
		}
	}
}

// An object that changes between the read and the write is read again at once.
func TestReadsAgainWhatChanged(t *testing.T) {
	x := newFixture(t, web)
	n := 0
	x.api.answer = func(r request) *reply {
		if r.method != http.MethodPatch {
			return nil
		}
		if n++; n == 2 {
			return status(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified")
		}
		return nil
	}
	x.pass(t.Context())
	same(t, "requests", x.api.writes(), []string{dry(webApply), sent(webApply), dry(webApply), sent(webApply)})
	if e := x.events.all(); len(e) != 1 || !strings.HasPrefix(e[0], "Normal Scaled from 12 to 26") {
		t.Errorf("events: %v", e)
	}
}

func TestWritesWhatAdmissionMakesOfIt(t *testing.T) {
	x := newFixture(t, web)
	most := float64(20)
	x.api.answer = func(r request) *reply {
		if spec, ok := r.body["spec"].(map[string]any); ok {
			spec["replicas"] = min(spec["replicas"].(float64), most)
		}
		return nil
	}
	x.pass(t.Context())
	if e := x.events.all(); len(e) != 1 || !strings.HasPrefix(e[0], "Normal Scaled from 12 to 20 for") {
		t.Errorf("events: %v", e)
	}
	x.pass(t.Context())
	x.pass(t.Context())
	if e := x.events.all(); len(e) != 2 || e[1] != "Warning ScaleRefused stays at 20 for pool spot of fleet batch: admission keeps spec.replicas at 20" {
		t.Errorf("events: %v", e)
	}
	if n := len(x.api.writes()); n != 4 { // two of the first pass, a dry run of each other
		t.Errorf("%d requests", n)
	}
}

// A manager that once owned more of an object would take that away by not applying it again.
func TestRefusesToChangeMore(t *testing.T) {
	x := newFixture(t, nodes)
	x.api.answer = func(r request) *reply {
		if r.method != http.MethodPatch {
			return nil
		}
		return &reply{http.StatusOK, map[string]any{
			"apiVersion": "example.com/v1", "kind": "NodeSet", "metadata": map[string]any{"name": "spot"}, "spec": map[string]any{"size": 26},
		}}
	}
	x.pass(t.Context())
	same(t, "requests", x.api.writes(), []string{dry(nodesApply)})
	same(t, "events", x.events.all(), []string{"Warning ScaleRefused stays at 12 for pool spot of fleet batch: " +
		"the change would not be the only one: spec.template would change with it; field manager forethought owns too much of the object"})
}

func TestLosesTheLeadBeforeTheWrite(t *testing.T) {
	f := func(lose func(x *fixture)) {
		t.Helper()
		x := newFixture(t, web)
		x.api.answer = func(r request) *reply {
			if r.method == http.MethodPatch {
				lose(x)
			}
			return nil
		}
		x.pass(t.Context())
		same(t, "requests", x.api.writes(), []string{dry(webApply)})
		same(t, "events", x.events.all(), nil)
	}
	f(func(x *fixture) { x.leads = false })
	f(func(x *fixture) { x.now = x.now.Add(6 * time.Minute) }) // the decision has run out
}
