package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

const (
	externalPath  = "/apis/external.metrics.k8s.io/v1beta1"
	externalHPAs  = 20
	externalTurns = 10
)

var (
	externalLoads  = schema.GroupVersionResource{Group: "e2e.example.com", Version: "v1", Resource: "loads"}
	externalReader = rbacv1.PolicyRule{APIGroups: []string{"external.metrics.k8s.io"}, Resources: []string{"*"}, Verbs: []string{"list"}}
	// externalTargets are what one replica serves, by the HPA in turn. Not all of them are whole numbers in binary.
	externalTargets = []string{"1", "100m", "300m", "2500m", "7", "16", "1k"}
)

// TestExternalMetrics has real HPAs read the API of external metrics through the aggregator of a real API server.
func TestExternalMetrics(t *testing.T) {
	e := newExternal(t)
	t.Run("who may read", e.whoMayRead)
	t.Run("an HPA reaches exactly ceil(N)", e.exact)
	t.Run("the certificate is rotated while HPAs read", e.rotation)
	t.Run("what is not ours comes from the delegate", e.delegate)
	t.Run("the API changes its owner", e.owner)
	t.Run("a thousand fleets, 200 requests a second", e.speed)
}

// external is a cluster whose HPAs read the program.
type external struct {
	c                      *cluster.Cluster
	prometheus             *cluster.Prometheus
	kubeconfig             string
	address, web, previous string
	certPrefix             string
	program                *cluster.Process
	mu                     sync.Mutex
	values                 [externalHPAs]string // of the demand, as the exporter writes them
}

func newExternal(t *testing.T) *external {
	e := &external{c: cluster.Start(t, cluster.Options{APIServer: true, Controllers: true, HPASync: time.Second})}
	e.c.ScalableCRD(externalLoads.Group, externalLoads.Version, "Load")
	exporter := e.c.Address()
	for i := range e.values {
		e.values[i] = "1"
	}
	serveText(t, exporter, func() string {
		e.mu.Lock()
		defer e.mu.Unlock()
		var b strings.Builder
		for i, v := range e.values {
			fmt.Fprintf(&b, "e2e_load{workload=\"w%d\"} %s\n", i, v)
		}
		return b.String()
	})
	e.follow(t)
	e.prometheus = e.c.StartPrometheus(cluster.PrometheusOptions{
		Targets: map[string][]string{"load": {exporter}}, ScrapeInterval: 500 * time.Millisecond,
	})
	e.kubeconfig = e.c.ServiceAccount("forethought", "forethought",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps", "nodes", "pods"}, Verbs: []string{"get", "list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		rbacv1.PolicyRule{
			APIGroups: []string{"apiregistration.k8s.io"}, Resources: []string{"apiservices"}, Verbs: []string{"get", "list", "watch"},
			ResourceNames: []string{cluster.ExternalMetrics},
		},
	)
	e.c.AuthDelegator("forethought", "forethought")
	e.c.ServiceAccount("forethought", "delegate", externalReader)
	e.address, e.web, e.previous = e.c.Expose("forethought", "forethought", 8443), e.c.Address(), e.c.Address()
	certFile, keyFile := e.c.SignServing("forethought.forethought.svc", externalHost(e.address))
	e.certPrefix = strings.TrimSuffix(certFile, ".crt")
	e.program = e.serve("forethought", e.config(t), e.web, e.address, certFile, keyFile)
	e.c.APIService("external.metrics.k8s.io", "v1beta1", "forethought", "forethought", 8443)
	e.c.WaitAPIService(cluster.ExternalMetrics)
	cluster.WaitFor(t, "the fleet has a decision", time.Minute, func() error {
		if _, body := get(t, "http://"+e.web+"/metrics"); !strings.Contains(body, "\nforethought_pool_instances_desired{") {
			return errors.New("it has none")
		}
		return nil
	})
	return e
}

func externalHost(address string) string {
	host, _, _ := strings.Cut(address, ":")
	return host
}

