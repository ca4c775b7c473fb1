package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/forethought-autoscaler/forethought/series"
)

// TestSlices asks for ranges of every length around the limit: each point must be asked for once, and land where its time is.
func TestSlices(t *testing.T) {
	m := serve(t, &mock{})
	for n := int64(1); n <= 35; n++ {
		m.forget()
		s, _ := source(t, Options{URL: m.URL, MaxPoints: 10})
		all, err := s.Range(context.Background(), minutes(1000, 1000+n-1))
		got := wantOne(t, all, err)
		if got.Len() != int(n) || got.Start.Unix() != 60000 || got.Step != time.Minute {
			t.Fatalf("%d points: got %d from %v", n, got.Len(), got.Start)
		}
		for i, v := range got.Values {
			if v != float64(1000+i) {
				t.Fatalf("%d points: point %d is %v, want %d", n, i, v, 1000+i)
			}
		}
		next := int64(1000 * 60000)
		for _, a := range m.seen() {
			if a.start != next || a.points() > 10 || a.step != 60000 || a.query != "x" || a.method != http.MethodPost {
				t.Fatalf("%d points: request %+v, want one from %d on", n, a, next)
			}
			next = a.end + 60000
		}
		if want := (1000 + n) * 60000; next != want {
			t.Fatalf("%d points: asked up to %d, want %d", n, next, want)
		}
		if requests := len(m.seen()); requests != int(n+9)/10 {
			t.Fatalf("%d points: %d requests", n, requests)
		}
	}
}

func TestUnalignedRangeIsReadOnTheGrid(t *testing.T) {
	m := serve(t, &mock{metric: `{"__name__":"x","pool":"a","az":"1"}`})
	s, _ := source(t, Options{URL: m.URL + "/"})
	q := minutes(1000, 1002)
	q.Start, q.End = q.Start.Add(time.Second), q.End.Add(30*time.Second)
	all, err := s.Range(context.Background(), q)
	if got := wantOne(t, all, err); got.Start.Unix() != 1001*60 || !equal(got.Values, []float64{1001, 1002}) || got.Key != `x{az="1", pool="a"}` {
		t.Errorf("Range = %+v", got)
	}
	if all, err = s.Range(context.Background(), minutes(5, 4)); len(all) != 0 || err != nil {
		t.Errorf("an empty range = %v, %v", all, err)
	}
}

func TestSubSecondSteps(t *testing.T) {
	m := serve(t, &mock{})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 7})
	q := series.Query{Expr: "x", Start: time.UnixMilli(1700000000123), End: time.UnixMilli(1700000010000), Step: 250 * time.Millisecond}
	all, err := s.Range(context.Background(), q)
	if got := wantOne(t, all, err); got.Present() != 40 || got.Len() != 40 || got.Start.UnixMilli() != 1700000000250 {
		t.Errorf("%d of %d points from %v", got.Present(), got.Len(), got.Start)
	}
}

func TestGapStaysAGap(t *testing.T) {
	reg := prometheus.NewRegistry()
	answers := map[int64]string{0: "1", 2: "NaN", 3: "+Inf", 4: "-Inf", 6: "0"} // 1 and 5 have no sample
	m := serve(t, &mock{value: func(ms int64) string { return answers[ms/60000] }})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 2, Registerer: reg})
	all, err := s.Range(context.Background(), minutes(0, 6))
	if got := wantOne(t, all, err); !equal(got.Values, []float64{1, nan, nan, nan, nan, nan, 0}) {
		t.Errorf("Range = %v", got.Values)
	}
	f := func(c prometheus.Collector, want float64) {
		t.Helper()
		if got := testutil.ToFloat64(c); got != want {
			t.Errorf("counted %v, want %v", got, want)
		}
	}
	f(s.metrics.samples, 2)
	f(s.metrics.infinite, 2)
	f(s.metrics.gaps, 5)
	f(s.metrics.requests.WithLabelValues("200"), 4)
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

