package externalmetrics

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// at is when the decisions of these tests are made.
var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// board is a pool.Board of functions.
type board struct {
	snapshot  func(fleet string) (pool.Snapshot, bool)
	snapshots func() []pool.Snapshot
}

func (b board) Snapshot(fleet string) (pool.Snapshot, bool) { return b.snapshot(fleet) }
func (b board) Snapshots() []pool.Snapshot                  { return b.snapshots() }

// boardOf returns a board that holds the snapshots.
func boardOf(all ...pool.Snapshot) board {
	byName := map[string]pool.Snapshot{}
	for _, s := range all {
		byName[s.Fleet] = s
	}
	return board{
		snapshot:  func(fleet string) (pool.Snapshot, bool) { s, ok := byName[fleet]; return s, ok },
		snapshots: func() []pool.Snapshot { return all },
	}
}

// snapshot returns a fleet in mode act with a decision made at the time at: 7 fixed and 3 variable instances where 4 and 1 are needed
// now, and a forecast of one minute's steps to two hours. Step h is uniform on [100h, 100h+100], and its peak 1000 above that.
func snapshot(fleet string) pool.Snapshot {
	targets := func(fixed, variable int) pool.Plan {
		return pool.Plan{Targets: []pool.Target{
			{Pool: fleet + "-fixed", Class: pool.Fixed, Instances: fixed}, {Pool: fleet + "-spot", Class: pool.Variable, Instances: variable},
		}}
	}
	d := pool.Decision{
		Fleet: fleet, At: at, ValidUntil: at.Add(5 * time.Minute), Mode: pool.Act, Demand: 12.0625, Probability: 0.95,
		Reactive: targets(4, 1), Plan: targets(7, 3),
		Forecast: forecast.Forecast{Key: series.Key(fleet), Unit: series.Cores, Method: "test", Origin: at, Step: time.Minute},
	}
	for h := 1; h <= 120; h++ {
		low := 100 * float64(h)
		d.Forecast.Steps = append(d.Forecast.Steps, uniform{low, low + 100})
		d.Peaks = append(d.Peaks, uniform{low + 1000, low + 1100})
	}
	return pool.Snapshot{
		Fleet: fleet, Unit: series.Cores, State: pool.Ready, Turn: at,
		Horizons: []time.Duration{2 * time.Hour, 5 * time.Minute, 30 * time.Minute}, Probabilities: []float64{0.5, 0.9}, Probability: 0.95,
		Pools: []pool.Pool{
			{Name: fleet + "-fixed", Class: pool.Fixed, Capacity: 1, LeadTime: 4 * time.Minute},
			{Name: fleet + "-spot", Class: pool.Variable, Capacity: 1, LeadTime: 6 * time.Minute},
		},
		Decision: d,
	}
}

type uniform struct{ low, high float64 }

func (u uniform) Quantile(p float64) float64 { return u.low + p*(u.high-u.low) }

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func optionsFor(t testing.TB, b pool.Board) Options {
	t.Helper()
	return Options{
		Board: b, Now: func() time.Time { return at.Add(time.Minute) }, Log: slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(), Listener: listen(t),
	}
}

// start runs a server until the test ends, and checks that it ends without an error.
func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if stopErr := <-done; stopErr != nil {
			t.Errorf("Run: %v", stopErr)
		}
	})
	return s
}

// get returns the status code and the body of a URL.
func get(t testing.TB, address string) (code int, body []byte) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// valueURL is where the server answers with the value of a metric.
func (s *Server) valueURL(metric, selector string) string {
	return s.URL() + "/namespaces/default/" + metric + "?labelSelector=" + url.QueryEscape(selector)
}

// value reads a metric's only value. An answer that is not a value has its status message as error.
func (s *Server) value(t testing.TB, metric, selector string) (v v1beta1.ExternalMetricValue, code int, message string) {
	t.Helper()
	code, body := get(t, s.valueURL(metric, selector))
	var list struct {
		v1beta1.ExternalMetricValueList
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%s of %s: %v in %s", metric, selector, err, body)
	}
	if code != http.StatusOK {
		return v, code, list.Message
	}
	if len(list.Items) != 1 {
		t.Fatalf("%s of %s: %d items in %s, want 1", metric, selector, len(list.Items), body)
	}
	return list.Items[0], code, ""
}
