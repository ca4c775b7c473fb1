package kube

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// The demand of the document is what pods that run or wait ask for: here a with two containers and b, which waits. c is a placeholder, d has
// ended, and e is of another namespace.
func TestDemandOfDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```promql\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the document has no expression")
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true})
	promqltest.RunTest(t, `load 1m
  kube_pod_container_resource_requests{namespace="batch",resource="cpu",pod="a",uid="1",container="x",node="n"} 2
  kube_pod_container_resource_requests{namespace="batch",resource="cpu",pod="a",uid="1",container="y",node="n"} 1
  kube_pod_container_resource_requests{namespace="batch",resource="memory",pod="a",uid="1",container="x",node="n"} 64
  kube_pod_container_resource_requests{namespace="batch",resource="cpu",pod="b",uid="2",container="x"} 4
  kube_pod_container_resource_requests{namespace="batch",resource="cpu",pod="c",uid="3",container="x",node="n"} 8
  kube_pod_container_resource_requests{namespace="batch",resource="cpu",pod="d",uid="4",container="x",node="n"} 16
  kube_pod_container_resource_requests{namespace="web",resource="cpu",pod="e",uid="5",container="x",node="n"} 32
  kube_pod_status_phase{namespace="batch",pod="a",uid="1",phase="Running"} 1
  kube_pod_status_phase{namespace="batch",pod="a",uid="1",phase="Pending"} 0
  kube_pod_status_phase{namespace="batch",pod="b",uid="2",phase="Running"} 0
  kube_pod_status_phase{namespace="batch",pod="b",uid="2",phase="Pending"} 1
  kube_pod_status_phase{namespace="batch",pod="c",uid="3",phase="Running"} 1
  kube_pod_status_phase{namespace="batch",pod="d",uid="4",phase="Running"} 0
  kube_pod_status_phase{namespace="batch",pod="d",uid="4",phase="Succeeded"} 1
  kube_pod_status_phase{namespace="web",pod="e",uid="5",phase="Running"} 1
  kube_pod_labels{namespace="batch",pod="a",uid="1"} 1
  kube_pod_labels{namespace="batch",pod="c",uid="3",label_forethought_dev_placeholder="true"} 1

eval instant at 0m `+strings.Join(strings.Fields(string(block[1])), " ")+`
  {} 7
`, engine)
}

// What the document names is what the program has.
func TestNamesOfDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		PlaceholderLabel, KillLabel, "forethought_node_lead_time_seconds", "forethought_kubernetes_watch_synced", startupTaints[0], startupTaints[1],
		"KillSwitchSet", "KillSwitchReleased",
	} {
		if !strings.Contains(string(text), name) {
			t.Errorf("the document does not name %s", name)
		}
	}
}
