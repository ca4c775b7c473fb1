package externalmetrics

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/forethought-autoscaler/forethought/pool"
)

var rewrite = flag.Bool("rewrite", false, "write what the server answers to testdata")

func TestAnswersAsWritten(t *testing.T) {
	o := optionsFor(t, boardOf(snapshot("web"), snapshot("batch")))
	s := start(t, o)
	f := func(file, path string) {
		t.Helper()
		_, body := get(t, strings.TrimSuffix(s.URL(), Path)+path)
		body = bytes.ReplaceAll(body, []byte(o.Listener.Addr().String()), []byte("127.0.0.1:PORT"))
		var indented bytes.Buffer
		if err := json.Indent(&indented, body, "", "  "); err != nil {
			t.Fatalf("%s: %v in %s", path, err, body)
		}
		file = "testdata/" + file
		if *rewrite {
			if err := os.WriteFile(file, indented.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), indented.String()); diff != "" {
			t.Errorf("%s differs from %s (-want +got):\n%s", path, file, diff)
		}
	}
	f("groups.json", "/apis")
	f("group.json", "/apis/external.metrics.k8s.io")
	f("resources.json", Path)
	f("desired.json", Path+"/namespaces/default/forethought_pool_instances_desired?labelSelector=fleet%3Dweb")
	f("peak.json", Path+"/namespaces/any/forethought_demand_forecast_peak?labelSelector=fleet%3Dweb,horizon%3D90m,probability%3D0.9")
	f("unknown_metric.json", Path+"/namespaces/default/cpu?labelSelector=fleet%3Dweb")
	f("no_fleet.json", Path+"/namespaces/default/forethought_demand")
}

func TestAnswersWhatEveryAPIServerDoes(t *testing.T) {
	s := start(t, optionsFor(t, boardOf(snapshot("web"))))
	f := func(path string, want int, part string) {
		t.Helper()
		code, body := get(t, strings.TrimSuffix(s.URL(), Path)+path)
		if code != want || !strings.Contains(string(body), part) {
			t.Errorf("GET %s = %d %.200s, want %d with %q", path, code, body, want, part)
		}
	}
	f("/healthz", 200, "ok")
	f("/livez", 200, "ok")
	f("/readyz", 200, "ok")
	f("/version", 200, "gitVersion")
	f("/openapi/v2", 200, "ExternalMetricValueList")
	f("/openapi/v3", 200, "external.metrics.k8s.io")
	f("/openapi/v3/apis/external.metrics.k8s.io/v1beta1", 200, "ExternalMetricValueList")
	f("/apis/custom.metrics.k8s.io", 404, "")
	f("/metrics", 404, "")      // the process has its own
	f("/debug/pprof/", 404, "") // off
	f(Path+"/namespaces/default/forethought_demand?labelSelector=fleet%3Dweb&watch=true", 405, "watch")
	f(Path+"/namespaces/default/forethought_demand?labelSelector=fleet%3D%21", 400, "")
}

// Without authentication nobody can be impersonated, and a request that tries is not answered.
func TestLoopbackIgnoresIdentities(t *testing.T) {
	s := start(t, optionsFor(t, boardOf(snapshot("web"))))
	f := func(header, content string, want ...int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.valueURL("forethought_demand", "fleet=web"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, content)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if !slices.Contains(want, resp.StatusCode) {
			t.Errorf("with %s %q: %s, want %v", header, content, resp.Status, want)
		}
	}
	f("Authorization", "Bearer anything", 200)
	f("X-Remote-User", "somebody", 200)
	f("Impersonate-User", "somebody", 400, 403, 500)
}

func TestRefusesOptions(t *testing.T) {
	good := optionsFor(t, boardOf())
	defer good.Listener.Close()
	f := func(part string, change func(*Options)) {
		t.Helper()
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New = %v, want an error with %q", err, part)
		}
	}
	f("Options.Board", func(o *Options) { o.Board = nil })
	f("Options.Now", func(o *Options) { o.Now = nil })
	f("Options.Log", func(o *Options) { o.Log = nil })
	f("Options.Registerer", func(o *Options) { o.Registerer = nil })
	f("Options.Listener", func(o *Options) { o.Listener = nil })
	f("Options.Cluster.CertFile", func(o *Options) { o.Cluster = &Cluster{KeyFile: "k"} })
	f("Options.Cluster.KeyFile", func(o *Options) { o.Cluster = &Cluster{CertFile: "c"} })
}

