package kube

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
)

// askEvery is the least time between two questions for what the API server serves, so that one for a resource that is not installed costs
// nothing each time that it is looked for.
const askEvery = time.Minute

// mapper is a RESTMapper that asks the API server again where it knows no match: a resource may have been installed since. The mapper of
// client-go takes what it has read once for good.
type mapper struct {
	known *restmapper.DeferredDiscoveryRESTMapper
	mu    sync.Mutex
	asked time.Time
}

func newMapper(d discovery.DiscoveryInterface) *mapper {
	return &mapper{known: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))}
}

// due reports whether it is time to ask again, and forgets what is known where it is.
func (m *mapper) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.asked) >= askEvery {
		m.asked = now
		m.known.Reset()
		return true
	}
	return false
}

// again looks something up, and once more with what the API server serves now where there is no match.
func again[T any](m *mapper, look func() (T, error)) (T, error) {
	v, err := look()
	if meta.IsNoMatchError(err) && m.due() {
		return look()
	}
	return v, err
}

// KindFor is that of meta.RESTMapper, as are the methods that follow.
func (m *mapper) KindFor(r schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	return again(m, func() (schema.GroupVersionKind, error) { return m.known.KindFor(r) })
}

// KindsFor returns all kinds of a resource.
func (m *mapper) KindsFor(r schema.GroupVersionResource) ([]schema.GroupVersionKind, error) {
	return again(m, func() ([]schema.GroupVersionKind, error) { return m.known.KindsFor(r) })
}

// ResourceFor completes a partial resource.
func (m *mapper) ResourceFor(r schema.GroupVersionResource) (schema.GroupVersionResource, error) {
	return again(m, func() (schema.GroupVersionResource, error) { return m.known.ResourceFor(r) })
}

// ResourcesFor returns all resources that a partial one may mean.
func (m *mapper) ResourcesFor(r schema.GroupVersionResource) ([]schema.GroupVersionResource, error) {
	return again(m, func() ([]schema.GroupVersionResource, error) { return m.known.ResourcesFor(r) })
}

// RESTMapping returns how a kind is reached.
func (m *mapper) RESTMapping(k schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	return again(m, func() (*meta.RESTMapping, error) { return m.known.RESTMapping(k, versions...) })
}

// RESTMappings returns all ways in which a kind is reached.
func (m *mapper) RESTMappings(k schema.GroupKind, versions ...string) ([]*meta.RESTMapping, error) {
	return again(m, func() ([]*meta.RESTMapping, error) { return m.known.RESTMappings(k, versions...) })
}

// ResourceSingularizer returns the singular of a resource's name.
func (m *mapper) ResourceSingularizer(resource string) (string, error) {
	return again(m, func() (string, error) { return m.known.ResourceSingularizer(resource) })
}
