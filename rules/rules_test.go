// Package rules holds the recording rules and alerts on what Forethought exports, and what checks them: Prometheus's own parser and rule
// engine. There is nothing to import.
package rules

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
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

// run evaluates every rule each minute up to a time, on samples in the notation of promqltest at one a minute from 0 on, and calls see after
// each minute.
func run(t *testing.T, samples string, until time.Duration, see func(all []rules.Rule, l *promqltest.LazyLoader, now time.Time)) {
	t.Helper()
	l, err := promqltest.NewLazyLoader("load 1m\n"+strings.TrimSpace(samples), promqltest.LazyLoaderOpts{EnableAtModifier: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	m := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(l.QueryEngine(), l.Storage()), Appendable: l.Storage(), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: promslog.NewNopLogger(), Parser: newParser(),
	})
	groups, errs := m.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, file)
	for _, err := range errs {
		t.Fatal(err)
	}
	var all []rules.Rule
	for _, g := range groups {
		all = append(all, g.Rules()...)
	}
	start := time.Unix(0, 0).UTC()
	for now := start; !now.After(start.Add(until)); now = now.Add(time.Minute) {
		l.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				g.Eval(context.Background(), now)
			}
			for _, r := range all {
				if err := r.LastError(); err != nil {
					t.Errorf("%s: %v", r.Name(), err)
				}
			}
			see(all, l, now)
		})
	}
}

// firing returns the alerts that fire, by job and as name{label=value,...} without severity, job and namespace, sorted.
func firing(t *testing.T, all []rules.Rule) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range all {
		a, ok := r.(*rules.AlertingRule)
		if !ok {
			continue
		}
		for _, alert := range a.ActiveAlerts() {
			if alert.State != rules.StateFiring {
				continue
			}
			job := alert.Labels.Get("job")
			own := labels.NewBuilder(alert.Labels).Del("alertname", "severity", "job", "namespace").Labels()
			out[job] = append(out[job], a.Name()+own.String())
			if text := alert.Annotations.String(); strings.Contains(text, "error expanding template") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: %s", a.Name(), text)
			}
		}
	}
	for _, alerts := range out {
		slices.Sort(alerts)
	}
	return out
}

// scenario is what is to fire at a time. All scenarios are run at once, each as a job of its own: alerts do not reach across jobs.
type scenario struct {
	job, samples string
	at           time.Duration
	want         []string
}

