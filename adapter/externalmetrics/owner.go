package externalmetrics

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
)

// APIService is the name of the object that says which Service answers for the external metrics of a cluster. There is one such object.
const APIService = "v1beta1.external.metrics.k8s.io"

// recheckInterval is how often the certificate is compared with the APIService anew, since it can be replaced without the object changing.
const recheckInterval = time.Minute

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// Owner is how a server watches who owns the APIService, which it never writes: in the log, in metrics, and in Kubernetes events about
// the APIService with reason ExternalMetricsOwner. It needs the verbs get, list and watch on that one apiservices.apiregistration.k8s.io
// object; without them it says so once, and the owner is unknown. Every field is required.
type Owner struct {
	Dynamic dynamic.Interface
	Events  events.EventRecorder
	// Namespace and Service are those of the Service that leads to this server.
	Namespace, Service string
}

func (o Owner) validate() error {
	switch {
	case o.Dynamic == nil:
		return errors.New("external metrics: Options.Owner.Dynamic is missing")
	case o.Events == nil:
		return errors.New("external metrics: Options.Owner.Events is missing")
	case o.Namespace == "":
		return errors.New("external metrics: Options.Owner.Namespace is missing")
	case o.Service == "":
		return errors.New("external metrics: Options.Owner.Service is missing")
	}
	return nil
}

// ownerMetrics say who owns the APIService.
type ownerMetrics struct {
	info    *prometheus.GaugeVec
	owned   prometheus.Gauge
	trusted prometheus.Gauge
	changes prometheus.Counter
}

func newOwnerMetrics(r *registrations) (ownerMetrics, error) {
	m := ownerMetrics{
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forethought_externalmetrics_apiservice_owner_info",
			Help: "1 for the owner of the APIService of external metrics: NAMESPACE/SERVICE, none where there is no APIService, or unknown.",
		}, []string{"owner"}),
		owned: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "forethought_externalmetrics_apiservice_owned",
			Help: "Whether the APIService of external metrics leads to this server's Service.",
		}),
		trusted: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "forethought_externalmetrics_apiservice_trusted",
			Help: "Whether the APIService leads to this server's Service and verifies the certificate that is served.",
		}),
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "forethought_externalmetrics_apiservice_changes_total",
			Help: "Times that the APIService of external metrics changed its owner, to and from none included.",
		}),
	}
	m.show(ownership{owner: ownerUnknown})
	return m, r.register(m.info, m.owned, m.trusted, m.changes)
}

func (m ownerMetrics) show(o ownership) {
	m.info.Reset()
	m.info.WithLabelValues(o.owner).Set(1)
	m.owned.Set(number(o.owned))
	m.trusted.Set(number(o.owned && o.problem == ""))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// ownerWatch watches the APIService.
type ownerWatch struct {
	owner Owner
	// certificate returns the certificate that is served, with its chain, in PEM; nil where none is.
	certificate func() []byte
	log         *slog.Logger
	metrics     ownerMetrics
	wake        chan struct{}
	// blind is the version of what was seen before the cluster's API server did not let us see more; nil while it does.
	blind    atomic.Pointer[string]
	refusing sync.Once

	shown ownership // in the metrics
	said  ownership // in the log; its zero value at first, and never an unknown one
}

func newOwnerWatch(o Owner, certificate func() []byte, log *slog.Logger, r *registrations) (*ownerWatch, error) {
	m, err := newOwnerMetrics(r)
	return &ownerWatch{
		owner: o, certificate: certificate, log: log, metrics: m, wake: make(chan struct{}, 1), shown: ownership{owner: ownerUnknown},
	}, err
}

// run watches until ctx is done.
func (w *ownerWatch) run(ctx context.Context) {
	informer := dynamicinformer.NewFilteredDynamicInformer(w.owner.Dynamic, apiServices, metav1.NamespaceAll, 0, cache.Indexers{},
		func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, APIService).String()
		}).Informer()
	if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, r *cache.Reflector, err error) { w.missed(r, err) }); err != nil {
		w.log.Error("owner of the external metrics API is not watched", "err", err)
		return
	}
	seen := func() {
		w.blind.Store(nil)
		w.again()
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { seen() }, UpdateFunc: func(any, any) { seen() }, DeleteFunc: func(any) { seen() },
	})
	if err != nil {
		w.log.Error("owner of the external metrics API is not watched", "err", err)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { informer.RunWithContext(ctx) })
	both.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			seen()
		}
	})
	w.follow(ctx, informer)
	both.Wait()
}

func (w *ownerWatch) again() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// missed is told why the watch ended. All but a refusal passes, and what was seen holds meanwhile.
func (w *ownerWatch) missed(r *cache.Reflector, err error) {
	if !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
		w.log.Debug("watch of the external metrics API ended", "err", err)
		return
	}
	w.refusing.Do(func() {
		w.log.Warn("owner of the external metrics API cannot be seen: grant get, list and watch on it", "resource", apiServices.GroupResource(),
			"name", APIService, "err", err)
	})
	version := r.LastSyncResourceVersion()
	w.blind.Store(&version)
	w.again()
}

// follow looks at the object whenever it changed, and now and then at the certificate.
func (w *ownerWatch) follow(ctx context.Context, informer cache.SharedIndexInformer) {
	ticker := time.NewTicker(recheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-ticker.C:
		}
		if !w.sees(informer) {
			w.say(ownership{owner: ownerUnknown}, nil)
			continue
		}
		var object *unstructured.Unstructured
		for _, o := range informer.GetStore().List() {
			if u, ok := o.(*unstructured.Unstructured); ok && u.GetName() == APIService {
				object = u
			}
		}
		w.say(judge(object, w.owner, w.certificate()), object)
	}
}

// sees reports whether the informer knows what is there, an object that is not there included.
func (w *ownerWatch) sees(informer cache.SharedIndexInformer) bool {
	before := w.blind.Load()
	return informer.HasSynced() && (before == nil || *before != informer.LastSyncResourceVersion())
}

// say says what is so where that is not what was said before.
func (w *ownerWatch) say(now ownership, object *unstructured.Unstructured) {
	if now != w.shown {
		w.shown = now
		w.metrics.show(now)
	}
	before := w.said
	if now.owner == ownerUnknown || now == before {
		return // why it is unknown was said once
	}
	w.said = now
	first := before.owner == ""
	if !first && before.owner != now.owner {
		w.metrics.changes.Inc()
	}
	level, kind := slog.LevelInfo, core.EventTypeNormal
	if !now.owned || now.problem != "" {
		level, kind = slog.LevelWarn, core.EventTypeWarning
	}
	meaning := now.meaning(w.owner)
	w.log.Log(context.Background(), level, "owner of the external metrics API", "owner", now.owner, "before", before.owner,
		"ours", now.owned, "meaning", meaning)
	if first && kind == core.EventTypeNormal {
		return // as it should be, and no change: each start of a replica would write it
	}
	w.owner.Events.Eventf(referenceTo(object), nil, kind, "ExternalMetricsOwner", "Watch", "%s", meaning)
}

// referenceTo returns what an event is about; object is nil where there is none.
func referenceTo(object *unstructured.Unstructured) *core.ObjectReference {
	ref := &core.ObjectReference{APIVersion: apiServices.GroupVersion().String(), Kind: "APIService", Name: APIService}
	if object != nil {
		ref.UID, ref.ResourceVersion = object.GetUID(), object.GetResourceVersion()
	}
	return ref
}
