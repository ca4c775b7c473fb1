package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// office writes a trace of days at ten minutes, beginning at a time, with office hours; from a row on the values are others.
func office(t *testing.T, path string, begin time.Time, days, other int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,web\n")
	for i := range days * 144 {
		v := 100 + 80*math.Sin(2*math.Pi*(float64(i%144)/144-0.3)) + float64(i*7919%13)
		if i >= other {
			v = float64(i * 104729 % 997)
		}
		cell := strconv.FormatFloat(v, 'f', 2, 64)
		if i%97 == 50 {
			cell = "" // a gap
		}
		fmt.Fprintf(&b, "%d,%s\n", begin.Unix()+int64(600*i), cell)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

const replayConfig = `
prometheus: {url: http://localhost:9090}
fleets:
  - name: web
    demand: {query: sum(load), unit: requests}
    policy: {mode: shadow, probability: 0.95}
    pools:
      - {name: fixed, class: fixed, capacity: 10, min: 1, max: 6, lead_time: 4m, price: {hourly: 1, commitment: {ratio: 0.6, instances: 1}}}
      - {name: spot, class: variable, capacity: 10, max: 100, lead_time: 4m, price: {hourly: 0.4}}
`

// decisionsOf replays a trace and returns the rows of its decisions.
func decisionsOf(t *testing.T, dir, input string, args ...string) [][]string {
	t.Helper()
	out := filepath.Join(dir, "decisions.csv")
	var stdout, stderr bytes.Buffer
	args = append([]string{"replay", "--input=" + input, "--config.file=" + filepath.Join(dir, "c.yml"), "--decisions=" + out}, args...)
	if code := execute(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func replayFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "c.yml"), []byte(replayConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var replayBegin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// TestReplayDecisions holds the decisions of a trace: a row for every turn and pool, the same whatever comes later, and the same a week later.
func TestReplayDecisions(t *testing.T) {
	dir := replayFolder(t)
	input := filepath.Join(dir, "trace.csv")
	office(t, input, replayBegin, 2, 1<<30)
	rows := decisionsOf(t, dir, input)
	if got := strings.Join(rows[0], ","); got != "timestamp,fleet,pool,instances,reactive,guards" {
		t.Fatalf("the header is %s", got)
	}
	body := rows[1:]
	if want := 2 * (2*24*60 - 1); len(body) != want { // a turn every minute but the first, before which nothing is known
		t.Errorf("%d rows, want %d", len(body), want)
	}
	for i, row := range body {
		at := replayBegin.Add(time.Duration(i/2+1) * time.Minute).Unix()
		if row[0] != strconv.FormatInt(at, 10) || row[1] != "web" || row[2] != []string{"fixed", "spot"}[i%2] {
			t.Fatalf("row %d is %v", i, row)
		}
		n, err := strconv.Atoi(row[3])
		reactive, err2 := strconv.Atoi(row[4])
		if err != nil || err2 != nil || n < reactive || n < 1-i%2 || i%2 == 0 && n > 6 {
			t.Fatalf("row %d is %v", i, row)
		}
	}
	cut := 200
	office(t, input, replayBegin, 2, cut)
	until := 2 * (10*cut - 1) // rows of the minutes up to the first other value
	if other := decisionsOf(t, dir, input)[1:]; !slices.EqualFunc(body[:until], other[:until], slices.Equal) {
		t.Error("what comes later changes decisions before it")
	}
	office(t, input, replayBegin.AddDate(0, 0, 7), 2, 1<<30)
	later := decisionsOf(t, dir, input)[1:]
	for i, row := range later {
		if !slices.Equal(row[1:], body[i][1:]) {
			t.Fatalf("a week later row %d is %v, want %v", i, row, body[i])
		}
	}
}

// TestReplayCompares runs the whole command on a short trace and looks at what it prints and writes.
func TestReplayCompares(t *testing.T) {
	dir := replayFolder(t)
	input := filepath.Join(dir, "trace.csv")
	office(t, input, replayBegin, 4, 1<<30)
	report, table := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.csv")
	var stdout, stderr bytes.Buffer
	args := []string{"replay", "--input=" + input, "--config.file=" + filepath.Join(dir, "c.yml"), "--report=" + report, "--output=" + table, "--actuator=direct"}
	if code := execute(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	for _, want := range []string{"forethought", "static-peak", "hpa-70%", "holt-winters|reactive", "x oracle", "data sha256", "commitment of fixed: 6 instances are needed for 60 % of the time"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, stdout.String())
		}
	}
	page, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("</html>")) || bytes.Contains(page, []byte("NaN")) {
		t.Error("the report is not whole, or says NaN")
	}
	rows, err := os.ReadFile(table)
	if err != nil || bytes.Count(rows, []byte("\n")) < 100 {
		t.Errorf("the table has %d lines: %v", bytes.Count(rows, []byte("\n")), err)
	}
}

func TestReplayRefuses(t *testing.T) {
	dir := replayFolder(t)
	input, config := filepath.Join(dir, "trace.csv"), filepath.Join(dir, "c.yml")
	office(t, input, replayBegin, 1, 1<<30)
	short := filepath.Join(dir, "short.csv")
	if err := os.WriteFile(short, []byte("timestamp,web\n0,1\n60,2\n120,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.csv")
	if err := os.WriteFile(empty, []byte("timestamp,web\n0,\n60,\n120,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := execute(context.Background(), append([]string{"replay"}, args...), &stdout, &stderr)
		if code != 1 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: exit %d, %q, want %q", args, code, stderr.String(), want)
		}
	}
	f("want --input, or --config.file")
	f("--series and --step are for --input", "--config.file="+config, "--series=web")
	f("--start and --end are for a demand that is read from Prometheus", "--input="+input, "--start=1")
	f("want the --config.file", "--input="+input, "--fleet=web")
	f("a replay is of one series", "--input="+input, "--series=a", "--series=b")
	f("want direct, hpa or hpa-zero", "--input="+input, "--actuator=magic")
	f(`no series is called "nope"`, "--input="+input, "--series=nope")
	f(`no fleet is called "nope", there are web`, "--input="+input, "--config.file="+config, "--fleet=nope")
	f("a lead time of 4m is more than half of the load's 3m", "--input="+short, "--config.file="+config)
	f("are too few", "--input="+input, "--config.file="+config)
	f("only missing", "--input="+empty, "--config.file="+config)
	long := filepath.Join(dir, "long.csv")
	office(t, long, replayBegin, 4, 1<<30)
	f("--target=2: want a share", "--input="+long, "--target=2")
}
