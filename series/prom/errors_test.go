package prom

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/config"

	"github.com/forethought-autoscaler/forethought/series"
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// always answers every request alike.
func always(code int, header, body string) func(http.ResponseWriter, *http.Request, asked) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
		return true
	}
}

func TestWhatTheServerSaysIsTheError(t *testing.T) {
	f := func(code int, body, want string) {
		t.Helper()
		m := serve(t, &mock{intro: always(code, "", body)})
		s, _ := source(t, Options{URL: strings.Replace(m.URL, "http://", "http://me:hunter2@", 1)})
		all, err := s.Range(context.Background(), minutes(0, 5))
		if want = `query_range "x" at ` + m.URL + ": " + want; err == nil || err.Error() != want || len(all) != 0 {
			t.Errorf("Range = %v\nwant %s", err, want)
		}
	}
	f(422, `{"status":"error","errorType":"execution","error":"query timed out"}`, "422: query timed out")
	f(400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error:\n unexpected end of input"}`,
		`400: invalid parameter "query": 1:5: parse error: unexpected end of input`)
	f(401, "", "401: Unauthorized")
	f(404, "404 page not found\n", "404: Not Found: 404 page not found")
	f(502, "<html><body>bad gateway</body></html>", "502: Bad Gateway")
	f(503, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`,
		"503: query timed out in expression evaluation")
	f(599, "", "599: no reason given")
	f(200, `{"status":"error","errorType":"internal","error":"oops"}`, "200: oops")
	f(200, `<html>login</html>`,
		`answer is not what query_range returns: byte 0: want a JSON object, found '<'; is the url that of a Prometheus API?`)
	f(200, matrix(`{"metric":{},"histograms":[[0,{"count":"1"}]]}`, ""),
		"native histograms returned; take a number from them, for example with histogram_count(...)")
	f(200, matrix(`{"metric":{},"values":[[0,"1"],[90,"2"]]}`, ""),
		"sample at 1970-01-01T00:01:30Z is none of the 6 grid points asked for, from 1970-01-01T00:00:00Z on each 1m0s")
	f(200, matrix(`{"metric":{},"values":[[360,"1"]]}`, ""),
		"sample at 1970-01-01T00:06:00Z is none of the 6 grid points asked for, from 1970-01-01T00:00:00Z on each 1m0s")
	f(200, matrix(`{"metric":{},"values":[[60,"1"],[60,"2"]]}`, ""),
		"sample at 1970-01-01T00:01:00Z is not after the one before it, at 1970-01-01T00:01:00Z")
	f(200, matrix(`{"metric":{},"values":[[120,"1"],[60,"2"]]}`, ""),
		"sample at 1970-01-01T00:01:00Z is not after the one before it, at 1970-01-01T00:02:00Z")
	f(200, matrix(`{"metric":{"a":"1"},"values":[]},{"metric":{"a":"1"},"values":[]}`, ""), `series {a="1"} returned twice`)
	f(200, matrix(strings.Repeat(",{}", 1001)[1:], ""), "series {} returned twice")
}

func TestErrorIsTyped(t *testing.T) {
	m := serve(t, &mock{intro: always(400, "", `{"status":"error","errorType":"bad_data","error":"parse error"}`)})
	s, w := source(t, Options{URL: m.URL, MaxPoints: 2, Concurrency: 1})
	_, err := s.Range(context.Background(), minutes(0, 9))
	var said *Error
	if !errors.As(err, &said) || said.Code != 400 || said.Type != "bad_data" || said.Message != "parse error" {
		t.Errorf("Range = %v", err)
	}
	if n := len(m.seen()); n != 1 || len(w.all) != 0 {
		t.Errorf("%d requests and %d waits for a query that no slice can answer, want 1 and 0", n, len(w.all))
	}
}

func TestTooManySeries(t *testing.T) {
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, a asked) bool {
		fmt.Fprint(w, matrix(fmt.Sprintf(`{"metric":{"s":"%d"}},{"metric":{"s":"%d"}}`, a.start, a.start+1), ""))
		return true
	}})
	f := func(bound int, q series.Query, want string) {
		t.Helper()
		s, _ := source(t, Options{URL: m.URL, MaxPoints: 1, MaxSeries: bound})
		all, err := s.Range(context.Background(), q)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("bound %d: %d series, %v; want %q", bound, len(all), err, want)
		}
	}
	f(1, minutes(0, 0), "more than 1 series returned; aggregate them")
	f(2, minutes(0, 0), "")
	f(3, minutes(0, 1), "more than 3 series returned; aggregate them") // two slices of two
	f(4, minutes(0, 1), "")
}

// flaky answers the first requests as it is told and the others well.
func flaky(n int, answer func(http.ResponseWriter, *http.Request, asked) bool) func(http.ResponseWriter, *http.Request, asked) bool {
	var count atomic.Int32
	return func(w http.ResponseWriter, r *http.Request, a asked) bool {
		return int(count.Add(1)) <= n && answer(w, r, a)
	}
}

// hangUp breaks the connection off after some of the answer.
func hangUp(some string) func(http.ResponseWriter, *http.Request, asked) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
		fmt.Fprint(w, some)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestRetries(t *testing.T) {
	f := func(failures int, answer func(http.ResponseWriter, *http.Request, asked) bool, want ...time.Duration) {
		t.Helper()
		m := serve(t, &mock{intro: flaky(failures, answer)})
		s, w := source(t, Options{URL: m.URL})
		all, err := s.Range(context.Background(), minutes(0, 5))
		if got := wantOne(t, all, err); got.Present() != 6 {
			t.Errorf("%d points after %d failures", got.Present(), failures)
		}
		if !slices.Equal(w.all, want) {
			t.Errorf("waited %v, want %v", w.all, want)
		}
		if got := testutil.ToFloat64(s.metrics.retries); got != float64(len(want)) {
			t.Errorf("counted %v retries, want %d", got, len(want))
		}
	}
	const ms = time.Millisecond
	f(3, always(503, "", ""), 125*ms, 250*ms, 500*ms)
	f(1, always(502, "", ""), 125*ms)
	f(1, always(504, "", ""), 125*ms)
	f(1, always(429, "", ""), 125*ms)
	f(2, always(429, "Retry-After: 7", ""), 7*time.Second, 7*time.Second)
	f(1, always(503, "Retry-After: 0", ""), 125*ms)
	f(1, always(503, "Retry-After: soon", ""), 125*ms)
	f(2, hangUp(""), 125*ms, 250*ms)
	f(1, hangUp(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"]`), 125*ms) // nothing of it counts
	f(1, always(200, "", `{"status":"success","data":{"resultTy`), 125*ms)                                             // cut by a proxy
}