// config writes a configuration with a fleet, two rules, and a delegate that is not there yet.
func (e *external) config(t *testing.T) string {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(e.c.Token("forethought", "delegate")), 0o600); err != nil {
		t.Fatal(err)
	}
	return e.write(t, e.prometheus, fmt.Sprintf(`
interval: 1s
validity: 10s
external_metrics:
  rules:
    - {name: e2e_load, query: e2e_load}
    - {name: e2e_own, query: 'label_replace(e2e_load, "namespace", "own", "", "")', namespaced: true}
  delegate:
    url: https://%s
    http_config: {authorization: {credentials_file: %s}, tls_config: {ca_file: %s}}
fleets:
  - name: web
    demand: {query: 'max(e2e_load)', unit: cores, step: 5s}
    pools: [{name: main, class: variable, capacity: 1, max: 100000, lead_time: 5s}]
`, e.previous, token, e.c.CAFile()))
}

// write writes a configuration of the program with the text.
func (e *external) write(t *testing.T, prometheus *cluster.Prometheus, text string) string {
	t.Helper()
	folder := e.c.Folder()
	file := filepath.Join(folder, "forethought.yml")
	text = fmt.Sprintf("prometheus: {url: %s, timeout: 10s}\nstorage: {path: %s}\nhistory: 1d\n", prometheus.URL, folder) + text
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve runs the program and returns when every fleet has had its first turn.
func (e *external) serve(name, config, web, address, certFile, keyFile string) *cluster.Process {
	p := e.c.Forethought(name, nil, "serve", "--config.file="+config, "--web.listen-address="+web,
		"--external-metrics.listen-address="+address, "--external-metrics.tls-cert-file="+certFile, "--external-metrics.tls-private-key-file="+keyFile,
		"--external-metrics.authentication-kubeconfig="+e.kubeconfig, "--external-metrics.authorization-kubeconfig="+e.kubeconfig,
		"--external-metrics.service=forethought/"+name, "--kubernetes.kubeconfig="+e.kubeconfig, "--kubernetes.namespace=forethought")
	e.c.Ready(p, "http://"+web+"/-/ready")
	return p
}

// client returns the client of a user and a function that asks it for what is at an address.
func (e *external) client(t *testing.T, config *rest.Config) func(address string, headers ...string) (int, string) {
	t.Helper()
	config.QPS, config.Timeout = -1, 30*time.Second
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return externalAsk(client)
}

func externalAsk(client *http.Client) func(address string, headers ...string) (int, string) {
	return func(address string, headers ...string) (int, string) {
		r, err := http.NewRequest(http.MethodGet, address, http.NoBody)
		if err != nil {
			return 0, err.Error()
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return 0, err.Error()
		}
		return resp.StatusCode, string(body)
	}
}

// user returns the configuration of whom a kubeconfig file is about.
func (e *external) user(t *testing.T, kubeconfig string) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// value is the address of a metric below a server's.
func (e *external) value(base, namespace, metric, selector string) string {
	return base + externalPath + "/namespaces/" + namespace + "/" + metric + "?labelSelector=" + strings.ReplaceAll(selector, "=", "%3D")
}

// whoMayRead asks as everyone who must be refused and who must be served, directly and through the aggregator.
func (e *external) whoMayRead(t *testing.T) {
	poor, reader := e.c.ServiceAccount("forethought", "poor"), e.c.ServiceAccount("forethought", "reader", externalReader)
	bad := rest.AnonymousClientConfig(e.user(t, poor))
	bad.BearerToken = "bad"
	front := rest.AnonymousClientConfig(e.user(t, poor))
	front.CertFile, front.KeyFile = e.c.FrontProxyCert()
	certReader := e.c.ClientCert("cert-reader")
	_, err := e.c.Kubectl("create", "clusterrolebinding", "e2e-cert-reader", "--clusterrole=e2e:forethought:reader", "--user=cert-reader")
	if err != nil {
		t.Fatal(err)
	}
	spoofed := []string{"X-Remote-User", "cert-reader", "X-Remote-Group", "system:masters"}
	f := func(who string, config *rest.Config, served, direct bool, headers ...string) {
		t.Helper()
		ask := e.client(t, config)
		for _, base := range []string{"https://" + e.address, e.c.URL()} {
			if direct && base == e.c.URL() {
				continue
			}
			for _, address := range []string{
				e.value(base, "default", "forethought_pool_instances_desired", "fleet=web"), e.value(base, "default", "e2e_load", "workload=w0"),
				e.value(base, "own", "e2e_own", "workload=w0"),
			} {
				code, body := ask(address, headers...)
				if got := code == http.StatusOK; got != served || !served && code != http.StatusUnauthorized && code != http.StatusForbidden {
					t.Errorf("%s at %s: %d %s, want served = %v", who, address, code, body, served)
				}
			}
		}
	}
	f("anonymous", rest.AnonymousClientConfig(e.user(t, poor)), false, false)
	f("a bad token", bad, false, false)
	f("an account without rights", e.user(t, poor), false, false)
	f("a certificate without rights", e.user(t, e.c.ClientCert("nobody")), false, false)
	f("a spoofed X-Remote-User", rest.AnonymousClientConfig(e.user(t, poor)), false, false, spoofed...)
	f("an account that spoofs X-Remote-User", e.user(t, poor), false, false, spoofed...)
	f("a certificate that spoofs X-Remote-User", e.user(t, e.c.ClientCert("nobody")), false, false, spoofed...)
	f("an account with rights", e.user(t, reader), true, false)
	f("a certificate with rights", e.user(t, certReader), true, false)
	f("the front proxy for one with rights", front, true, true, "X-Remote-User", "cert-reader")
	f("the front proxy for one without rights", front, false, true, "X-Remote-User", "nobody")

	code, body := e.client(t, e.user(t, reader))(e.value(e.c.URL(), "other", "e2e_own", "workload=w0"))
	if code != http.StatusNotFound || !strings.Contains(body, "matches none of its 20 series") {
		t.Errorf("a namespaced rule in another namespace: %d %s", code, body)
	}
	if out, err := e.c.Kubectl("get", "--raw", externalPath); err != nil || !strings.Contains(out, "forethought_pool_instances_spare") {
		t.Errorf("kubectl get --raw = %s, %v", out, err)
	}
}

// exact gives twenty HPAs ten values each and wants exactly the replicas that these need, and no HPA with an error.
func (e *external) exact(t *testing.T) {
	e.scaleTargets()
	random := rand.New(rand.NewPCG(7, 11))
	for turn := range externalTurns {
		began, want := time.Now(), e.demand(random)
		cluster.WaitFor(t, fmt.Sprintf("turn %d: every HPA has exactly what its value needs", turn), 2*time.Minute, func() error { return e.reached(want) })
		took := time.Since(began)
		time.Sleep(1500 * time.Millisecond) // one more look of every HPA
		if err := e.reached(want); err != nil {
			t.Errorf("turn %d: reached and left: %v", turn, err)
		}
		e.healthy(t)
		t.Logf("turn %d: %d HPAs have exactly ceil(N) after %s: %v", turn, externalHPAs, took.Round(100*time.Millisecond), want)
	}
}

// demand draws a value for each HPA and returns the replicas that it needs: k replicas exactly, a trifle above k-1, or between.
func (e *external) demand(random *rand.Rand) (want [externalHPAs]int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.values {
		target := externalTarget(i)
		k := 1 + random.Int64N(900)
		v := new(big.Rat).Mul(big.NewRat(k, 1), target)
		switch random.IntN(4) {
		case 0:
			v.Sub(v, target).Add(v, big.NewRat(1, 1000))
		case 1:
			v.Sub(v, target).Add(v, big.NewRat(1, 10000))
		case 2:
			v.Sub(v, new(big.Rat).Mul(target, big.NewRat(1, 2)))
		}
		e.values[i], want[i] = v.FloatString(4), k
	}
	return want
}

// externalTarget returns what a replica of an HPA's target serves.
func externalTarget(i int) *big.Rat {
	text := externalTargets[i%len(externalTargets)]
	text, milli := strings.CutSuffix(text, "m")
	text, kilo := strings.CutSuffix(text, "k")
	v, _ := new(big.Rat).SetString(text)
	if milli {
		v.Mul(v, big.NewRat(1, 1000))
	}
	if kilo {
		v.Mul(v, big.NewRat(1000, 1))
	}
	return v
}

// scaleTargets makes the HPAs with their targets.
func (e *external) scaleTargets() {
	e.c.Namespace("scaled")
	var b strings.Builder
	for i := range externalHPAs {
		fmt.Fprintf(&b, externalHPA, fmt.Sprintf("w%d", i), "e2e_load", externalTargets[i%len(externalTargets)])
	}
	e.c.Apply(b.String())
}

const externalHPA = `
---
apiVersion: e2e.example.com/v1
kind: Load
metadata: {name: %[1]s, namespace: scaled}
spec: {replicas: 1}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %[1]s, namespace: scaled}
spec:
  scaleTargetRef: {apiVersion: e2e.example.com/v1, kind: Load, name: %[1]s}
  minReplicas: 1
  maxReplicas: 100000
  behavior:
    scaleUp: {tolerance: "0", stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 100000, periodSeconds: 1}]}
    scaleDown: {tolerance: "0", stabilizationWindowSeconds: 0, policies: [{type: Percent, value: 100, periodSeconds: 1}]}
  metrics:
    - type: External
      external: {metric: {name: %[2]s, selector: {matchLabels: {workload: %[1]s}}}, target: {type: AverageValue, averageValue: "%[3]s"}}
`

// follow lets the targets of HPAs have at once what is asked of them, until the test ends.
func (e *external) follow(t *testing.T) {
	loads := e.c.Dynamic().Resource(externalLoads)
	ctx, stop := context.WithCancel(context.Background())
	var g sync.WaitGroup
	g.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
			list, err := loads.List(ctx, metav1.ListOptions{})
			if err != nil {
				continue // the API server is ending, or does not know the kind yet
			}
			for _, o := range list.Items {
				asked, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
				has, found, _ := unstructured.NestedInt64(o.Object, "status", "replicas")
				if found && has == asked {
					continue
				}
				patch := fmt.Sprintf(`{"status":{"replicas":%d,"selector":"load=%s"}}`, asked, o.GetName())
				_, _ = loads.Namespace(o.GetNamespace()).Patch(ctx, o.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
			}
		}
	})
	t.Cleanup(func() { stop(); g.Wait() })
}

