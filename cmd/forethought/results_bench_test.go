//go:build bench

package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// naive2SMAPE and naive2MASE are the scores of Naive2 on the hourly series of M4, which OWA divides by (Makridakis, Spiliotis and
	// Assimakopoulos 2020).
	naive2SMAPE, naive2MASE = 18.383, 2.395
	// bestMSIS is the lowest MSIS of an entry of M4 on the hourly series.
	bestMSIS = 6.139
	// bestPeer is the geometric mean over the demands of MASE over seasonal naive's that R's thetaf reaches on the operational demands, the
	// best of the peers that are compared with.
	bestPeer = 0.602
	// seriesOfSpeed is how many questions of a set are timed.
	seriesOfSpeed = 6
)

// TestResults measures the program on public data and fails beyond the gates. With -rewrite it writes docs/results.md, for which the peers
// are needed as well.
func TestResults(t *testing.T) {
	var doc bytes.Buffer
	doc.WriteString(resultsPreface)
	hourly, fiveMinutes := m4Hourly(t), operational(t)
	peers := newPeers(t)
	passed := t.Run("M4", func(t *testing.T) { resultsOfM4(t, &doc, hourly, peers) })
	passed = t.Run("Operational", func(t *testing.T) { resultsOfOperations(t, &doc, fiveMinutes, peers) }) && passed
	t.Run("Speed", func(t *testing.T) {
		resultsOfSpeed(t, &doc, hourly.spread(seriesOfSpeed), fiveMinutes.spread(seriesOfSpeed), peers)
	})
	peers.compare(t, &doc)
	if !*rewrite || !passed {
		return
	}
	if peers == nil || !wholeBench() {
		t.Fatal("to write docs/results.md anew, set FORETHOUGHT_BENCH=full and FORETHOUGHT_PEERS")
	}
	path := filepath.Join("..", "..", "docs", "results.md")
	if old, err := os.ReadFile(path); err == nil { // what TestReplays writes stays
		if _, rest, ok := strings.Cut(string(old), sectionBegin("replays")); ok {
			doc.WriteString(sectionBegin("replays") + rest)
		}
	}
	if err := os.WriteFile(path, doc.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

const resultsPreface = `# Results on public data, beside other programs

Written by ` + "`bench.sh peers`" + `, which measures this program and others in one run. ` + "`make bench`" + ` measures this program alone and fails where a
figure is beyond its gate. Nothing but the automatic choice is measured here, with its defaults, as ` + "`forethought forecast`" + ` runs it. Which
methods and weights it uses follows from each history by itself. The scored parts are never seen by a forecast, but they were looked at
while the program was made, and its few constants, one set for all, stood the test here: expect somewhat less on other data. Accuracy on
more demands and horizons: [accuracy](accuracy.md).

MASE is the mean absolute error over the mean absolute change from one day to the next in the history (FPP3, 5.8): below 1 is better than
such a change. MSIS is the mean scaled interval score at 95 % (Gneiting and Raftery 2007), coverage the share of observations inside an
interval. Less is better everywhere but in coverage.
`

// wholeBench says whether what takes minutes is to run.
func wholeBench() bool { return os.Getenv("FORETHOUGHT_BENCH") == "full" }

// gate is one figure and what it must not be beyond.
type gate struct {
	name          string
	got           float64
	gate, aim     float64
	others        string // what others reach, "" where there is nothing to compare with
	bothSides     bool   // gate and aim are targets from which got may be off by tolerance and toleranceOfAim
	tolerance     float64
	toleranceAims float64
}

func (g gate) broken() bool {
	if g.bothSides {
		return !(math.Abs(g.got-g.gate) <= g.tolerance)
	}
	return !(g.got <= g.gate)
}

func (g gate) row() string {
	bound, aim := fmt.Sprintf("%.3f", g.gate), fmt.Sprintf("%.3f", g.aim)
	if g.bothSides {
		bound, aim = fmt.Sprintf("%.2f ± %.3f", g.gate, g.tolerance), fmt.Sprintf("%.2f ± %.3f", g.aim, g.toleranceAims)
	}
	return fmt.Sprintf("| %s | %.3f | %s | %s | %s |\n", g.name, g.got, bound, aim, g.others)
}

func coverageGate(level, got float64) gate {
	return gate{
		name: fmt.Sprintf("coverage of %.0f %%", 100*level), got: got, gate: level, aim: level, bothSides: true, tolerance: 0.04, toleranceAims: 0.015,
	}
}

// writeGates writes the table of gates and fails the test where one is broken.
func writeGates(t *testing.T, doc io.Writer, others string, gates []gate) {
	t.Helper()
	fmt.Fprintf(doc, "\n| figure | this program | gate | aim | %s |\n| --- | --- | --- | --- | --- |\n", others)
	for _, g := range gates {
		fmt.Fprint(doc, g.row())
		if g.broken() {
			t.Errorf("beyond the gate: %s", strings.TrimSpace(g.row()))
		}
	}
}

// resultsOfM4 forecasts the hourly series of M4 as one file.
func resultsOfM4(t *testing.T, doc io.Writer, set questionSet, peers *peers) {
	if !wholeBench() {
		t.Skip("takes minutes: set FORETHOUGHT_BENCH=full")
	}
	all, cpu := answers(t, set, "auto", false)
	s := meanScore(scores(set, all))
	peers.keep(t, set, all, cpu)
	owa := (s.sMAPE/naive2SMAPE + s.MASE/naive2MASE) / 2
	best := bestOfM4(t)
	t.Logf("M4 hourly, %d series: OWA %.3f, sMAPE %.2f, MASE %.3f, MSIS %.2f, scaled pinball %.3f, coverage %.3f of 80 %% and %.3f of 95 %%, %.0f CPU-s",
		s.n, owa, s.sMAPE, s.MASE, s.MSIS, s.pinball, s.coverage80, s.coverage95, cpu.Seconds())
	fmt.Fprintf(doc, `
## M4 hourly

All %d hourly series of the M4 competition, 48 hours ahead, in one file: what they have in common is learnt from what lies before each
forecast. OWA is the mean of sMAPE and MASE, each over that of M4's benchmark Naive2. The last column is the lowest of the competition's
published entries, figure by figure. Forecasting all of them took %.0f CPU-seconds, learning included.
`, s.n, cpu.Seconds())
	writeGates(t, doc, "best of M4's entries", []gate{
		{name: "OWA", got: owa, gate: 0.410, aim: 0.385, others: best["owa"]},
		{name: "MASE", got: s.MASE, gate: 0.76, aim: 0.70, others: best["mase"]},
		{name: "MSIS", got: s.MSIS, gate: 6.1, aim: 5.3, others: fmt.Sprint(bestMSIS)},
		coverageGate(0.80, s.coverage80), coverageGate(0.95, s.coverage95),
	})
	fmt.Fprintf(doc, "\nWithout a gate: sMAPE %.2f (best of M4's entries: %s), scaled pinball loss over the deciles %.3f.\n", s.sMAPE, best["smape"], s.pinball)
}

// bestOfM4 returns the lowest of each column of the published scores.
func bestOfM4(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(dataFile(t, "m4", "published.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	best := map[string]string{}
	for i, column := range rows[0] {
		lowest := math.Inf(1)
		for _, row := range rows[1:] {
			if v, err := strconv.ParseFloat(row[i], 64); err == nil && v < lowest {
				lowest, best[column] = v, row[i]
			}
		}
	}
	return best
}

// entityScore compares the forecasts of one demand.
type entityScore struct {
	entity                  string
	questions               int
	auto, lastDay, lastUsed float64 // MASE
}

// overBetter returns the ratio to the better of the two naive methods.
func (e entityScore) overBetter() float64 { return e.auto / min(e.lastDay, e.lastUsed) }

// resultsOfOperations forecasts each of the operational questions from its own history only.
func resultsOfOperations(t *testing.T, doc io.Writer, set questionSet, peers *peers) {
	all, cpu := answers(t, set, "auto", true)
	peers.keep(t, set, all, cpu)
	auto, lastDay, last := scores(set, all), scores(set, lastDays(set)), scores(set, lastValues(set))
	entities := byEntity(set, auto, lastDay, last)
	s, relative, naive := meanScore(auto), 0.0, 0.0
	worst, above, aboveBoth := entities[0], 0.0, 0.0
	for _, e := range entities {
		relative += math.Log(e.auto/e.lastDay) / float64(len(entities))
		naive += math.Log(e.lastUsed/e.lastDay) / float64(len(entities))
		if e.overBetter() > worst.overBetter() {
			worst = e
		}
		if e.overBetter() > 1.02 {
			above += 1 / float64(len(entities))
		}
		if e.auto > 1.02*max(e.lastDay, e.lastUsed) {
			aboveBoth += 1 / float64(len(entities))
		}
	}
	relative, naive = math.Exp(relative), math.Exp(naive)
	t.Logf("2 h at 5 min, %d forecasts of %d demands: MASE over seasonal naive's %.3f (last value %.3f, best peer %.3f), MASE %.3f, at step 1 %.3f, "+
		"2-6 %.3f, 7-24 %.3f, MSIS %.2f, coverage %.3f of 80 %% and %.3f of 95 %%, worst over the better naive method %.3f (%s), %.1f CPU-s",
		s.n, len(entities), relative, naive, bestPeer, s.MASE, s.first, s.near, s.far, s.MSIS, s.coverage80, s.coverage95,
		worst.overBetter(), worst.entity, cpu.Seconds())
	fmt.Fprintf(doc, `
## Two hours ahead at five minutes

%d forecasts of %d demands, from up to %d origins spread over each, with three weeks of history and nothing learnt from other series.
Gaps of the histories are filled linearly here, because the programs that are compared with can't take gaps. All of them took %.1f
CPU-seconds. The last value reaches %.3f times seasonal naive's MASE (geometric mean over the demands), R's thetaf, the best of the other
programs, %.3f.
`, s.n, len(entities), operationalOrigins, cpu.Seconds(), naive, bestPeer)
	writeGates(t, doc, "last value; best peer", []gate{
		{
			name: "MASE over seasonal naive's, geometric mean", got: relative, gate: 0.9 * bestPeer, aim: 0.84 * bestPeer,
			others: fmt.Sprintf("%.3f; %.3f", naive, bestPeer),
		},
		{name: "share of demands more than 2 % worse than last value and seasonal naive both", got: aboveBoth, gate: 0.05, aim: 0},
		coverageGate(0.80, s.coverage80), coverageGate(0.95, s.coverage95),
	})
	fmt.Fprintf(doc, "\nMASE at the first step %.3f, from 2 to 6 %.3f, from 7 to 24 %.3f; MSIS %.2f; scaled pinball loss over the deciles %.3f; share of demands\nmore than 2 %% worse than the better of last value and seasonal naive: %.3f.\n",
		s.first, s.near, s.far, s.MSIS, s.pinball, above)
	fmt.Fprint(doc, "\n| demand | forecasts | MASE | of the last value | of seasonal naive | over the better of these |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, e := range entities {
		t.Logf("%-22s MASE %.3f, last value %.3f, seasonal naive %.3f, over the better %.3f", e.entity, e.auto, e.lastUsed, e.lastDay, e.overBetter())
		fmt.Fprintf(doc, "| %s | %d | %.3f | %.3f | %.3f | %.3f |\n", e.entity, e.questions, e.auto, e.lastUsed, e.lastDay, e.overBetter())
	}
}

// byEntity averages the scores of each demand's questions, in the order of the questions.
func byEntity(set questionSet, auto, lastDay, last []score) []entityScore {
	var out []entityScore
	for i, k := range set.questions {
		j := slices.IndexFunc(out, func(e entityScore) bool { return e.entity == k.entity })
		if j < 0 {
			j, out = len(out), append(out, entityScore{entity: k.entity})
		}
		e := &out[j]
		e.questions++
		e.auto, e.lastDay, e.lastUsed = e.auto+auto[i].MASE, e.lastDay+lastDay[i].MASE, e.lastUsed+last[i].MASE
	}
	for i := range out {
		e, n := &out[i], float64(out[i].questions)
		e.auto, e.lastDay, e.lastUsed = e.auto/n, e.lastDay/n, e.lastUsed/n
	}
	return out
}
