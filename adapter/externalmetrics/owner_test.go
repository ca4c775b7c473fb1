package externalmetrics

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8swatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
)

var us = Owner{Namespace: "autoscaling", Service: "forethought"}

// apiService is an APIService that leads to a Service, with a caBundle where that is not empty.
func apiService(namespace, name, bundle string) *unstructured.Unstructured {
	spec := map[string]any{"service": map[string]any{"namespace": namespace, "name": name, "port": int64(443)}}
	if bundle != "" {
		spec["caBundle"] = base64.StdEncoding.EncodeToString([]byte(bundle))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": APIService, "uid": "u"}, "spec": spec,
	}}
}

func newDynamic(objects ...runtime.Object) *fake.FakeDynamicClient {
	kinds := map[schema.GroupVersionResource]string{apiServices: "APIServiceList"}
	return fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, objects...)
}

// watching is an ownerWatch that runs until the test, which is in a bubble, ends.
type watching struct {
	*ownerWatch
	t        *testing.T
	client   *fake.FakeDynamicClient
	events   *events.FakeRecorder
	registry *prometheus.Registry
	log      bytes.Buffer
}

func watch(t *testing.T, client *fake.FakeDynamicClient) *watching {
	t.Helper()
	w := &watching{t: t, client: client, events: events.NewFakeRecorder(10), registry: prometheus.NewPedanticRegistry()}
	o := us
	o.Dynamic, o.Events = client, w.events
	var err error
	w.ownerWatch, err = newOwnerWatch(o, func() []byte { return nil }, slog.New(slog.NewTextHandler(&w.log, nil)),
		&registrations{Registerer: w.registry})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// is checks what is shown, and the events since the last call.
func (w *watching) is(owner string, owned float64, changes float64, events ...string) {
	w.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	m := w.metrics
	if got := testutil.ToFloat64(m.info.WithLabelValues(owner)); got != 1 || testutil.CollectAndCount(m.info) != 1 {
		w.t.Errorf("owner %s is %v among %d, want it alone", owner, got, testutil.CollectAndCount(m.info))
	}
	if got := testutil.ToFloat64(m.owned); got != owned {
		w.t.Errorf("owned = %v, want %v", got, owned)
	}
	if got := testutil.ToFloat64(m.changes); got != changes {
		w.t.Errorf("changes = %v, want %v", got, changes)
	}
	var got []string
	for len(w.events.Events) > 0 {
		got = append(got, <-w.events.Events)
	}
	if diff := cmp.Diff(events, got); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
}

func (w *watching) put(object *unstructured.Unstructured) {
	w.t.Helper()
	if _, err := w.client.Resource(apiServices).Update(w.t.Context(), object, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

const (
	absent = "Warning ExternalMetricsOwner no APIService serves external metrics, so that a HorizontalPodAutoscaler reads none: create " +
		"v1beta1.external.metrics.k8s.io for the service autoscaling/forethought, or use another door"
	kedas = "Warning ExternalMetricsOwner external metrics are served by KEDA (keda/keda-metrics-apiserver) and not by autoscaling/forethought, " +
		"which leaves it so: scale with a ScaledObject of KEDA, by its trigger external, external-push or prometheus"
	others = "Warning ExternalMetricsOwner external metrics are served by monitoring/prometheus-adapter and not by autoscaling/forethought, " +
		"which leaves it so: use another door, or let the APIService lead to autoscaling/forethought and forward to " +
		"monitoring/prometheus-adapter what is not ours (external_metrics.delegate)"
)

func TestOwnerIsSaidAndNeverChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newDynamic()
		w := watch(t, client)
		if got := testutil.ToFloat64(w.metrics.info.WithLabelValues("unknown")); got != 1 {
			t.Errorf("before anything is known: unknown = %v", got)
		}
		w.is("none", 0, 0, absent)
		keda := apiService("keda", "keda-metrics-apiserver", "")
		if _, err := client.Resource(apiServices).Create(t.Context(), keda, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.is("keda/keda-metrics-apiserver", 0, 1, kedas)
		w.put(apiService("monitoring", "prometheus-adapter", ""))
		w.is("monitoring/prometheus-adapter", 0, 2, others)
		w.put(apiService("autoscaling", "forethought", ""))
		w.is("autoscaling/forethought", 1, 3, "Normal ExternalMetricsOwner external metrics are served by autoscaling/forethought")
		w.put(apiService("elsewhere", "forethought", ""))
		w.is("elsewhere/forethought", 0, 4, strings.ReplaceAll(others, "monitoring/prometheus-adapter", "elsewhere/forethought"))

		insecure := apiService("autoscaling", "forethought", "")
		insecure.Object["spec"].(map[string]any)["insecureSkipTLSVerify"] = true
		w.put(insecure)
		w.is("autoscaling/forethought", 1, 5, "Warning ExternalMetricsOwner external metrics are served by autoscaling/forethought, but "+
			"insecureSkipTLSVerify is set, so that whoever comes between can answer in its place: set caBundle instead")
		if got := testutil.ToFloat64(w.metrics.trusted); got != 0 {
			t.Errorf("trusted = %v with insecureSkipTLSVerify, want 0", got)
		}
		w.put(apiService("autoscaling", "forethought", ""))
		w.is("autoscaling/forethought", 1, 5, "Normal ExternalMetricsOwner external metrics are served by autoscaling/forethought")
		if got := testutil.ToFloat64(w.metrics.trusted); got != 1 {
			t.Errorf("trusted = %v, want 1", got)
		}
		status := apiService("autoscaling", "forethought", "")
		status.Object["status"] = map[string]any{"conditions": []any{}}
		w.put(status)
		w.is("autoscaling/forethought", 1, 5) // nothing new
		if err := client.Resource(apiServices).Delete(t.Context(), APIService, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.is("none", 0, 6, absent)

		if lines := strings.Count(w.log.String(), `msg="owner of the external metrics API"`); lines != 8 {
			t.Errorf("%d lines in the log, want one for each event:\n%s", lines, w.log.String())
		}
		if problems, err := testutil.GatherAndLint(w.registry); err != nil || len(problems) > 0 {
			t.Errorf("promlint: %v %v", problems, err)
		}
		for _, action := range client.Actions() {
			if r, ok := action.(clienttesting.ListActionImpl); ok && r.GetListRestrictions().Fields.String() != "metadata.name="+APIService {
				t.Errorf("listed by %s, want the one object", r.GetListRestrictions().Fields)
			}
		}
	})
}

// A replica that starts while all is well writes no event.
func TestOwnerIsUsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, newDynamic(apiService("autoscaling", "forethought", "")))
		w.is("autoscaling/forethought", 1, 0)
		if !strings.Contains(w.log.String(), "level=INFO") {
			t.Errorf("log: %s", w.log.String())
		}
	})
}

func TestOwnerThatMayNotBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newDynamic(apiService("keda", "keda-metrics-apiserver", ""))
		var refuse atomic.Bool
		refuse.Store(true)
		var watching atomic.Pointer[k8swatch.Interface]
		client.PrependReactor("list", "apiservices", func(clienttesting.Action) (bool, runtime.Object, error) {
			return refuse.Load(), nil, apierrors.NewForbidden(apiServices.GroupResource(), APIService, fmt.Errorf("not granted"))
		})
		client.PrependWatchReactor("apiservices", func(a clienttesting.Action) (bool, k8swatch.Interface, error) {
			if refuse.Load() {
				return true, nil, apierrors.NewForbidden(apiServices.GroupResource(), APIService, fmt.Errorf("not granted"))
			}
			w, err := client.Tracker().Watch(apiServices, "")
			watching.Store(&w)
			return true, w, err
		})
		w := watch(t, client)
		time.Sleep(10 * time.Minute)
		w.is("unknown", 0, 0)
		if n := strings.Count(w.log.String(), "\n"); n != 1 || !strings.Contains(w.log.String(), "grant get, list and watch on it") {
			t.Errorf("log of a refusal, want one line:\n%s", w.log.String())
		}
		refuse.Store(false)
		time.Sleep(time.Minute)
		w.is("keda/keda-metrics-apiserver", 0, 0, kedas)
		refuse.Store(true)
		(*watching.Load()).Stop()
		time.Sleep(time.Minute)
		w.is("unknown", 0, 0)
		refuse.Store(false)
		time.Sleep(2 * time.Minute)
		w.is("keda/keda-metrics-apiserver", 0, 0) // no change, and said before
	})
}