func TestNoSeriesIsEmpty(t *testing.T) {
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
		fmt.Fprint(w, matrix("", ""))
		return true
	}})
	s, _ := source(t, Options{URL: m.URL})
	if all, err := s.Range(context.Background(), minutes(0, 5)); len(all) != 0 || err != nil {
		t.Errorf("Range = %v, %v", all, err)
	}
	if _, err := series.One(context.Background(), s, minutes(0, 5)); !errors.Is(err, series.ErrNoSeries) {
		t.Errorf("One = %v", err)
	}
}

func TestSeveralSeriesInOrderWhateverTheSlicesHold(t *testing.T) {
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, a asked) bool {
		at := seconds(a.start)
		if a.start == 0 { // b comes first, and c is not there yet
			fmt.Fprint(w, matrix(`{"metric":{"pool":"b"},"values":[[`+at+`,"2"]]},{"metric":{"pool":"a"},"values":[[`+at+`,"1"]]}`, ""))
		} else {
			fmt.Fprint(w, matrix(`{"metric":{"pool":"a"},"values":[[`+at+`,"1"]]},{"metric":{"pool":"c"},"values":[[`+at+`,"3"]]}`, ""))
		}
		return true
	}})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 1})
	all, err := s.Range(context.Background(), minutes(0, 1))
	if err != nil || len(all) != 3 {
		t.Fatalf("Range = %v, %v", all, err)
	}
	f := func(i int, key series.Key, want ...float64) {
		t.Helper()
		if all[i].Key != key || !equal(all[i].Values, want) {
			t.Errorf("series %d is %+v, want %s %v", i, all[i], key, want)
		}
	}
	f(0, `{pool="a"}`, 1, 1)
	f(1, `{pool="b"}`, 2, nan)
	f(2, `{pool="c"}`, nan, 3)
	var many *series.ManyError
	if _, err = series.One(context.Background(), s, minutes(0, 1)); !errors.As(err, &many) {
		t.Errorf("One = %v, want a ManyError", err)
	}
}

// TestConcurrencyIsBoundedOverAllCallers holds each request until as many as may be are under way.
func TestConcurrencyIsBoundedOverAllCallers(t *testing.T) {
	const bound = 3
	var under, most atomic.Int32
	full := make(chan struct{})
	m := serve(t, &mock{intro: func(http.ResponseWriter, *http.Request, asked) bool {
		n := under.Add(1)
		defer under.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == bound {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full
		return false
	}})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 2, Concurrency: bound})
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := s.Range(context.Background(), minutes(0, 19))
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if most.Load() != bound {
		t.Errorf("%d requests at once, want %d", most.Load(), bound)
	}
	if n := len(m.seen()); n != 40 {
		t.Errorf("%d requests, want 40", n)
	}
}

func TestServerWithALowerLimit(t *testing.T) {
	f := func(limit int, code int, say string) {
		t.Helper()
		m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, a asked) bool {
			if a.points() <= limit {
				return false
			}
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":%q}`, say)
			return true
		}})
		s, _ := source(t, Options{URL: m.URL, MaxPoints: 100, Concurrency: 1})
		all, err := s.Range(context.Background(), minutes(0, 249))
		got := wantOne(t, all, err)
		for i, v := range got.Values {
			if v != float64(i) {
				t.Fatalf("limit %d: point %d is %v", limit, i, v)
			}
		}
		m.forget()
		if _, err = s.Range(context.Background(), minutes(0, 249)); err != nil {
			t.Error(err)
		}
		for _, a := range m.seen() {
			if a.points() > limit {
				t.Errorf("limit %d: asked for %d points again", limit, a.points())
				break
			}
		}
	}
	const resolution = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
	f(99, 400, resolution)
	f(30, 422, resolution)
	f(1, 400, resolution)
	f(40, 422, "too many points for the given step=60000, start=0 and end=1: 100; cannot exceed -search.maxPointsPerTimeseries=40")
}