// addressed is a listener that says it is at an address.
type addressed struct {
	net.Listener
	text string
}

func (a addressed) Addr() net.Addr  { return a }
func (a addressed) Network() string { return "tcp" }
func (a addressed) String() string  { return a.text }

func TestLoopbackModeOnlyOnLoopback(t *testing.T) {
	f := func(address string, want bool) {
		t.Helper()
		o := optionsFor(t, boardOf())
		defer o.Listener.Close()
		o.Listener = addressed{o.Listener, address}
		if _, err := New(o); (err == nil) != want {
			t.Errorf("New on %s = %v, want accepted = %v", address, err, want)
		}
	}
	f("127.0.0.1:8080", true)
	f("127.255.255.254:1", true)
	f("[::1]:8080", true)
	f("[::ffff:127.0.0.1]:8080", true)
	f("0.0.0.0:8080", false)
	f("[::]:8080", false)
	f(":8080", false)
	f("128.0.0.1:8080", false)
	f("10.0.0.1:8080", false)
	f("[fe80::1]:8080", false)
	f("[::ffff:10.0.0.1]:8080", false)
	f("localhost:8080", false) // what a name means can change
	f("example.com:8080", false)
	f("/run/forethought.sock", false)
	f("", false)

	every, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer every.Close()
	o := optionsFor(t, boardOf())
	o.Listener.Close()
	o.Listener = every
	if _, err = New(o); err == nil || !strings.Contains(err.Error(), "loopback mode wants an IP address in 127.0.0.0/8 or ::1") {
		t.Errorf("New on %s = %v, want a refusal that says what is allowed", every.Addr(), err)
	}
}

func TestHandlerOnlyForLoopback(t *testing.T) {
	o := optionsFor(t, boardOf(snapshot("web")))
	defer o.Listener.Close()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f := func(remote, host string, want int) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, Path, nil)
		r.RemoteAddr, r.Host = remote, host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s to %s: %d, want %d", remote, host, w.Code, want)
		}
	}
	f("127.0.0.1:40000", "127.0.0.1:8080", 200)
	f("[::1]:40000", "[::1]:8080", 200)
	f("[::1]:40000", "[::1]", 200)
	f("127.0.0.1:40000", "localhost:8080", 200)
	f("127.0.0.1:40000", "localhost", 200)
	f("10.0.0.7:40000", "127.0.0.1:8080", 403)
	f("", "127.0.0.1:8080", 403)
	f("127.0.0.1:40000", "attacker.example:8080", 403) // a page whose own name points here
	f("127.0.0.1:40000", "localhost.attacker.example", 403)
	f("127.0.0.1:40000", "", 403)
}

