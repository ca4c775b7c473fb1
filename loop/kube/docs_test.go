package kube

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// Every expression of the document is one that Prometheus takes.
func TestExpressionsOfDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	for _, block := range blocks {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(block[1]); err != nil {
			t.Errorf("%s: %v", block[1], err)
		}
	}
	if len(blocks) != 1 {
		t.Errorf("%d expressions, want that of the demand", len(blocks))
	}
	// What the document names is what the program has.
	for _, name := range []string{"forethought_node_lead_time_seconds", PlaceholderLabel, KillLabel, "forethought_kubernetes_watch_synced"} {
		if !strings.Contains(string(text), name) {
			t.Errorf("the document does not name %s", name)
		}
	}
}
