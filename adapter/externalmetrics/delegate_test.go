package externalmetrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/series"
)

// previous is an adapter that was there before. It remembers the requests that it got.
type previous struct {
	mu   sync.Mutex
	got  []*http.Request
	list string
}

func (p *previous) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, r)
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/prefix"+Path+"/namespaces/"), "/")
	switch name {
	case "lag":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Internal", "secret")
		_, _ = fmt.Fprintf(w, `{"kind":"ExternalMetricValueList","items":[{"value":"7"}],"query":%q}`, r.URL.RawQuery)
	case "broken":
		http.Error(w, "out of order", http.StatusServiceUnavailable)
	case "gone":
		http.Error(w, `{"kind":"Status","code":404}`, http.StatusNotFound)
	case "secret":
		http.Error(w, "who are you", http.StatusUnauthorized)
	case "forbidden":
		http.Error(w, "you may not", http.StatusForbidden)
	case "elsewhere":
		http.Redirect(w, r, "/prefix"+Path+"/namespaces/x/lag", http.StatusFound)
	case "large":
		_, _ = w.Write(bytes.Repeat([]byte("x"), maxDelegated+1))
	case "cut":
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("short"))
	default:
		if r.URL.Path != "/prefix"+Path {
			http.Error(w, "unexpected path "+r.URL.Path, http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, p.list)
	}
}

func (p *previous) requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// listOf is a list of metrics as the API writes it.
func listOf(names ...string) string {
	list := metav1.APIResourceList{GroupVersion: "external.metrics.k8s.io/v1beta1"}
	for _, name := range names {
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: name, Namespaced: true})
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func fetch(t *testing.T, client *http.Client, address string, header ...string) (code int, h http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// awaitDiscovery returns once a server knows which metrics its delegate has.
func awaitDiscovery(t *testing.T, s *Server) {
	t.Helper()
	for began := time.Now(); len(s.parts.discovery.names()) == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("the metrics of the delegate are not known")
		}
	}
}

func TestDelegateAnswersWhatIsNotOurs(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("server", func(t *testing.T) {
		p := &previous{list: listOf("lag")}
		there := httptest.NewServer(p)
		t.Cleanup(there.Close)
		client := there.Client()
		c := newTestCluster(t)
		c.options.Delegate = &Delegate{URL: there.URL + "/prefix", Client: client}
		registry := prometheus.NewPedanticRegistry()
		c.options.Registerer = registry
		s := start(t, c.options)
		ours := c.client(t)
		f := func(path string, want int, part string, header ...string) {
			t.Helper()
			code, _, body := fetch(t, ours, s.URL()+path, append([]string{"Authorization", "Bearer good"}, header...)...)
			if code != want || !strings.Contains(body, part) {
				t.Errorf("GET %s = %d %.300s, want %d with %q", path, code, body, want, part)
			}
		}
		f("/namespaces/x/lag?labelSelector=topic%3Dt%2Cother&limit=3", 200, `"value":"7"}],"query":"labelSelector=topic%3Dt%2Cother&limit=3"`)
		f("/namespaces/x/forethought_pool_instances_desired?labelSelector=fleet%3Dweb", 200, `"value":"10"`)
		f("/namespaces/x/gone", 404, `"code":404`)
		f("/namespaces/x/broken", 503, "out of order")
		f("/namespaces/x/secret", 502, "it refuses the credentials of the delegate's http_config: 401 Unauthorized")
		f("/namespaces/x/forbidden", 502, "it refuses the credentials of the delegate's http_config: 403 Forbidden")
		f("/namespaces/x/elsewhere", 502, "302 Found, which is not followed")
		f("/namespaces/x/large", 502, "too large: more than 1048576 bytes")
		f("/namespaces/x/cut", 502, "unexpected EOF")
		f("/namespaces/x/lag", 404, "unknown metric", delegatedHeader, "somebody")
		f("/namespaces/x/lag?watch=true", 403, "cannot watch")
		f("/namespaces/x/..", 404, "unknown metric")
		f("/namespaces/x/lag/more", 403, "cannot get")
		awaitDiscovery(t, s)
		sent := len(p.requests())

		for token, want := range map[string]int{"bad": 401, "poor": 403, "": 403} {
			code, _, body := fetch(t, ours, s.URL()+"/namespaces/x/lag", "Authorization", strings.TrimSpace("Bearer "+token))
			if code != want {
				t.Errorf("with token %q: %d %s, want %d", token, code, body, want)
			}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.URL()+"/namespaces/x/lag", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer good")
		resp, err := ours.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("DELETE = %s", resp.Status)
		}
		if now := len(p.requests()); now != sent {
			t.Errorf("%d requests were forwarded that nobody may make", now-sent)
		}

		_, h, _ := fetch(t, ours, s.URL()+"/namespaces/x/lag", "Authorization", "Bearer good", "Accept", "application/json;q=0.5",
			"X-Remote-User", "root", "Cookie", "a=b", "Impersonate", "c")
		if h.Get("X-Internal") != "" || h.Get("Content-Type") != "application/json" {
			t.Errorf("headers of the answer: %v", h)
		}
		got := p.requests()
		last := got[len(got)-1]
		var names []string
		for name := range last.Header {
			names = append(names, name)
		}
		slices.Sort(names)
		if want := []string{"Accept", "Accept-Encoding", "Forethought-Delegated", "User-Agent"}; !slices.Equal(names, want) {
			t.Errorf("forwarded with headers %v, want %v", names, want)
		}
		if last.Header.Get("Accept") != "application/json;q=0.5" {
			t.Errorf("forwarded with Accept %q", last.Header.Get("Accept"))
		}

		want := `
# HELP forethought_externalmetrics_delegate_requests_total Requests that were for the delegate, by its HTTP status code, or loop (not forwarded again), timeout, error or too_large.
# TYPE forethought_externalmetrics_delegate_requests_total counter
forethought_externalmetrics_delegate_requests_total{code="200"} 3
forethought_externalmetrics_delegate_requests_total{code="302"} 1
forethought_externalmetrics_delegate_requests_total{code="401"} 1
forethought_externalmetrics_delegate_requests_total{code="403"} 1
forethought_externalmetrics_delegate_requests_total{code="404"} 1
forethought_externalmetrics_delegate_requests_total{code="503"} 1
forethought_externalmetrics_delegate_requests_total{code="error"} 1
forethought_externalmetrics_delegate_requests_total{code="loop"} 1
forethought_externalmetrics_delegate_requests_total{code="too_large"} 1
`
		if err = testutil.GatherAndCompare(registry, strings.NewReader(want), "forethought_externalmetrics_delegate_requests_total"); err != nil {
			t.Error(err)
		}
		if problems, lintErr := testutil.GatherAndLint(registry); lintErr != nil || len(problems) > 0 {
			t.Errorf("promlint: %v %v", problems, lintErr)
		}
	})
	goleak.VerifyNone(t, before)
}

