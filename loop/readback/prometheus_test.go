package readback

import (
	"context"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series/embedded"
	"github.com/forethought-autoscaler/forethought/series/prom"
)

// TestPrometheusAnswers reads back through Prometheus's own storage, engine and API.
func TestPrometheusAnswers(t *testing.T) {
	db, err := embedded.Open(embedded.Options{Path: t.TempDir(), Retention: 24 * time.Hour, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	srv := httptest.NewServer(db.Handler())
	defer srv.Close()
	src, err := prom.New(prom.Options{URL: srv.URL, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()

	exported := newStore()
	act := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	exported.scrape(t, noon, []pool.Snapshot{act, decided("a.b|c", pool.Shadow, [2]int{2, 2}, [2]int{1, 1})}, "instance", "a")
	exported.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{8, 4}, [2]int{5, 1})}, "instance", "b")
	write := func(at time.Time, instance string, value func(v float64) float64) {
		t.Helper()
		for _, v := range exported.scraped["instance "+instance] {
			labels := v.labels.Map()
			if err := db.Append(context.Background(), labels, at, value(v.value)); err != nil {
				t.Fatalf("%s: %v", labels[model.MetricNameLabel], err)
			}
		}
	}
	same := func(v float64) float64 { return v }
	write(noon.Add(-time.Second), "a", same)
	write(noon.Add(-time.Second), "b", same)
	g, own := newReading(t, src, nil), newReading(t, src, named("web", "a.b|c"))
	for _, g := range []*reading{g, own} {
		g.at(noon.Add(20 * time.Second))
		g.wantAsks("web", noon, 9, 4)
		g.disagrees("web", 1)
		g.wantAsks("a.b|c", noon, 1, 1)
		g.wantReason("a.b|c", pool.Ready, "read back from "+srv.URL+": decided at 2026-03-02T12:00:10Z by a")
	}
	sameAhead(t, g.fleet("web"), act)

	write(noon.Add(30*time.Second), "b", func(float64) float64 { return math.NaN() }) // which ends a series
	g.at(noon.Add(29 * time.Second))
	g.wantAsks("web", noon, 9, 4)
	g.at(noon.Add(30 * time.Second))
	g.wantAsks("web", noon, 9, 3)
	g.disagrees("web", 0)

	srv.Close()
	g.at(noon.Add(45 * time.Second))
	g.wantAsks("web", noon, 9, 3)
	g.wantReason("web", pool.Stale, "the last decision holds until 2026-03-02T12:05:10Z", "connection refused")
}
