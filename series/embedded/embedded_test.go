package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/forethought-autoscaler/forethought/series"
)

func TestMain(m *testing.M) {
	if job := os.Getenv("EMBEDDED_CHILD"); job != "" {
		child(job, os.Getenv("EMBEDDED_PATH"))
		return
	}
	os.Exit(m.Run())
}

const day = 24 * time.Hour

// noon is when the tests' samples end. It lies in the past of the wall clock.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// open returns a Server that is closed when the test ends, after which no goroutine may be left.
func open(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Path == "" {
		o.Path = t.TempDir()
	}
	if o.Retention == 0 {
		o.Retention = 60 * day
	}
	before := goleak.IgnoreCurrent()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		goleak.VerifyNone(t, before)
	})
	return s
}

// serve returns Prometheus's own client of the Server.
func serve(t *testing.T, s *Server) v1.API {
	t.Helper()
	web := httptest.NewServer(s.Handler())
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		web.Close()
	})
	client, err := api.NewClient(api.Config{Address: web.URL, RoundTripper: transport})
	if err != nil {
		t.Fatal(err)
	}
	return v1.NewAPI(client)
}

// points returns n points at one minute that end at noon: point i is f(i).
func points(n int, f func(int) float64) series.Series {
	values := make([]float64, n)
	for i := range values {
		values[i] = f(i)
	}
	return series.Series{Start: noon.Add(-time.Duration(n-1) * time.Minute), Step: time.Minute, Values: values}
}

func named(name string) map[string]string { return map[string]string{"__name__": name} }

func backfill(t *testing.T, s *Server, name string, h series.Series) {
	t.Helper()
	if err := s.Backfill(t.Context(), []History{{Labels: named(name), Series: h}}); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, s *Server, name string, at time.Time, v float64) {
	t.Helper()
	if err := s.Append(t.Context(), named(name), at, v); err != nil {
		t.Fatal(err)
	}
}

// samples returns what is stored of a series between two times, as "minutes after noon:value", straight from the database.
func samples(t *testing.T, client v1.API, name string, from, to time.Time) []string {
	t.Helper()
	window := model.Duration(to.Sub(from) + time.Millisecond) // The range is open at its beginning.
	got, _, _, err := client.Query(t.Context(), fmt.Sprintf("%s[%s]", name, window), to)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range got.(model.Matrix) {
		for _, p := range m.Values {
			out = append(out, fmt.Sprintf("%v:%v", p.Timestamp.Time().Sub(noon).Minutes(), float64(p.Value)))
		}
	}
	return out
}

// at returns the value of an instant query, NaN where it yields nothing.
func at(t *testing.T, client v1.API, expr string, when time.Time) float64 {
	t.Helper()
	got, _, _, err := client.Query(t.Context(), expr, when)
	if err != nil {
		t.Fatal(err)
	}
	v := got.(model.Vector)
	if len(v) == 0 {
		return math.NaN()
	}
	if len(v) > 1 {
		t.Fatalf("%s yields %d series", expr, len(v))
	}
	return float64(v[0].Value)
}

// logBuffer is a log that a test can read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(o Options, want ...string) {
		t.Helper()
		s, err := Open(o)
		if err == nil {
			s.Close()
			t.Fatalf("Open(%+v) succeeds", o)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("Open(%+v): %q lacks %q", o, err, w)
			}
		}
	}
	f(Options{Retention: day}, "Path is empty")
	f(Options{Path: dir}, "Retention is 0s")
	f(Options{Path: dir, Retention: -day}, "Retention is -24h")
	f(Options{Path: dir, Retention: day, ScrapeInterval: -1}, "ScrapeInterval")
	f(Options{Path: dir, Retention: day, LookbackDelta: -1}, "LookbackDelta")
	f(Options{Path: dir, Retention: day, MaxSamples: -1}, "MaxSamples")
	f(Options{Path: file, Retention: day}, "data folder", file, "not a directory")
	f(Options{Path: filepath.Join(file, "sub"), Retention: day}, "data folder", file, "not a directory")
	f(Options{Path: "/proc", Retention: day}, "write in the data folder /proc")
	f(Options{Path: dir, Retention: day, ScrapeConfigs: []byte("- job: x")}, "scrape configs", "line 1", "job")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("a refused Open leaves %v behind, %v", left, err)
	}
}

func TestOpenRefusesUnwritableFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser can write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Path: dir, Retention: day})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("Open of a folder that cannot be written: %v", err)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	s := open(t, Options{})
	_, err := Open(Options{Path: s.opts.Path, Retention: day})
	if err == nil || !strings.Contains(err.Error(), s.opts.Path+" is in use by another process") {
		t.Fatalf("second Open: %v", err)
	}
	add(t, s, "still_works", noon, 1)
}

func TestLogOnlyWhatOperatorsNeed(t *testing.T) {
	var log logBuffer
	s := open(t, Options{Log: log.logger()})
	backfill(t, s, "x", points(10, func(i int) float64 { return float64(i) }))
	if got := log.String(); got != "" {
		t.Errorf("an ordinary start logs:\n%s", got)
	}
}

func TestCloseTwiceAndAfter(t *testing.T) {
	s := open(t, Options{})
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	for _, err := range []error{
		s.Append(t.Context(), named("x"), noon, 1),
		s.Backfill(t.Context(), nil),
		s.Run(t.Context()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	}
	if _, ok := s.Latest(); ok {
		t.Error("after Close there is a latest sample")
	}
	resp, err := http.Get(web.URL + "/-/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready after Close: %s, %v", resp.Status, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRunEndsWithContextAndWithClose(t *testing.T) {
	s := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	begun := make(chan struct{})
	go func() { close(begun); ended <- s.Run(t.Context()) }()
	<-begun
	go s.Close()
	if err := <-ended; err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("Run until Close: %v", err)
	}
}