func TestJudge(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	name := "forethought.autoscaling.svc"
	certificate, _ := ours.issueFor(t, name)
	wrongName, _ := ours.issueFor(t, "forethought.elsewhere.svc")
	f := func(object *unstructured.Unstructured, certificate []byte, owner string, owned bool, problem string) {
		t.Helper()
		got := judge(object, us, certificate)
		if got.owner != owner || got.owned != owned || (got.problem == "") != (problem == "") || !strings.Contains(got.problem, problem) {
			t.Errorf("judge = %+v, want owner %s, owned %v, problem %q", got, owner, owned, problem)
		}
	}
	f(nil, certificate, "none", false, "")
	f(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"service": nil}}}, certificate, "local", false, "")
	f(&unstructured.Unstructured{Object: map[string]any{}}, certificate, "local", false, "")
	f(apiService("keda", "k", ""), certificate, "keda/k", false, "") // that of another is none of our business
	f(apiService("autoscaling", "forethought", ours.pem()), certificate, "autoscaling/forethought", true, "")
	f(apiService("autoscaling", "forethought", other.pem()+ours.pem()), certificate, "autoscaling/forethought", true, "")
	f(apiService("autoscaling", "forethought", other.pem()), certificate, "autoscaling/forethought", true, "does not verify the serving certificate")
	f(apiService("autoscaling", "forethought", ours.pem()), wrongName, "autoscaling/forethought", true, "valid for forethought.elsewhere.svc")
	f(apiService("autoscaling", "forethought", "text"), certificate, "autoscaling/forethought", true, "holds no certificate")
	f(apiService("autoscaling", "forethought", ""), certificate, "autoscaling/forethought", true, "caBundle is empty")
	f(apiService("autoscaling", "forethought", ours.pem()), []byte("text"), "autoscaling/forethought", true, "no PEM")
	f(apiService("autoscaling", "forethought", other.pem()), nil, "autoscaling/forethought", true, "") // loopback mode serves none
}

func TestMeaningIsShortEnoughForAnEvent(t *testing.T) {
	long := Owner{Namespace: strings.Repeat("n", 63), Service: strings.Repeat("s", 63)}
	for _, owner := range []string{ownerNone, ownerLocal, strings.Repeat("o", 127), "keda/" + strings.Repeat("k", 63)} {
		if n := len(ownership{owner: owner}.meaning(long)); n > 1024 {
			t.Errorf("%d bytes for %s, and the API takes 1024", n, owner)
		}
	}
}

// A server with all that can be beside serving starts, shows its certificate to the watch, and stops without leaving anything.
func TestServerWatchesItsOwner(t *testing.T) {
	c := newTestCluster(t)
	recorder := events.NewFakeRecorder(10)
	o := us
	o.Dynamic, o.Events = newDynamic(apiService(us.Namespace, us.Service, c.serving.pem())), recorder
	c.options.Owner = &o
	start(t, c.options)
	select {
	case got := <-recorder.Events: // the certificate of these tests is for an address
		if !strings.Contains(got, "caBundle does not verify the serving certificate") {
			t.Errorf("event %s", got)
		}
	case <-time.After(time.Minute):
		t.Error("no event about a certificate for another name")
	}
}

func TestRefusesOwners(t *testing.T) {
	good := optionsFor(t, boardOf())
	defer good.Listener.Close()
	f := func(part string, change func(*Owner)) {
		t.Helper()
		o := us
		o.Dynamic, o.Events = newDynamic(), events.NewFakeRecorder(1)
		change(&o)
		so := good
		so.Owner = &o
		if _, err := New(so); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New = %v, want an error with %q", err, part)
		}
	}
	f("Options.Owner.Dynamic", func(o *Owner) { o.Dynamic = nil })
	f("Options.Owner.Events", func(o *Owner) { o.Events = nil })
	f("Options.Owner.Namespace", func(o *Owner) { o.Namespace = "" })
	f("Options.Owner.Service", func(o *Owner) { o.Service = "" })
	o := us
	o.Dynamic, o.Events = newDynamic(), events.NewFakeRecorder(1)
	good.Owner, good.Delegate = &o, &Delegate{URL: "https://old", Client: http.DefaultClient}
	s, err := New(good)
	if err != nil || len(s.parts.background()) != 2 {
		t.Errorf("New with an owner and a delegate: %v", err)
	}
	if !slices.Contains(MetricNames(), "forethought_pool_instances_spare") {
		t.Error("spare is no metric")
	}
}