// replicas returns what is asked of the target of an HPA.
func (e *external) replicas(name string) (int64, error) {
	o, err := e.c.Dynamic().Resource(externalLoads).Namespace("scaled").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	n, _, err := unstructured.NestedInt64(o.Object, "spec", "replicas")
	return n, err
}

// reached returns nil where each HPA has asked for the replicas that are wanted.
func (e *external) reached(want [externalHPAs]int64) error {
	var wrong []string
	for i, n := range want {
		if got, err := e.replicas(fmt.Sprintf("w%d", i)); err != nil || got != n {
			wrong = append(wrong, fmt.Sprintf("w%d has %d and needs %d (%v)", i, got, n, err))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// healthy fails the test where an HPA has an error, or kubectl shows one.
func (e *external) healthy(t *testing.T) {
	t.Helper()
	out, err := e.c.Kubectl("get", "hpa", "-A")
	if err != nil || strings.Contains(out, "unknown") || strings.Contains(strings.ToLower(out), "error") || strings.Contains(out, "invalid") {
		t.Errorf("kubectl get hpa: %v\n%s", err, out)
	}
	list, err := e.c.Client().AutoscalingV2().HorizontalPodAutoscalers("scaled").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range list.Items {
		for _, c := range h.Status.Conditions {
			if c.Status != "True" && (c.Type == autoscalingv2.AbleToScale || c.Type == autoscalingv2.ScalingActive) {
				t.Errorf("HPA %s: %s is %s: %s %s", h.Name, c.Type, c.Status, c.Reason, c.Message)
			}
		}
	}
}

// rotation replaces the serving certificate while HPAs read and others read both ways, twenty times a second with a new connection each.
func (e *external) rotation(t *testing.T) {
	old := e.serial(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var g sync.WaitGroup
	var reads, failed atomic.Int64
	config, err := rest.TLSConfigFor(e.c.Config())
	if err != nil {
		t.Fatal(err)
	}
	ask := externalAsk(&http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: 30 * time.Second})
	for _, base := range []string{"https://" + e.address, e.c.URL()} {
		g.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
				code, body := ask(e.value(base, "scaled", "e2e_load", "workload=w0"))
				if reads.Add(1); code != http.StatusOK {
					failed.Add(1)
					t.Errorf("a read at %s during the rotation: %d %s", base, code, body)
				}
			}
		})
	}
	time.Sleep(time.Second)
	began := time.Now()
	e.c.ReplaceServing(e.certPrefix, "forethought.forethought.svc", externalHost(e.address))
	cluster.WaitFor(t, "the new certificate is served", time.Minute, func() error {
		if e.serial(t) == old {
			return errors.New("it is the old one")
		}
		return nil
	})
	t.Logf("the new certificate is served after %s", time.Since(began).Round(10*time.Millisecond))
	want := e.demand(rand.New(rand.NewPCG(1, 2)))
	cluster.WaitFor(t, "HPAs go on", time.Minute, func() error { return e.reached(want) })
	stop()
	g.Wait()
	t.Logf("%d reads during the rotation, %d failed", reads.Load(), failed.Load())
	e.healthy(t)
}