func TestAlerts(t *testing.T) {
	var scenarios []scenario
	f := func(at time.Duration, samples string, want ...string) {
		_, _, line, _ := runtime.Caller(1)
		job := fmt.Sprintf("line %d", line)
		scenarios = append(scenarios, scenario{job: job, samples: strings.ReplaceAll(samples, `job="ft"`, fmt.Sprintf("job=%q", job)), at: at, want: want})
	}
	const minute = time.Minute

	// A fleet fails for longer than ten minutes, on one replica of two.
	failed := `
		forethought_fleet_state{fleet="web",state="failed",job="ft",instance="a"} 0x4 1x60
		forethought_fleet_state{fleet="web",state="failed",job="ft",instance="b"} 0x64
		forethought_fleet_state{fleet="web",state="ready",job="ft",instance="a"} 1x4 0x60
		forethought_fleet_state{fleet="batch",state="failed",job="ft",instance="a"} 0x64`
	f(10*minute, failed)
	f(16*minute, failed, `ForethoughtFleetFailed{fleet="web"}`)

	// A decision that is renewed is valid; one that is not runs out. The values are seconds since 1970, where the samples begin.
	f(30*minute, `forethought_decision_valid_until_timestamp_seconds{fleet="web",job="ft",instance="a"} 300+60x40`)
	expired := `
		forethought_decision_valid_until_timestamp_seconds{fleet="web",job="ft",instance="a"} 300+60x40
		forethought_decision_valid_until_timestamp_seconds{fleet="web",job="ft",instance="b"} 300x40
		forethought_decision_valid_until_timestamp_seconds{fleet="batch",job="ft",instance="a"} 300+60x40`
	f(6*minute, expired)
	f(9*minute, expired, `ForethoughtDecisionExpired{fleet="web"}`)

	// The APIService is taken: the counter rises. Or it was taken while the process was not running: owned falls.
	f(30*minute, `
		forethought_externalmetrics_apiservice_changes_total{job="ft",instance="a"} 0x40
		forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 1x40`)
	f(30*minute, `forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 0x40`) // it never was ours
	f(12*minute, `
		forethought_externalmetrics_apiservice_changes_total{job="ft",instance="a"} 0x8 1x40
		forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 1x8 0x40`, `ForethoughtExternalMetricsOwnerChanged{}`)
	f(20*minute, `
		forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 1x8 _x8
		forethought_externalmetrics_apiservice_owned{job="ft",instance="c"} _x12 0x30`, `ForethoughtExternalMetricsOwnerChanged{}`)

	// What is written without anybody in the way, and what somebody else owns or scales.
	f(30*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="a"} 0+1x40
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="conflict",job="ft",instance="a"} 3x40
		forethought_actuator_leading{job="ft",instance="a"} 1x40`)
	f(30*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="conflict",job="ft",instance="a"} 0x10 1x5 2x5 3x30
		forethought_actuator_leading{job="ft",instance="a"} 1x60`,
		`ForethoughtActuatorConflict{actuator="scale", fleet="web", pool="spot"}`)
	f(30*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="refused",job="ft",instance="a"} 0x10 0+4x30
		forethought_actuator_leading{job="ft",instance="a"} 1x60`,
		`ForethoughtActuatorConflict{actuator="scale", fleet="web", pool="spot"}`)

	// Migrations that succeed, and one that does not.
	f(30*minute, `forethought_migrations_total{fleet="web",from="fixed",to="spot",outcome="migrated",job="ft",instance="a"} 0+1x40
		forethought_migrations_total{fleet="web",from="fixed",to="spot",outcome="undone",job="ft",instance="a"} 0x40
		forethought_actuator_leading{job="ft",instance="a"} 1x40`)
	f(30*minute, `forethought_migrations_total{fleet="web",from="fixed",to="spot",outcome="undone",job="ft",instance="a"} 0x20 1x20
		forethought_actuator_leading{job="ft",instance="a"} 1x40`, `ForethoughtMigrationUndone{fleet="web", from="fixed", to="spot"}`)

	// One of two leads; none does; none does but nothing is to be written; a shard has no leader while the other has one.
	two := `
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="a"} 0x40
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="b"} 0x40
		forethought_actuator_leading{job="ft",instance="b"} 0x40
		forethought_actuator_leading{job="ft",instance="a"} `
	f(20*minute, two+"1x40")
	f(20*minute, two+"1x10 0x30", `ForethoughtNoLeader{fleet="web"}`)
	f(20*minute, `forethought_actuator_leading{job="ft",instance="a"} 0x40`)
	f(20*minute, `
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="a"} 0x40
		forethought_migrations_total{fleet="batch",from="fixed",to="spot",outcome="undone",job="ft",instance="b"} 0x40
		forethought_actuator_leading{job="ft",instance="a"} 1x40
		forethought_actuator_leading{job="ft",instance="b"} 0x40`, `ForethoughtNoLeader{fleet="batch"}`)

	var samples strings.Builder
	for _, c := range scenarios {
		samples.WriteString(strings.TrimSpace(c.samples) + "\n")
	}
	run(t, samples.String(), 30*minute, func(all []rules.Rule, _ *promqltest.LazyLoader, now time.Time) {
		got := firing(t, all)
		for _, c := range scenarios {
			if now.Equal(time.Unix(0, 0).Add(c.at)) && !slices.Equal(got[c.job], c.want) {
				t.Errorf("%s: at %s %v fires, want %v", c.job, c.at, got[c.job], c.want)
			}
		}
	})
}

func TestLeadTime(t *testing.T) {
	f := func(want, samples string) {
		t.Helper()
		run(t, samples, 30*time.Minute, func(_ []rules.Rule, l *promqltest.LazyLoader, now time.Time) {
			if now.Before(time.Unix(0, 0).Add(30 * time.Minute)) {
				return
			}
			q, err := l.QueryEngine().NewInstantQuery(context.Background(), l.Queryable(), nil, "forethought:node_lead_time:p95", now)
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			result := q.Exec(context.Background())
			vector, err := result.Vector()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(vector.String(), " @[1800000]", ""); got != want {
				t.Errorf("lead times are %s, want %s, on\n%s", got, want, samples)
			}
		})
	}
	// Twenty nodes within a minute, of which the 95th percentile lies 95 % into the bucket from 60 to 120 s.
	ready := `
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="ready",le="60"} 0x40
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="ready",le="120"} 0x9 20x30
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="ready",le="+Inf"} 0x9 20x30`
	pod := `
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="120"} 0x40
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="220"} 0x9 20x30
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="+Inf"} 0x9 20x30`
	none := `
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="120"} 0x40
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="+Inf"} 0x40`
	f(`{__name__="forethought:node_lead_time:p95", fleet="web", pool="spot"} => 215`, ready+pod)
	f(`{__name__="forethought:node_lead_time:p95", fleet="web", pool="spot"} => 117`, ready+none)
	f(``, none) // no node came: absent, and neither 0 nor NaN
	// A native histogram of twenty nodes between 64 and 128 s, as Prometheus keeps it where it scrapes those: 64 x 2^0.95.
	f(`{__name__="forethought:node_lead_time:p95", fleet="web", pool="spot"} => 123.63985010238025`, `
		forethought_node_lead_time_seconds{fleet="web",pool="spot",stage="pod"} {{schema:0 sum:0 count:0}}x9 {{schema:0 sum:2000 count:20 offset:7 buckets:[20]}}x30`)
}
