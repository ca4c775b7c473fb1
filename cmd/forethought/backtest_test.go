package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runCommand runs a command line and returns what it prints.
func runCommand(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := execute(context.Background(), args, &out, &errs); got != want {
		t.Fatalf("forethought %q ends with %d, want %d\n%s", args, got, want, errs.String())
	}
	return out.String(), errs.String()
}

// officeFile writes the last days of the demand of the pictures, every half an hour, as series a and as b, which has a gap and is noisier.
func officeFile(t *testing.T) string {
	t.Helper()
	y := officeDemand()
	var text strings.Builder
	text.WriteString("timestamp,a,b\n")
	for i := 0; i < y.Len(); i += 6 {
		b := fmt.Sprintf("%g", y.Values[i]*(1+0.3*math.Sin(float64(i*i))))
		if i%600 < 60 {
			b = ""
		}
		fmt.Fprintf(&text, "%d,%g,%s\n", y.TimeAt(i).Unix(), y.Values[i], b)
	}
	path := filepath.Join(t.TempDir(), "office.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// records reads a CSV file written by a backtest: the numbers of a row by series, method, horizon and column.
func records(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range all[1:] {
		for i, v := range r {
			out[strings.Join(r[:3], " ")+" "+all[0][i]] = v
		}
	}
	return out
}

func TestBacktestOfAFile(t *testing.T) {
	input := officeFile(t)
	rows, html := filepath.Join(t.TempDir(), "rows.csv"), filepath.Join(t.TempDir(), "report.html")
	stdout, stderr := runCommand(t, 0, "backtest", "--input="+input, "--output="+rows, "--output="+html, "--origins=12", "--refit=7d")
	if stderr != "" {
		t.Errorf("stderr is %q", stderr)
	}
	for _, want := range []string{
		"a: 1344 observations at 30m from 2026-01-05 to 2026-02-01, 0 missing; each method forecast up to 12 times in the last 30 %\n",
		"chosen now: ", "  up to 30m ahead\n", "  30m to 1h ahead\n", "  1h to 2h ahead\n", "all 2 series: means",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	numbers := records(t, rows)
	number := func(key string) float64 {
		t.Helper()
		v, err := strconv.ParseFloat(numbers[key], 64)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return v
	}
	for _, name := range []string{"a", "b"} {
		day, week := number(name+" snaive-day 2h quantile_score"), number(name+" snaive-week 2h quantile_score")
		auto := number(name + " auto 2h quantile_score")
		if got, want := number(name+" auto 2h scaled"), auto/min(day, week); math.Abs(got/want-1) > 1e-4 {
			t.Errorf("%s: auto is scaled %v, want %v", name, got, want)
		}
		if number(name+" auto 2h fit_cpu_ms") <= number(name+" last 2h fit_cpu_ms") {
			t.Errorf("%s: a fit of auto is not measured to take longer than one of the last value: %v", name, numbers)
		}
	}
	if got := number("a auto 2h scaled"); got > 1 {
		t.Errorf("auto is worse than seasonal naive on office hours: scaled %v", got)
	}
	checkReport(t, html, 2)
}

// checkReport checks that a report is whole, asks for nothing from outside, and holds pictures that are well-formed.
func checkReport(t *testing.T, path string, sections int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, outside := range []string{"<script", "<link", "@import", "url(", "src="} {
		if strings.Contains(text, outside) {
			t.Errorf("the report holds %s", outside)
		}
	}
	if strings.Count(text, "http") != strings.Count(text, "http://www.w3.org/2000/svg") {
		t.Error("the report names an address")
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "ZgotmplZ") {
		t.Error("the report holds NaN, or what the template refused")
	}
	pictures := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1)
	if want := 4*sections + 2*min(sections-1, 1); len(pictures) != want {
		t.Errorf("the report has %d pictures, want %d", len(pictures), want)
	}
	for _, p := range pictures {
		if err := xml.Unmarshal([]byte(p), new(struct{})); err != nil {
			t.Errorf("%v in %.200s", err, p)
		}
	}
	for _, want := range []string{"</html>", `<tr class="best">`, "What was measured", "gives most weight to", "prefers-color-scheme", "@media print"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the report", want)
		}
	}
}

// The same file gives the same numbers, but for the processor time, however many processors there are.
func TestBacktestIsDeterministic(t *testing.T) {
	input := officeFile(t)
	var before string
	for range 2 {
		stdout, _ := runCommand(t, 0, "backtest", "--input="+input, "--horizon=1h", "--origins=8", "--refit=7d", "--method=ridge,last,snaive-day")
		stdout = regexp.MustCompile(` +\S+ +\S+\n`).ReplaceAllString(stdout, "\n") // the last two columns
		if before != "" && stdout != before {
			t.Errorf("two runs differ:\n%s\n%s", before, stdout)
		}
		before = stdout
	}
}

// fakePrometheus answers range queries of demand and of outage.
func fakePrometheus(t *testing.T) *httptest.Server {
	t.Helper()
	y := officeDemand()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := func(name string) int {
			f, err := strconv.ParseFloat(r.FormValue(name), 64)
			if err != nil {
				t.Errorf("%s=%s", name, r.FormValue(name))
			}
			return int(f)
		}
		var values [][]any
		for s := at("start"); s <= at("end"); s += at("step") {
			when := time.Unix(int64(s), 0)
			v := y.At(when)
			if r.FormValue("query") == "outage" {
				v = 0
				if when.UTC().Weekday() == time.Wednesday {
					v = 1
				}
			}
			if !math.IsNaN(v) {
				values = append(values, []any{s, fmt.Sprint(v)})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{
			"resultType": "matrix", "result": []any{map[string]any{"metric": map[string]string{}, "values": values}},
		}})
	}))
	t.Cleanup(server.Close)
	return server
}

