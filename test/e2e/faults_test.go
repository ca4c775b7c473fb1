package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resource "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestFaults breaks one part after the other under a Deployment that an HPA scales by the predicted instances, and says what happens to its
// replicas and when. They never go to zero nor below the need of the present demand. docs/operate.md states the same sequence.
func TestFaults(t *testing.T) {
	f := newFaults(t)
	// The demand stays what it was while a part is broken, so that the floor is known.
	f.steady(100)
	f.phase("Prometheus is killed and comes back", f.prometheusDies)
	f.phase("a decision runs out", f.decisionExpires)
	f.phase("the exporter is killed at a peak", f.exporterDiesAtPeak)
	f.phase("the API server restarts", f.apiServerRestarts)
	f.phase("the Lease is lost", f.leaseIsLost)
	f.phase("the clock of one replica is wrong", f.clockIsWrong)
	f.phase("the serving certificate is rotated", f.certificateIsRotated)
}

// How many units of the demand one instance serves.
const faultsCapacity = 10

// faults is a cluster in which two replicas of the program serve one HPA through one Service.
type faults struct {
	t          *testing.T
	c          *cluster.Cluster
	prometheus *cluster.Prometheus
	demand     atomic.Int64
	replicas   [2]*faultsReplica
	service    *balancer
	serving    string // prefix of the certificate
	watch      *replicaWatch
}

// faultsReplica is one process of the program and where it serves.
type faultsReplica struct {
	*cluster.Process
	web, door string
}

func newFaults(t *testing.T) *faults {
	f := &faults{t: t, c: cluster.Start(t, cluster.Full)}
	f.demand.Store(100)
	exporter := f.c.Address()
	serveText(t, exporter, func() string { return fmt.Sprintf("faults_demand %d\n", f.demand.Load()) })
	f.replicas[0], f.replicas[1] = &faultsReplica{web: f.c.Address(), door: f.c.Address()}, &faultsReplica{web: f.c.Address(), door: f.c.Address()}
	f.prometheus = f.c.StartPrometheus(cluster.PrometheusOptions{Targets: map[string][]string{
		"demand": {exporter}, "forethought": {f.replicas[0].web, f.replicas[1].web},
	}})
	f.history()
	f.c.Namespace("forethought")
	f.c.Namespace("shop")
	f.c.ScalableCRD("cluster.x-k8s.io", "v1beta1", "MachineDeployment")
	f.c.Node(cluster.Node{Name: "faults", CPU: "100", Memory: "100Gi", Pods: 500})
	address := f.c.Expose("forethought", "forethought", 16443)
	certFile, _ := f.c.SignServing("forethought.forethought.svc", strings.Split(address, ":")[0])
	f.serving = strings.TrimSuffix(certFile, ".crt")
	kubeconfig := f.c.ServiceAccount("forethought", "forethought",
		rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "update"}},
		rbacv1.PolicyRule{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		rbacv1.PolicyRule{APIGroups: []string{"autoscaling"}, Resources: []string{"horizontalpodautoscalers"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{
			APIGroups: []string{"cluster.x-k8s.io"}, Resources: []string{"machinedeployments", "machinedeployments/scale"}, Verbs: []string{"get", "patch"},
		},
		rbacv1.PolicyRule{APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, Verbs: []string{"get"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps", "nodes", "pods"}, Verbs: []string{"get", "list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"apiregistration.k8s.io"}, Resources: []string{"apiservices"}, Verbs: []string{"get", "list", "watch"}},
	)
	f.c.AuthDelegator("forethought", "forethought")
	f.c.Apply(machines)
	for i, r := range f.replicas {
		r.Process = f.c.Forethought(fmt.Sprintf("forethought-%d", i), nil, f.args(i, kubeconfig)...)
	}
	f.service = balance(t, address, f.replicas[:])
	f.c.APIService("external.metrics.k8s.io", "v1beta1", "forethought", "forethought", 16443)
	f.c.WaitAPIService(cluster.ExternalMetrics)
	f.c.Apply(faultsWorkload)
	f.watch = watchReplicas(t, f.c)
	return f
}

// history is three days of a demand that nobody can foresee but by its spread, so that the plan stays above the present need.
func (f *faults) history() {
	const n = 3 * 24 * 60 * 4
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, n)
	for i := range values {
		values[i] = 60 + 140*random.Float64()
	}
	step := 15 * time.Second
	f.prometheus.Write(cluster.Series{Name: "faults_demand", Start: time.Now().Add(-n * step), Step: step, Values: values})
}

