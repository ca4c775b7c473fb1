package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/pool"
)

// traceFile returns a real trace, or skips the test where there is none.
func traceFile(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA does not say where the real traces are")
	}
	return filepath.Join(dir, "demand", name)
}

// startDemo runs the demo in this process on free ports and returns it when every fleet has had its first turn.
func startDemo(t *testing.T, o demoOptions) *app {
	t.Helper()
	o.webAddress, o.speed, o.log = "127.0.0.1:0", max(o.speed, 1), slog.New(slog.DiscardHandler)
	o.storage, o.seed = t.TempDir(), 1
	ctx, cancel := context.WithCancel(t.Context())
	a, feed, cleanup, err := newDemo(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- a.run(ctx) }()
	go func() { ended <- feed.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("the demo ends with %v", err)
			}
		}
		cleanup()
	})
	if !awaitFirstTurns(ctx, a) {
		t.Fatal("the demo ended before its first turn")
	}
	return a
}

func TestDemoOrganisation(t *testing.T) {
	a := startDemo(t, demoOptions{})
	screen := firstScreen(a)
	if n := strings.Count(screen, "\n"); n != 10 {
		t.Errorf("the first screen has %d lines, want 10:\n%s", n, screen)
	}
	for _, want := range []string{"page: http://", "metrics: http://", "external metrics: http://", "prometheus: http://", "web: ", "batch: "} {
		if !strings.Contains(screen, want) {
			t.Errorf("the first screen lacks %q:\n%s", want, screen)
		}
	}
	for _, s := range a.board.Snapshots() {
		if s.State != pool.Ready {
			t.Errorf("%s is %s after its first turn: %s", s.Fleet, s.State, s.Reason)
		}
		sameEverywhere(t, a, s.Fleet)
	}
	if s, _ := a.board.Snapshot("batch"); s.Decision.Effective().Total() != s.Decision.Reactive.Total() {
		t.Error("batch is in mode shadow and its doors do not answer with the reactive need")
	}
	pageLinksEverything(t, a)
}

func TestDemoNASA(t *testing.T) {
	a := startDemo(t, demoOptions{input: traceFile(t, "nasa_http_1m.csv.gz")})
	sameEverywhere(t, a, "nasa_http_1m")
	s, _ := a.board.Snapshot("nasa_http_1m")
	for _, h := range s.Horizons {
		if v, err := s.Decision.DemandAhead(h, 0.5); err != nil || v <= 0 {
			t.Errorf("the median %s ahead is %v, %v: an outage of weeks ago pulls it to zero", h, v, err)
		}
	}
	gapStaysGap(t, a, "requests", 80*time.Hour)
}

func TestDemoPhilly(t *testing.T) {
	a := startDemo(t, demoOptions{input: traceFile(t, "philly_gpudemand_5m.csv.gz")})
	sameEverywhere(t, a, "philly_gpudemand_5m")
	if s, _ := a.board.Snapshot("philly_gpudemand_5m"); s.Unit != "gpus" {
		t.Errorf("the unit is %s, want gpus", s.Unit)
	}
}

// sameEverywhere compares what the external metrics API, /metrics and the library call say about a fleet.
func sameEverywhere(t *testing.T, a *app, fleet string) {
	t.Helper()
	a.current.loop.Hold(func() { sameWithoutTurn(t, a, fleet) }) // no turn is made meanwhile
}

func sameWithoutTurn(t *testing.T, a *app, fleet string) {
	t.Helper()
	s, _ := a.board.Snapshot(fleet)
	d, metrics := s.Decision, scrape(t, a)
	for _, target := range d.Effective().Targets {
		labels := map[string]string{"fleet": fleet, "pool": target.Pool}
		want := float64(target.Instances)
		equal(t, "external metric", fleet, external(t, a, "forethought_pool_instances_desired", labels), want)
		equal(t, "/metrics", fleet, metrics.value(t, "forethought_pool_instances_desired", labels), want)
	}
	equal(t, "external metric of the fleet", fleet, external(t, a, "forethought_pool_instances_desired", map[string]string{"fleet": fleet}),
		float64(d.Effective().Total()))
	for _, h := range s.Horizons {
		for _, p := range s.Probabilities {
			labels := map[string]string{
				"fleet": fleet, "horizon": model.Duration(h).String(), "probability": strconv.FormatFloat(p, 'g', -1, 64),
			}
			want, err := d.DemandAhead(h, p)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "/metrics", fleet, metrics.value(t, "forethought_demand_forecast", labels), want)
			peak, err := d.PeakAhead(h, p)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "/metrics, peak", fleet, metrics.value(t, "forethought_demand_forecast_peak", labels), peak)
			if !d.Acting() {
				want, peak = d.Demand, d.Demand // its door shows the present demand
			}
			for metric, value := range map[string]float64{"forethought_demand_forecast": want, "forethought_demand_forecast_peak": peak} {
				if got := external(t, a, metric, labels); got < value-1e-9*value || got > value+0.001001 {
					t.Errorf("%s: %s %v is %v, want %v rounded up to thousandths", fleet, metric, labels, got, value)
				}
			}
		}
	}
}

