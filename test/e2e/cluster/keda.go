package cluster

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

// KEDA is a running KEDA, which has v1beta1.external.metrics.k8s.io.
type KEDA struct {
	Operator, Adapter *Process
}

// kedaNamespace is the namespace and part of the names of KEDA's own manifests.
const kedaNamespace = "keda"

// StartKEDA applies KEDA's own kinds and roles as its module has them, runs its operator and its metrics adapter with the token of its
// own account, registers the adapter for external metrics and returns when it is available.
func (c *Cluster) StartKEDA() *KEDA {
	c.t.Helper()
	paths := components.Paths(c.t, components.KEDAOperator, components.KEDAAdapter)
	c.applyKEDA()
	kubeconfig := c.ServiceAccount(kedaNamespace, "keda-operator")
	const port = 6443
	serving := c.Expose(kedaNamespace, "keda-metrics-apiserver", port)
	certs := c.kedaCerts(hostOf(serving))
	host := c.network.host()
	env := []string{
		// An empty list of namespaces means all; the operator wants the variable to be there.
		"WATCH_NAMESPACE=", "POD_NAMESPACE=" + kedaNamespace, "KEDA_CLUSTER_OBJECT_NAMESPACE=" + kedaNamespace, "KUBECONFIG=" + kubeconfig,
	}
	k := &KEDA{}
	k.Operator = c.Run(&Process{Name: components.KEDAOperator, Path: paths[components.KEDAOperator], Env: env, Args: []string{
		"--cert-dir=" + certs, "--enable-cert-rotation=false", "--metrics-bind-address=" + address(host, 8080),
		"--health-probe-bind-address=" + address(host, 8081), "--metrics-service-bind-address=" + address(host, 9666),
	}})
	c.ready(k.Operator, "http://"+address(host, 8081)+"/readyz", "ok")
	k.Adapter = c.Run(&Process{Name: components.KEDAAdapter, Path: paths[components.KEDAAdapter], Env: env, Args: []string{
		"--lister-kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--metrics-service-address=" + address(host, 9666), "--metrics-service-grpc-authority=localhost",
		"--cert-dir=" + certs, "--client-ca-file=" + filepath.Join(certs, "ca.crt"),
		"--tls-cert-file=" + filepath.Join(certs, "tls.crt"), "--tls-private-key-file=" + filepath.Join(certs, "tls.key"),
		"--bind-address=" + hostOf(serving), fmt.Sprintf("--secure-port=%d", port),
		// The port of its metrics is opened on every address: the network's number keeps those of several clusters apart.
		fmt.Sprintf("--port=%d", 21000+c.network.second),
	}})
	c.ready(k.Adapter, "https://"+serving+"/readyz", "ok")
	c.APIService("external.metrics.k8s.io", "v1beta1", kedaNamespace, "keda-metrics-apiserver", port)
	c.WaitAPIService(ExternalMetrics)
	return k
}

// applyKEDA applies the manifests of KEDA that this machine can run: kinds, namespace, account and roles.
func (c *Cluster) applyKEDA() {
	c.t.Helper()
	source, err := components.Source(context.Background(), components.KEDAOperator)
	c.must(err)
	args := []string{"apply", "--server-side", "--field-manager=e2e"}
	for _, path := range []string{
		"crd/bases", "general/namespace.yaml", "service_account/service_account.yaml",
		"rbac/role.yaml", "rbac/role_binding.yaml", "rbac/aggregate_cluster_roles.yaml",
		"metrics-server/role.yaml", "metrics-server/role_binding.yaml",
	} {
		args = append(args, "-f", filepath.Join(source, "config", path))
	}
	_, err = c.Kubectl(args...)
	c.must(err)
	c.waitCRDs("scaledobjects.keda.sh", "scaledjobs.keda.sh", "triggerauthentications.keda.sh", "clustertriggerauthentications.keda.sh",
		"cloudeventsources.eventing.keda.sh", "clustercloudeventsources.eventing.keda.sh")
}

// kedaCerts writes the certificate of both sides between operator and adapter, which serves the API server too.
func (c *Cluster) kedaCerts(serving string) string {
	c.t.Helper()
	folder := c.Folder()
	c.ReplaceServing(filepath.Join(folder, "tls"), "keda-operator.keda.svc.cluster.local", "keda-metrics-apiserver.keda.svc", "localhost", serving)
	c.must(replace(filepath.Join(folder, "ca.crt"), c.CABundle()))
	return folder
}