func (f *faults) args(i int, kubeconfig string) []string {
	folder := f.t.TempDir()
	config := fmt.Sprintf(`
prometheus: {url: %s, timeout: 2s}
storage: {path: %s}
interval: 2s
validity: 10s
history: 3d
horizons: [1m, 5m]
fleets:
  - name: shop
    demand: {query: max(faults_demand), unit: cores, step: 15s}
    policy: {mode: act, stale_after: 4s, hold: 10s, probability: 0.95, limits: {step_down: 2}}
    pools:
      - name: web
        class: variable
        capacity: %d
        max: 90
        lead_time: 1m
        actuate: [{kind: scale, api_version: cluster.x-k8s.io/v1beta1, resource: MachineDeployment, namespace: shop, name: machines}]
`, f.prometheus.URL, folder, faultsCapacity)
	file := filepath.Join(folder, "forethought.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return []string{
		"serve", "--config.file=" + file, "--web.listen-address=" + f.replicas[i].web,
		"--external-metrics.listen-address=" + f.replicas[i].door, "--external-metrics.tls-cert-file=" + f.serving + ".crt",
		"--external-metrics.tls-private-key-file=" + f.serving + ".key", "--external-metrics.service=forethought/forethought",
		"--external-metrics.authentication-kubeconfig=" + kubeconfig, "--external-metrics.authorization-kubeconfig=" + kubeconfig,
		"--kubernetes.kubeconfig=" + kubeconfig, "--kubernetes.namespace=forethought",
	}
}

const machines = `
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineDeployment
metadata: {name: machines, namespace: shop}
spec: {}
`

const faultsWorkload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: pause, image: pause}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 90
  metrics:
    - type: External
      external:
        metric: {name: forethought_pool_instances_desired, selector: {matchLabels: {fleet: shop, pool: web}}}
        target: {type: AverageValue, averageValue: "1"}
  behavior:
    scaleUp: {tolerance: "0", stabilizationWindowSeconds: 0}
    scaleDown: {tolerance: "0", stabilizationWindowSeconds: 0}