func TestTriesAreBounded(t *testing.T) {
	f := func(answer func(http.ResponseWriter, *http.Request, asked) bool, requests int, want string) {
		t.Helper()
		m := serve(t, &mock{intro: answer})
		s, _ := source(t, Options{URL: m.URL, Tries: 3, MaxPoints: 1, Concurrency: 1})
		_, err := s.Range(context.Background(), minutes(0, 9))
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Range = %v, want ...%s", err, want)
		}
		if n := len(m.seen()); n != requests {
			t.Errorf("%d requests, want %d: %v", n, requests, err)
		}
	}
	f(always(503, "", ""), 3, "503: Service Unavailable") // and the nine slices behind it are not begun
	f(always(429, "Retry-After: 61", ""), 1, "429: Too Many Requests (it asks to wait 1m1s)")
	f(always(500, "", ""), 10, "500: Internal Server Error")
	f(always(422, "", ""), 10, "422: Unprocessable Entity")
}

func TestServerThatIsDown(t *testing.T) {
	m := serve(t, &mock{})
	m.Close()
	s, w := source(t, Options{URL: strings.Replace(m.URL, "http://", "http://me:hunter2@", 1)})
	_, err := s.Range(context.Background(), minutes(0, 5))
	if err == nil || !strings.Contains(err.Error(), "connection refused") || !strings.HasPrefix(err.Error(), `query_range "x" at `+m.URL+": ") {
		t.Errorf("Range = %v", err)
	}
	if len(w.all) != DefaultTries-1 || testutil.ToFloat64(s.metrics.requests.WithLabelValues("none")) != DefaultTries {
		t.Errorf("waited %v", w.all)
	}
}

