package e2e_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestControlPlane proves that the control plane of the other tests is one: each part does its work, and ends.
func TestControlPlane(t *testing.T) {
	c := cluster.Start(t, cluster.Full)
	c.Namespace("shop")
	c.Node(cluster.Node{Name: "base", Labels: map[string]string{"pool": "base"}})
	t.Logf("a node is Ready at %s", c.Age())

	f := func(name string, test func(*testing.T, *cluster.Cluster)) {
		t.Run(name, func(t *testing.T) { test(t, c.In(t)) })
	}
	f("access", access)
	f("service", service)
	f("hpa", hpaOfNothing)
	f("autoscaler", nodesCome)
	f("kinds", kinds)
	f("prometheus", history)
	f("keda", kedaScales)
	f("restart", restart)

	processes := c.Processes()
	for _, p := range processes {
		if rss, err := p.RSS(); err == nil {
			t.Logf("%s holds %d MiB", p.Name, rss>>20)
		}
	}
	c.Close()
	for _, p := range processes {
		if left := group(t, p.PID()); len(left) > 0 {
			t.Errorf("of the group of %s are left: %v", p.Name, left)
		}
	}
}

// deployment is a Deployment of pods that ask for CPU and run on nodes of the pool.
const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: shop}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      nodeSelector: {pool: %[3]s}
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: none, resources: {requests: {cpu: %[4]s}}}]
`

// ready waits until the Deployment has that many pods, all of them Ready.
func ready(t *testing.T, c *cluster.Cluster, name string, replicas int32) {
	t.Helper()
	cluster.WaitFor(t, fmt.Sprintf("%s has %d pods", name, replicas), 2*time.Minute, func() error {
		d, err := c.Client().AppsV1().Deployments("shop").Get(context.Background(), name, metav1.GetOptions{})
		if err == nil && (d.Status.ReadyReplicas != replicas || d.Status.Replicas != replicas) {
			err = fmt.Errorf("status is %+v", d.Status)
		}
		return err
	})
}

func access(t *testing.T, c *cluster.Cluster) {
	f := func(kubeconfig, want string, args ...string) {
		t.Helper()
		out, err := c.KubectlAs(kubeconfig, "", args...)
		if got := fmt.Sprintf("%s %v", out, err); !strings.Contains(got, want) {
			t.Errorf("kubectl %v answers %s, want %q", args, got, want)
		}
	}
	reader := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list"}}
	account := c.ServiceAccount("shop", "reader", reader)
	f(account, "system:serviceaccount:shop:reader", "auth", "whoami")
	f(account, "node/base", "get", "nodes", "-o", "name")
	f(account, `cannot list resource "pods"`, "get", "pods", "-n", "shop")
	user := c.ClientCert("ann", "planners")
	f(user, "planners", "auth", "whoami")
	f(user, "Forbidden", "get", "nodes")
	f(c.ClientCert("root", "system:masters"), "node/base", "get", "nodes", "-o", "name")
	f(c.Kubeconfig(), "yes", "auth", "can-i", "*", "*", "--all-namespaces")
}

// service has a local process stand behind a Service and an APIService.
func service(t *testing.T, c *cluster.Cluster) {
	address := c.Expose("shop", "tea", 8443)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := c.SignServing("tea.shop.svc", host)
	serveTLS(t, address, certFile, keyFile)
	c.APIService("tea.example.com", "v1", "shop", "tea", 8443)
	c.WaitAPIService("v1.tea.example.com")
	out, err := c.Kubectl("get", "--raw", "/apis/tea.example.com/v1")
	if err != nil || !strings.Contains(out, "APIResourceList") {
		t.Errorf("the aggregated API answers %s: %v", out, err)
	}
	if body, err := c.Get("https://" + address + "/readyz"); err != nil || body != "ok" {
		t.Errorf("the process behind the Service answers %q: %v", body, err)
	}
}

// hpaOfNothing has an HPA scale on a metric that nobody serves.
func hpaOfNothing(t *testing.T, c *cluster.Cluster) {
	c.Apply(fmt.Sprintf(deployment, "still", 2, "base", "100m"))
	ready(t, c, "still", 2)
	t.Logf("pods run at %s", c.Age())
	_, err := c.Kubectl("autoscale", "deployment/still", "-n", "shop", "--min=1", "--max=5", "--cpu=50%")
	if err != nil {
		t.Fatal(err)
	}
	cluster.WaitFor(t, "the HPA says that it has no metric", time.Minute, func() error {
		hpa, err := c.Client().AutoscalingV2().HorizontalPodAutoscalers("shop").Get(context.Background(), "still", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range hpa.Status.Conditions {
			if condition.Type == "ScalingActive" && condition.Status == corev1.ConditionFalse && condition.Reason == "FailedGetResourceMetric" {
				return nil
			}
		}
		return fmt.Errorf("its conditions are %v", hpa.Status.Conditions)
	})
	ready(t, c, "still", 2)
}

// nodesCome has the emulated autoscaler make nodes for pods that fit nowhere and remove them when the pods are gone.
func nodesCome(t *testing.T, c *cluster.Cluster) {
	const boot = 2 * time.Second
	group := c.Autoscale(cluster.Autoscaler{
		Name: "wave", Labels: map[string]string{"pool": "wave"}, CPU: "4", Boot: boot, IdleAfter: 2 * time.Second, Max: 3,
	})
	began := time.Now()
	c.Apply(fmt.Sprintf(deployment, "wave", 4, "wave", "1500m"))
	ready(t, c, "wave", 4) // two pods fit on a node
	if took := time.Since(began); took < boot {
		t.Errorf("the pods of nodes that take %s to boot run after %s", boot, took)
	}
	if there, booting := group.Nodes(); there != 2 || booting != 0 {
		t.Errorf("4 pods have %d nodes and %d are booting, want 2 and 0", there, booting)
	}
	scale(t, c, "wave", 7)
	nodesAre(t, group, 3)
	pending(t, c, "wave", 1) // seven pods need four nodes and there may be three
	scale(t, c, "wave", 1)
	nodesAre(t, group, 1)
	ready(t, c, "wave", 1)
	scale(t, c, "wave", 0)
	nodesAre(t, group, 0)
}

func scale(t *testing.T, c *cluster.Cluster, name string, replicas int) {
	t.Helper()
	if _, err := c.Kubectl("scale", "deployment/"+name, "-n", "shop", fmt.Sprintf("--replicas=%d", replicas)); err != nil {
		t.Fatal(err)
	}
}

func nodesAre(t *testing.T, group *cluster.Group, want int) {
	t.Helper()
	cluster.WaitFor(t, fmt.Sprintf("there are %d nodes", want), time.Minute, func() error {
		if there, booting := group.Nodes(); there != want || booting != 0 {
			return fmt.Errorf("there are %d and %d are booting", there, booting)
		}
		return nil
	})
}

func pending(t *testing.T, c *cluster.Cluster, app string, want int) {
	t.Helper()
	cluster.WaitFor(t, fmt.Sprintf("%d pods of %s are pending", want, app), time.Minute, func() error {
		pods, err := c.Client().CoreV1().Pods("shop").List(context.Background(), metav1.ListOptions{
			LabelSelector: "app=" + app, FieldSelector: "status.phase=Pending",
		})
		if err == nil && len(pods.Items) != want {
			err = fmt.Errorf("%d are", len(pods.Items))
		}
		return err
	})
}

const buffer = `
apiVersion: autoscaling.x-k8s.io/v1beta1
kind: CapacityBuffer
metadata: {name: spare, namespace: shop}
spec: {scalableRef: {apiGroup: apps, kind: Deployment, name: web}, replicas: %s}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineDeployment
metadata: {name: fixed, namespace: shop}
spec: {replicas: 2, clusterName: c}
`

// kinds has the kinds that actuators write to, the one with a scale subresource and the other without.
func kinds(t *testing.T, c *cluster.Cluster) {
	c.CapacityBufferCRD()
	c.ScalableCRD("cluster.x-k8s.io", "v1beta1", "MachineDeployment")
	c.Apply(fmt.Sprintf(buffer, "3"))
	f := func(want string, args ...string) {
		t.Helper()
		out, err := c.Kubectl(append(args, "-n", "shop")...)
		if got := fmt.Sprintf("%s %v", out, err); !strings.Contains(got, want) {
			t.Errorf("kubectl %v answers %s, want %q", args, got, want)
		}
	}
	f("3 buffer.x-k8s.io/active-capacity", "get", "cb", "spare", "-o", "jsonpath={.spec.replicas} {.spec.provisioningStrategy}")
	f("NotFound", "scale", "cb/spare", "--replicas=5")
	f("scaled", "scale", "machinedeployment/fixed", "--replicas=7")
	f("7 c", "get", "machinedeployment", "fixed", "-o", "jsonpath={.spec.replicas} {.spec.clusterName}")
	if _, err := c.KubectlAs(c.Kubeconfig(), fmt.Sprintf(buffer, "-1"), "apply", "--server-side", "-f", "-"); err == nil {
		t.Error("a buffer of -1 replicas is taken")
	}
}

// restart has everything work on after the API server was away.
func restart(t *testing.T, c *cluster.Cluster) {
	before := c.Age()
	c.StopAPIServer()
	if out, err := c.Kubectl("get", "--raw", "/readyz"); err == nil {
		t.Errorf("an API server that is stopped answers %s", out)
	}
	c.RestartAPIServer()
	t.Logf("the API server was away for %s", c.Age()-before)
	c.Apply(fmt.Sprintf(deployment, "after", 1, "base", "100m"))
	ready(t, c, "after", 1)
	if _, err := c.Client().AppsV1().Deployments("shop").Get(t.Context(), "still", metav1.GetOptions{}); err != nil {
		t.Errorf("what was there before is gone: %v", err)
	}
}
