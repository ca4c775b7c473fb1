package exporter

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestMetricsGolden(t *testing.T) {
	w := get(t, serve(t, fleets(), nil), "GET", "/metrics")
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	golden(t, "metrics.txt", w.Body.Bytes())

	problems, err := promlint.New(strings.NewReader(w.Body.String())).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(fleets(), func() time.Time { return noon }))
	file, err := os.Open(filepath.Join("testdata", "metrics.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := testutil.GatherAndCompare(registry, file); err != nil {
		t.Error(err)
	}
}

func TestMetricsOpenMetrics(t *testing.T) {
	s := serve(t, fleets(), nil)
	w := ask(t, s, "GET", "/metrics", map[string]string{"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"})
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") {
		t.Errorf("content type %q", got)
	}
	if got := w.Header().Get("Content-Encoding"); got != "gzip" {
		t.Errorf("content encoding %q", got)
	}
}

// TestMetricsWithoutDecision says what stays when a decision runs out.
func TestMetricsWithoutDecision(t *testing.T) {
	families := func(s pool.Snapshot) []string {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(NewCollector(board{s}, func() time.Time { return noon }))
		gathered, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range gathered {
			out = append(out, strings.TrimPrefix(f.GetName(), "forethought_"))
		}
		return out
	}
	f := func(s pool.Snapshot, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, families(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Fleet, diff)
		}
	}
	f(pool.Snapshot{}, "fleet_state")
	f(starting(), "fleet_state")
	f(expired(), "decision_valid_until_timestamp_seconds", "fleet_state", "fleet_workload_info", "forecast_coverage_ratio", "forecast_method_info",
		"forecast_skill_ratio", "pool_instances", "pool_lead_time_seconds", "pool_price_hourly")
}

// TestMetricsNeverNaN feeds what must not leave the process.
func TestMetricsNeverNaN(t *testing.T) {
	text := get(t, serve(t, board{broken()}, nil), "GET", "/metrics").Body.String()
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); !strings.HasPrefix(line, "#") && regexp.MustCompile(`NaN|Inf|^-`).MatchString(fields[len(fields)-1]) {
			t.Errorf("exported: %s", line)
		}
	}
	if strings.Contains(text, "forethought_demand{") {
		t.Error("a demand that is missing is exported")
	}
}

// TestMetricsOneReading says that a scrape reads the board once.
func TestMetricsOneReading(t *testing.T) {
	b := &countingBoard{board: fleets()}
	get(t, serve(t, b, nil), "GET", "/metrics")
	if b.reads != 1 {
		t.Errorf("the board was read %d times", b.reads)
	}
}

type countingBoard struct {
	board
	reads int
}

func (b *countingBoard) Snapshots() []pool.Snapshot {
	b.reads++
	return b.board
}

// TestMetricsDocumented compares the metrics of this package with METRICS.md: names, types, labels, help and a stability.
func TestMetricsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "METRICS.md"))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(fleets(), func() time.Time { return noon }))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		row := documented(string(text), f.GetName())
		if row == nil {
			t.Errorf("METRICS.md does not have %s", f.GetName())
			continue
		}
		given := strings.Split(row[2], ", ")
		slices.Sort(given)
		got := []string{row[1], strings.Join(given, ", "), row[4]}
		want := []string{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("METRICS.md about %s (-code +document):\n%s", f.GetName(), diff)
		}
		if row[3] != "STABLE" && row[3] != "EXPERIMENTAL" {
			t.Errorf("METRICS.md: stability %q of %s", row[3], f.GetName())
		}
	}
	if n := descriptions(); n != len(families) {
		t.Errorf("the fixture shows %d of %d metrics", len(families), n)
	}
}

func descriptions() int {
	ch := make(chan *prometheus.Desc, 100)
	NewCollector(board{}, time.Now).Describe(ch)
	return len(ch)
}

// documented returns the cells of a metric's row: name, type, labels, stability, help; nil where there is none.
func documented(text, name string) []string {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		if len(cells) == 5 && cells[0] == "`"+name+"`" {
			return cells
		}
	}
	return nil
}

// TestMetricsAndAPIAgree asks both doors for the same numbers.
func TestMetricsAndAPIAgree(t *testing.T) {
	s := serve(t, fleets(), nil)
	text := get(t, s, "GET", "/metrics").Body.String()
	body := get(t, s, "GET", "/api/v1/fleets/batch/forecast?horizon=30m&probability=0.99").Body.String()
	want := regexp.MustCompile(`forethought_demand_forecast\{fleet="batch",horizon="30m",probability="0.99",unit="cores"\} (\S+)`).FindStringSubmatch(text)
	got := regexp.MustCompile(`"quantiles":\{"0.99":([^}]+)\}`).FindStringSubmatch(body)
	if want == nil || got == nil || want[1] != got[1] {
		t.Errorf("/metrics says %v, the API %v", want, got)
	}
}

func BenchmarkScrape1000Fleets(b *testing.B) {
	many := make(board, 1000)
	for i := range many {
		many[i] = numbered(i)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(many, func() time.Time { return noon }))
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestInstancesThatAreNotKnownAreAbsent(t *testing.T) {
	f := func(observed, phases bool, want int) {
		t.Helper()
		p := pool.Pool{Name: "p", Class: pool.Fixed, Active: 3, Observed: observed, Phases: phases}
		b := board{{Fleet: "web", Pools: []pool.Pool{p}}}
		c := NewCollector(b, func() time.Time { return noon })
		if got := testutil.CollectAndCount(c, "forethought_pool_instances"); got != want {
			t.Errorf("observed %t, phases %t: %d series of instances, want %d", observed, phases, got, want)
		}
		if got := present(p); (got != nil) != observed {
			t.Errorf("observed %t: present is %v", observed, got)
		}
	}
	f(false, false, 0)
	f(false, true, 0)
	f(true, false, 1)
	f(true, true, 3)
}
