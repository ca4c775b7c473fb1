//go:build bench

package externalmetrics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	loadFleets = 1000
	loadRules  = 10000
	loadEvery  = 5 * time.Millisecond // 200 requests a second
)

// oneSeries answers every expression with one series.
type oneSeries struct{}

func (oneSeries) Range(_ context.Context, q series.Query) ([]series.Series, error) {
	key := series.Key(fmt.Sprintf(`{namespace="default", queue=%q}`, q.Expr))
	return []series.Series{{Key: key, Start: q.Start, Step: q.Step, Values: []float64{12.5}}}, nil
}

// startLoaded runs a server in cluster mode with a thousand fleets and ten thousand rules that were evaluated once.
func startLoaded(b *testing.B) (*Server, *http.Client) {
	b.Helper()
	fleets := make([]pool.Snapshot, loadFleets)
	for i := range fleets {
		fleets[i] = snapshot(fmt.Sprintf("fleet-%d", i))
	}
	rules, err := NewRules(RulesOptions{
		Source: oneSeries{}, Interval: time.Minute, Validity: time.Hour, Now: func() time.Time { return at },
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		b.Fatal(err)
	}
	list := make([]Rule, loadRules)
	for i := range list {
		list[i] = Rule{Name: fmt.Sprintf("queue_messages_ready_of_team_%d", i), Expr: fmt.Sprintf("sum by (namespace, queue) (q_%d)", i)}
	}
	if err = rules.Set(list); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	rules.round(b.Context(), 0)
	b.Logf("one evaluation of %d rules by a source that answers at once: %s", loadRules, time.Since(began))
	c := newTestCluster(b)
	c.options.Board, c.options.Rules = boardOf(fleets...), rules
	s := start(b, c.options)
	return s, c.client(b)
}

// read reads an address as the user autoscaler and returns the bytes of the answer and how long it took.
func readAs(b *testing.B, client *http.Client, address string) (n int64, took time.Duration) {
	b.Helper()
	began := time.Now()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		b.Error(err)
		return 0, 0
	}
	r.Header.Set("Authorization", "Bearer good")
	resp, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return 0, 0
	}
	defer resp.Body.Close()
	if n, err = io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Errorf("%s: %s, %v", address, resp.Status, err)
	}
	return n, time.Since(began)
}

// report reports the median and the 99th percentile.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkLoad reads metrics of a thousand fleets and values of rules by turns, 200 times a second, over TLS with delegated authentication
// and authorisation. Each time counts from when the request was due. The memory is that of this process, the load's client included; the
// goal is 200 MB.
func BenchmarkLoad(b *testing.B) {
	s, client := startLoaded(b)
	readAs(b, client, s.valueURL("forethought_demand", "fleet=fleet-0"))
	var mu sync.Mutex
	var took []time.Duration
	var g sync.WaitGroup
	began, i := time.Now(), 0
	for b.Loop() {
		due := began.Add(time.Duration(i) * loadEvery)
		address := s.valueURL("forethought_demand_forecast_peak", fmt.Sprintf("fleet=fleet-%d,horizon=30m,probability=0.99", i%loadFleets))
		if i%2 == 1 {
			address = s.valueURL(fmt.Sprintf("queue_messages_ready_of_team_%d", i%loadRules), "namespace=default")
		}
		i++
		time.Sleep(time.Until(due))
		g.Go(func() {
			readAs(b, client, address)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
		})
	}
	g.Wait()
	report(b, took)
	b.ReportMetric(float64(heap())/1e6, "heap-MB")
	debug.FreeOSMemory()
	b.ReportMetric(resident(b)/1e6, "rss-MB")
	runtime.KeepAlive(s)
}

// BenchmarkDiscovery lists ten thousand names. The goal is 100 ms.
func BenchmarkDiscovery(b *testing.B) {
	s, client := startLoaded(b)
	var took []time.Duration
	var bytes int64
	for b.Loop() {
		n, t := readAs(b, client, s.URL())
		took, bytes = append(took, t), n
	}
	if bytes < 10*loadRules {
		b.Errorf("the list is %d bytes long", bytes)
	}
	report(b, took)
	b.ReportMetric(float64(bytes)/1e6, "MB")
}

// resident returns the bytes of memory that this process occupies.
func resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	text, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	kilobytes, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes * 1024
}
