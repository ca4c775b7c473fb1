package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestKEDA lets a real KEDA, which has the API of external metrics, scale Deployments by the program's decisions through each of its
// triggers: up, from 0, down and to 0. In between a decision runs out, and the program is killed. docs/keda.md states the same.
func TestKEDA(t *testing.T) {
	t.Parallel()
	k := newKEDA(t)
	k.step("the triggers follow the demand up", k.followUp)
	k.step("external-push starts what is at 0", k.pushStarts)
	k.step("the triggers follow the demand down", k.followDown)
	k.step("the adapter of external metrics leaves the API to KEDA", k.adapterLeavesAPI)
	k.step("a decision runs out", k.decisionRunsOut)
	k.step("the program is killed", k.programIsKilled)
	k.step("what is not needed goes to 0", k.goesToZero)
}

const (
	// kedaCapacity is how many units of the demand one instance serves.
	kedaCapacity = 10
	// kedaFallback is how many replicas the ScaledObject with a static fallback has when that steps in.
	kedaFallback = 17
)

// kedaTest is a cluster with KEDA, one process of the program, and a Deployment for each ScaledObject.
type kedaTest struct {
	t                   *testing.T
	c                   *cluster.Cluster
	program             *cluster.Process
	prometheus          *cluster.Prometheus
	web, scaler, folder string
	// demand is that of one fleet, below 0 where nothing is known of any, and burst that of another, which begins with 0.
	demand, burst atomic.Int64
}

func newKEDA(t *testing.T) *kedaTest {
	k := &kedaTest{t: t, c: cluster.Start(t, cluster.Full), folder: t.TempDir()}
	k.demand.Store(20)
	exporter := k.c.Address()
	serveText(t, exporter, func() string {
		if k.demand.Load() < 0 {
			return ""
		}
		return fmt.Sprintf("keda_demand %d\nkeda_burst %d\n", k.demand.Load(), k.burst.Load())
	})
	k.web, k.scaler = k.c.Address(), k.c.Address()
	k.prometheus = k.c.StartPrometheus(cluster.PrometheusOptions{Targets: map[string][]string{"demand": {exporter}, "forethought": {k.web}}})
	k.c.StartKEDA()
	k.c.Namespace("shop")
	k.c.Namespace("forethought")
	k.c.Node(cluster.Node{Name: "base", CPU: "100", Memory: "100Gi", Pods: 500})
	k.serve()
	k.authenticate()
	for _, o := range k.objects() {
		k.c.Apply(o)
	}
	return k
}

const kedaConfig = `
prometheus: {url: %s, timeout: 2s}
storage: {path: %s}
interval: 1s
validity: 5s
history: 1d
horizons: [1m, 5m]
fleets:
  - name: shop
    demand: {query: max(keda_demand), unit: cores, step: 2s}
    policy: {mode: act, stale_after: 4s, hold: 2s, probability: 0.5}
    pools: [{name: main, class: variable, capacity: %[3]d, max: 90, lead_time: 5s}]
  - name: burst
    demand: {query: max(keda_burst), unit: cores, step: 2s}
    policy: {mode: act, stale_after: 4s, hold: 2s, probability: 0.5}
    pools: [{name: burst, class: variable, capacity: %[3]d, max: 90, lead_time: 5s}]
`

// serve runs the program: the scaler, with certificates, and the API of external metrics in a cluster where KEDA has that.
func (k *kedaTest) serve() {
	k.t.Helper()
	file := filepath.Join(k.folder, "forethought.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, kedaConfig, k.prometheus.URL, k.folder, kedaCapacity), 0o600); err != nil {
		k.t.Fatal(err)
	}
	kubeconfig := k.c.ServiceAccount("forethought", "forethought",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps", "nodes", "pods"}, Verbs: []string{"get", "list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		rbacv1.PolicyRule{APIGroups: []string{"apiregistration.k8s.io"}, Resources: []string{"apiservices"}, Verbs: []string{"get", "list", "watch"}},
	)
	k.c.AuthDelegator("forethought", "forethought")
	door := k.c.Address()
	scalerCert, scalerKey := k.c.SignServing("forethought-keda.forethought.svc", strings.Split(k.scaler, ":")[0])
	doorCert, doorKey := k.c.SignServing("forethought.forethought.svc", strings.Split(door, ":")[0])
	k.program = k.c.Forethought("forethought", nil, "serve", "--config.file="+file, "--web.listen-address="+k.web,
		"--keda.listen-address="+k.scaler, "--keda.tls-cert-file="+scalerCert, "--keda.tls-private-key-file="+scalerKey,
		"--keda.client-ca-file="+k.c.CAFile(),
		"--external-metrics.listen-address="+door, "--external-metrics.tls-cert-file="+doorCert, "--external-metrics.tls-private-key-file="+doorKey,
		"--external-metrics.service=forethought/forethought",
		"--external-metrics.authentication-kubeconfig="+kubeconfig, "--external-metrics.authorization-kubeconfig="+kubeconfig,
		"--kubernetes.kubeconfig="+kubeconfig, "--kubernetes.namespace=forethought")
	k.await("the program decides", time.Minute, func() error { return k.decided(true) })
}

