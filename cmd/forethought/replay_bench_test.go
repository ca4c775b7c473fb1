//go:build bench

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/replay"
	"github.com/forethought-autoscaler/forethought/series"
)

// replayTraces are the demands that are replayed: file and series. The first ones are those of a short run.
var replayTraces = [][2]string{
	{"azurevm_2019_5m", "cpu_usage"}, {"nab_nyctaxi_30m", "passengers"}, {"philly_gpudemand_5m", "gpu_total"}, {"servegen_m-small_10m", "total"},
	{"nab_elb_5m", "requests"},
	{"azurevm_2019_5m", "assigned_mem"}, {"servegen_m-small_10m", "c005"}, {"servegen_m-small_10m", "c014"}, {"nab_grokasg_5m", "asg_metric"},
	{"nasa_http_1m", "requests"}, {"nab_asgcpu_5m", "asg_cpu_pct"}, {"nab_tweets_5m", "AMZN"}, {"nab_tweets_5m", "AAPL"},
	{"ipsc_nodes_5m", "cpu_total"}, {"philly_gpudemand_5m", "gpu_vc_6c71a0"}, {"philly_gpudemand_5m", "gpu_vc_11cb48"},
}

// shortTraces is how many of them a short run has.
const shortTraces = 5

// The kinds of demands, told from the training part alone: in a predictable one, 99 % of the rises within five minutes are less than a
// quarter of the mean; a sparse one needs less than three instances in the mean, where 40 serve the peak.
const (
	predictable = "predictable"
	bursty      = "bursty"
	sparse      = "sparse"
)

// benched is one trace with what came out.
type benched struct {
	name, kind string
	situation  *situation
	parts      replay.Parts
	c          *replay.Comparison
	spent      time.Duration
}

// TestReplays replays the program beside other policies on the open traces and fails beyond the gates. With -rewrite it writes the part of
// docs/results.md that is about replays.
func TestReplays(t *testing.T) {
	traces := replayTraces
	if !wholeBench() {
		traces = traces[:shortTraces]
	}
	all := make([]*benched, 0, len(traces))
	for _, tr := range traces {
		b := prepareBench(t, tr[0], tr[1])
		b.compare(t)
		all = append(all, b)
	}
	var doc bytes.Buffer
	writeReplays(t, &doc, all)
	writeFaulty(t, &doc, all)
	writeWarm(t, &doc)
	if *rewrite && wholeBench() {
		rewriteSection(t, filepath.Join("..", "..", "docs", "results.md"), "replays", doc.String())
	}
}

