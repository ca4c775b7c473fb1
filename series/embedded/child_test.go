package embedded

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// child is what the test binary does when a test starts it as a second process.
func child(job, path string) {
	s, err := Open(Options{Path: path, Retention: 60 * day})
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	switch job {
	case "append": // Acknowledge each sample once it is stored, until killed.
		for i := 0; ; i++ {
			if err := s.Append(context.Background(), named("x"), noon.Add(time.Duration(i)*time.Second), float64(i)); err != nil {
				fmt.Println(err)
				os.Exit(4)
			}
			fmt.Println(i)
		}
	case "idle": // Hold four weeks of one fleet, answer a query of each day, and say what memory is in use then.
		wave := func(i int) float64 { return 100 + 50*math.Sin(float64(i)/229) }
		if err := s.Backfill(context.Background(), []History{{Labels: named("x"), Series: points(28*24*60, wave)}}); err != nil {
			fmt.Println(err)
			os.Exit(4)
		}
		web := httptest.NewServer(s.Handler())
		for i := range 4 {
			end := noon.Add(-time.Duration(i) * 7 * day)
			resp, err := http.Get(fmt.Sprintf("%s/api/v1/query_range?query=x&start=%d&end=%d&step=60", web.URL, end.Add(-7*day).Unix()+60, end.Unix()))
			if err != nil || resp.StatusCode != http.StatusOK {
				fmt.Println(resp.Status, err)
				os.Exit(5)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		debug.FreeOSMemory()
		fmt.Println(residentBytes("VmRSS:"), residentBytes("RssAnon:"))
	}
}

// residentBytes reads one of this process's memory figures.
func residentBytes(field string) int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			kb, _ := strconv.Atoi(f[1])
			return kb << 10
		}
	}
	return 0
}

func command(t testing.TB, job, path string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), "EMBEDDED_CHILD="+job, "EMBEDDED_PATH="+path)
	return c
}

func TestSecondProcessIsRefused(t *testing.T) {
	s := open(t, Options{})
	out, err := command(t, "idle", s.opts.Path).Output()
	if err == nil || !strings.Contains(string(out), s.opts.Path+" is in use by another process") {
		t.Errorf("a second process: %v\n%s", err, out)
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	path := t.TempDir()
	c := command(t, "append", path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(lines.Text())
		}
		if last = n; n == 2000 {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = c.Wait() // It says that the process was killed.
	if last < 2000 {
		t.Fatalf("%d samples were acknowledged", last+1)
	}
	client := serve(t, open(t, Options{Path: path}))
	end := noon.Add(time.Duration(last) * time.Second)
	if got := at(t, client, fmt.Sprintf("count_over_time(x[%ds])", last+1), end); got != float64(last+1) {
		t.Errorf("%v samples are stored, %d were acknowledged", got, last+1)
	}
	if got := at(t, client, "x", end); got != float64(last) {
		t.Errorf("the last sample is %v, want %v", got, last)
	}
}

// tear opens a store, appends 1,000 samples, closes it, changes its only segment and opens it again. It returns how many are left.
func tear(t *testing.T, change func([]byte) []byte) (left float64, log string) {
	t.Helper()
	path := t.TempDir()
	s := open(t, Options{Path: path})
	for i := range 1000 {
		add(t, s, "x", noon.Add(time.Duration(i)*time.Second), float64(i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(path, "wal", "00000000")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
	var buf logBuffer
	registry := prometheus.NewRegistry()
	s = open(t, Options{Path: path, Log: buf.logger(), Registerer: registry})
	want := 1.0
	if buf.String() == "" {
		want = 0
	}
	if got := gathered(t, registry, "prometheus_tsdb_wal_corruptions_total"); got != want {
		t.Errorf("%v corruptions are counted, want %v", got, want)
	}
	client := serve(t, s)
	left = at(t, client, "count_over_time(x[1000s])", noon.Add(999*time.Second))
	// Whatever is left, the store goes on.
	add(t, s, "x", noon.Add(time.Hour), -1)
	if got := at(t, client, "x", noon.Add(time.Hour)); got != -1 {
		t.Errorf("after a repair the new sample is %v", got)
	}
	return left, buf.String()
}

func TestTornLog(t *testing.T) {
	records := func(b []byte) []byte { return bytes.TrimRight(b, "\x00") } // Closing pads the segment.
	left, log := tear(t, func(b []byte) []byte { return b })
	if left != 1000 || log != "" {
		t.Errorf("untouched: %v samples left\n%s", left, log)
	}
	left, log = tear(t, func(b []byte) []byte { return append(b, []byte("garbage at the end of the log")...) })
	if left != 1000 || !strings.Contains(log, "repair") {
		t.Errorf("garbage at the end: %v samples left\n%s", left, log)
	}
	left, log = tear(t, func(b []byte) []byte { return records(b)[:len(records(b))-5] })
	if left != 999 || !strings.Contains(log, "repair") {
		t.Errorf("cut off: %v samples left\n%s", left, log)
	}
	left, log = tear(t, func(b []byte) []byte {
		middle := b[len(records(b))/2:]
		for i := range middle[:100] {
			middle[i] ^= 0x5a
		}
		return b
	})
	// What is left is more than the first half: full chunks are in files of their own.
	if !(left >= 450 && left < 1000) || !strings.Contains(log, "repair") {
		t.Errorf("garbage in the middle: %v samples left\n%s", left, log)
	}
}

func TestCorruptBlockIsMovedAside(t *testing.T) {
	path := t.TempDir()
	s := open(t, Options{Path: path, Retention: 60 * day})
	backfill(t, s, "x", points(10*24*60, identity))
	dir := s.db.Blocks()[1].Dir()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index"), []byte("not an index"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	registry := prometheus.NewRegistry()
	s = open(t, Options{Path: path, Log: log.logger(), Registerer: registry})
	if _, err := os.Stat(dir + ".corrupt"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), dir+".corrupt") {
		t.Errorf("the log does not name the block:\n%s", log.String())
	}
	if got := gathered(t, registry, "forethought_embedded_blocks_quarantined_total"); got != 1 {
		t.Errorf("%v blocks are counted", got)
	}
	if got := at(t, serve(t, s), "x", noon); got != 10*24*60-1 {
		t.Errorf("the latest sample is %v", got)
	}
}

// BenchmarkIdle reports the memory of a process that holds four weeks of one fleet.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		out, err := command(b, "idle", b.TempDir()).Output()
		var rss, anon float64
		if _, scanErr := fmt.Sscan(string(out), &rss, &anon); err != nil || scanErr != nil {
			b.Fatal(string(out), err, scanErr)
		}
		b.ReportMetric(rss/1e6, "MB-resident")
		b.ReportMetric(anon/1e6, "MB-anonymous")
	}
}
