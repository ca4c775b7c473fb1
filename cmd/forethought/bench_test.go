//go:build bench

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// columnsOfTrace is how many series of each file are evaluated, from the first.
const columnsOfTrace = 3

// worse is the factor by which a quantile score may exceed the committed one: other processors round otherwise.
const worse = 1.03

// TestAccuracy evaluates the methods on every real trace, compares the combination with the committed docs/accuracy.md and replaces that
// file where nothing is worse, or whatever came with -rewrite.
func TestAccuracy(t *testing.T) {
	rows := evaluateTraces(t)
	path := filepath.Join("..", "..", "docs", "accuracy.md")
	baseline := readBaseline(t, path)
	report := t.Errorf
	if *rewrite {
		report = t.Logf
	}
	for _, r := range rows {
		if was, ok := baseline[rowKey(r.Series, r.Horizon.String(), r.Method)]; ok && r.Method == "auto" && r.Quantile > worse*was {
			report("%s, %s ahead: the quantile score is %.4g and was %.4g", r.Series, r.Horizon, r.Quantile, was)
		}
	}
	if t.Failed() {
		return
	}
	var doc bytes.Buffer
	doc.WriteString(accuracyPreface)
	writeSummary(&doc, rows)
	for _, part := range []struct {
		title string
		only  func(method string) bool
	}{
		{"What the program uses, by series", func(m string) bool { return m == "auto" }},
		{"What it chooses from, by series", func(m string) bool { return m != "auto" }},
	} {
		fmt.Fprintf(&doc, "\n## %s\n\n", part.title)
		kept := slices.DeleteFunc(slices.Clone(rows), func(r accuracy.Row) bool { return !part.only(r.Method) })
		if err := accuracy.WriteMarkdown(&doc, kept); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, doc.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

const accuracyPreface = `# Accuracy on real traces

Written by ` + "`make bench`" + `. The last 30 % of each trace is forecast from 120 rolling origins spread over it; methods are fitted anew once
a day and updated in between, and never see what comes after the origin. A horizon's row is about all steps after the shorter horizon
before it. The quantile score (FPP3, 5.9) is the mean over the probabilities 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95 and 0.99, in the unit of
the series; scaled is that over the better seasonal naive's (day or week). Skill is 1 minus the ratio of scores: 0 is as good, 1 is perfect. auto is what the
program uses; the others are what it chooses from.

The constants of the ridge and of the selection, one set for all series, were chosen while looking at these traces. Expect somewhat less on
others; forethought_forecast_skill_ratio is the skill on yours.

`

func evaluateTraces(t *testing.T) []accuracy.Row {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(traceFile(t, "x")), "*.csv.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	type task struct{ file, name string }
	var tasks []task
	traces := map[string]*trace.File{}
	for _, file := range files {
		f, err := trace.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		traces[file] = f
		for _, name := range f.Names()[:min(columnsOfTrace, len(f.Names()))] {
			tasks = append(tasks, task{file, name})
		}
	}
	results := make([][]accuracy.Row, len(tasks))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, k := range tasks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			y, err := traces[k.file].Series(k.name)
			if err == nil {
				y.Key = series.Key(strings.TrimSuffix(filepath.Base(k.file), ".csv.gz") + ":" + k.name)
				results[i], err = accuracy.Evaluate(context.Background(), y, accuracyOptions(y.Step))
			}
			if err != nil {
				t.Errorf("%s: %v", k.name, err)
			}
			t.Logf("%d of %d series: %s %s", i+1, len(tasks), filepath.Base(k.file), k.name)
		})
	}
	wg.Wait()
	return slices.Concat(results...)
}

func accuracyOptions(step time.Duration) accuracy.Options {
	horizons := make([]time.Duration, 0, 3)
	for _, h := range demoHorizons(step) {
		horizons = append(horizons, parseHorizon(h))
	}
	r := recipe{step: step, horizon: int(horizons[2] / step)}
	auto := r.combined([]time.Duration{day, week})
	return accuracy.Options{
		Methods: append(slices.Clone(auto.Methods), auto), Last: "last", Seasonal: auto.Benchmarks, Horizons: horizons, Origins: 120,
	}
}

func parseHorizon(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

func rowKey(series, horizon, method string) string {
	if d, err := time.ParseDuration(horizon); err == nil {
		horizon = d.String()
	}
	return series + "|" + horizon + "|" + method
}

// readBaseline reads the table of a committed docs/accuracy.md: the quantile score by series, horizon and method.
func readBaseline(t *testing.T, path string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Logf("no baseline: %v", err)
		return out
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 6 {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(cells[4]), 64); err == nil {
			out[rowKey(strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3]))] = v
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no baseline", path)
	}
	return out
}