`

// phase runs one fault and prints what the replicas did in it.
func (f *faults) phase(name string, run func() string) {
	f.t.Helper()
	f.watch.begin(f.floor())
	began := time.Now()
	happened := run()
	least, most, machinesLeast := f.watch.seen()
	f.t.Logf("%s (%s): replicas %d to %d, need %d, machines at least %d; %s",
		name, time.Since(began).Round(100*time.Millisecond), least, most, f.floor(), machinesLeast, happened)
	if f.t.Failed() {
		f.t.FailNow()
	}
}

// floor is what the present demand needs.
func (f *faults) floor() int { return int(f.demand.Load()+faultsCapacity-1) / faultsCapacity }

// steady returns when the HPA and the actuator follow a plan that is above the need of a demand.
func (f *faults) steady(demand int) {
	f.t.Helper()
	f.demand.Store(int64(demand))
	cluster.WaitFor(f.t, "the plan is above the need and followed", 2*time.Minute, func() error {
		n, m, err := replicasNow(f.c)
		desired, decided := f.desired(0)
		if err != nil || !decided || desired <= f.floor() || n < f.floor() || m < f.floor() || n != desired {
			return fmt.Errorf("replicas %d, machines %d, desired %d, decided %v: %w", n, m, desired, decided, err)
		}
		return nil
	})
}

// desired returns what a replica of the program exports; ok is false where it exports nothing.
func (f *faults) desired(i int) (n int, ok bool) {
	_, body := get(f.t, "http://"+f.replicas[i].web+"/metrics")
	for line := range strings.SplitSeq(body, "\n") {
		if rest, found := strings.CutPrefix(line, `forethought_pool_instances_desired{class="variable",fleet="shop",pool="web"} `); found {
			_, err := fmt.Sscan(rest, &n)
			return n, err == nil
		}
	}
	return 0, false
}

// await returns how long it took until it was so.
func (f *faults) await(what string, limit time.Duration, holds func() bool) string {
	f.t.Helper()
	began := time.Now()
	cluster.WaitFor(f.t, what, limit, func() error {
		if !holds() {
			return fmt.Errorf("not yet so: %s", what)
		}
		return nil
	})
	return fmt.Sprintf("%s after %s", what, time.Since(began).Round(100*time.Millisecond))
}

func (f *faults) decides(i int) bool { _, ok := f.desired(i); return ok }

// hpaActive reports whether the HPA gets its metric.
func (f *faults) hpaActive() bool {
	out, err := f.c.Kubectl("get", "hpa", "-n", "shop", "web", "-o", `jsonpath={.status.conditions[?(@.type=="ScalingActive")].status}`)
	return err == nil && out == "True"
}

func (f *faults) prometheusDies() string {
	f.prometheus.Kill()
	time.Sleep(6 * time.Second) // less than the age from which an observation is stale
	if !f.decides(0) || !f.decides(1) {
		f.t.Error("a few seconds without Prometheus leave no decision")
	}
	f.prometheus.Restart()
	return f.await("turns read the demand again", time.Minute, func() bool {
		_, body := get(f.t, "http://"+f.replicas[0].web+"/api/v1/fleets")
		return strings.Contains(body, `"state":"ready"`)
	})
}

func (f *faults) decisionExpires() string {
	f.prometheus.Kill()
	gone := f.await("both doors have no decision", 2*time.Minute, func() bool { return !f.decides(0) && !f.decides(1) })
	held := f.await("the HPA says that it has no metric", time.Minute, func() bool { return !f.hpaActive() })
	time.Sleep(5 * time.Second)
	f.prometheus.Restart()
	back := f.await("both decide again", time.Minute, func() bool { return f.decides(0) && f.decides(1) })
	active := f.await("the HPA follows again", time.Minute, f.hpaActive)
	return strings.Join([]string{gone, held, "Prometheus is back", back, active}, "; ")
}

func (f *faults) exporterDiesAtPeak() string {
	f.demand.Store(300)
	peak := f.await("the peak is served", time.Minute, func() bool {
		n, m, err := replicasNow(f.c)
		return err == nil && n >= 30 && m >= 30
	})
	f.watch.begin(30)
	f.replicas[0].Kill()
	other := f.await("the other replica answers", time.Minute, func() bool { return f.service.now() == f.replicas[1].door && f.hpaActive() })
	f.replicas[1].Kill()
	none := f.await("without any the HPA says that it has no metric", time.Minute, func() bool { return !f.hpaActive() })
	for _, r := range f.replicas {
		if err := r.Start(); err != nil {
			f.t.Fatal(err)
		}
	}
	back := f.await("both decide again", time.Minute, func() bool { return f.decides(0) && f.decides(1) })
	active := f.await("the HPA follows again", time.Minute, f.hpaActive)
	return strings.Join([]string{peak, "one is killed", other, "the other is killed", none, "both are started", back, active}, "; ")
}

func (f *faults) apiServerRestarts() string {
	f.c.RestartAPIServer()
	active := f.await("the HPA follows again", 2*time.Minute, f.hpaActive)
	f.demand.Store(350)
	served := f.await("a higher demand is served", 2*time.Minute, func() bool {
		n, m, err := replicasNow(f.c)
		return err == nil && n >= 35 && m >= 35
	})
	return active + "; " + served
}

func (f *faults) leaseIsLost() string {
	leases := f.c.Client().CoordinationV1().Leases("forethought")
	lease, err := leases.Get(context.Background(), "forethought", metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	thief, now := "thief", metav1.NewMicroTime(time.Now())
	lease.Spec.HolderIdentity, lease.Spec.RenewTime, lease.Spec.AcquireTime = &thief, &now, &now
	if _, err = leases.Update(context.Background(), lease, metav1.UpdateOptions{}); err != nil {
		f.t.Fatal(err)
	}
	leading := func() (n int) {
		for _, r := range f.replicas {
			_, body := get(f.t, "http://"+r.web+"/metrics")
			n += strings.Count(body, "\nforethought_actuator_leading 1")
		}
		return n
	}
	none := f.await("nobody writes", time.Minute, func() bool { return leading() == 0 })
	one := f.await("one writes again", time.Minute, func() bool { return leading() == 1 })
	return none + "; " + one
}

func (f *faults) clockIsWrong() string {
	var said []string
	right, wrong := f.replicas[0].Args, f.replicas[0]
	for _, offset := range []string{"90s", "-90s"} {
		wrong.Kill()
		wrong.Args = append(slices.Clone(right), "--clock.offset="+offset)
		if err := wrong.Start(); err != nil {
			f.t.Fatal(err)
		}
		refuses := f.await("it refuses", time.Minute, func() bool {
			code, body := get(f.t, "http://"+wrong.web+"/-/ready")
			return code == http.StatusServiceUnavailable && strings.Contains(body, "our clock is 1m") && !f.decides(0)
		})
		other := f.await("the HPA follows the other", time.Minute, func() bool { return f.service.now() == f.replicas[1].door && f.hpaActive() })
		f.service.only(wrong.door)
		none := f.await("asked nevertheless, it has no metric", time.Minute, func() bool { return !f.hpaActive() })
		f.service.only("")
		said = append(said, fmt.Sprintf("one clock is %s off: %s; %s; %s", offset, refuses, other, none))
	}
	wrong.Kill()
	wrong.Args = right
	if err := wrong.Start(); err != nil {
		f.t.Fatal(err)
	}
	said = append(said, f.await("put right, it decides", time.Minute, func() bool { return f.decides(0) && f.hpaActive() }))
	return strings.Join(said, "; ")
}

func (f *faults) certificateIsRotated() string {
	before := f.service.serial(f.t)
	f.c.ReplaceServing(f.serving, "forethought.forethought.svc", strings.Split(f.service.address, ":")[0])
	rotated := f.await("the new certificate is served", 2*time.Minute, func() bool { return f.service.serial(f.t) != before })
	active := f.await("the HPA follows", time.Minute, f.hpaActive)
	return rotated + "; " + active
}

var machineDeployments = resource.GroupVersionResource{Group: "cluster.x-k8s.io", Version: "v1beta1", Resource: "machinedeployments"}

// replicasNow returns the replicas that are asked for of the Deployment and of the MachineDeployment.
func replicasNow(c *cluster.Cluster) (deployment, machineDeployment int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	d, err := c.Client().AppsV1().Deployments("shop").Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return 0, 0, err
	}
	m, err := c.Dynamic().Resource(machineDeployments).Namespace("shop").Get(ctx, "machines", metav1.GetOptions{})
	if err != nil {
		return 0, 0, err
	}
	spec, _ := m.Object["spec"].(map[string]any)
	n, _ := spec["replicas"].(int64)
	return int(*d.Spec.Replicas), int(n), nil
}

// replicaWatch looks at the replicas five times a second, and fails the test where they are below a floor.
type replicaWatch struct {
	mu                         sync.Mutex
	floor                      int
	least, most, machinesLeast int
	looked                     bool
}

func watchReplicas(t *testing.T, c *cluster.Cluster) *replicaWatch {
	w := &replicaWatch{}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
			if n, m, err := replicasNow(c); err == nil { // the API server is down in some phases
				w.look(t, n, m)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
	return w
}

func (w *replicaWatch) look(t *testing.T, n, m int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.looked {
		w.looked, w.least, w.most, w.machinesLeast = true, n, n, m
	}
	w.least, w.most, w.machinesLeast = min(w.least, n), max(w.most, n), min(w.machinesLeast, m)
	if min(n, m) < w.floor {
		t.Errorf("%s: %d replicas and %d machines, the present demand needs %d", time.Now().Format(time.TimeOnly), n, m, w.floor)
		w.floor = 0 // said once
	}
}

func (w *replicaWatch) begin(floor int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.floor, w.looked = floor, false
}

func (w *replicaWatch) seen() (least, most, machinesLeast int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.least, w.most, w.machinesLeast
}

// balancer forwards connections to the first of its backends that is ready, as a Service does.
type balancer struct {
	address  string
	backends []*faultsReplica
	current  atomic.Value
	chosen   atomic.Value
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func balance(t *testing.T, address string, backends []*faultsReplica) *balancer {
	b := &balancer{address: address, backends: backends, open: map[net.Conn]bool{}}
	b.current.Store("")
	b.chosen.Store("")
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, acceptErr := ln.Accept()
			if acceptErr != nil {
				return
			}
			go b.forward(conn)
		}
	}()
	return b
}

// only has connections go to one backend whether it is ready or not, empty for any that is. The old ones end.
func (b *balancer) only(backend string) {
	b.chosen.Store(backend)
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.open {
		_ = conn.Close()
	}
}

// now returns the backend of the latest connection, empty where there was none for it.
func (b *balancer) now() string { s, _ := b.current.Load().(string); return s }

func (b *balancer) forward(conn net.Conn) {
	defer conn.Close()
	b.keep(conn, true)
	defer b.keep(conn, false)
	for _, backend := range b.backends {
		only, _ := b.chosen.Load().(string)
		if only != backend.door && (only != "" || !backend.isReady()) {
			continue
		}
		to, err := net.DialTimeout("tcp", backend.door, time.Second)
		if err != nil {
			continue
		}
		b.current.Store(backend.door)
		defer to.Close()
		done := make(chan struct{}, 2)
		copyTo := func(a, z net.Conn) { _, _ = io.Copy(a, z); done <- struct{}{} }
		go copyTo(to, conn)
		go copyTo(conn, to)
		<-done
		return
	}
	b.current.Store("")
}

func (b *balancer) keep(conn net.Conn, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if delete(b.open, conn); open {
		b.open[conn] = true
	}
}

func (r *faultsReplica) isReady() bool {
	client := http.Client{Timeout: time.Second}
	resp, err := client.Get("http://" + r.web + "/-/ready")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// serveText serves what text says at every path until the test ends.
func serveText(t *testing.T, address string, text func() string) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, text())
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
}

// serial returns the serial number of the certificate that is served.
func (b *balancer) serial(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", b.address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // which certificate it is, not whether it is right
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}
