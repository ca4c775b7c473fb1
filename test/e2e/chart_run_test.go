package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// written is what the chart's actuators write to, before they do.
const written = `
apiVersion: cluster.x-k8s.io/v1beta2
kind: MachineDeployment
metadata: {name: batch-fixed, namespace: batch}
spec: {clusterName: example}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: batch-worker, namespace: batch}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: batch-worker}
  maxReplicas: 50
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
`

// TestChartIsEnough installs the chart with every door open and runs the program as its pods do: with their arguments, files and account.
// That every door works, and that the API server forbids nothing, says that what the chart grants is enough.
func TestChartIsEnough(t *testing.T) {
	binary(t)
	c := cluster.Start(t, cluster.Full)
	for _, name := range []string{"forethought", "batch"} {
		c.Namespace(name)
	}
	for name, pool := range map[string]string{"base": "none", "fixed-1": "batch-fixed", "spot-1": "batch-spot"} {
		c.Node(cluster.Node{Name: name, CPU: "32", Memory: "128Gi", Labels: map[string]string{"forethought.dev/pool": pool}})
	}
	c.CapacityBufferCRD()
	c.ScalableCRD("cluster.x-k8s.io", "v1beta2", "MachineDeployment")
	for _, file := range []string{"placeholder.yaml", "capacitybuffer.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/manifests", file))
		if err != nil {
			t.Fatal(err)
		}
		c.Apply(string(text))
	}
	c.Apply(written)
	prometheus := c.StartPrometheus(cluster.PrometheusOptions{})
	_, err := helm(t, "install", "forethought", chartFolder, "--namespace=forethought", "--kubeconfig="+c.Kubeconfig(), valuesFile("running"),
		"--set=config.prometheus.url="+prometheus.URL, "--set=config.storage.path="+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := c.Forethought("chart", nil, podArgs(t, c)...)

	f := func(want string, args ...string) {
		t.Helper()
		cluster.WaitFor(t, strings.Join(args, " "), time.Minute, func() error {
			have, err := c.Kubectl(args...)
			if err == nil && !strings.Contains(have, want) {
				return fmt.Errorf("%q, want %q\n%s", have, want, p.Log())
			}
			return err
		})
	}
	// 40 cores are three instances of 16: one that the fixed pool always has and two more, wherever they are cheaper.
	c.WaitAPIService(cluster.ExternalMetrics)
	f(`"value":"3"`, "get", "--raw",
		"/apis/external.metrics.k8s.io/v1beta1/namespaces/batch/forethought_pool_instances_desired?labelSelector=fleet%3Dbatch")
	f("forethought", "--namespace=batch", "get", "machinedeployment/batch-fixed", "--output=yaml", "--show-managed-fields")
	f("forethought.dev/min-replicas", "--namespace=batch", "get", "hpa/batch-worker", "--output=yaml")
	f("replicas: 0", "--namespace=batch", "get", "deployment/batch-spot-placeholder", "--output=jsonpath=replicas: {.spec.replicas}")
	f("replicas: 0", "--namespace=batch", "get", "capacitybuffer/batch-spot", "--output=jsonpath=replicas: {.spec.replicas}")
	f("_", "--namespace=forethought", "get", "lease/forethought", "--output=jsonpath={.spec.holderIdentity}")
	f("Scaled", "--namespace=batch", "get", "events.events.k8s.io")

	c.Apply(killSwitch(t))
	f("KillSwitchSet", "--namespace=forethought", "get", "events.events.k8s.io")
	for line := range strings.Lines(p.Log()) {
		if strings.Contains(strings.ToLower(line), "forbidden") {
			t.Errorf("the chart does not grant enough: %s", line)
		}
	}
}

func killSwitch(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/manifests/kill-switch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// podArgs returns the arguments of the chart's pods, with their files in a folder of the test, addresses that this machine has, and their
// account by a kubeconfig.
func podArgs(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	deployments := c.Client().AppsV1().Deployments("forethought")
	var d *appsv1.Deployment
	cluster.WaitFor(t, "pods of the chart are ready", time.Minute, func() (err error) {
		if d, err = deployments.Get(context.Background(), "forethought", metav1.GetOptions{}); err == nil && d.Status.ReadyReplicas < 2 {
			err = fmt.Errorf("%d pods are ready", d.Status.ReadyReplicas)
		}
		return err
	})
	service, err := c.Client().CoreV1().Services("forethought").Get(t.Context(), "forethought-external-metrics", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	account := c.ServiceAccount("forethought", d.Spec.Template.Spec.ServiceAccountName)
	replaced := []string{
		"--kubernetes.enable", "--kubernetes.kubeconfig=" + account,
		"--external-metrics.listen-address=:6443", "--external-metrics.listen-address=" + service.Spec.ClusterIP + ":443",
		"--web.listen-address=:9095", "--web.listen-address=" + c.Address(),
		"--keda.listen-address=:9098", "--keda.listen-address=" + c.Address(),
	}
	for mount, files := range mounted(t, c) {
		folder := t.TempDir()
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		replaced = append(replaced, "="+mount+"/", "="+folder+"/")
	}
	args := slices.Clone(d.Spec.Template.Spec.Containers[0].Args)
	for i := range args {
		args[i] = strings.NewReplacer(replaced...).Replace(args[i])
	}
	return append(args, "--external-metrics.authentication-kubeconfig="+account, "--external-metrics.authorization-kubeconfig="+account)
}

// mounted returns the files of the pods' volumes by where they are mounted.
func mounted(t *testing.T, c *cluster.Cluster) map[string]map[string][]byte {
	t.Helper()
	config, err := c.Client().CoreV1().ConfigMaps("forethought").Get(t.Context(), "forethought", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for name, text := range config.Data {
		files[name] = []byte(text)
	}
	return map[string]map[string][]byte{
		"/etc/forethought":                  files,
		"/etc/forethought-external-metrics": secret(t, c, "forethought-external-metrics").Data,
		"/etc/forethought-keda":             secret(t, c, "forethought-keda").Data,
	}
}