func TestPartialFailure(t *testing.T) {
	bad := map[int64]bool{2: true, 4: true, 8: true} // slices of two minutes, by their first
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, a asked) bool {
		if !bad[a.start/60000] {
			return false
		}
		return always(422, "", `{"status":"error","errorType":"execution","error":"query timed out"}`)(w, nil, a)
	}})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 2})
	all, err := s.Range(context.Background(), minutes(0, 8))
	var partial *series.PartialError
	if !errors.As(err, &partial) || len(all) != 1 {
		t.Fatalf("Range = %v, %v, want a PartialError", all, err)
	}
	if !equal(all[0].Values, []float64{0, 1, nan, nan, nan, nan, 6, 7, nan}) {
		t.Errorf("Range = %v", all[0].Values)
	}
	want := []series.Interval{
		{Start: time.Unix(120, 0).UTC(), End: time.Unix(300, 0).UTC()}, // two slices that adjoin
		{Start: time.Unix(480, 0).UTC(), End: time.Unix(480, 0).UTC()},
	}
	if !slices.Equal(partial.Missing, want) {
		t.Errorf("missing %v, want %v", partial.Missing, want)
	}
	var said *Error
	if text := `query_range "x" at ` + m.URL + ": 422: query timed out"; partial.Err.Error() != text || !errors.As(err, &said) {
		t.Errorf("error is %v, want %s", partial.Err, text)
	}
}

func TestServerThatDiesMidway(t *testing.T) {
	var count atomic.Int32
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, a asked) bool {
		if count.Add(1) <= 3 {
			return false
		}
		return hangUp("")(w, nil, a)
	}})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 10, Concurrency: 1})
	all, err := s.Range(context.Background(), minutes(0, 99))
	var partial *series.PartialError
	if !errors.As(err, &partial) || len(all) != 1 || all[0].Present() != 30 || len(partial.Missing) != 1 {
		t.Fatalf("Range = %v, want 30 points and a PartialError", err)
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	begun := make(chan struct{}, 10)
	m := serve(t, &mock{intro: func(_ http.ResponseWriter, r *http.Request, a asked) bool {
		if a.start == 0 {
			return false // this slice is read, and still the caller wants nothing any more
		}
		begun <- struct{}{}
		<-r.Context().Done()
		return true
	}})
	s, _ := source(t, Options{URL: m.URL, MaxPoints: 10, Concurrency: 2})
	go func() { <-begun; cancel() }()
	all, err := s.Range(ctx, minutes(0, 99))
	var partial *series.PartialError
	if !errors.Is(err, context.Canceled) || errors.As(err, &partial) || len(all) != 0 {
		t.Errorf("Range = %v, %v", all, err)
	}
	if n := testutil.ToFloat64(s.metrics.retries); n != 0 {
		t.Errorf("%v retries after the end", n)
	}
}

func TestRequestHasADeadline(t *testing.T) {
	m := serve(t, &mock{intro: func(_ http.ResponseWriter, r *http.Request, _ asked) bool {
		if r.FormValue("timeout") != "0.02" {
			t.Errorf("the server is told %q", r.FormValue("timeout"))
		}
		<-r.Context().Done()
		return true
	}})
	s, _ := source(t, Options{URL: m.URL, Timeout: 20 * time.Millisecond})
	_, err := s.Range(context.Background(), minutes(0, 9))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no whole answer within 20ms") {
		t.Errorf("Range = %v", err)
	}
}

