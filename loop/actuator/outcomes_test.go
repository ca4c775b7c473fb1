package actuator

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/pool"
)

// counted returns how often the outcomes of a target came.
func (f *fixture) counted(t Target) string {
	var out []string
	for _, o := range outcomes() {
		if n := testutil.ToFloat64(f.metrics.writes.WithLabelValues(t.Fleet, t.Pool, string(t.Kind), string(o))); n > 0 {
			out = append(out, string(o))
		}
	}
	return strings.Join(out, ",")
}

func TestOutcomes(t *testing.T) {
	f := func(target Target, want outcome, writes int, event string, change func(x *fixture)) {
		t.Helper()
		x := newFixture(t, target)
		change(x)
		x.pass(t.Context())
		x.pass(t.Context())
		if got := strings.TrimSuffix(x.counted(target), ",unchanged"); got != string(want) {
			t.Errorf("got outcome %q, want %q: %s", got, want, x.log)
		}
		if n := len(x.api.writes()); n != writes {
			t.Errorf("%s: %d writes, want %d", want, n, writes)
		}
		switch e := x.events.all(); {
		case event == "" && len(e) > 0:
			t.Errorf("%s: events %v, want none", want, e)
		case event != "" && (len(e) != 1 || !strings.Contains(e[0], event)):
			t.Errorf("%s: events %v, want one with %q", want, e, event)
		}
		if n := strings.Count(x.log.String(), "outcome="+string(want)); n > 1 {
			t.Errorf("%s is logged %d times", want, n)
		}
	}
	put := func(path, text string) func(*fixture) { return func(x *fixture) { x.api.put(t, path, text) } }
	hpa := func(spec string) func(*fixture) {
		return put(hpaPath, `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",
			"metadata":{"name":"web","namespace":"shop","uid":"u"},"spec":`+spec+`}`)
	}

	f(web, shadow, 0, "", func(x *fixture) { x.board.s.Decision.Mode = pool.Shadow })
	f(web, shadow, 0, "", func(x *fixture) { x.board.s.Decision.Mode, x.board.s.Decision.Killed = pool.Shadow, true })
	f(web, expired, 0, "", func(x *fixture) { x.now = noon.Add(6 * time.Minute) })
	f(web, expired, 0, "", func(x *fixture) { x.board.s.Decision = pool.Decision{} })
	f(web, expired, 0, "", func(x *fixture) { x.board.s.Fleet = "another" })
	f(web, unchanged, 0, "", func(x *fixture) { x.board.s.Decision.Plan.Targets[1].Instances = 12 })
	f(web, refused, 0, "", func(x *fixture) { x.board.s.Decision.Plan.Targets[1].Pool = "gone" })
	f(web, missing, 0, "", func(x *fixture) { delete(x.api.objects, webPath) })
	f(Target{Fleet: "batch", Pool: "spot", Kind: Scale, APIVersion: "x/v1", ResourceKind: "Y", Name: "z"}, missing, 0, "", func(*fixture) {})
	f(web, failed, 0, "", func(x *fixture) {
		x.api.answer = func(request) *reply {
			return status(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd is away")
		}
	})
	f(web, failed, 2, "ScaleFailed stays at 12 for pool spot of fleet batch: denied by webhook", func(x *fixture) {
		x.api.answer = func(r request) *reply {
			if r.method == http.MethodPatch {
				return status(http.StatusForbidden, metav1.StatusReasonForbidden, "denied by webhook")
			}
			return nil
		}
	})
	f(web, failed, 0, "stays at 12 for pool spot of fleet batch: "+
		"whether a HorizontalPodAutoscaler scales it is not known: no right to list", func(x *fixture) {
		x.api.answer = func(r request) *reply {
			if strings.HasSuffix(r.path, "horizontalpodautoscalers") {
				return status(http.StatusForbidden, metav1.StatusReasonForbidden, "no right to list")
			}
			return nil
		}
	})
	f(web, conflict, 1, "Warning ScaleConflict stays at 12 for pool spot of fleet batch: kubectl-client-side-apply owns the field", func(x *fixture) {
		x.api.answer = func(r request) *reply {
			if r.method == http.MethodPatch {
				return owned(`"kubectl-client-side-apply" using apps/v1`)
			}
			return nil
		}
	})
	f(web, refused, 0, "HorizontalPodAutoscaler web scales it too",
		hpa(`{"maxReplicas":9,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}`))
	f(web, written, 2, "Normal Scaled", hpa(`{"maxReplicas":9,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web"}}`))
	f(nodes, refused, 0, "stays as it is for pool spot of fleet batch: NodeSet of example.com/v1 has no scale subresource",
		put(nodesetsCRD, `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"n"},
		"spec":{"versions":[{"name":"v1"}]}}`))
	f(nodes, failed, 0, "", func(x *fixture) {
		x.api.answer = func(r request) *reply {
			if r.path == nodesetsCRD {
				return status(http.StatusForbidden, metav1.StatusReasonForbidden, "no right")
			}
			return nil
		}
	})
	f(nodes, written, 2, "Normal Scaled from unset to 26 for",
		put(nodesPath, `{"apiVersion":"example.com/v1","kind":"NodeSet","metadata":{"name":"spot","uid":"u-spot"},"spec":{"template":{}}}`))
	f(room, refused, 0, "spec.percentage is set", put(bufferPath, `{"apiVersion":"autoscaling.x-k8s.io/v1beta1","kind":"CapacityBuffer",
		"metadata":{"name":"room","namespace":"shop"},"spec":{"percentage":10}}`))
	f(room, written, 2, "Normal Scaled from unset to 6 for", func(*fixture) {})
	wrong := web
	wrong.Namespace = ""
	f(wrong, refused, 0, "Deployment is in a namespace, which is missing", func(*fixture) {})
	wrong = nodes
	wrong.Namespace = "shop"
	f(wrong, refused, 0, "NodeSet is in no namespace, and shop is given", func(*fixture) {})
}
