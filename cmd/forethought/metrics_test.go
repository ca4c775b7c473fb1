package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

var (
	rowOfMetric = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (gauge|counter|histogram) \\| ([^|]*) \\| (STABLE|EXPERIMENTAL) \\| (.*) \\|$")
	inBackticks = regexp.MustCompile("`([a-z_]+)`")
)

// elsewhere are metrics of what the demo's fleets do not have: several types, a warm stock, commitments, moves. The tests of package
// exporter hold them to METRICS.md.
var elsewhere = []string{
	"forethought_plan_quantile_score", // of windows that are over
	"forethought_pool_type_instances_desired", "forethought_pool_warm_instances_desired", "forethought_plan_moves",
	"forethought_plan_on_demand_hourly_cost",
}

// TestMetricsDoc compares METRICS.md with what a whole process exports: names, types, labels and help, in both directions.
func TestMetricsDoc(t *testing.T) {
	data, err := os.ReadFile("../../METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, row := range rowOfMetric.FindAllStringSubmatch(string(data), -1) {
		var labels []string
		for _, l := range inBackticks.FindAllStringSubmatch(row[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		documented[row[1]] = []string{row[2], strings.Join(labels, ","), row[5]}
	}
	exported := exportedMetrics(t)
	for name, want := range exported {
		if got := documented[name]; !slices.Equal(got, want) {
			t.Errorf("METRICS.md says of %s %q, the program exports %q", name, got, want)
		}
	}
	written := writtenMetrics(t)
	for name, help := range written {
		if got := documented[name]; exported[name] == nil && (got == nil || got[2] != help) {
			t.Errorf("METRICS.md says of %s %q, its source says %q", name, got, help)
		}
	}
	for name := range documented {
		if exported[name] == nil && written[name] == "" && !slices.Contains(elsewhere, name) {
			t.Errorf("METRICS.md lists %s, which the program does not export", name)
		}
	}
}

// writtenMetrics returns name and help of the metrics in the source of what the demo does not run: doors and what a cluster has.
func writtenMetrics(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../../adapter/*/*.go", "../../loop/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, parseErr := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if parseErr != nil {
				t.Fatal(parseErr)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.CompositeLit); ok {
					keys := stringsOf(literal)
					if strings.HasPrefix(keys["Name"], "forethought_") {
						out[keys["Name"]] = keys["Help"]
					}
				}
				return true
			})
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d metrics are found in the source", len(out))
	}
	return out
}

// stringsOf returns the constant strings of a composite literal by key.
func stringsOf(literal *ast.CompositeLit) map[string]string {
	out := map[string]string{}
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, named := pair.Key.(*ast.Ident); named {
				out[key.Name] = textOf(pair.Value)
			}
		}
	}
	return out
}

// textOf returns the string that an expression of literals is.
func textOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(x.Value)
		return text
	case *ast.BinaryExpr:
		return textOf(x.X) + textOf(x.Y)
	}
	return ""
}

// exportedMetrics runs a demo until it knows everything it can export, and returns type, labels and help by name.
func exportedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	a := startDemo(t, demoOptions{options: options{speed: 60}})
	resp, err := http.Get(a.external.URL() + "/namespaces/default/forethought_demand?labelSelector=fleet%3Dweb") //nolint:noctx // in a test
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	families := gatherAll(t, a)
	out := map[string][]string{}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "forethought_") && !strings.HasPrefix(name, "prometheus_") {
			continue
		}
		labels := map[string]bool{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[l.GetName()] = true
		}
		out[name] = []string{
			strings.ToLower(f.GetType().String()), strings.Join(slices.Sorted(maps.Keys(labels)), ","), f.GetHelp(),
		}
	}
	lint(t, families)
	return out
}

// gatherAll gathers when what was forecast a horizon ago for now is known, of a decision that holds.
func gatherAll(t *testing.T, a *app) []*dto.MetricFamily {
	t.Helper()
	for {
		families, err := a.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "forethought_demand_forecast_for_now" }) {
			return families
		}
		if err := a.clock.Wait(t.Context(), a.clock.Now().Add(15*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

func lint(t *testing.T, families []*dto.MetricFamily) {
	t.Helper()
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "forethought_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestFutureScramble makes the same turns on two histories that differ in what comes after the last of them: not a byte of the decision
// may differ.
func TestFutureScramble(t *testing.T) {
	f := func(at time.Time, turns int) {
		t.Helper()
		history := func(seed float64) *fakeProm {
			return &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": func(now time.Time) float64 {
				if now.After(at) {
					return 1e6 * seed
				}
				return wave(now)
			}}}}
		}
		var decisions []string
		for _, seed := range []float64{1, 2} {
			a := serveOn(t, history(seed), "demand", "")
			for k := turns - 1; k >= 0; k-- {
				turn(a, at.Add(-time.Duration(k)*7*time.Minute))
			}
			decisions = append(decisions, explanation(t, a))
		}
		if decisions[0] != decisions[1] {
			t.Errorf("what comes after %s changes the decision:\n%s\n%s", at, decisions[0], decisions[1])
		}
		if !strings.Contains(decisions[0], "Instances:") {
			t.Fatal(fmt.Errorf("no decision at %s", at))
		}
	}
	for h := range 6 {
		f(noon.Add(time.Duration(h)*97*time.Minute), 1)
	}
	f(noon, 30) // three and a half hours of updates and refits
}
