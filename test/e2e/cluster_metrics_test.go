package e2e_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// serveTLS is the smallest aggregated API server: it lists no resource.
func serveTLS(t *testing.T, address, certFile, keyFile string) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/apis/tea.example.com/v1") {
			_, _ = io.WriteString(w, "ok")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "tea.example.com/v1", "resources": []}`)
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
}

// history has Prometheus take a history, keep it over a crash, scrape, and answer.
func history(t *testing.T, c *cluster.Cluster) {
	p := c.StartPrometheus(cluster.PrometheusOptions{
		Rules: "groups: [{name: e2e, rules: [{record: tea, expr: vector(7)}]}]",
	})
	const minutes = 28 * 24 * 60
	start := time.Now().Add(-minutes * time.Minute)
	values := make([]float64, minutes)
	for i := range values {
		values[i] = float64(i)
	}
	values[100] = math.NaN()
	p.Write(cluster.Series{Name: "demand", Labels: map[string]string{"fleet": "web"}, Start: start, Step: time.Minute, Values: values})
	p.Write(cluster.Series{Name: "demand", Labels: map[string]string{"fleet": "old"}, Start: start, Step: time.Minute, Values: []float64{1, 2, 3}})
	f := func(query string, want float64) {
		t.Helper()
		if got, err := p.Value(query); err != nil || got != want {
			t.Errorf("%s is %v, want %v: %v", query, got, want, err)
		}
	}
	check := func() {
		t.Helper()
		f(`count_over_time(demand{fleet="web"}[40d])`, minutes-1)
		f(`count_over_time(demand{fleet="old"}[40d])`, 3)
		f(`demand{fleet="web"}`, minutes-1)
		f("scalar(vector(1))", 1)
	}
	check()
	p.Restart()
	check()
	if _, err := p.Value("nothing"); !errors.Is(err, cluster.ErrNoSample) {
		t.Errorf("a query that returns nothing gives %v", err)
	}
	p.Eventually(t, "tea", time.Minute, func(v float64) bool { return v == 7 })

	targets := map[string][]string{"prometheus": {strings.TrimPrefix(p.URL, "http://")}}
	scraper := c.StartPrometheus(cluster.PrometheusOptions{Name: "scraper", Targets: targets})
	scraper.Eventually(t, `up{job="prometheus"}`, time.Minute, func(v float64) bool { return v == 1 })
}

const scaledObject = `
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: keda, namespace: shop}
spec:
  scaleTargetRef: {name: keda}
  pollingInterval: 2
  minReplicaCount: 1
  maxReplicaCount: 20
  triggers:
    - {type: prometheus, metadata: {serverAddress: %s, query: plan, threshold: "1"}}
`

// kedaScales has KEDA scale on what its own prometheus trigger reads.
func kedaScales(t *testing.T, c *cluster.Cluster) {
	p := c.StartPrometheus(cluster.PrometheusOptions{Name: "plans", Rules: "groups: [{name: plan, rules: [{record: plan, expr: vector(6)}]}]"})
	c.StartKEDA()
	c.Apply(fmt.Sprintf(deployment, "keda", 1, "base", "10m"))
	c.Apply(fmt.Sprintf(scaledObject, p.URL))
	began := time.Now()
	ready(t, c, "keda", 6)
	t.Logf("KEDA scales to 6 after %s", time.Since(began).Round(time.Millisecond))
	if out, err := c.Kubectl("get", "hpa", "-n", "shop"); err != nil || !strings.Contains(out, "keda-hpa-keda") {
		t.Errorf("kubectl get hpa prints %s: %v", out, err)
	}
}