// serial returns the serial number of the certificate that is served.
func (e *external) serial(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", e.address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // which certificate it is, not whether it is right
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

const externalFormer = `
interval: 1s
validity: 10s
external_metrics: {rules: [{name: e2e_former, query: e2e_load * 3}, {name: e2e_load, query: e2e_load * 0}]}
fleets:
  - name: former
    demand: {query: max(e2e_load), unit: cores, step: 5s}
    pools: [{name: main, class: variable, capacity: 1, max: 10, lead_time: 5s}]
`

// delegate runs a second program as the adapter that was there before, with a metric that the first does not have.
func (e *external) delegate(t *testing.T) {
	ask := e.client(t, e.c.Config())
	f := func(metric, selector string, want int, part string) {
		t.Helper()
		code, body := ask(e.value(e.c.URL(), "scaled", metric, selector))
		if code != want || !strings.Contains(body, part) {
			t.Errorf("%s{%s}: %d %s, want %d with %s", metric, selector, code, body, want, part)
		}
	}
	f("e2e_former", "workload=w1", http.StatusBadGateway, "connection refused") // the delegate is not there yet

	certFile, keyFile := e.c.SignServing("former.forethought.svc", externalHost(e.previous))
	config := e.write(t, e.prometheus, externalFormer)
	former := e.serve("former", config, e.c.Address(), e.previous, certFile, keyFile)
	e.mu.Lock()
	e.values[1] = "123.0001"
	e.mu.Unlock()
	cluster.WaitFor(t, "the delegate has the value", time.Minute, func() error {
		if code, body := ask(e.value(e.c.URL(), "scaled", "e2e_former", "workload=w1")); code != http.StatusOK || !strings.Contains(body, `"369001m"`) {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	f("e2e_load", "workload=w1", http.StatusOK, `"123001m"`) // ours, though the delegate has that name too
	f("e2e_former", "workload=none", http.StatusNotFound, "matches none of its 20 series")
	f("nobodys", "a=b", http.StatusNotFound, "e2e_former") // what the delegate says
	poor := e.client(t, e.user(t, e.c.ServiceAccount("forethought", "poor")))
	if code, body := poor(e.value("https://"+e.address, "scaled", "e2e_former", "workload=w1")); code != http.StatusForbidden {
		t.Errorf("an account without rights reads the delegate: %d %s", code, body)
	}
	e.c.Apply(fmt.Sprintf(strings.ReplaceAll(externalHPA, "{workload: %[1]s}", "{workload: w1}"), "former", "e2e_former", "1"))
	cluster.WaitFor(t, "an HPA follows the delegate", time.Minute, func() error {
		n, err := e.replicas("former")
		if err == nil && n != 370 {
			err = fmt.Errorf("%d replicas", n)
		}
		return err
	})
	e.healthy(t)
	cluster.WaitFor(t, "the names of the delegate are listed", time.Minute, func() error {
		out, err := e.c.Kubectl("get", "--raw", externalPath)
		if err == nil && (strings.Count(out, `"e2e_load"`) != 1 || !strings.Contains(out, `"e2e_former"`)) {
			err = errors.New(out)
		}
		return err
	})
	former.Kill()
	f("e2e_former", "workload=w1", http.StatusBadGateway, "connection refused")
	f("e2e_load", "workload=w1", http.StatusOK, `"123001m"`)
	if out, err := e.c.Kubectl("get", "--raw", externalPath); err != nil || !strings.Contains(out, `"e2e_former"`) {
		t.Errorf("names after the delegate is gone: %s, %v", out, err)
	}
	time.Sleep(3 * time.Second)
	if n, err := e.replicas("former"); err != nil || n != 370 {
		t.Errorf("without the delegate its HPA has %d replicas, %v, want those that it had", n, err)
	}
	if _, err := e.c.Kubectl("delete", "hpa,load", "former", "-n", "scaled"); err != nil {
		t.Fatal(err)
	}
}

// owner points the APIService elsewhere and back.
func (e *external) owner(t *testing.T) {
	shows := func(samples ...string) {
		t.Helper()
		cluster.WaitFor(t, strings.Join(samples, ", "), time.Minute, func() error {
			_, body := get(t, "http://"+e.web+"/metrics")
			for _, sample := range samples {
				if !strings.Contains(body, "\nforethought_externalmetrics_apiservice_"+sample+"\n") {
					return fmt.Errorf("no %s", sample)
				}
			}
			return nil
		})
	}
	point := func(namespace, name string) {
		t.Helper()
		e.c.APIService("external.metrics.k8s.io", "v1beta1", namespace, name, 8443)
	}
	shows(`owner_info{owner="forethought/forethought"} 1`, "owned 1", "trusted 1", "changes_total 1") // from none, when the test made it
	e.c.Namespace("keda")
	point("keda", "keda-metrics-apiserver")
	shows(`owner_info{owner="keda/keda-metrics-apiserver"} 1`, "owned 0", "trusted 0", "changes_total 2")
	cluster.WaitFor(t, "an event says so", time.Minute, func() error {
		out, err := e.c.Kubectl("get", "events.events.k8s.io", "-n", "default", "-o",
			"jsonpath={range .items[?(@.reason=='ExternalMetricsOwner')]}{.regarding.name} {.type} {.note}\n{end}")
		if err == nil && !strings.Contains(out, cluster.ExternalMetrics+" Warning external metrics are served by KEDA (keda/keda-metrics-apiserver)") {
			err = errors.New(out)
		}
		return err
	})
	out, err := e.c.Kubectl("get", "apiservice", cluster.ExternalMetrics, "--show-managed-fields", "-o",
		"jsonpath={.metadata.managedFields[*].manager} {.spec.service.name}")
	if err != nil || strings.Contains(out, "forethought") || !strings.Contains(out, "keda-metrics-apiserver") {
		t.Errorf("managers and owner of the APIService: %s, %v, want it untouched", out, err)
	}
	point("forethought", "forethought")
	shows(`owner_info{owner="forethought/forethought"} 1`, "owned 1", "trusted 1", "changes_total 3")
	e.c.WaitAPIService(cluster.ExternalMetrics)
}

// speed reads a thousand fleets through the aggregator, and a list of ten thousand names, from a process that reads the decisions of
// another one back. It fails on gross excess only: other work on the machine moves the figures.
func (e *external) speed(t *testing.T) {
	const fleets, rules = 1000, 10000
	e.program.Kill()
	maker := e.c.Address()
	began := time.Now()
	p := e.c.Forethought("maker", nil, "serve", "--config.file="+e.write(t, e.prometheus, externalFleets(fleets)), "--web.listen-address="+maker)
	e.c.Ready(p, "http://"+maker+"/-/ready")
	t.Logf("%d fleets have their first decision after %s", fleets, time.Since(began).Round(time.Second))
	decisions := e.c.StartPrometheus(cluster.PrometheusOptions{
		Name: "decisions", Targets: map[string][]string{"forethought": {maker}}, ScrapeInterval: 30 * time.Second,
	})
	config := e.write(t, decisions, "source: prometheus\ninterval: 1m\nvalidity: 1h\n")
	decisions.Eventually(t, "count(forethought_pool_instances_desired)", 2*time.Minute, func(n float64) bool { return n == fleets })
	p = e.serve("forethought", config, e.web, e.address, e.certPrefix+".crt", e.certPrefix+".key")
	e.c.WaitAPIService(cluster.ExternalMetrics)
	ask := e.client(t, e.c.Config())
	for _, way := range []struct{ name, base string }{{"through the aggregator", e.c.URL()}, {"directly", "https://" + e.address}} {
		took := e.load(t, ask, way.base, fleets)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		t.Logf("%d fleets, 200 requests a second %s: p50 %s, p99 %s, most %s; RSS %d MB", fleets, way.name, p50.Round(10*time.Microsecond),
			p99.Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond), externalMB(t, p))
		if p99 > 200*time.Millisecond {
			t.Errorf("%s the 99th percentile is %s, and the goal is 20 ms", way.name, p99)
		}
	}

	var b strings.Builder
	b.WriteString("external_metrics:\n  rules:\n")
	for i := range rules {
		fmt.Fprintf(&b, "    - {name: queue_messages_ready_of_team_%d, query: vector(%d)}\n", i, i)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(config, append(text, b.String()...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGHUP)
	cluster.WaitFor(t, "the rules are listed and evaluated", 5*time.Minute, func() error {
		if code, body := ask(e.value(e.c.URL(), "default", fmt.Sprintf("queue_messages_ready_of_team_%d", rules-1), "")); code != http.StatusOK {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	var took []time.Duration
	for range 20 {
		at := time.Now()
		if code, body := ask(e.c.URL() + externalPath); code != http.StatusOK || strings.Count(body, "queue_messages_ready_of_team_") != rules {
			t.Fatalf("the list of names: %d, %d bytes", code, len(body))
		}
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	t.Logf("a list of %d names through the aggregator: median %s, most %s; RSS %d MB", rules, took[10].Round(100*time.Microsecond),
		took[19].Round(100*time.Microsecond), externalMB(t, p))
	if took[10] > time.Second {
		t.Errorf("the list takes %s, and the goal is 100 ms", took[10])
	}
}

// externalFleets returns the configuration of n fleets, of which fleet i needs i+1 instances. Only their first turn is made.
func externalFleets(n int) string {
	var b strings.Builder
	b.WriteString("interval: 30m\nvalidity: 1h\nfleets:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: f%d, demand: {query: vector(%d), unit: cores, step: 5m}, policy: {stale_after: 1h}, "+
			"pools: [{name: p%d, class: variable, capacity: 1, max: 9999, lead_time: 1m}]}\n", i, i+1, i)
	}
	return b.String()
}

// load makes 200 requests a second for ten seconds, and returns how long each took from when it was due, sorted.
func (e *external) load(t *testing.T, ask func(string, ...string) (int, string), base string, fleets int) []time.Duration {
	t.Helper()
	const every, n = 5 * time.Millisecond, 2000
	took := make([]time.Duration, n)
	var g sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * every)
		time.Sleep(time.Until(due))
		g.Go(func() {
			fleet := i % fleets
			code, body := ask(e.value(base, "default", "forethought_pool_instances_desired", fmt.Sprintf("fleet=f%d", fleet)))
			took[i] = time.Since(due)
			if want := fmt.Sprintf(`"value":"%d"`, fleet+1); code != http.StatusOK || fleet < 999 && !strings.Contains(body, want) { // 1000 is written 1k
				t.Errorf("fleet f%d: %d %s, want %s", fleet, code, body, want)
			}
		})
	}
	g.Wait()
	slices.Sort(took)
	return took
}

// externalMB returns the memory that a process occupies.
func externalMB(t *testing.T, p *cluster.Process) uint64 {
	t.Helper()
	bytes, err := p.RSS()
	if err != nil {
		t.Fatal(err)
	}
	return bytes / 1e6
}
