package actuator

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// fresh is how long what the cluster says about other objects than a target is believed.
const fresh = time.Minute

var (
	hpas = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// cluster answers what must be known of the surroundings of a target. It is safe for concurrent use.
type cluster struct {
	client dynamic.Interface
	mapper meta.RESTMapper
	scaled *cache[string, []scaled]
	paths  *cache[schema.GroupVersionResource, []string]

	mu    sync.Mutex
	now   func() time.Time
	reset time.Time
}

func newCluster(o Options) *cluster {
	return &cluster{
		client: o.Dynamic, mapper: o.Mapper, now: o.Now,
		scaled: newCache[string, []scaled](o.Now), paths: newCache[schema.GroupVersionResource, []string](o.Now),
	}
}

// mapping says where the API server serves the kind of a target. A kind that is not known is looked for again every minute.
func (c *cluster) mapping(t Target) (*meta.RESTMapping, error) {
	gvk := schema.FromAPIVersionAndKind(t.APIVersion, t.ResourceKind)
	m, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if !meta.IsNoMatchError(err) {
		return m, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.reset) >= fresh {
		c.reset = now
		meta.MaybeResetRESTMapper(c.mapper)
		return c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	return nil, err
}

// scaled is an object that a HorizontalPodAutoscaler scales.
type scaled struct {
	hpa  string
	kind schema.GroupKind
	name string
}

// rival names the HorizontalPodAutoscaler that scales the object of a target, empty where none does.
func (c *cluster) rival(ctx context.Context, t Target) (string, error) {
	if t.Namespace == "" {
		return "", nil // it scales what is in its own namespace
	}
	all, err := c.scaled.get(t.Namespace, func() ([]scaled, error) { return c.listScaled(ctx, t.Namespace) })
	if err != nil {
		return "", fmt.Errorf("whether a HorizontalPodAutoscaler scales it is not known: %w", err)
	}
	for _, s := range all {
		if s.name == t.Name && s.kind == t.groupKind() {
			return s.hpa, nil
		}
	}
	return "", nil
}

func (c *cluster) listScaled(ctx context.Context, namespace string) ([]scaled, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	// Version 0 is answered from the API server's memory.
	list, err := c.client.Resource(hpas).Namespace(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	var all []scaled
	for _, h := range list.Items {
		version, _, _ := unstructured.NestedString(h.Object, "spec", "scaleTargetRef", "apiVersion")
		kind, _, _ := unstructured.NestedString(h.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(h.Object, "spec", "scaleTargetRef", "name")
		all = append(all, scaled{hpa: h.GetName(), kind: schema.FromAPIVersionAndKind(version, kind).GroupKind(), name: name})
	}
	return all, nil
}

// replicasPath returns the field of a custom resource behind its scale subresource, nil where it has no such subresource.
func (c *cluster) replicasPath(ctx context.Context, r schema.GroupVersionResource) ([]string, error) {
	path, err := c.paths.get(r, func() ([]string, error) { return c.readPath(ctx, r) })
	if err != nil {
		return nil, fmt.Errorf("which field its scale subresource stands for is not known: %w", err)
	}
	return path, nil
}

func (c *cluster) readPath(ctx context.Context, r schema.GroupVersionResource) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	crd, err := c.client.Resource(crds).Get(ctx, r.GroupResource().String(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return []string{"spec", "replicas"}, nil // an API server of its own serves it
	}
	if err != nil {
		return nil, err
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		version, ok := v.(map[string]any)
		if !ok || version["name"] != r.Version {
			continue
		}
		path, _, err := unstructured.NestedString(version, "subresources", "scale", "specReplicasPath")
		if err != nil || path == "" {
			return nil, err
		}
		return strings.Split(strings.TrimPrefix(path, "."), "."), nil
	}
	return nil, nil
}

// cache keeps answers while they are fresh. Errors are not kept.
type cache[K comparable, V any] struct {
	now     func() time.Time
	mu      sync.Mutex
	entries map[K]*entry[V]
}

type entry[V any] struct {
	mu    sync.Mutex // held while it is asked for, so that it is asked for once
	value V
	until time.Time
}

func newCache[K comparable, V any](now func() time.Time) *cache[K, V] {
	return &cache[K, V]{now: now, entries: map[K]*entry[V]{}}
}

func (c *cache[K, V]) get(key K, ask func() (V, error)) (V, error) {
	c.mu.Lock()
	e := c.entries[key]
	if e == nil {
		e = &entry[V]{}
		c.entries[key] = e
	}
	c.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := c.now(); now.Before(e.until) {
		return e.value, nil
	}
	value, err := ask()
	if err != nil {
		return value, err
	}
	e.value, e.until = value, c.now().Add(fresh)
	return value, nil
}