// writeSummary writes, by horizon in order and method, the geometric mean of scaled scores and the mean coverage over the series.
func writeSummary(w io.Writer, rows []accuracy.Row) {
	type sums struct{ scaled, coverage, n float64 }
	totals := map[string]*sums{}
	rank := map[string]int{}
	var keys []string
	for _, r := range rows {
		rank[r.Series+r.Method]++
		key := fmt.Sprintf("| %s | %s |", []string{"", "short", "middle", "long"}[rank[r.Series+r.Method]], r.Method)
		if totals[key] == nil {
			totals[key] = &sums{}
			keys = append(keys, key)
		}
		if r.Scaled > 0 && !math.IsInf(r.Scaled, 0) {
			s := totals[key]
			s.scaled, s.coverage, s.n = s.scaled+math.Log(r.Scaled), s.coverage+r.Coverage80, s.n+1
		}
	}
	slices.Sort(keys)
	fmt.Fprint(w, "## Over all series\n\nShort, middle and long are the three horizons of a series: 5m, 30m and 2h, or the nearest that its step allows.\n\n| horizon | method | scaled, geometric mean | coverage of 80 %, mean | series |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range keys {
		s := totals[k]
		fmt.Fprintf(w, "%s %.3f | %.3f | %.0f |\n", k, math.Exp(s.scaled/s.n), s.coverage/s.n, s.n)
	}
}

// BenchmarkTurnOf100Fleets is a warm turn of 100 fleets with 28 days at 1 minute: one new observation each, no fit.
func BenchmarkTurnOf100Fleets(b *testing.B) {
	l, begin := warmFleets(b, 100)
	at := begin
	begun := cpuOf(b)
	for b.Loop() {
		at = at.Add(time.Minute)
		l.Turn(context.Background(), at)
	}
	b.ReportMetric((cpuOf(b)-begun).Seconds()/float64(b.N), "cpu-s/op")
}

// warmFleets returns a loop of n fleets that has made its first turn, and when.
func warmFleets(b *testing.B, n int) (*loop.Loop, time.Time) {
	b.Helper()
	metrics, err := loop.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	o := loop.Options{
		Interval: time.Minute, Clock: wallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics,
		Source: waveSource{},
	}
	specs := map[string][]loop.PoolSpec{}
	names := make([]string, n)
	for i := range n {
		names[i] = fmt.Sprintf("fleet-%03d", i)
		p := pool.Pool{Name: "p", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute}
		specs[names[i]] = []loop.PoolSpec{{Pool: p}, {Pool: pool.Pool{Name: "q", Class: pool.Fixed, Max: 10, Capacity: 10, LeadTime: 4 * time.Minute}}}
		o.Fleets = append(o.Fleets, loop.FleetOptions{
			Name: names[i], Query: "demand", Unit: series.Cores, Step: time.Minute, History: 28 * 24 * time.Hour,
			Method: recipe{step: time.Minute, horizon: 125}.auto(), Horizon: 125, Horizons: []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour},
			Probabilities: []float64{0.5, 0.9, 0.99},
			Policy: pool.Policy{
				Mode: pool.Act, Probability: 0.99, Interval: time.Minute, Validity: 5 * time.Minute, StaleAfter: 5 * time.Minute, Hold: time.Hour,
			},
		})
	}
	o.Fleet, o.Publisher = loop.NewConfigured(o.Source, specs), loop.NewBoard(names)
	l, err := loop.New(o)
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 12, 0, 10, 0, time.UTC)
	l.Turn(context.Background(), at)
	return l, at
}

// waveSource is a demand with a day, a week, noise and a spike each hour.
type waveSource struct{}

func (waveSource) Range(_ context.Context, q series.Query) ([]series.Series, error) {
	if q.Expr != "demand" {
		return nil, nil
	}
	start, n := q.Grid()
	y := series.Series{Start: start, Step: q.Step, Values: make([]float64, n)}
	for i := range y.Values {
		m := y.TimeAt(i).Unix() / 60
		v := 300 + 150*math.Sin(2*math.Pi*float64(m)/1440) + 40*math.Sin(2*math.Pi*float64(m)/10080)
		v += 60 * (math.Mod(float64(m)*0.6180339887, 1) - 0.5)
		if m%60 < 5 {
			v += 100
		}
		y.Values[i] = v
	}
	return []series.Series{y}, nil
}
