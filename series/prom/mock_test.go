package prom

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forethought-autoscaler/forethought/series"
)

var nan = math.NaN()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asked is one request of query_range as the mock read it.
type asked struct {
	method, query    string
	start, end, step int64 // milliseconds
}

// points returns the number of grid points asked for.
func (a asked) points() int { return int((a.end-a.start)/a.step) + 1 }

// mock is a server of query_range with one series. A sample's value is its time in minutes, so that a moved one is seen.
type mock struct {
	*httptest.Server
	metric string                                                     // JSON; {} where empty
	value  func(ms int64) string                                      // replaces the value; "" is no sample
	extra  string                                                     // further members of the envelope, with a leading comma
	intro  func(w http.ResponseWriter, r *http.Request, a asked) bool // answers instead where it returns true

	mu       sync.Mutex
	requests []asked
}

// serve starts m until the test ends.
func serve(t *testing.T, m *mock) *mock {
	t.Helper()
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/v1/query_range" {
		http.NotFound(w, r)
		return
	}
	a := asked{
		method: r.Method, query: r.FormValue("query"),
		start: formMillis(r, "start"), end: formMillis(r, "end"), step: formMillis(r, "step"),
	}
	m.mu.Lock()
	m.requests = append(m.requests, a)
	m.mu.Unlock()
	if m.intro != nil && m.intro(w, r, a) {
		return
	}
	fmt.Fprint(w, m.matrix(a))
}

func (m *mock) matrix(a asked) string {
	var b strings.Builder
	for ms := a.start; ms <= a.end; ms += a.step {
		v := strconv.FormatFloat(float64(ms)/60000, 'f', -1, 64)
		if m.value != nil {
			v = m.value(ms)
		}
		if v != "" {
			fmt.Fprintf(&b, `,[%s,%q]`, seconds(ms), v)
		}
	}
	metric := m.metric
	if metric == "" {
		metric = "{}"
	}
	return matrix(fmt.Sprintf(`{"metric":%s,"values":[%s]}`, metric, strings.TrimPrefix(b.String(), ",")), m.extra)
}

// matrix returns the API's answer with the given series.
func matrix(series, extra string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + series + `]}` + extra + `}`
}

// seen returns the requests so far in the order of their starts.
func (m *mock) seen() []asked {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.Clone(m.requests)
	slices.SortStableFunc(out, func(a, b asked) int { return int(a.start - b.start) })
	return out
}

// forget drops the requests so far.
func (m *mock) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = nil
}

func formMillis(r *http.Request, name string) int64 {
	f, err := strconv.ParseFloat(r.FormValue(name), 64)
	if err != nil {
		panic(fmt.Sprintf("%s = %q", name, r.FormValue(name)))
	}
	return int64(math.Round(f * 1000))
}

// waits records what a Source would have waited for.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return ctx.Err()
}

// source returns a Source under o that does not wait between tries and has no jitter.
func source(t *testing.T, o Options) (*Source, *waits) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &waits{}
	s.wait, s.jitter = w.wait, func() float64 { return 0 }
	return s, w
}

// minutes asks for expr x at every minute from the first to the last one since the epoch.
func minutes(from, to int64) series.Query {
	return series.Query{Expr: "x", Start: time.Unix(from*60, 0), End: time.Unix(to*60, 0), Step: time.Minute}
}

// wantOne returns the only series of an answer.
func wantOne(t *testing.T, all []series.Series, err error) series.Series {
	t.Helper()
	if err != nil || len(all) != 1 {
		t.Fatalf("Range = %d series, %v; want one", len(all), err)
	}
	return all[0]
}

func equal(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || (math.IsNaN(x) && math.IsNaN(y)) })
}