// authenticate gives KEDA its certificate.
func (k *kedaTest) authenticate() {
	k.t.Helper()
	certFile, keyFile := k.c.SignServing("keda-operator")
	if _, err := k.c.Kubectl("create", "secret", "generic", "forethought-keda-client", "-n", "shop",
		"--from-file=ca.crt="+k.c.CAFile(), "--from-file=tls.crt="+certFile, "--from-file=tls.key="+keyFile); err != nil {
		k.t.Fatal(err)
	}
	k.c.Apply(`
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: forethought, namespace: shop}
spec:
  secretTargetRef:
    - {parameter: caCert, name: forethought-keda-client, key: ca.crt}
    - {parameter: tlsClientCert, name: forethought-keda-client, key: tls.crt}
    - {parameter: tlsClientKey, name: forethought-keda-client, key: tls.key}
`)
}

const kedaObject = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: shop}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: pause, image: pause}]}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: %[1]s, namespace: shop}
spec:
  scaleTargetRef: {name: %[1]s}
  minReplicaCount: %[2]d
  maxReplicaCount: 90
  cooldownPeriod: 1
  %[3]s
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp: {tolerance: "0", stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 90, periodSeconds: 15}]}
        scaleDown: {tolerance: "0", stabilizationWindowSeconds: 0}
  triggers:
    - type: %[4]s
      metricType: AverageValue
      %[5]s
