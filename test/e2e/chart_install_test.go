package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// testInstall installs, upgrades and removes the chart as its users do. What it leaves to them is not taken: external metrics that somebody
// else serves. What an upgrade must not change stays: certificates that are trusted elsewhere.
func testInstall(t *testing.T, c *cluster.Cluster) {
	release := func(verb string, args ...string) error {
		_, err := helm(t, append([]string{
			verb, "forethought", chartFolder, "--namespace=forethought", "--kubeconfig=" + c.Kubeconfig(),
			valuesFile("config"), "--set=doors.externalMetrics.enabled=true,doors.keda.enabled=true",
		}, args...)...)
		return err
	}
	c.Apply(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.external.metrics.k8s.io}, spec: {
		group: external.metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true,
		service: {name: keda-metrics-apiserver, namespace: keda}}}`)
	if err := release("install"); err == nil || !strings.Contains(err.Error(), cluster.ExternalMetrics) {
		t.Fatalf("the chart takes external metrics from another owner: %v", err)
	}
	if owner := apiService(t, c, "service", "namespace"); owner != "keda" {
		t.Fatalf("external metrics are now of %s", owner)
	}
	if _, err := c.Kubectl("delete", "apiservice", cluster.ExternalMetrics); err != nil {
		t.Fatal(err)
	}
	_, _ = helm(t, "uninstall", "forethought", "--namespace=forethought", "--kubeconfig="+c.Kubeconfig()) // the failed install, where it left something

	if err := release("install"); err != nil {
		t.Fatal(err)
	}
	metrics, keda := secret(t, c, "forethought-external-metrics"), secret(t, c, "forethought-keda")
	client := secret(t, c, "forethought-keda-client")
	serves(t, metrics, "ca.crt", "forethought-external-metrics.forethought.svc", x509.ExtKeyUsageServerAuth)
	serves(t, keda, "ca.crt", "forethought-keda.forethought.svc", x509.ExtKeyUsageServerAuth)
	client.Data["server.crt"] = keda.Data["ca.crt"] // whom the KEDA door trusts
	serves(t, client, "server.crt", "forethought-keda-client", x509.ExtKeyUsageClientAuth)

	if err := release("upgrade", "--set=replicas=3,doors.nodes.enabled=true"); err != nil {
		t.Fatal(err)
	}
	for _, before := range []*corev1.Secret{metrics, keda, client} {
		if after := secret(t, c, before.Name); string(after.Data["tls.crt"]) != string(before.Data["tls.crt"]) {
			t.Errorf("an upgrade replaces the certificate %s", before.Name)
		}
	}
	if bundle := apiService(t, c, "caBundle"); bundle == "" || len(metrics.Data["ca.crt"]) == 0 {
		t.Error("the APIService has no authority after an upgrade")
	}
	if _, err := helm(t, "uninstall", "forethought", "--namespace=forethought", "--kubeconfig="+c.Kubeconfig()); err != nil {
		t.Error(err)
	}
	left, err := c.Kubectl("get", "deployments,services,configmaps,roles,rolebindings,clusterroles,clusterrolebindings,apiservices", "--all-namespaces",
		"--selector=app.kubernetes.io/instance=forethought", "--output=name")
	if err != nil || left != "" {
		t.Errorf("%s is left: %v", left, err)
	}
}

func secret(t *testing.T, c *cluster.Cluster, name string) *corev1.Secret {
	t.Helper()
	s, err := c.Client().CoreV1().Secrets("forethought").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// apiService returns a field of what says who serves external metrics.
func apiService(t *testing.T, c *cluster.Cluster, path ...string) string {
	t.Helper()
	resource := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	o, err := c.Dynamic().Resource(resource).Get(t.Context(), cluster.ExternalMetrics, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	field, _, err := unstructured.NestedString(o.Object, append([]string{"spec"}, path...)...)
	if err != nil {
		t.Fatal(err)
	}
	return field
}

// serves checks the certificate of a Secret for a name and a use by the authority that the same Secret holds.
func serves(t *testing.T, s *corev1.Secret, authority, name string, usage x509.ExtKeyUsage) {
	t.Helper()
	pair, err := tls.X509KeyPair(s.Data["tls.crt"], s.Data["tls.key"])
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Data[authority])
	options := x509.VerifyOptions{DNSName: name, Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := pair.Leaf.Verify(options); err != nil {
		t.Errorf("%s: %v", s.Name, err)
	}
}