// roundTrip is an http.RoundTripper that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// newTestDelegate returns a delegate whose requests go to f, with its metrics.
func newTestDelegate(t *testing.T, f roundTrip) *delegate {
	t.Helper()
	d, err := newDelegate(Delegate{URL: "https://old", Client: &http.Client{Transport: f}}, &registrations{Registerer: prometheus.NewRegistry()},
		func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDelegateThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDelegate(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		_, err := d.ask(t.Context(), "/namespaces/x/lag", "", "", maxDelegated)
		if took := time.Since(began); took != delegateTimeout || took >= requestTimeout {
			t.Errorf("an answer that never comes is awaited for %s", took)
		}
		status := gatewayStatus(err).(interface{ Status() metav1.Status }).Status()
		if status.Code != http.StatusGatewayTimeout || !strings.Contains(status.Message, "it does not answer in time") {
			t.Errorf("the answer is %d %s", status.Code, status.Message)
		}
		if n := testutil.ToFloat64(d.total.WithLabelValues("timeout")); n != 1 {
			t.Errorf("%v timeouts are counted, want 1", n)
		}
	})
	refused := newTestDelegate(t, func(*http.Request) (*http.Response, error) { return nil, os.ErrPermission })
	_, err := refused.ask(t.Context(), "/namespaces/x/lag", "", "", maxDelegated)
	if got := gatewayStatus(err).Error(); !strings.HasSuffix(got, "cannot be read: permission denied") {
		t.Errorf("the answer is %s, want it without the URL", got)
	}
}

func TestDiscoveryIsMergedAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type answer struct {
			code int
			body string
		}
		var says atomic.Pointer[answer]
		d := newTestDelegate(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.String() != "https://old"+Path || r.Header.Get(delegatedHeader) == "" {
				t.Errorf("asked for %s with %v", r.URL, r.Header)
			}
			a := says.Load()
			return answering(a.code, a.body), nil
		})
		var log bytes.Buffer
		r := newReader(boardOf(), time.Now)
		rules, err := NewRules(rulesOptions(&source{}))
		if err != nil {
			t.Fatal(err)
		}
		r.rules = rules
		if err = rules.Set([]Rule{{Name: "taken", Expr: "1"}}); err != nil {
			t.Fatal(err)
		}
		discovery := newDiscovery(d, r, slog.New(slog.NewTextHandler(&log, nil)))
		r.others = discovery.names
		f := func(wait time.Duration, c int, b string, want ...string) {
			t.Helper()
			says.Store(&answer{c, b})
			time.Sleep(wait)
			synctest.Wait()
			var got []string
			for _, info := range r.ListAllExternalMetrics() {
				got = append(got, info.Metric)
			}
			if want = slices.Concat(MetricNames(), []string{"taken"}, want); !slices.Equal(got, want) {
				t.Errorf("after %s: %v, want %v", wait, got, want)
			}
		}
		f(0, 200, listOf("lag", "taken", "forethought_demand", "depth", "lag", "a/b"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { discovery.run(ctx); close(done) }()
		f(0, 200, says.Load().body, "depth", "lag")
		f(discoveryInterval, 503, "", "depth", "lag") // the last ones stay
		f(discoveryInterval, 403, "", "depth", "lag")
		f(discoveryInterval, 200, "<html>", "depth", "lag")
		f(discoveryInterval, 200, strings.Repeat(" ", maxDiscovery+1), "depth", "lag")
		f(discoveryInterval, 200, listOf("new"), "new")
		f(discoveryInterval, 200, listOf())
		cancel()
		<-done
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "503 Service Unavailable") || !strings.Contains(lines[1], "listed again") {
			t.Errorf("log: %s", log.String())
		}
	})
}

// Two servers that are each other's delegate serve what both have, forget what neither has, and end a request that neither can answer.
func TestDelegatesOfEachOther(t *testing.T) {
	src := &source{}
	src.set("1", map[series.Key]float64{"{}": 1})
	listeners := [2]Options{optionsFor(t, boardOf(snapshot("web"))), optionsFor(t, boardOf(snapshot("batch")))}
	var servers [2]*Server
	for i, o := range listeners {
		ro := rulesOptions(src)
		rules, err := NewRules(ro)
		if err != nil {
			t.Fatal(err)
		}
		if err = rules.Set([]Rule{{Name: fmt.Sprintf("rule_%d", i), Expr: "1"}}); err != nil {
			t.Fatal(err)
		}
		rules.round(t.Context(), 0)
		o.Rules, o.Delegate = rules, &Delegate{URL: "http://" + listeners[1-i].Listener.Addr().String(), Client: http.DefaultClient}
		servers[i] = start(t, o)
	}
	for i, s := range servers {
		if _, code, message := s.value(t, fmt.Sprintf("rule_%d", 1-i), ""); code != http.StatusOK {
			t.Errorf("the other's rule: %d %s", code, message)
		}
		if _, code, message := s.value(t, "nobodys", ""); code != http.StatusNotFound || !strings.Contains(message, fmt.Sprintf("rule_%d", 1-i)) {
			t.Errorf("nobody's metric: %d %s, want the other's list of names", code, message)
		}
		if code, body := get(t, s.valueURL("nobodys", "")+"&watch=true"); code != http.StatusMethodNotAllowed {
			t.Errorf("a watch = %d %s, want that it is not forwarded", code, body)
		}
		_, _, body := fetch(t, http.DefaultClient, s.URL(), delegatedHeader, "somebody")
		if !strings.Contains(body, fmt.Sprintf("rule_%d", i)) || strings.Contains(body, fmt.Sprintf("rule_%d", 1-i)) {
			t.Errorf("what one server tells the other: %s", body)
		}
	}
	awaitDiscovery(t, servers[0])
}

func TestRefusesDelegates(t *testing.T) {
	good := optionsFor(t, boardOf())
	defer good.Listener.Close()
	f := func(address, want string) {
		t.Helper()
		o := good
		o.Registerer = prometheus.NewRegistry()
		o.Delegate = &Delegate{URL: address, Client: http.DefaultClient}
		_, err := New(o)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass")) {
			t.Errorf("New with delegate %s = %v, want an error with %q", address, err, want)
		}
	}
	f("https://old.monitoring.svc", "")
	f("https://old.monitoring.svc:6443/prefix/", "")
	f("http://127.0.0.1:8080", "")
	f("http://localhost", "")
	f("http://old.monitoring.svc", "want https://HOST")
	f("old.monitoring.svc", "want https://HOST")
	f("", "want https://HOST")
	f("https://", "want https://HOST")
	f("ftp://old", "want https://HOST")
	f("https://user:pass@old", "more than a scheme")
	f("https://old?token=pass", "more than a scheme")
	f("https://old%pass", "does not parse")
	o := good
	o.Delegate = &Delegate{URL: "https://old"}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "Options.Delegate.Client") {
		t.Errorf("New without a client = %v", err)
	}
}
