package cluster

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const exposed = `
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  clusterIP: %[3]s
  ports: [{name: https, port: %[4]d}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[2]s-manual, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}
addressType: IPv4
ports: [{name: https, port: %[4]d}]
# The API server wants an address that is ready and dials the Service's own: this one is of a range that is never routed.
endpoints: [{addresses: [192.0.2.1], conditions: {ready: true}}]
`

// Expose makes a Service without pods and returns the address host:port that a local process must bind to serve it. The Service's port
// is the same; a port below 1024 can be bound by root only. The namespace must be there.
func (c *Cluster) Expose(namespace, service string, port int) string {
	c.t.Helper()
	host, err := c.network.service()
	c.must(err)
	c.Apply(fmt.Sprintf(exposed, namespace, service, host, port))
	return address(host, port)
}

const apiService = `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[2]s.%[1]s}
spec:
  group: %[1]s
  version: %[2]s
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %[6]s
  service: {namespace: %[3]s, name: %[4]s, port: %[5]d}
`

// APIService has the API server send requests for a version of a group to the Service, whose certificate must be signed by the cluster's
// authority for SERVICE.NAMESPACE.svc. It goes with the test: an APIService without a server makes discovery fail. See WaitAPIService.
func (c *Cluster) APIService(group, version, namespace, service string, port int) {
	c.t.Helper()
	c.Apply(fmt.Sprintf(apiService, group, version, namespace, service, port, base64.StdEncoding.EncodeToString(c.CABundle())))
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// The API server may be gone already.
		_ = c.dynamic.Resource(apiServices).Delete(ctx, version+"."+group, metav1.DeleteOptions{})
	})
}

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// ExternalMetrics is the name of the APIService of external metrics, which one server of a cluster can have.
const ExternalMetrics = "v1beta1.external.metrics.k8s.io"

// WaitAPIService returns when the API server finds the APIService Available.
func (c *Cluster) WaitAPIService(name string) {
	c.t.Helper()
	WaitFor(c.t, "APIService "+name+" is Available", readyLimit, func() error {
		object, err := c.dynamic.Resource(apiServices).Get(context.Background(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return conditionTrue(object, "Available")
	})
}

// conditionTrue returns an error that carries the conditions where the named one is not True.
func conditionTrue(object *unstructured.Unstructured, name string) error {
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return err
	}
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == name && fields["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("its conditions are %v", conditions)
}

// waitCRDs returns when the API server serves the kinds of the manifest that was applied with the given arguments.
func (c *Cluster) waitCRDs(names ...string) {
	c.t.Helper()
	kind := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	WaitFor(c.t, strings.Join(names, ", ")+" are Established", readyLimit, func() error {
		for _, name := range names {
			object, err := c.dynamic.Resource(kind).Get(context.Background(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if err := conditionTrue(object, "Established"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}