func TestBacktestOfAFleet(t *testing.T) {
	server := fakePrometheus(t)
	file := filepath.Join(t.TempDir(), "f.yml")
	text := fmt.Sprintf(`prometheus: {url: %q}
horizons: [10m, 1h]
fleets:
  - name: web
    demand: {query: sum(demand), unit: cores, step: 5m}
    exclude: [outage]
    pools: [{name: spot, class: variable, capacity: 25, max: 200, lead_time: 4m}]
`, server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	html := filepath.Join(t.TempDir(), "report.html")
	stdout, _ := runCommand(t, 0, "backtest", "--config.file="+file, "--fleet=web", "--start=2026-01-05T00:00:00Z", "--end=2026-01-26T00:00:00Z",
		"--origins=8", "--refit=7d", "--output="+html)
	want := fmt.Sprintf("web: 6049 observations at 5m from 2026-01-05 to 2026-01-26, %d missing", 3*288)
	if !strings.Contains(stdout, want) || !strings.Contains(stdout, "  10m to 1h ahead\n") {
		t.Errorf("want %q and the configured horizons in\n%s", want, stdout)
	}
	checkReport(t, html, 1)
	// Observations lie from 5 January to 1 February only: what the configured history has before is no history.
	stdout, _ = runCommand(t, 0, "backtest", "--config.file="+file, "--fleet=web", "--end=2026-01-19T00:00:00Z", "--method=last,snaive-day", "--origins=2")
	if !strings.Contains(stdout, "web: 4033 observations at 5m from 2026-01-05 to 2026-01-19") {
		t.Errorf("stdout is\n%s", stdout)
	}
	_, stderr := runCommand(t, 1, "backtest", "--config.file="+file, "--fleet=web", "--start=2024-01-05T00:00:00Z", "--end=2024-01-26T00:00:00Z")
	if !strings.Contains(stderr, "read demand of web: ") {
		t.Errorf("stderr is %q", stderr)
	}
}

func TestInOrder(t *testing.T) {
	var got []int
	inOrder(500, 3, func(i int) int {
		time.Sleep(time.Duration(i%7) * 10 * time.Microsecond)
		return i * i
	}, func(i, result int) {
		if result != i*i {
			t.Errorf("result %d is %d", i, result)
		}
		got = append(got, i)
	})
	if len(got) != 500 || !slices.IsSorted(got) {
		t.Errorf("done is called with %v", got)
	}
	inOrder(0, 3, func(int) int { return 0 }, func(int, int) { t.Error("there is nothing to do") })
}

// The clock of a thread does not count what others do.
func TestCPUClock(t *testing.T) {
	clock, workers := cpuClock()
	if workers == 1 {
		t.Skip("the time of a thread is not known here")
	}
	spin := func() (sum float64) {
		for i := range 20_000_000 {
			sum += math.Sqrt(float64(i))
		}
		return sum
	}
	spent := make([]time.Duration, 2)
	inOrder(2, 2, func(i int) float64 {
		before := clock()
		defer func() { spent[i] = clock() - before }()
		if i == 1 {
			return 0
		}
		return spin()
	}, func(int, float64) {})
	if spent[0] < time.Millisecond || spent[1] > spent[0]/2 {
		t.Errorf("working took %v and doing nothing %v", spent[0], spent[1])
	}
}

func TestParseLength(t *testing.T) {
	f := func(s string, step time.Duration, steps int, span time.Duration) {
		t.Helper()
		l, err := parseLength(s)
		if err != nil || l.steps(step) != steps || l.span(step) != span {
			t.Errorf("%s at %s is %d steps and %s, %v; want %d and %s", s, step, l.steps(step), l.span(step), err, steps, span)
		}
	}
	f("24", time.Hour, 24, 24*time.Hour)
	f("1d", time.Hour, 24, 24*time.Hour)
	f("90m", time.Hour, 2, 90*time.Minute)
	f("5m", time.Hour, 1, 5*time.Minute)
	f("1", 36*time.Hour, 1, 36*time.Hour)
	for _, s := range []string{"0", "-1", "x", "", "0s", "1.5", "-5m"} {
		if _, err := parseLength(s); err == nil {
			t.Errorf("%q is a length", s)
		}
	}
}

// A file of hours is forecast on all processors in the order of its series.
func TestForecastKeepsTheOrder(t *testing.T) {
	var text strings.Builder
	text.WriteString("series,timestamp,value\n")
	for h := range 60 {
		for s := range 40 {
			fmt.Fprintf(&text, "s%02d,%d,%d\n", s, h*3600, s+h%5)
		}
	}
	path := filepath.Join(t.TempDir(), "many.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _ := runCommand(t, 0, "forecast", "--input="+path, "--horizon=2", "--output=-")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")[1:]
	if len(lines) != 80 {
		t.Fatalf("%d rows, want 80", len(lines))
	}
	for i, line := range lines {
		if want := fmt.Sprintf("s%02d,%d,%d,", i/2, (60+i%2)*3600, 1+i%2); !strings.HasPrefix(line, want) {
			t.Errorf("row %d is %s, want %s...", i, line, want)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	input, output := officeFile(t), filepath.Join(t.TempDir(), "out.csv")
	f := func(args ...string) {
		t.Helper()
		var stderr bytes.Buffer
		if code := execute(ctx, append(args, "--input="+input, "--output="+output), io.Discard, &stderr); code != 1 || stderr.String() != "forethought: interrupted\n" {
			t.Errorf("%s ends with %d and %q", args[0], code, stderr.String())
		}
		if _, err := os.Stat(output); err == nil {
			t.Errorf("%s leaves an output behind", args[0])
		}
	}
	f("forecast", "--horizon=2")
	f("backtest")
}
