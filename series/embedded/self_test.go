package embedded

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/timestamp"
)

// collect stores one collection of the Server's own metrics.
func collect(t *testing.T, s *Server, at time.Time) error {
	t.Helper()
	return s.self.store(t.Context(), s.opts.Self, timestamp.FromTime(at))
}

func TestSelfIsStoredAsAScrapeWould(t *testing.T) {
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "temperature_celsius", Help: "How warm it is."}, []string{"room", "job"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wait_seconds", Help: "Waiting.", Buckets: []float64{0.5, 1}})
	registry.MustRegister(gauge, histogram)
	s := open(t, Options{Self: registry, Instance: "here:8080"})
	client := serve(t, s)

	gauge.WithLabelValues("cellar", "cook").Set(12)
	gauge.WithLabelValues("attic", "").Set(30)
	histogram.Observe(0.7)
	if err := collect(t, s, noon); err != nil {
		t.Fatal(err)
	}
	gauge.DeleteLabelValues("attic", "")
	gauge.WithLabelValues("cellar", "cook").Set(13)
	if err := collect(t, s, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	f := func(expr string, when time.Time, want float64) {
		t.Helper()
		if got := at(t, client, expr, when); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s at %s is %v, want %v", expr, when, got, want)
		}
	}
	later := noon.Add(time.Minute)
	f(`up{job="forethought",instance="here:8080"}`, noon, 1)
	f(`temperature_celsius{room="cellar",exported_job="cook",job="forethought",instance="here:8080"}`, noon, 12)
	f(`temperature_celsius{room="cellar"}`, later, 13)
	f(`temperature_celsius{room="attic",exported_job=""}`, noon, 30)
	f(`temperature_celsius{room="attic"}`, later, math.NaN()) // It ended, and so does its series, at once.
	f(`wait_seconds_bucket{le="0.5"}`, later, 0)
	f(`wait_seconds_bucket{le="1.0"}`, later, 1) // As a scrape of this Prometheus stores it.
	f(`wait_seconds_bucket{le="+Inf"}`, later, 1)
	f(`wait_seconds_sum`, later, 0.7)

	meta, err := client.Metadata(t.Context(), "", "")
	want := []v1.Metadata{{Type: v1.MetricTypeGauge, Help: "How warm it is."}}
	if err != nil || !slices.Equal(meta["temperature_celsius"], want) || meta["wait_seconds"][0].Type != v1.MetricTypeHistogram {
		t.Errorf("metadata: %v, %v", meta, err)
	}
}

func TestCollectionsAreInEachInterval(t *testing.T) {
	f := func(speed int, interval, tick, span time.Duration, want int, late time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			wall := time.Now()
			now := func() time.Time { return noon.Add(time.Duration(speed) * time.Since(wall)) }
			ctx, cancel := context.WithTimeout(t.Context(), span-time.Millisecond)
			defer cancel()
			var times []time.Time
			inEachInterval(ctx, interval, tick, now, func(at time.Time) { times = append(times, at) })
			if len(times) != want {
				t.Errorf("at speed %d: %d collections in %s, want %d", speed, len(times), span, want)
			}
			for i, at := range times {
				if due := noon.Add(time.Duration(i) * interval); at.Before(due) || at.Sub(due) > late {
					t.Errorf("at speed %d: collection %d, due at %s, is at %s", speed, i, due, at)
				}
			}
		})
	}
	f(1, 15*time.Second, 15*time.Second, 10*time.Minute, 40, 0)
	f(60, 30*time.Second, virtualPoll, time.Minute, 120, 6*time.Second) // A poll is six seconds of a clock at that speed.
	f(60, 15*time.Second, virtualPoll, time.Minute, 240, 6*time.Second)
}

// failing gathers a metric and fails, or only fails.
type failing struct {
	families []*dto.MetricFamily
}

func (f failing) Gather() ([]*dto.MetricFamily, error) {
	return f.families, errors.New("one collector is broken")
}

func TestSelfThatFails(t *testing.T) {
	registry := prometheus.NewRegistry()
	good := prometheus.NewGauge(prometheus.GaugeOpts{Name: "good", Help: "Good."})
	registry.MustRegister(good)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	s := open(t, Options{Self: failing{families}, Log: log.logger()})
	client := serve(t, s)
	s.self.collect(t.Context(), noon)
	if got := at(t, client, "good", noon); got != 0 {
		t.Errorf("what could be gathered is %v", got)
	}
	if got := at(t, client, "up", noon); got != 1 {
		t.Errorf("up is %v", got)
	}
	s.opts.Self = failing{}
	s.self.collect(t.Context(), noon.Add(time.Minute))
	if got := at(t, client, "up", noon.Add(time.Minute)); got != 0 {
		t.Errorf("up is %v where nothing could be gathered", got)
	}
	if got := at(t, client, "good", noon.Add(time.Minute)); !math.IsNaN(got) {
		t.Errorf("a series that could not be gathered is %v", got)
	}
	if strings.Count(log.String(), "one collector is broken") != 2 {
		t.Errorf("the log:\n%s", log.String())
	}
	targets, err := client.Targets(t.Context())
	if err != nil || len(targets.Active) != 1 {
		t.Fatalf("targets: %+v, %v", targets, err)
	}
	if self := targets.Active[0]; self.Health != v1.HealthBad || !strings.Contains(self.LastError, "broken") {
		t.Errorf("targets: %+v, %v", targets, err)
	}
	s.self.collect(t.Context(), noon) // The clock went back.
	if !strings.Contains(log.String(), "out of order") {
		t.Errorf("the log:\n%s", log.String())
	}
}

func TestBackfillWhileRunning(t *testing.T) {
	var mu sync.Mutex
	now := noon
	tick := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	s := open(t, Options{Self: prometheus.NewRegistry(), Now: tick})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	backfill(t, s, "x", points(2*24*60, identity))
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := at(t, serve(t, s), "count_over_time(x[3d])", noon); got != 2*24*60 {
		t.Errorf("%v samples", got)
	}
}
