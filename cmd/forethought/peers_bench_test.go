//go:build bench

package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// peers runs other programs on the same questions, by a script run.sh in the folder that FORETHOUGHT_PEERS names: "run.sh prep" makes the
// questions, "run.sh run SET PEER [SERIES]" lets a peer forecast them, and "run.sh score SET ..." prints one table of every forecast below
// out/SET of the folder that WORK names. A nil *peers does nothing.
type peers struct {
	script, work string
	ran          map[string][]string // peers that ran on a few series, by set
}

func newPeers(t *testing.T) *peers {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_PEERS")
	if dir == "" {
		return nil
	}
	p := &peers{script: filepath.Join(dir, "run.sh"), work: os.Getenv("WORK"), ran: map[string][]string{}}
	if p.work == "" {
		t.Fatal("FORETHOUGHT_PEERS is set and WORK is not: it names the folder of the peers' files")
	}
	if _, err := os.Stat(filepath.Join(p.work, "data", "op5m", "train.csv")); err != nil {
		p.must(t, "prep")
	}
	return p
}

// call runs the script and returns what it printed.
func (p *peers) call(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{p.script}, args...)...)
	cmd.Env = append(os.Environ(), "WORK="+p.work)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *peers) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.call(t, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", p.script, strings.Join(args, " "), err, out)
	}
	return out
}

func (p *peers) file(set questionSet, name string) string {
	return filepath.Join(p.work, "out", set.name, name)
}

// keep writes our forecasts beside the peers'. The processor time is shared out evenly.
func (p *peers) keep(t *testing.T, set questionSet, all []answer, cpu time.Duration) {
	t.Helper()
	if p == nil {
		return
	}
	if err := os.MkdirAll(p.file(set, ""), 0o750); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(p.file(set, "forethought.fc.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeForecasts(f, set, all); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var times strings.Builder
	times.WriteString("series_id,wall_s,cpu_s\n")
	for _, k := range set.questions {
		fmt.Fprintf(&times, "%s,0,%g\n", k.id, cpu.Seconds()/float64(len(set.questions)))
	}
	if err := os.WriteFile(p.file(set, "forethought.time.csv"), []byte(times.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// milliseconds lets a peer forecast a few series and returns its mean CPU time, 0 where it can't.
func (p *peers) milliseconds(t *testing.T, set questionSet, peer string) float64 {
	t.Helper()
	if peer == "" || (peer == "ets" || peer == "ctsa_autoarima" || peer == "rf_local") && set.step != time.Hour { // hours, or a season it can't take
		return 0
	}
	if out, err := p.call(t, "run", set.name, peer, strconv.Itoa(len(set.questions))); err != nil {
		t.Logf("%s: %v\n%s", peer, err, out)
		return 0
	}
	p.ran[set.name] = append(p.ran[set.name], peer)
	file, err := os.Open(p.file(set, peer+".time.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return 1000 * meanOfColumn(t, file, "cpu_s")
}

// meanOfColumn returns the mean of a column of a CSV file.
func meanOfColumn(t *testing.T, r io.Reader, column string) float64 {
	t.Helper()
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at, sum := slices.Index(rows[0], column), 0.0
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[at], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum / float64(len(rows)-1)
}

// compare appends the peers' own table of all forecasts.
func (p *peers) compare(t *testing.T, doc io.Writer) {
	t.Helper()
	if p == nil {
		return
	}
	for _, peer := range []string{"naive", "snaive", "thetaf"} {
		p.must(t, "run", "op5m", peer)
	}
	table := func(title string, args ...string) {
		out := p.must(t, append([]string{"score"}, args...)...)
		t.Logf("%s\n%s", title, out)
		fmt.Fprintf(doc, "\n### %s\n\n```\n%s```\n", title, out)
	}
	fmt.Fprint(doc, "\n## Beside the other programs\n\nScored by the peers' own script, from the files that each program wrote. MASErel_gm is the geometric mean over the demands of MASE over\nseasonal naive's, cpu_ms the mean CPU milliseconds of a series, what was learnt together shared out evenly. auto is called forethought.\n")
	table("Two hours ahead at five minutes, all forecasts", "op5m", "--models", "forethought,naive,snaive,thetaf", "--group", `(.*)\|`, "--hbuckets", "1,6,24")
	if few := p.ran["op5m"]; len(few) > 0 {
		table("Two hours ahead at five minutes, a few forecasts", "op5m", "--common", "--models", "forethought,snaive,"+strings.Join(few, ","))
	}
	if few := p.ran["m4h"]; len(few) > 0 && wholeBench() {
		table("M4 hourly, a few series", "m4h", "--common", "--models", "forethought,"+strings.Join(few, ","))
	}
}