func TestCountsRequests(t *testing.T) {
	o := optionsFor(t, boardOf(snapshot("web")))
	registry := prometheus.NewPedanticRegistry()
	o.Registerer = registry
	s := start(t, o)
	s.value(t, "forethought_demand", "fleet=web")
	s.value(t, "forethought_demand", "fleet=web")
	s.value(t, "forethought_demand", "fleet=nowhere")
	s.value(t, "one_of_many_names", "fleet=web")
	s.value(t, "another_name", "fleet=web")
	get(t, s.URL()) // discovery is not a request for a value
	want := `
# HELP forethought_externalmetrics_requests_total Requests for the value of an external metric, by HTTP status code and metric, with rule for every rule and other for every one that is not ours.
# TYPE forethought_externalmetrics_requests_total counter
forethought_externalmetrics_requests_total{code="200",metric="forethought_demand"} 2
forethought_externalmetrics_requests_total{code="400",metric="forethought_demand"} 1
forethought_externalmetrics_requests_total{code="404",metric="other"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}

func TestSecondServerOfOneRegistererIsRefusedAndLeavesNothing(t *testing.T) {
	o := optionsFor(t, boardOf(snapshot("web")))
	defer o.Listener.Close()
	if _, err := New(o); err != nil {
		t.Fatal(err)
	}
	if _, err := New(o); err == nil {
		t.Error("New twice with one registerer = nil, want an error")
	}
	o.Registerer = prometheus.NewRegistry()
	o.Cluster = &Cluster{CertFile: "testdata/none.crt", KeyFile: "testdata/none.key"}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "testdata/none.crt") {
		t.Errorf("New without a certificate = %v, want an error that names it", err)
	}
	o.Cluster = nil
	if _, err := New(o); err != nil {
		t.Errorf("New after one that was refused: %v", err)
	}
}

func TestManyServersStartAndStop(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var wg sync.WaitGroup
	for range 5 {
		o := optionsFor(t, boardOf(snapshot("web")))
		wg.Go(func() {
			s, err := New(o)
			if err != nil {
				t.Error(err)
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			if code, body := get(t, s.valueURL("forethought_demand", "fleet=web")); code != 200 {
				t.Errorf("%d %s", code, body)
			}
			cancel()
			if err = <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			if _, err = net.Dial("tcp", o.Listener.Addr().String()); err == nil {
				t.Errorf("%s still accepts connections after Run", o.Listener.Addr())
			}
		})
	}
	wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func TestRunReportsABrokenListener(t *testing.T) {
	o := optionsFor(t, boardOf())
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Listener.Close()
	if err = s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), o.Listener.Addr().String()) {
		t.Errorf("Run on a closed listener = %v, want an error that names the address", err)
	}
}

// A thousand readers see one snapshot or the other, never a mixture, while a turn swaps them.
func TestReadsWhileSnapshotsSwap(t *testing.T) {
	var current atomic.Pointer[pool.Snapshot]
	turn := func(n int) {
		s := snapshot("web")
		s.Decision.Demand = float64(n)
		s.Decision.Plan.Targets[0].Instances, s.Decision.Plan.Targets[1].Instances = n, n
		current.Store(&s)
	}
	turn(1)
	s := start(t, optionsFor(t, board{
		snapshot:  func(string) (pool.Snapshot, bool) { return *current.Load(), true },
		snapshots: func() []pool.Snapshot { return []pool.Snapshot{*current.Load()} },
	}))
	stop := make(chan struct{})
	var turns, readers sync.WaitGroup
	turns.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
				turn(n)
			}
		}
	})
	for i := range 1000 {
		readers.Go(func() {
			r := httptest.NewRequest(http.MethodGet, s.valueURL("forethought_pool_instances_desired", "fleet=web"), nil)
			r.RemoteAddr = fmt.Sprintf("127.0.0.1:%d", 10000+i)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			var list struct{ Items []struct{ Value string } }
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code == http.StatusOK && len(list.Items) != 1 {
				t.Errorf("%d %v %s", w.Code, err, w.Body)
			}
			if w.Code != http.StatusOK && w.Code != http.StatusTooManyRequests {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w.Code == http.StatusOK && strings.ContainsAny(list.Items[0].Value[len(list.Items[0].Value)-1:], "13579") {
				t.Errorf("%s instances of two equal pools", list.Items[0].Value)
			}
		})
	}
	readers.Wait()
	close(stop)
	turns.Wait()
}

func TestClockDecidesWhatIsValid(t *testing.T) {
	o := optionsFor(t, boardOf(snapshot("web")))
	var now atomic.Pointer[time.Time]
	o.Now = func() time.Time { return *now.Load() }
	s := start(t, o)
	f := func(clock time.Time, want int) {
		t.Helper()
		now.Store(&clock)
		if _, code, message := s.value(t, "forethought_pool_instances_desired", "fleet=web"); code != want {
			t.Errorf("at %s: %d %s, want %d", clock, code, message, want)
		}
	}
	f(at, 200)
	f(at.Add(5*time.Minute), 200)
	f(at.Add(5*time.Minute+1), 404)
	f(at.Add(time.Hour), 404)
}
