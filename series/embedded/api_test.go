package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
)

// gathered returns the value of a metric without labels.
func gathered(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return math.NaN()
}

func TestQueryRangeInSlices(t *testing.T) {
	const n = 41_000
	s := open(t, Options{})
	backfill(t, s, "x", points(n, identity))
	client := serve(t, s)
	start := noon.Add(-(n - 1) * time.Minute)
	want := 0.0
	for from := start; !from.After(noon); from = from.Add(10_000 * time.Minute) {
		to := from.Add(9_999 * time.Minute)
		if to.After(noon) {
			to = noon
		}
		got, _, _, err := client.QueryRange(t.Context(), "x", v1.Range{Start: from, End: to, Step: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got.(model.Matrix)[0].Values {
			if float64(p.Value) != want || !p.Timestamp.Time().Equal(start.Add(time.Duration(want)*time.Minute)) {
				t.Fatalf("point %v is %v", want, p)
			}
			want++
		}
	}
	if want != n {
		t.Errorf("%v points, want %v", want, n)
	}
	_, _, _, err := client.QueryRange(t.Context(), "x", v1.Range{Start: start, End: noon, Step: time.Minute})
	var bad *v1.Error
	if !errors.As(err, &bad) || bad.Type != v1.ErrBadData || !strings.Contains(bad.Msg, "11,000 points") {
		t.Errorf("more points than Prometheus allows: %v", err)
	}
}

func TestLabelsAndSeries(t *testing.T) {
	s := open(t, Options{})
	for _, fleet := range []string{"web", "batch"} {
		if err := s.Append(t.Context(), map[string]string{"__name__": "demand", "fleet": fleet}, noon, 1); err != nil {
			t.Fatal(err)
		}
	}
	client := serve(t, s)
	names, _, _, err := client.LabelNames(t.Context(), nil, noon.Add(-time.Hour), noon)
	if err != nil || !slices.Equal(names, model.LabelNames{"__name__", "fleet"}) {
		t.Errorf("labels: %v, %v", names, err)
	}
	values, _, _, err := client.LabelValues(t.Context(), "fleet", nil, noon.Add(-time.Hour), noon)
	if err != nil || !slices.Equal(values, model.LabelValues{"batch", "web"}) {
		t.Errorf("values: %v, %v", values, err)
	}
	all, _, _, err := client.Series(t.Context(), []string{"demand"}, noon.Add(-time.Hour), noon)
	if err != nil || len(all) != 2 {
		t.Errorf("series: %v, %v", all, err)
	}
	info, err := client.Buildinfo(t.Context())
	if err != nil || info.Version != PrometheusVersion {
		t.Errorf("buildinfo: %v, %v", info, err)
	}
	status, err := client.TSDB(t.Context())
	if err != nil || status.HeadStats.NumSeries != 2 {
		t.Errorf("status/tsdb: %v, %v", status, err)
	}
}

// The API must name the Prometheus that it is, or clients expect the wrong features.
func TestPrometheusVersion(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	// Prometheus 3.15.0 is version v0.315.0 of the module.
	m := regexp.MustCompile(`prometheus/prometheus v0\.(\d)(\d\d)\.(\d+)`).FindStringSubmatch(string(b))
	if m == nil {
		t.Fatal("go.mod does not require Prometheus")
	}
	minor, _ := strconv.Atoi(m[2])
	if want := fmt.Sprintf("%s.%d.%s", m[1], minor, m[3]); PrometheusVersion != want {
		t.Errorf("PrometheusVersion is %s, go.mod requires that of %s", PrometheusVersion, want)
	}
}

func TestBadQueries(t *testing.T) {
	s := open(t, Options{MaxSamples: 100})
	backfill(t, s, "x", points(1000, identity))
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	defer http.DefaultClient.CloseIdleConnections()
	f := func(query string, status int, kind, message string) {
		t.Helper()
		resp, err := http.Get(web.URL + "/api/v1/query?time=" + strconv.FormatInt(noon.Unix(), 10) + "&query=" + url.QueryEscape(query))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body struct{ Status, ErrorType, Error string }
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || body.Status != "error" || body.ErrorType != kind || !strings.Contains(body.Error, message) {
			t.Errorf("%s: %d %+v, want %d %s %q", query, resp.StatusCode, body, status, kind, message)
		}
	}
	f("sum(", 400, "bad_data", "1:5: parse error")
	f("x[5m] + 1", 400, "bad_data", "binary expression")
	f("", 400, "bad_data", "no expression")
	f("x[1d]", 422, "execution", "too many samples")
	f(`label_replace(x, "a", "b", "c", "(")`, 422, "execution", "invalid regular expression")
}

// Every path that Prometheus's API registers answers something, and nothing changes the store.
func TestEveryPathAnswers(t *testing.T) {
	s := open(t, Options{Self: prometheus.NewRegistry(), ScrapeConfigs: []byte(`[{job_name: a, static_configs: [{targets: ["localhost:1"]}]}]`)})
	add(t, s, "x", noon, 1)
	f := func(method, path string) int {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Header.Set("Origin", "http://elsewhere.example")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s %s allows the origin %s", method, path, got)
		}
		return w.Code
	}
	ok := func(paths ...string) {
		t.Helper()
		for _, path := range paths {
			if code := f("GET", path); code != http.StatusOK {
				t.Errorf("GET %s: %d", path, code)
			}
		}
	}
	time := "&time=" + strconv.FormatInt(noon.Unix(), 10)
	ok("/-/healthy", "/-/ready",
		"/api/v1/query?query=x"+time, "/api/v1/query_range?query=x&start=0&end=60&step=60", "/api/v1/query_exemplars?query=x&start=0&end=60",
		"/api/v1/format_query?query=x", "/api/v1/parse_query?query=x", "/api/v1/labels", "/api/v1/label/__name__/values", "/api/v1/series?match[]=x",
		"/api/v1/scrape_pools", "/api/v1/scrape_pools/config?scrapePool=a", "/api/v1/scrape_pools/config?scrapePool=forethought",
		"/api/v1/targets", "/api/v1/targets?state=dropped", "/api/v1/targets/metadata", "/api/v1/alertmanagers", "/api/v1/metadata",
		"/api/v1/status/config", "/api/v1/status/runtimeinfo", "/api/v1/status/buildinfo", "/api/v1/status/flags", "/api/v1/status/tsdb",
		"/api/v1/status/tsdb/blocks", "/api/v1/status/self_metrics", "/api/v1/features", "/api/v1/status/walreplay", "/api/v1/notifications",
		"/api/v1/alerts", "/api/v1/rules", "/api/v1/openapi.yaml")
	for _, path := range []string{"/api/v1/write", "/api/v1/otlp/v1/metrics"} {
		if code := f("POST", path); code != http.StatusNotFound {
			t.Errorf("POST %s: %d, want 404", path, code)
		}
	}
	for _, path := range []string{"delete_series?match[]=x", "clean_tombstones", "snapshot"} {
		if code := f("POST", "/api/v1/admin/tsdb/"+path); code != http.StatusForbidden {
			t.Errorf("POST %s: %d, want 403", path, code)
		}
	}
	if got := at(t, serve(t, s), "x", noon); got != 1 {
		t.Errorf("the sample is %v after all that", got)
	}
	paths := registeredPaths(s)
	if len(paths) < 40 {
		t.Errorf("only %d paths are registered", len(paths))
	}
	for _, pattern := range paths {
		f("GET", "/api/v1"+strings.ReplaceAll(pattern, ":name", "__name__"))
		f("POST", "/api/v1"+strings.ReplaceAll(pattern, ":name", "__name__"))
	}
}

// registeredPaths lists what Prometheus's API registers, so that a path of a later version is tested as well.
func registeredPaths(s *Server) []string {
	var paths []string
	record := func(name string, h http.HandlerFunc) http.HandlerFunc {
		paths = append(paths, name)
		return h
	}
	s.registry = prometheus.NewRegistry() // The constructor registers metrics.
	s.newAPI().Register(route.New().WithInstrumentation(record))
	return slices.DeleteFunc(paths, func(p string) bool { return strings.Contains(p, "*") })
}

func TestInstantQueryAtOurTime(t *testing.T) {
	s := open(t, Options{Now: func() time.Time { return noon.Add(time.Minute) }})
	add(t, s, "x", noon, 42)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/query?query=x", nil))
	if !strings.Contains(w.Body.String(), fmt.Sprintf(`[%d,"42"]`, noon.Add(time.Minute).Unix())) {
		t.Errorf("a query without a time: %s", w.Body)
	}
	form := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/query", strings.NewReader("query=x"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	s.Handler().ServeHTTP(w, form)
	if !strings.Contains(w.Body.String(), `"42"`) {
		t.Errorf("a posted query without a time: %s", w.Body)
	}
}

func TestMetricsShownAreFew(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	s := open(t, Options{Registerer: registry})
	add(t, s, "x", noon, 1)
	want := `
# HELP forethought_embedded_blocks_quarantined_total Blocks of the embedded store that could not be opened and were moved aside.
# TYPE forethought_embedded_blocks_quarantined_total counter
forethought_embedded_blocks_quarantined_total 0
# HELP forethought_embedded_collections_total Collections of our own metrics into the embedded store, by outcome: ok or error.
# TYPE forethought_embedded_collections_total counter
forethought_embedded_collections_total{outcome="error"} 0
forethought_embedded_collections_total{outcome="ok"} 0
# HELP prometheus_tsdb_compactions_failed_total Compactions of the embedded store that failed.
# TYPE prometheus_tsdb_compactions_failed_total counter
prometheus_tsdb_compactions_failed_total 0
# HELP prometheus_tsdb_head_samples_appended_total Samples appended to the embedded store, by type.
# TYPE prometheus_tsdb_head_samples_appended_total counter
prometheus_tsdb_head_samples_appended_total{type="float"} 1
prometheus_tsdb_head_samples_appended_total{type="histogram"} 0
# HELP prometheus_tsdb_head_series Series in the head of the embedded store.
# TYPE prometheus_tsdb_head_series gauge
prometheus_tsdb_head_series 1
# HELP prometheus_tsdb_reloads_failures_total Times that the embedded store could not reload its blocks.
# TYPE prometheus_tsdb_reloads_failures_total counter
prometheus_tsdb_reloads_failures_total 0
# HELP prometheus_tsdb_storage_blocks_bytes Bytes that the blocks of the embedded store use on disk.
# TYPE prometheus_tsdb_storage_blocks_bytes gauge
prometheus_tsdb_storage_blocks_bytes 0
# HELP prometheus_tsdb_wal_corruptions_total Times that the write-ahead log of the embedded store was found torn and was cut off.
# TYPE prometheus_tsdb_wal_corruptions_total counter
prometheus_tsdb_wal_corruptions_total 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("after Close %d metrics are registered, %v", len(families), err)
	}
}

func TestAppendRefuses(t *testing.T) {
	s := open(t, Options{})
	add(t, s, "x", noon, 1)
	add(t, s, "x", noon, 1) // The same again is no error.
	f := func(lset map[string]string, at time.Time, v float64, want ...string) {
		t.Helper()
		err := s.Append(t.Context(), lset, at, v)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("Append(%v, %v, %v): %v, want %q", lset, at, v, err, w)
			}
		}
	}
	f(nil, noon, 1, "__name__ is \"\"")
	f(map[string]string{"__name__": "x", "": "y"}, noon, 1, "not valid")
	f(named("x"), noon, 2, `append to {__name__="x"} at 2026-03-10T12:00:00Z`, "duplicate")
	f(named("x"), noon.Add(-time.Second), 1, "out of order")
	f(named("y"), noon.Add(-2*time.Hour), 1, "out of bounds")
	f(named("x"), noon.Add(time.Second), math.Inf(1), "not a finite number")
	if got := samples(t, serve(t, s), "x", noon.Add(-time.Hour), noon.Add(time.Hour)); !slices.Equal(got, []string{"0:1"}) {
		t.Errorf("stored %v", got)
	}
}

func TestAppendNaNEndsTheSeries(t *testing.T) {
	s := open(t, Options{})
	add(t, s, "x", noon, 1)
	add(t, s, "x", noon.Add(time.Minute), math.NaN())
	add(t, s, "x", noon.Add(3*time.Minute), 0)
	client := serve(t, s)
	f := func(after time.Duration, want float64) {
		t.Helper()
		if got := at(t, client, "x", noon.Add(after)); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s after noon the value is %v, want %v", after, got, want)
		}
	}
	f(0, 1)
	f(59*time.Second, 1)
	f(time.Minute, math.NaN())
	f(2*time.Minute, math.NaN())
	f(3*time.Minute, 0)
}

func TestCheckExpr(t *testing.T) {
	f := func(expr string, want ...string) {
		t.Helper()
		err := CheckExpr(expr)
		if len(want) == 0 && err != nil {
			t.Errorf("CheckExpr(%q): %v", expr, err)
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("CheckExpr(%q): %v, want %q", expr, err, w)
			}
		}
	}
	f("sum(x)")
	f("1 + 1")
	f("scalar(x)")
	f(`sum by (a) (rate(x{b=~"c.*"}[5m] offset 1h))`)
	f("sum(", `query "sum("`, "1:5: parse error", "unclosed left parenthesis")
	f("sum(x)\n  + rate(x)", "2:10: parse error", "range vector")
	f("x[5m]", "range vector", "avg_over_time")
	f(`"text"`, "is a string")
	f("", "no expression")
}

// Closing while requests run ends them first.
func TestCloseEndsRequests(t *testing.T) {
	s := open(t, Options{})
	begun, ended := make(chan struct{}), make(chan struct{})
	h := s.whileOpen(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	}))
	go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	<-begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Close returns while a request runs")
	}
}