func equal(t *testing.T, where, fleet string, got, want float64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s says %v, the library call %v", fleet, where, got, want)
	}
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	resp, err := http.Get(address) //nolint:gosec,noctx // loopback, in a test
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %s", address, resp.Status, err, body)
	}
	return body
}

// external reads one value through the external metrics API.
func external(t *testing.T, a *app, metric string, labels map[string]string) float64 {
	t.Helper()
	pairs := make([]string, 0, len(labels))
	for k, v := range labels {
		pairs = append(pairs, k+"="+v)
	}
	var list struct {
		Items []struct{ Value string }
	}
	address := fmt.Sprintf("%s/namespaces/default/%s?labelSelector=%s", a.external.URL(), metric, url.QueryEscape(strings.Join(pairs, ",")))
	if err := json.Unmarshal(get(t, address), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%s: %d items, %v", address, len(list.Items), err)
	}
	return quantity(t, list.Items[0].Value)
}

// quantity reads the two forms of a Kubernetes quantity that are answered: a decimal number, and one of thousandths.
func quantity(t *testing.T, s string) float64 {
	t.Helper()
	digits, milli := strings.CutSuffix(s, "m")
	scale := 1.0
	if k, kilo := strings.CutSuffix(digits, "k"); kilo {
		digits, scale = k, 1000
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		t.Fatalf("quantity %q: %v", s, err)
	}
	if milli {
		scale = 0.001
	}
	return v * scale
}

type scraped map[string]*dto.MetricFamily

func scrape(t *testing.T, a *app) scraped {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(get(t, "http://"+a.web.Addr().String()+"/metrics"))))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func (s scraped) value(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	found := math.NaN()
	for _, m := range s[name].GetMetric() {
		match := 0
		for _, l := range m.GetLabel() {
			if v, asked := labels[l.GetName()]; asked && v == l.GetValue() {
				match++
			}
		}
		if match == len(labels) {
			found = m.GetGauge().GetValue()
		}
	}
	return found
}

// pageLinksEverything follows every link of the page.
func pageLinksEverything(t *testing.T, a *app) {
	t.Helper()
	base := "http://" + a.web.Addr().String() + "/"
	page := string(get(t, base))
	for _, want := range []string{"metrics", "api/v1/fleets", "-/healthy", "-/ready", a.external.URL(), a.storeListener.Addr().String()} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not link %s", want)
		}
	}
	for _, part := range strings.Split(page, `href="`)[1:] {
		link, _, _ := strings.Cut(part, `"`)
		if !strings.HasPrefix(link, "http") && !strings.HasPrefix(link, "#") {
			get(t, base+strings.TrimPrefix(strings.ReplaceAll(link, "&amp;", "&"), "/"))
		}
	}
}

// gapStaysGap reads the stored trace back and asserts that its longest hole is as long as the trace's own, and has no sample in it.
func gapStaysGap(t *testing.T, a *app, column string, atLeast time.Duration) {
	t.Helper()
	end := time.Now()
	query := url.Values{
		"query": {fmt.Sprintf("max_over_time(demo_demand{series=%q}[10m])", column)}, "step": {"600"},
		"start": {strconv.FormatInt(end.Add(-60*24*time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(end.Unix(), 10)},
	}
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	body := get(t, "http://"+a.storeListener.Addr().String()+"/api/v1/query_range?"+query.Encode())
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Data.Result) != 1 {
		t.Fatalf("%d series, %v", len(answer.Data.Result), err)
	}
	longest, last := 0.0, 0.0
	for _, v := range answer.Data.Result[0].Values {
		at, _ := v[0].(float64)
		if last > 0 {
			longest = max(longest, at-last)
		}
		last = at
	}
	if longest < atLeast.Seconds() {
		t.Errorf("the longest hole in the stored trace is %s, want %s: something was stored where nothing was collected",
			time.Duration(longest)*time.Second, atLeast)
	}
}

func TestDemoRefuses(t *testing.T) {
	f := func(want string, change func(*demoOptions)) {
		t.Helper()
		o := demoOptions{options: options{speed: 1, log: slog.New(slog.DiscardHandler), webAddress: "127.0.0.1:0"}}
		o.storage = t.TempDir()
		change(&o)
		if err := runDemo(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	short := filepath.Join(t.TempDir(), "short.csv")
	if err := os.WriteFile(short, []byte("timestamp,requests\n0,1\n60,2\n120,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("--speed=0", func(o *demoOptions) { o.speed = 0 })
	f("no such file", func(o *demoOptions) { o.input = "none.csv" })
	f("needs 2 days", func(o *demoOptions) { o.input = short })
	f(`no series is called "x"`, func(o *demoOptions) { o.input, o.series = short, "x" })
	f(`unknown unit "apples"`, func(o *demoOptions) { o.input, o.unit = short, "apples" })
	f("loopback", func(o *demoOptions) {
		o.external = "0.0.0.0:0"
	})
}