func prepareBench(t *testing.T, file, name string) *benched {
	t.Helper()
	r := &replayed{train: 0.5, validation: 0.25}
	r.input, r.names = dataFile(t, "demand", file+".csv.gz"), []string{name}
	s, err := r.prepare(context.Background(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := replay.Split(s.load, r.train, r.validation)
	if err != nil {
		t.Fatal(err)
	}
	return &benched{name: strings.TrimRight(strings.SplitN(file, "_", 3)[0]+" "+name, " "), kind: kindOf(s.load.Values[:parts.Train.To], s.site.Pools[0].Capacity), situation: s, parts: parts}
}

func kindOf(train []float64, capacity float64) string {
	var sum, n float64
	var rises []float64
	for m, v := range train {
		if math.IsNaN(v) {
			continue
		}
		sum, n = sum+v, n+1
		if m >= 5 && !math.IsNaN(train[m-5]) {
			rises = append(rises, v-train[m-5])
		}
	}
	slices.Sort(rises)
	mean := sum / n
	switch {
	case mean < 3*capacity:
		return sparse
	case rises[int(0.99*float64(len(rises)-1))] <= 0.25*mean:
		return predictable
	}
	return bursty
}

func (b *benched) compare(t *testing.T) {
	t.Helper()
	begin := cpuOf(t)
	var err error
	b.c, err = replay.Compare(context.Background(), replay.Options{
		Load: b.situation.load, Site: b.situation.site, Parts: b.parts, Workers: 2, Subject: "forethought",
		Policies:  append([]replay.Policy{b.situation.policy()}, replay.Baselines(b.parts.Train.To)...),
		Actuators: []replay.Actuator{replay.Direct(), replay.HPAZero(), replay.HPA()}, Targets: []float64{0.01, 0.001},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.spent = cpuOf(t) - begin
	mine, _ := b.c.Chosen("forethought", "direct", 0.01)
	t.Logf("%-28s %-11s %6d minutes, %5.1f CPU-s: p %.3f, test %.2f %% short, %.3f %% unmet, %.3f x oracle, %.3f x tuned", b.name, b.kind, b.c.Minutes,
		b.spent.Seconds(), mine.Run.Setting, 100*mine.Run.Test.Share(), 100*unmet(mine.Run.Test), b.overOracle(mine.Run), b.tuned())
}

func unmet(o replay.Outcome) float64 { return o.Unmet / o.Offered }

// overOracle returns a run's instance-hours on the test part over the least that leave no shortage.
func (b *benched) overOracle(r replay.Run) float64 {
	return r.Test.InstanceHours / b.c.Oracles[0].Test.Physical.InstanceHours
}

// run returns the chosen run of a policy.
func (b *benched) run(policy, actuator string, target float64) replay.Choice {
	c, _ := b.c.Chosen(policy, actuator, target)
	return c
}

// equalTo returns the program's instance-hours over those of a policy at equal violations, NaN where that one cannot have as few.
func (b *benched) equalTo(policy string, target float64) (float64, replay.Match) {
	for _, e := range b.c.Equals {
		if e.Policy == policy && e.Actuator == "direct" && e.Target == target {
			return e.Ratio, e.Match
		}
	}
	return math.NaN(), replay.Unreached
}

// tuned returns the larger ratio to tuned seasonal naive and Holt-Winters: to the better of the two.
func (b *benched) tuned() float64 {
	worst := math.NaN()
	for _, p := range []string{"seasonal-naive|reactive", "holt-winters|reactive", "seasonal-naive|reactive+15m", "holt-winters|reactive+15m"} {
		if r, _ := b.equalTo(p, 0.01); !(worst >= r) && !math.IsNaN(r) {
			worst = r
		}
	}
	return worst
}

func ofKind(all []*benched, kind string) []*benched {
	return slices.DeleteFunc(slices.Clone(all), func(b *benched) bool { return kind != "" && b.kind != kind })
}

// figures returns f of each, without NaN, ascending.
func figures(all []*benched, f func(*benched) float64) []float64 {
	var out []float64
	for _, b := range all {
		if v := f(b); !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

func middle(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func average(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// replayGate is one figure of the replays: gate and aim are those that were asked for, held is what the build fails beyond, which is the
// gate where that is reached.
type replayGate struct {
	name            string
	got             float64
	gate, aim, held float64
}

func writeReplayGates(t *testing.T, doc io.Writer, gates []replayGate) {
	t.Helper()
	fmt.Fprint(doc, "\n| figure | this program | gate | aim | |\n| --- | --- | --- | --- | --- |\n")
	for _, g := range gates {
		said := "misses the gate"
		switch {
		case g.got <= g.aim:
			said = "reaches the aim"
		case g.got <= g.gate:
			said = "holds the gate"
		}
		fmt.Fprintf(doc, "| %s | %.3f | %.3g | %.3g | %s |\n", g.name, g.got, g.gate, g.aim, said)
		t.Logf("%-100s %.3f (gate %.3g, aim %.3g): %s", g.name, g.got, g.gate, g.aim, said)
		if wholeBench() && !(g.got <= max(g.gate, g.held)) {
			t.Errorf("beyond what is held: %s is %.3f, gate %.3g, held %.3g", g.name, g.got, g.gate, g.held)
		}
	}
}

func writeReplays(t *testing.T, doc io.Writer, all []*benched) {
	easy := ofKind(all, predictable)
	met := func(target float64, all []*benched) (n int) {
		for _, b := range all {
			if b.run("forethought", "direct", target).OnTest {
				n++
			}
		}
		return n
	}
	fmt.Fprintf(doc, `
## Replays: instances and shortage beside other policies

Written by `+"`bench.sh replays`"+`; `+"`make bench`"+` measures them again and fails beyond what is held. %d demands, each replayed minute by minute as `+"`forethought replay --input`"+` does: an instance starts in 4 minutes, 40 of them
serve the 99.9th percentile of the training part; the first half of each trace is for training, a quarter for choosing each policy's one setting
among 12, the last quarter is what is shown. The program decides with its own loop and its defaults, behind an actuator that does what it says
("direct"); the horizontal pod autoscaler at 70 %% (HPA) is behind its own defaults. The oracle knows the future and leaves no shortage. Demands
of steps of 5 to 30 minutes stand for all minutes of a step. A demand is predictable where, in training, 99 %% of the rises within five minutes are
less than a quarter of its mean, sparse where it needs less than three instances, and bursty otherwise. Chosen on validation, %d of %d predictable demands and %d of
all %d meet "at most 1 %% of minutes short" on test, %d and %d "at most 0.1 %%".
`, len(all), met(0.01, easy), len(easy), met(0.01, all), len(all), met(0.001, easy), met(0.001, all))
	over := figures(easy, func(b *benched) float64 { return b.overOracle(b.run("forethought", "direct", 0.01).Run) })
	hours := figures(easy, func(b *benched) float64 {
		return b.run("forethought", "direct", 0.01).Run.Test.InstanceHours / b.run("hpa-70%", "hpa", 0.01).Run.Test.InstanceHours
	})
	deployed := figures(easy, func(b *benched) float64 {
		return b.run("forethought", "hpa-zero", 0.01).Run.Test.InstanceHours / b.run("hpa-70%", "hpa", 0.01).Run.Test.InstanceHours
	})
	short := average(figures(all, func(b *benched) float64 { return b.run("forethought", "direct", 0.01).Run.Test.Share() }))
	shortHPA := average(figures(all, func(b *benched) float64 { return b.run("hpa-70%", "hpa", 0.01).Run.Test.Share() }))
	tuned := figures(all, (*benched).tuned)
	static := figures(all, func(b *benched) float64 { r, _ := b.equalTo("static-peak", 0.001); return r })
	missing := figures(easy, func(b *benched) float64 { return 100 * unmet(b.run("forethought", "direct", 0.01).Run.Test) })
	writeReplayGates(t, doc, []replayGate{
		{"predictable, at most 1 % short: instance-hours over the oracle, median", middle(over), 1.15, 1.06, 0},
		{"the same, worst", over[len(over)-1], 1.35, 1.15, 2.15},
		{"predictable: instance-hours over those of HPA at 70 %, median", middle(hours), 0.75, 0.70, 0},
		{"all: mean share of minutes short over that of HPA at 70 %", short / shortHPA, 0.2, 0.1, 0.23},
		{"predictable, both behind the pod autoscaler (tolerance 0 and defaults): instance-hours over those of HPA at 70 %, median", middle(deployed), 0.75, 0.70, 0.78},
		{"all: instance-hours over the better of tuned seasonal naive and Holt-Winters at equal violations, median", middle(tuned), 0.95, 0.92, 1.02},
		{"the same, worst", tuned[len(tuned)-1], 1.05, 1.02, 1.33},
		{"all, at most 0.1 % short: instance-hours over static peak at equal violations, median", middle(static), 0.45, 0.35, 0.72},
		{"predictable, at most 1 % short: unmet demand in %, median", middle(missing), 0.1, 0.01, 0},
		{"the same, worst", missing[len(missing)-1], 0.1, 0.01, 0},
	})
	fmt.Fprint(doc, `
A ratio below 1 is less than the other policy needs at the same share of short minutes on test, on its best settings there; "<" where even its
leanest setting is short less often, "-" where none of its settings is short as seldom. Policies that follow the load are there twice, once as
they are and once keeping what the last 15 minutes needed; the better of both counts. HPA: instance-hours and minutes short at 70 %.

| demand | kind | minutes short | unmet | worst run | over oracle | starts a day | HPA over oracle | HPA short | vs seasonal naive | vs Holt-Winters | vs last value | vs static peak | vs cloud-style |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`)
	ratio := func(b *benched, policy string) string {
		r, match := b.equalTo(policy, 0.01)
		if held, m := b.equalTo(policy+"+15m", 0.01); !(r >= held) && !math.IsNaN(held) {
			r, match = held, m
		}
		switch {
		case math.IsNaN(r):
			return "-"
		case match == replay.AtMost:
			return fmt.Sprintf("< %.3f", r)
		}
		return fmt.Sprintf("%.3f", r)
	}
	for _, b := range all {
		mine, hpa := b.run("forethought", "direct", 0.01), b.run("hpa-70%", "hpa", 0.01)
		test := mine.Run.Test
		fmt.Fprintf(doc, "| %s | %s | %.2f %% | %.3f %% | %d | %.3f | %.0f | %.3f | %.2f %% | %s | %s | %s | %s | %s |\n", b.name, b.kind,
			100*test.Share(), 100*unmet(test), test.WorstRun, b.overOracle(mine.Run), float64(test.Starts)/(float64(test.Minutes)/1440),
			b.overOracle(hpa.Run), 100*hpa.Run.Test.Share(), ratio(b, "seasonal-naive|reactive"), ratio(b, "holt-winters|reactive"),
			ratio(b, "last-value"), ratio(b, "static-peak"), ratio(b, "cloud-hourly|reactive"))
	}
	fmt.Fprintf(doc, "\nSHA-256 of the loads and settings, in this order: %s.\n", manifests(all))
}

// manifests returns the first digits of each trace's sums.
func manifests(all []*benched) string {
	var out []string
	for _, b := range all {
		out = append(out, b.c.Manifest.Data[:12]+"/"+b.c.Manifest.Settings[:12])
	}
	return strings.Join(out, " ")
}

// faults are what a forecaster may do wrong.
var faults = []struct {
	name string
	do   func(capacity float64) func([][]float64) [][]float64
}{
	{"dead", func(float64) func([][]float64) [][]float64 {
		return func([][]float64) [][]float64 { return nil }
	}},
	{"constant", func(c float64) func([][]float64) [][]float64 {
		return eachStep(func(float64) float64 { return 20 * c })
	}},
	{"inverted", func(c float64) func([][]float64) [][]float64 {
		return eachStep(func(v float64) float64 { return max(40*c-v, 0) })
	}},
	{"x 0.1", func(float64) func([][]float64) [][]float64 {
		return eachStep(func(v float64) float64 { return 0.1 * v })
	}},
}

func eachStep(f func(float64) float64) func([][]float64) [][]float64 {
	return func(paths [][]float64) [][]float64 {
		out := make([][]float64, len(paths))
		for i, path := range paths {
			out[i] = make([]float64, len(path))
			for h, v := range path {
				out[i][h] = f(v)
			}
		}
		return out
	}
}

// writeFaulty replays forecasters that are wrong, alone and beside the HPA at 70 %.
func writeFaulty(t *testing.T, doc io.Writer, all []*benched) {
	var extra, cost []float64
	var rows strings.Builder
	for _, b := range ofKind(all, predictable)[:min(3, len(ofKind(all, predictable)))] {
		plain := b.run("hpa-70%", "direct", 0.01).Run.Test
		for _, fault := range faults {
			p := b.situation.policy()
			p.Probabilities = []float64{b.situation.fleet.Policy.Probability}
			p.Faulty = fault.do(b.situation.site.Pools[0].Capacity)
			c, err := replay.Compare(context.Background(), replay.Options{
				Load: b.situation.load, Site: b.situation.site, Parts: b.parts, Workers: 2, Targets: []float64{0.01},
				Policies: []replay.Policy{p, replay.Beside(p, replay.HPADefault(), 0.7)}, Actuators: []replay.Actuator{replay.Direct()},
			})
			if err != nil {
				t.Fatal(err)
			}
			alone, both := c.Runs[0].Test, c.Runs[1].Test
			extra = append(extra, 100*(both.Share()-plain.Share()))
			cost = append(cost, both.InstanceHours/plain.InstanceHours)
			fmt.Fprintf(&rows, "| %s | %s | %.2f %% | %.3f | %.2f %% | %.3f | %.2f %% |\n", b.name, fault.name, 100*alone.Share(),
				alone.InstanceHours/plain.InstanceHours, 100*both.Share(), both.InstanceHours/plain.InstanceHours, 100*plain.Share())
		}
	}
	fmt.Fprint(doc, `
### A forecaster that is dead or wrong

Every sample path is changed before anything is decided with it: none at all, 20 instances' worth always, 40 less what was forecast, a tenth. Alone, and
beside the HPA at 70 %, which is what the manifests set up: the pod autoscaler takes the larger of both. Hours are over those of the plain HPA at 70 %.
`)
	slices.Sort(extra)
	slices.Sort(cost)
	writeReplayGates(t, doc, []replayGate{
		{"beside HPA at 70 %: extra minutes short in percentage points, worst", extra[len(extra)-1], 0.1, 0, 0},
		{"beside HPA at 70 %: instance-hours over those of HPA at 70 %, worst", cost[len(cost)-1], 1.3, 1.1, 0},
	})
	fmt.Fprintf(doc, "\n| demand | forecaster | alone: minutes short | alone: hours | beside HPA: minutes short | beside HPA: hours | HPA alone: minutes short |\n"+
		"| --- | --- | --- | --- | --- | --- | --- |\n%s", rows.String())
}

// writeWarm replays warm pools that are claimed by real job submissions.
func writeWarm(t *testing.T, doc io.Writer) {
	fmt.Fprint(doc, `
### Warm pools

An instance is claimed by each submission of a job; one that is started stands by after a lead time. A static stock and the program's, which follows
from the claims expected within the lead time, are both chosen on the middle of the trace as those with the least idle time at 99 % hits, and judged on its
last quarter. Idle instance-minutes of the program's over those of the static stock.

| submissions | lead time | hits, static | hits, program | idle over static | idle over the static stock that was best in hindsight |
| --- | --- | --- | --- | --- | --- |
`)
	var ratios []float64
	for _, name := range []string{"nasa_ipsc_1993", "philly_2017"} {
		trace := submissionTrace(t, name)
		n := len(trace.Claims)
		for _, lead := range []int{4, 8} {
			out, err := replay.CompareWarm(trace, lead, 0.99, replay.WarmPart{From: n / 2, To: 3 * n / 4}, replay.WarmPart{From: 3 * n / 4, To: n},
				replay.StaticWarm(200), replay.ForecastWarm())
			if err != nil {
				t.Fatal(err)
			}
			static, mine := out[0], out[1]
			ratio := float64(mine.Test.Idle) / float64(static.Test.Idle)
			if name == "nasa_ipsc_1993" {
				ratios = append(ratios, ratio)
			}
			fmt.Fprintf(doc, "| %s | %d min | %.2f %% | %.2f %% | %.3f | %.3f |\n", name, lead, 100*static.Test.HitRate(), 100*mine.Test.HitRate(), ratio,
				float64(mine.Test.Idle)/float64(static.Hindsight.Idle))
			t.Logf("warm %s lead %d: hits %.4f and %.4f, idle ratio %.3f", name, lead, static.Test.HitRate(), mine.Test.HitRate(), ratio)
		}
	}
	writeReplayGates(t, doc, []replayGate{{"idle instance-minutes over the static stock, nasa_ipsc_1993, worse lead time", slices.Max(ratios), 0.57, 0.45, 0}})
}

// submissionTrace counts the submissions of a job log by minute.
func submissionTrace(t *testing.T, name string) replay.WarmTrace {
	t.Helper()
	y := submissions(t, name)
	return replay.WarmTrace{Name: name, Claims: y.Values}
}

func submissions(t *testing.T, name string) series.Series {
	t.Helper()
	rows := readGzip(t, dataFile(t, "jobs", name+".csv.gz"))
	at := slices.Index(rows[0], "submit_time")
	counts := map[int64]float64{}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[at], 64)
		if err != nil {
			continue
		}
		m := int64(v) / 60
		counts[m]++
		first, last = min(first, m), max(last, m)
	}
	y := series.Series{Key: series.Key(name), Start: time.Unix(60*first, 0).UTC(), Step: time.Minute, Values: make([]float64, last-first+1)}
	for m, n := range counts {
		y.Values[m-first] = n
	}
	return y
}

// sectionBegin marks where a part of a document begins that is written by itself.
func sectionBegin(name string) string { return "<!-- begin " + name + " -->\n" }

// rewriteSection replaces what a document has between the marks of a name, or appends it.
func rewriteSection(t *testing.T, path, name, text string) {
	t.Helper()
	begin, end := sectionBegin(name), "<!-- end "+name+" -->\n"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	if found && !closed {
		t.Fatalf("%s: %q has no end", path, strings.TrimSpace(begin))
	}
	if !found && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	if err := os.WriteFile(path, []byte(before+begin+text+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
