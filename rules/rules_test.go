// Package rules holds the recording rules and alerts on what Forethought exports, and what checks them: Prometheus's own parser and rule
// engine. There is nothing to import.
package rules

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

var rewrite = flag.Bool("rewrite", false, "write the copies of the rules instead of comparing them")

// file is what is checked. Its copies are where the chart and kubectl find it.
const (
	file     = "forethought.yml"
	chart    = "../deploy/chart/forethought/files/rules/forethought.yml"
	manifest = "../deploy/manifests/prometheusrule.yaml"
)

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

func parse(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, newParser(), promslog.NewNopLogger())
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	var all []rulefmt.Rule
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 8 {
		t.Fatalf("only %d rules found", len(all))
	}
	return all
}

var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_:]+)` \\| ([a-z]+) \\|")

// known returns the names that a rule may use: what METRICS.md lists and what is recorded.
func known(t *testing.T, all []rulefmt.Rule) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, row := range metricRow.FindAllStringSubmatch(string(text), -1) {
		names[row[1]] = true
		if row[2] == "histogram" {
			names[row[1]+"_bucket"], names[row[1]+"_sum"], names[row[1]+"_count"] = true, true, true
		}
	}
	for _, r := range all {
		names[r.Record] = true
	}
	return names
}

// namesIn returns the names of the series that an expression reads.
func namesIn(t *testing.T, expr string) []string {
	t.Helper()
	e, err := newParser().ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return nil
	}
	var names []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, m := range s.LabelMatchers {
			if m.Name == model.MetricNameLabel {
				names = append(names, strings.Split(m.Value, "|")...)
			}
		}
		return nil
	})
	if len(names) == 0 {
		t.Errorf("%s: it reads no series by name", expr)
	}
	return names
}

func TestRulesReadKnownMetrics(t *testing.T) {
	all := parse(t)
	names := known(t, all)
	for _, r := range all {
		for _, name := range namesIn(t, r.Expr) {
			if !names[name] {
				t.Errorf("%s%s: %s is neither in METRICS.md nor recorded", r.Record, r.Alert, name)
			}
		}
	}
}

// TestAlertsAreComplete: who is woken by an alert finds out what is so, what it means, and where to read on.
func TestAlertsAreComplete(t *testing.T) {
	operate, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range parse(t) {
		if r.Alert == "" {
			continue
		}
		if !strings.HasPrefix(r.Alert, "Forethought") || r.For == 0 {
			t.Errorf("%s: its name does not begin with Forethought, or it has no for", r.Alert)
		}
		if severity := r.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s: severity is %q", r.Alert, severity)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: it has no summary or no description", r.Alert)
		}
		page, anchor, _ := strings.Cut(r.Annotations["runbook"], "#")
		if page != "docs/operate.md" || !slices.Contains(anchors(operate), anchor) {
			t.Errorf("%s: docs/operate.md has no section for the runbook %q", r.Alert, r.Annotations["runbook"])
		}
	}
}

var (
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors returns those of the headings of a page, as they are on GitHub.
func anchors(page []byte) []string {
	var out []string
	for _, h := range heading.FindAllSubmatch(page, -1) {
		text := dropped.ReplaceAllString(strings.ToLower(string(h[1])), "")
		out = append(out, strings.ReplaceAll(text, " ", "-"))
	}
	return out
}

const manifestHead = `# The rules of rules/forethought.yml for the Prometheus operator; the chart has them as prometheusRule.enabled. Written by go test ./rules -rewrite.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: forethought, namespace: forethought}
spec:
`

// TestGeneratedCopies: the chart and the manifests have the rules that are tested here.
func TestGeneratedCopies(t *testing.T) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	indented := bytes.ReplaceAll(append([]byte("  "), bytes.TrimSpace(source)...), []byte("\n"), []byte("\n  "))
	indented = append(bytes.ReplaceAll(indented, []byte("\n  \n"), []byte("\n\n")), '\n')
	f := func(path string, want []byte) {
		t.Helper()
		if *rewrite {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what %s says (%v): run go test ./rules -rewrite", path, file, err)
		}
	}
	f(chart, source)
	f(manifest, append([]byte(manifestHead), indented...))
	if extra, err := filepath.Glob("../deploy/chart/forethought/files/rules/*"); err != nil || len(extra) != 1 {
		t.Errorf("the chart has the rules %v, want one file (%v)", extra, err)
	}
}
