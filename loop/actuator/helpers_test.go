package actuator

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// The paths of the objects that tests use.
const (
	webPath     = "/apis/apps/v1/namespaces/shop/deployments/web"
	nodesPath   = "/apis/example.com/v1/nodesets/spot"
	bufferPath  = "/apis/autoscaling.x-k8s.io/v1beta1/namespaces/shop/capacitybuffers/room"
	hpaPath     = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web"
	nodesetsCRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/nodesets.example.com"
)

// The targets that tests use.
var (
	web = Target{
		Fleet: "batch", Pool: "spot", Kind: Scale, APIVersion: "apps/v1", ResourceKind: "Deployment", Namespace: "shop", Name: "web",
	}
	nodes = Target{Fleet: "batch", Pool: "spot", Kind: Scale, APIVersion: "example.com/v1", ResourceKind: "NodeSet", Name: "spot"}
	room  = Target{Fleet: "batch", Pool: "spot", Kind: CapacityBuffer, Namespace: "shop", Name: "room"}
	floor = Target{Fleet: "batch", Pool: "spot", Kind: HPAFloor, Namespace: "shop", Name: "web"}
)

// board is a Board of one fleet.
type board struct {
	mu sync.Mutex
	s  pool.Snapshot
}

// Snapshot returns the fleet.
func (b *board) Snapshot(fleet string) (pool.Snapshot, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.s, fleet == b.s.Fleet
}

// Snapshots returns the fleet.
func (b *board) Snapshots() []pool.Snapshot { return []pool.Snapshot{b.s} }

// recorded remembers events.
type recorded struct {
	mu    sync.Mutex
	notes []string
	about []corev1.ObjectReference
	acts  []string
}

// Eventf remembers an event.
func (r *recorded) Eventf(regarding, _ runtime.Object, kind, reason, action, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf("%s %s %s", kind, reason, fmt.Sprintf(note, args...)))
	r.about = append(r.about, *regarding.(*corev1.ObjectReference))
	r.acts = append(r.acts, action)
}

func (r *recorded) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

// fixture is Actuators with all that surrounds them.
type fixture struct {
	*Actuators
	api      *api
	board    *board
	events   *recorded
	registry *prometheus.Registry
	log      *bytes.Buffer
	now      time.Time
	leads    bool
}

// newFixture returns Actuators of targets, with the objects of the tests: a Deployment of 12 without an autoscaler, a custom resource of
// 12, an empty CapacityBuffer and an autoscaler of another Deployment from 2 to 20. The fleet acts and asks for 26, with a reactive need
// of 20.
func newFixture(t *testing.T, targets ...Target) *fixture {
	t.Helper()
	f := &fixture{
		api: &api{objects: map[string]map[string]any{}}, board: &board{s: snapshot()}, events: &recorded{},
		registry: prometheus.NewPedanticRegistry(), log: &bytes.Buffer{}, now: noon, leads: true,
	}
	f.api.put(t, webPath, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"u-web","resourceVersion":"7"},
		"spec":{"replicas":12,"paused":false}}`)
	f.api.put(t, nodesPath, `{"apiVersion":"example.com/v1","kind":"NodeSet","metadata":{"name":"spot","uid":"u-spot","resourceVersion":"7"},
		"spec":{"size":12,"template":{"cpu":4}}}`)
	f.api.put(t, nodesetsCRD, `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"nodesets.example.com"},
		"spec":{"versions":[{"name":"v0"},{"name":"v1","subresources":{"scale":{"specReplicasPath":".spec.size"}}}]}}`)
	f.api.put(t, bufferPath, `{"apiVersion":"autoscaling.x-k8s.io/v1beta1","kind":"CapacityBuffer",
		"metadata":{"name":"room","namespace":"shop","uid":"u-room"},"spec":{"podTemplateRef":{"name":"p"}}}`)
	f.api.put(t, hpaPath, `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop","uid":"u-hpa"},
		"spec":{"minReplicas":2,"maxReplicas":20,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"other"}}}`)
	client, err := dynamic.NewForConfigAndClient(&rest.Config{Host: "http://api", QPS: -1}, &http.Client{Transport: f.api})
	if err != nil {
		t.Fatal(err)
	}
	f.Actuators, err = New(Options{
		Board: f.board, Now: func() time.Time { return f.now }, Log: slog.New(slog.NewTextHandler(f.log, nil)), Registerer: f.registry,
		Dynamic: client, Mapper: mapper(), Events: f.events, Targets: targets, Interval: 15 * time.Second, Leading: func() bool { return f.leads },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for _, k := range []schema.GroupVersionKind{
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
		{Group: "autoscaling.x-k8s.io", Version: "v1beta1", Kind: "CapacityBuffer"},
	} {
		m.Add(k, meta.RESTScopeNamespace)
	}
	m.Add(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "NodeSet"}, meta.RESTScopeRoot)
	return m
}

func snapshot() pool.Snapshot {
	plan := func(n int) pool.Plan {
		return pool.Plan{Targets: []pool.Target{{Pool: "fixed", Instances: 4}, {Pool: "spot", Instances: n}}}
	}
	return pool.Snapshot{
		Fleet: "batch", Unit: series.Cores, State: pool.Ready, Reason: "all is well",
		Decision: pool.Decision{
			Fleet: "batch", At: noon.Add(-time.Minute), ValidUntil: noon.Add(5 * time.Minute), Mode: pool.Act,
			Forecast: forecast.Forecast{Method: "ets"}, Demand: 300, Pending: 10, Probability: 0.99, Working: 0.99,
			Reactive: plan(20), Plan: plan(26),
			Sizing: []pool.Sizing{{
				Pool: "spot", LeadTime: 8 * time.Minute, Hold: 12 * time.Minute, AddDemand: 402, KeepDemand: 410, Add: 26, Keep: 27, Reactive: 20,
				Previous: 24,
			}},
		},
	}
}

// same fails a test where two lists differ.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
