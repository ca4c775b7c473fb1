package readback

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/prom"
)

// full is what three exporters export of many fleets with two pools and nine forecasts each, with the labels that a cluster adds.
type full struct {
	fleets []string
	series []template // of one fleet
	folder string     // where answers are kept, so that they take up no memory
}

// template is one series of every fleet: what stands before and after the fleet's name in its key, and in an answer.
type template struct {
	key, answer [2]string
	value       float64
}

func newFull(b *testing.B, fleets int) *full {
	b.Helper()
	one := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	one.Horizons, one.Probabilities = []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute}, []float64{0.5, 0.9, 0.99}
	s, f := newStore(), &full{folder: b.TempDir()}
	s.scrape(b, noon, []pool.Snapshot{one})
	for i := range fleets {
		f.fleets = append(f.fleets, fmt.Sprintf("team-%03d/service-%05d", i%100, i))
	}
	for replica := range 3 {
		for _, v := range s.scraped[""] {
			if name := strings.TrimPrefix(v.labels.Get(model.MetricNameLabel), prefix); slices.Contains(names, name) {
				f.series = append(f.series, templateOf(v, replica))
			}
		}
	}
	return f
}

func templateOf(v sample, replica int) template {
	m := model.Metric{
		"cluster": "eu-1", "namespace": "forethought", "job": "forethought", "pod": model.LabelValue(fmt.Sprintf("forethought-%d", replica)),
		"instance": model.LabelValue(fmt.Sprintf("10.0.%d.7:9095", replica)),
	}
	for name, value := range v.labels.Map() {
		m[model.LabelName(name)] = model.LabelValue(value)
	}
	m["fleet"] = "FLEET"
	t, fields := template{value: v.value}, []string{}
	for name, value := range m {
		fields = append(fields, fmt.Sprintf("%q:%q", name, value))
	}
	text := fmt.Sprintf(`{"metric":{%s},"values":[[TIME,"%s"]]}`, strings.Join(fields, ","), strconv.FormatFloat(v.value, 'f', -1, 64))
	t.key[0], t.key[1], _ = strings.Cut(m.String(), "FLEET")
	t.answer[0], t.answer[1], _ = strings.Cut(text, "FLEET")
	return t
}

// ServeHTTP answers query_range as Prometheus does. It keeps its answers.
func (f *full) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	expr := r.FormValue("query")
	kept := filepath.Join(f.folder, fmt.Sprintf("%x", sha256.Sum256([]byte(expr))))
	if _, err := os.Stat(kept); err != nil {
		var b strings.Builder
		separator := `{"status":"success","data":{"resultType":"matrix","result":[`
		for _, fleet := range f.fleets {
			if !strings.Contains(expr, fleet+"|") && !strings.Contains(expr, fleet+`"`) {
				continue
			}
			for _, t := range f.series {
				b.WriteString(separator + t.answer[0] + fleet + strings.Replace(t.answer[1], "TIME", r.FormValue("start"), 1))
				separator = ","
			}
		}
		if err = os.WriteFile(kept, []byte(b.String()+"]}}"), 0o600); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
	http.ServeFile(w, r, kept)
}

// peak returns the most megabytes of the heap that were in use while a read was made, and what is in use when it is over.
func peak(read func()) (most, left float64) {
	done, sampled := make(chan bool), make(chan uint64)
	go func() {
		var m runtime.MemStats
		most := uint64(0)
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				sampled <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	read()
	close(done)
	most = float64(<-sampled)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return most / 1e6, float64(m.HeapInuse) / 1e6
}

// BenchmarkRead is one read of 10,000 fleets of three exporters each through the HTTP client.
func BenchmarkRead(b *testing.B) {
	f := newFull(b, 10_000)
	srv := httptest.NewServer(f)
	defer srv.Close()
	src, err := prom.New(prom.Options{URL: srv.URL, MaxSeries: MaxSeries, MaxBytes: MaxBytes})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	g := newReading(b, src, named(f.fleets...))
	g.at(noon) // the server prepares its answers
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		most, left := peak(func() { g.at(noon) })
		b.ReportMetric(most-float64(before.HeapInuse)/1e6, "MB-above")
		b.ReportMetric(left-float64(before.HeapInuse)/1e6, "MB-left")
	}
	b.StopTimer()
	for _, name := range f.fleets {
		g.wantAsks(name, noon, 9, 3)
	}
}

// BenchmarkCollect is what of a read is done here: keys, choice and publication of a page of 500 fleets of three exporters each.
func BenchmarkCollect(b *testing.B) {
	f := newFull(b, pageFleets)
	var found []series.Series
	for _, fleet := range f.fleets {
		for _, t := range f.series {
			found = append(found, series.Series{Key: series.Key(t.key[0] + fleet + t.key[1]), Values: []float64{t.value}})
		}
	}
	g := newReading(b, canned(found), named(f.fleets...))
	g.opts.Board = loop.NewBoard(f.fleets)
	b.ReportAllocs()
	for b.Loop() {
		g.at(noon)
	}
	b.ReportMetric(float64(len(found)), "series")
}

// canned is a Source with one answer.
type canned []series.Series

func (c canned) Range(context.Context, series.Query) ([]series.Series, error) { return c, nil }