// TestHugeAnswer is served an answer without an end.
func TestHugeAnswer(t *testing.T) {
	m := serve(t, &mock{intro: func(w http.ResponseWriter, r *http.Request, _ asked) bool {
		fmt.Fprint(w, `{"status":"success","junk":[0`)
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, strings.Repeat(",0", 10000)); err != nil {
				break
			}
		}
		return true
	}})
	s, w := source(t, Options{URL: m.URL, MaxBytes: 1 << 20})
	_, err := s.Range(context.Background(), minutes(0, 9))
	if err == nil || !strings.HasSuffix(err.Error(), "answer larger than 1048576 bytes") || len(w.all) != 0 {
		t.Errorf("Range = %v after waiting %v", err, w.all)
	}
}

func TestBasicAuthByFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := serve(t, &mock{intro: func(w http.ResponseWriter, r *http.Request, a asked) bool {
		if user, password, _ := r.BasicAuth(); user == "me" && password == "hunter2" {
			return false
		}
		return always(401, "", "")(w, r, a)
	}})
	f := func(url string, auth *config.BasicAuth, want string) {
		t.Helper()
		s, _ := source(t, Options{URL: url, HTTP: config.HTTPClientConfig{BasicAuth: auth}, Tries: 1})
		_, err := s.Range(context.Background(), minutes(0, 9))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("Range = %v, want %q", err, want)
		}
	}
	f(m.URL, &config.BasicAuth{Username: "me", PasswordFile: file}, "")
	f(m.URL, &config.BasicAuth{Username: "me", Password: "wrong"}, "401: Unauthorized")
	f(m.URL, &config.BasicAuth{Username: "me", PasswordFile: file + ".none"}, "no such file")
	f(strings.Replace(m.URL, "http://", "http://me:hunter2@", 1), nil, "")
}

func TestTLS(t *testing.T) {
	m := &mock{}
	m.Server = httptest.NewTLSServer(m)
	m.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(m.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	with := config.DefaultHTTPClientConfig
	with.TLSConfig.CAFile = ca
	s, _ := source(t, Options{URL: m.URL, HTTP: with})
	all, err := s.Range(context.Background(), minutes(0, 9))
	if got := wantOne(t, all, err); got.Present() != 10 {
		t.Errorf("%d points over TLS", got.Present())
	}
	s, w := source(t, Options{URL: m.URL})
	if _, err = s.Range(context.Background(), minutes(0, 9)); err == nil || !strings.Contains(err.Error(), "certificate") || len(w.all) != 0 {
		t.Errorf("a stranger's certificate: %v after waiting %v", err, w.all)
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("New = %v, want %s", err, want)
		}
	}
	f(Options{}, "Options.URL is required")
	f(Options{URL: "localhost:9090"}, "want http://HOST or https://HOST")
	f(Options{URL: "ftp://me:hunter2@host"}, "url ftp://host: want http://HOST")
	f(Options{URL: "http://me:hunter2@ho st"}, "url does not parse")
	f(Options{URL: "http://me:hun/hunter2@host"}, "url does not parse")
	f(Options{URL: "http://h", Concurrency: -1}, "Options.Concurrency is negative: -1")
	f(Options{URL: "http://me:hunter2@h", HTTP: config.HTTPClientConfig{BasicAuth: &config.BasicAuth{Username: "x"}}}, "credentials both in")
	f(Options{URL: "http://h", HTTP: config.HTTPClientConfig{BearerToken: "a", BearerTokenFile: "b"}}, "at most one of bearer_token")
	f(Options{URL: "http://h", HTTP: config.HTTPClientConfig{TLSConfig: config.TLSConfig{CAFile: "/none"}}}, "/none")
}