func TestTooManySamplesHalvesThisQueryOnly(t *testing.T) {
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, a asked) bool {
		if a.points() <= 50 {
			return false
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`)
		return true
	}})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 100})
	all, err := s.Range(context.Background(), minutes(0, 99))
	if got := wantOne(t, all, err); got.Present() != 100 {
		t.Errorf("%d points", got.Present())
	}
	if s.maxPoints.Load() != 100 {
		t.Errorf("the limit is %d after another query's fault", s.maxPoints.Load())
	}
}

func TestALimitThatRefusesOnePointIsAnError(t *testing.T) {
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
		http.Error(w, "exceeded maximum resolution", http.StatusBadRequest)
		return true
	}})
	s, _ := source(t, Options{URL: m.URL})
	_, err := s.Range(context.Background(), minutes(0, 7))
	var said *Error
	if !errors.As(err, &said) || said.Code != 400 {
		t.Errorf("Range = %v", err)
	}
}

func TestGETWherePOSTIsRefused(t *testing.T) {
	f := func(code int) {
		t.Helper()
		m := &mock{}
		m.intro = func(w http.ResponseWriter, r *http.Request, _ asked) bool {
			if r.Method == http.MethodPost {
				w.Header().Set("Location", m.URL+"/api/v1/query_range")
				w.WriteHeader(code)
				return true
			}
			return r.URL.Query().Get("tenant") != "7" // no answer unless the url's own parameter is there
		}
		serve(t, m)
		s, _ := source(t, Options{URL: m.URL + "?tenant=7", MaxPoints: 10, Concurrency: 1})
		all, err := s.Range(context.Background(), minutes(0, 29))
		if got := wantOne(t, all, err); got.Present() != 30 {
			t.Errorf("%d: %d points", code, got.Present())
		}
		if n := len(m.seen()); n != 4 { // a POST, and then GET only
			t.Errorf("%d: %d requests, want 4: %+v", code, n, m.seen())
		}
	}
	f(http.StatusMethodNotAllowed)
	f(http.StatusForbidden)
	f(http.StatusFound)
}

func TestWarningsAreKeptAndLoggedOnce(t *testing.T) {
	m := serve(t, &mock{extra: `,"warnings":["slow  store"],"infos":["metric might not be a counter"],"isPartial":true`})
	var log strings.Builder
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 2, Concurrency: 1, Log: logTo(&log)})
	for range 2 {
		if _, err := s.Range(context.Background(), minutes(0, 3)); err != nil {
			t.Fatal(err)
		}
	}
	want := []Warning{
		{Expr: "x", Text: "slow store", Count: 4},
		{Expr: "x", Text: "metric might not be a counter", Count: 4},
		{Expr: "x", Text: "the server says that its answer is partial", Count: 4},
	}
	if got := s.Warnings(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Warnings() = %+v, want %+v", got, want)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 3 || !strings.Contains(log.String(), `query=x warning="slow store"`) {
		t.Errorf("logged %d warnings:\n%s", n, log.String())
	}
	if got := testutil.ToFloat64(s.metrics.warnings); got != 12 {
		t.Errorf("counted %v warnings, want 12", got)
	}
}

func TestDistinctWarningsAreBounded(t *testing.T) {
	w := newWarnings(logTo(io.Discard))
	for i := range 2 * maxWarnings {
		w.add("x", strconv.Itoa(i))
	}
	if n := len(w.all()); n != maxWarnings {
		t.Errorf("%d warnings kept", n)
	}
}

func TestSourcesShareTheirRegisterersMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := serve(t, &mock{})
	for range 2 { // as at a reload
		s, _ := source(t, Options{URL: m.URL, Registerer: reg})
		if _, err := s.Range(context.Background(), minutes(0, 3)); err != nil {
			t.Fatal(err)
		}
	}
	const want = `# HELP forethought_source_samples_total Samples with a finite value that were read from the history.
# TYPE forethought_source_samples_total counter
forethought_source_samples_total 8
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "forethought_source_samples_total"); err != nil {
		t.Error(err)
	}
}