`

// objects returns the manifests, by what their names mean.
func (k *kedaTest) objects() map[string]string {
	f := func(name string, least int, more, trigger, metadata string) string {
		if strings.HasPrefix(trigger, "external") {
			metadata = fmt.Sprintf("authenticationRef: {name: forethought}\n      metadata: {scalerAddress: %q, %s}", k.scaler, metadata)
		}
		return fmt.Sprintf(kedaObject, name, least, more, trigger, metadata)
	}
	const held = "fallback: {failureThreshold: 2, behavior: currentReplicasIfHigher, replicas: 1}"
	return map[string]string{
		"external": f("external", 1, held, "external", "fleet: shop, pool: main"),
		// What happens to this one sooner than its polls is by its stream and the HPA.
		"push": f("push", 0, "pollingInterval: 600", "external-push", fmt.Sprintf(`fleet: burst, value: demand, target: "%d"`, kedaCapacity)),
		"prometheus": f("prometheus", 1, held, "prometheus", fmt.Sprintf(
			`metadata: {serverAddress: %q, query: 'max(forethought_pool_instances_desired{fleet="shop",pool="main"})', threshold: "1", ignoreNullValues: "false"}`,
			k.prometheus.URL)),
		"fallback": f("fallback", 1, fmt.Sprintf("fallback: {failureThreshold: 2, replicas: %d}", kedaFallback), "external",
			fmt.Sprintf(`fleet: shop, value: demandForecastPeak, horizon: 1m, probability: "0.5", target: "%d"`, kedaCapacity)),
		"zero": f("zero", 0, "pollingInterval: 1", "external", fmt.Sprintf(`fleet: burst, value: demand, target: "%d"`, kedaCapacity)),
	}
}

// step runs a part of the test and prints what happened in it.
func (k *kedaTest) step(name string, run func() string) {
	k.t.Helper()
	began := time.Now()
	happened := run()
	k.t.Logf("%s (%s): %s; replicas %v", name, time.Since(began).Round(100*time.Millisecond), happened, k.replicas())
	if k.t.Failed() {
		k.t.FailNow()
	}
}

// await returns how long it took until it was so.
func (k *kedaTest) await(what string, limit time.Duration, holds func() error) string {
	k.t.Helper()
	began := time.Now()
	cluster.WaitFor(k.t, what, limit, holds)
	return fmt.Sprintf("%s after %s", what, time.Since(began).Round(100*time.Millisecond))
}

// replicas returns those that are asked for, by the name of the Deployment.
func (k *kedaTest) replicas() map[string]int {
	k.t.Helper()
	list, err := k.c.Client().AppsV1().Deployments("shop").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		k.t.Fatal(err)
	}
	out := map[string]int{}
	for _, d := range list.Items {
		out[d.Name] = int(*d.Spec.Replicas)
	}
	return out
}

// metric returns a sample of the program's own metrics, by what stands before the value.
func (k *kedaTest) metric(sample string) (v float64, ok bool) {
	_, body := get(k.t, "http://"+k.web+"/metrics")
	for line := range strings.Lines(body) {
		if rest, found := strings.CutPrefix(line, sample+" "); found {
			_, err := fmt.Sscan(rest, &v)
			return v, err == nil
		}
	}
	return 0, false
}

const kedaDesired = `forethought_pool_instances_desired{class="variable",fleet="shop",pool="main"}`

// decided returns an error where there is a decision and should be none, or the other way round.
func (k *kedaTest) decided(want bool) error {
	if v, ok := k.metric(kedaDesired); ok != want {
		return fmt.Errorf("desired %v, %v", v, ok)
	}
	return nil
}

// followed returns nil where the three triggers for the fleet's instances have made as many as are desired, between least and most.
func (k *kedaTest) followed(least, most int) error {
	v, ok := k.metric(kedaDesired)
	n, r := int(v), k.replicas()
	if !ok || n < least || n > most || r["external"] != n || r["prometheus"] != n || r["fallback"] < least || r["fallback"] > most {
		return fmt.Errorf("desired %v, %v, replicas %v", v, ok, r)
	}
	return nil
}

// burstServed returns nil where both Deployments for the burst have that many replicas.
func (k *kedaTest) burstServed(n int) func() error {
	return func() error {
		if r := k.replicas(); r["push"] != n || r["zero"] != n {
			return fmt.Errorf("replicas %v", r)
		}
		return nil
	}
}

// condition returns nil where a condition of an object is as wanted.
func (k *kedaTest) condition(kind, name, condition, want string) func() error {
	return func() error {
		out, err := k.c.Kubectl("get", kind, "-n", "shop", name, "-o", fmt.Sprintf(`jsonpath={.status.conditions[?(@.type==%q)].status}`, condition))
		if err == nil && out != want {
			err = fmt.Errorf("%s of %s %s is %q", condition, kind, name, out)
		}
		return err
	}
}

// streamed returns nil where the one external-push trigger has its two streams.
func (k *kedaTest) streamed() error {
	for _, method := range []string{"StreamIsActive", "StreamMetricSpec"} {
		if n, _ := k.metric(fmt.Sprintf("forethought_keda_streams{method=%q}", method)); n != 1 {
			return fmt.Errorf("%v streams of %s", n, method)
		}
	}
	return nil
}

// unchanged fails the test where the named Deployments do not keep the replicas that they have, looked at five times a second, or have fewer
// than the demand needs.
func (k *kedaTest) unchanged(during time.Duration, names ...string) {
	k.t.Helper()
	was := k.replicas()
	for _, name := range names {
		need := 3 // for a demand of 30
		if name == "push" || name == "zero" {
			need = 2 // for a burst of 20
		}
		if was[name] < need {
			k.t.Fatalf("%s has %d replicas and needs %d", name, was[name], need)
		}
	}
	for began := time.Now(); time.Since(began) < during; time.Sleep(200 * time.Millisecond) {
		now := k.replicas()
		for _, name := range names {
			if now[name] != was[name] {
				k.t.Fatalf("%s has %d replicas after %s instead of %d", name, now[name], time.Since(began), was[name])
			}
		}
	}
}

func (k *kedaTest) followUp() string {
	first := k.await("a demand of 20 is served", 2*time.Minute, func() error { return k.followed(2, 6) })
	k.demand.Store(100)
	return first + "; " + k.await("a demand of 100 is served", time.Minute, func() error { return k.followed(10, 30) })
}

func (k *kedaTest) pushStarts() string {
	k.await("zero is not active", time.Minute, k.condition("scaledobject", "zero", "Active", "False"))
	k.await("push has its streams", time.Minute, k.streamed)
	if err := k.burstServed(0)(); err != nil {
		k.t.Fatal(err)
	}
	k.burst.Store(40)
	started := k.await("push starts, between polls", 30*time.Second, func() error {
		if r := k.replicas(); r["push"] == 0 {
			return fmt.Errorf("replicas %v", r)
		}
		return nil
	})
	return started + "; " + k.await("a burst of 40 is served", time.Minute, k.burstServed(4))
}

func (k *kedaTest) followDown() string {
	k.demand.Store(30)
	k.burst.Store(20)
	down := k.await("a demand of 30 is served", 2*time.Minute, func() error { return k.followed(3, 9) })
	return down + "; " + k.await("a burst of 20 is served", time.Minute, k.burstServed(2))
}

func (k *kedaTest) adapterLeavesAPI() string {
	const owner = "keda/keda-metrics-apiserver"
	said := k.await("it says whose the API is", time.Minute, func() error {
		v, _ := k.metric(fmt.Sprintf("forethought_externalmetrics_apiservice_owner_info{owner=%q}", owner))
		owned, known := k.metric("forethought_externalmetrics_apiservice_owned")
		if v != 1 || owned != 0 || !known {
			return fmt.Errorf("owner %v, owned %v, %v", v, owned, known)
		}
		out, err := k.c.Kubectl("get", "events", "-A", "--field-selector=reason=ExternalMetricsOwner", "-o", "jsonpath={.items[*].type}")
		if err == nil && out != "Warning" {
			err = fmt.Errorf("events are %q", out)
		}
		return err
	})
	if !strings.Contains(k.program.Log(), owner) {
		k.t.Error("the log does not name the owner")
	}
	out, err := k.c.Kubectl("get", "apiservice", cluster.ExternalMetrics, "-o", "jsonpath={.spec.service.namespace}/{.spec.service.name}")
	if err != nil || out != owner {
		k.t.Errorf("the APIService leads to %s, %v", out, err)
	}
	return said + ", and it is theirs"
}

func (k *kedaTest) decisionRunsOut() string {
	demand := k.demand.Load()
	k.demand.Store(-1)
	gone := k.await("there is no decision", time.Minute, func() error { return k.decided(false) })
	held := k.await("the HPA without fallback has no metric", time.Minute, k.condition("hpa", "keda-hpa-zero", "ScalingActive", "False"))
	fell := k.await("the static fallback steps in", time.Minute, func() error {
		if r := k.replicas(); r["fallback"] != kedaFallback {
			return fmt.Errorf("replicas %v", r)
		}
		return nil
	})
	k.unchanged(10*time.Second, "external", "prometheus", "push", "zero")
	k.demand.Store(demand)
	back := k.await("all is followed again", time.Minute, func() error { return k.followed(3, 9) })
	return strings.Join([]string{gone, held, fell, "nothing else changes", back}, "; ")
}

func (k *kedaTest) programIsKilled() string {
	k.program.Kill()
	held := k.await("the HPA without fallback has no metric", time.Minute, k.condition("hpa", "keda-hpa-zero", "ScalingActive", "False"))
	// KEDA counts no failure of a scaler that it cannot ask for the target, so that the static fallback stays out.
	k.unchanged(15*time.Second, "external", "prometheus", "push", "zero", "fallback")
	if err := k.program.Start(); err != nil {
		k.t.Fatal(err)
	}
	back := k.await("all is followed again", time.Minute, func() error { return k.followed(3, 9) })
	streams := k.await("both streams are back", 2*time.Minute, k.streamed)
	return strings.Join([]string{held, "nothing changes for 15s", back, streams}, "; ")
}

func (k *kedaTest) goesToZero() string {
	k.burst.Store(0)
	return k.await("zero is at 0, and push is left to its next poll", time.Minute, func() error {
		if r := k.replicas(); r["zero"] != 0 || r["push"] != 1 {
			return fmt.Errorf("replicas %v", r)
		}
		return nil
	})
}