func TestRangeRefuses(t *testing.T) {
	s, _ := source(t, Options{URL: "http://me:hunter2@h/prefix/?token=hunter2#hunter2"})
	f := func(q series.Query, want string) {
		t.Helper()
		_, err := s.Range(context.Background(), q)
		if err == nil || err.Error() != want {
			t.Errorf("Range = %v, want %s", err, want)
		}
	}
	q := minutes(0, 9)
	q.Expr = " "
	f(q, `query_range " " at http://h/prefix: the expression is empty`)
	q = minutes(0, 9)
	q.Step = 0
	f(q, `query_range "x" at http://h/prefix: the step is 0s, want a whole number of milliseconds`)
	q.Step = 1500 * time.Microsecond
	f(q, `query_range "x" at http://h/prefix: the step is 1.5ms, want a whole number of milliseconds`)
	f(series.Query{Expr: "x", Step: time.Minute}, `query_range "x" at http://h/prefix: the range has no start or no end`)
	f(minutes(0, maxGrid), `query_range "x" at http://h/prefix: 50000001 points asked for, the most is 50000000`)
	if s.String() != "http://h/prefix" {
		t.Errorf("String() = %s", s)
	}
}

// TestNoCredentialsInErrorsOrLogs goes through every way to fail with a password in the url.
func TestNoCredentialsInErrorsOrLogs(t *testing.T) {
	f := func(url string, timeout time.Duration) {
		t.Helper()
		var log strings.Builder
		s, _ := source(t, Options{URL: url, Log: logTo(&log), Timeout: timeout})
		_, err := s.Range(context.Background(), minutes(0, 5))
		if err == nil || strings.Contains(err.Error()+log.String(), "hunter2") || strings.Contains(fmt.Sprintf("%v", err), "me:") {
			t.Errorf("error %v and log %q, want an error without the password", err, log.String())
		}
	}
	hang := serve(t, &mock{intro: func(_ http.ResponseWriter, r *http.Request, _ asked) bool { <-r.Context().Done(); return true }})
	refuse := serve(t, &mock{intro: always(405, "", "")})
	loop := &mock{}
	loop.intro = func(w http.ResponseWriter, r *http.Request, _ asked) bool {
		http.Redirect(w, r, strings.Replace(loop.URL, "://", "://me:hunter2@", 1)+r.URL.String(), http.StatusTemporaryRedirect)
		return true
	}
	serve(t, loop)
	with := func(url string) string { return strings.Replace(url, "://", "://me:hunter2@", 1) + "?token=hunter2" }
	f(with(hang.URL), 10*time.Millisecond)
	f(with(refuse.URL), 0)
	f(with(loop.URL), 0)
	f(with("http://127.0.0.1:1"), 0)
	f(with("https"+strings.TrimPrefix(refuse.URL, "http")), 0)
}

func TestRetryAfter(t *testing.T) {
	f := func(value, date string, want time.Duration) {
		t.Helper()
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		if got := retryAfter(h); got != want {
			t.Errorf("retryAfter(%q at %q) = %v, want %v", value, date, got, want)
		}
	}
	f("", "", 0)
	f("120", "", 2*time.Minute)
	f(" 3 ", "", 3*time.Second)
	f("-3", "", 0)
	f("99999999999999", "", 0)
	f("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:19 GMT", 40*time.Second)
	f("Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", 0)
	f("Fri, 31 Dec 1999 23:59:59 GMT", "", 0)
}

func TestBackoff(t *testing.T) {
	f := func(try int, u float64, want time.Duration) {
		t.Helper()
		if got := backoff(try, u); got != want {
			t.Errorf("backoff(%d, %v) = %v, want %v", try, u, got, want)
		}
	}
	f(1, 0, 125*time.Millisecond)
	f(1, 0.5, 187500*time.Microsecond)
	f(2, 0, 250*time.Millisecond)
	f(6, 0, 4*time.Second)
	f(7, 0, 5*time.Second) // half of the most
	f(1000, 0, 5*time.Second)
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := wait(context.Background(), 3*time.Second); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("wait returned %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began = time.Now()
		if err := wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("wait returned %v after %v", err, time.Since(began))
		}
	})
}

func TestContextEndsAWait(t *testing.T) {
	m := serve(t, &mock{intro: always(503, "", "")})
	ctx, cancel := context.WithCancel(context.Background())
	s, _ := source(t, Options{URL: m.URL})
	s.wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	_, err := s.Range(ctx, minutes(0, 5))
	if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "context canceled while waiting to try again after 503: Service Unavailable") {
		t.Errorf("Range = %v", err)
	}
}
