package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestShards lets three shards of exporters, one of them with two replicas, decide about six fleets, and two adapters read the decisions back
// from the Prometheus that scrapes them all. docs/scale-out.md says what follows from each failure.
func TestShards(t *testing.T) {
	t.Parallel()
	s := newShards(t)
	s.eachFleetOnce()
	s.phase("the adapters answer what is exported", s.answersAreExported)
	s.phase("a shard and a replica of another are killed", s.exportersDie)
	s.phase("they are started again", s.exportersComeBack)
	s.phase("an adapter is restarted", s.adapterRestarts)
	s.phase("the store is killed and comes back", s.storeDies)
}

const (
	shardsFleets   = 6 // which the hash of their names spreads over all three shards
	shardsCapacity = 10
	shardsValidity = 30 * time.Second
)

// shards is what the test runs.
type shards struct {
	t          *testing.T
	c          *cluster.Cluster
	prometheus *cluster.Prometheus
	exporters  []*shardsProcess // of the shards 1/3, 2/3, 3/3, and a replica of the first
	adapters   []*shardsProcess
	client     *http.Client
	watch      *shardsWatch
}

// shardsProcess is one process of the program, where it serves its metrics, and an adapter's door.
type shardsProcess struct {
	*cluster.Process
	web, door string
}

func newShards(t *testing.T) *shards {
	s := &shards{t: t, c: cluster.Start(t, cluster.API)}
	for range 4 {
		s.exporters = append(s.exporters, &shardsProcess{web: s.c.Address()})
	}
	for range 2 {
		s.adapters = append(s.adapters, &shardsProcess{web: s.c.Address(), door: s.c.Address()})
	}
	demand := s.c.Address()
	serveText(t, demand, func() string {
		var b strings.Builder
		for i := range shardsFleets {
			fmt.Fprintf(&b, "shards_demand{shop=\"%d\"} %v\n", i+1, shardsDemand(i))
		}
		return b.String()
	})
	var scraped []string // the adapters too: what they read back must not come back to them
	for _, p := range slices.Concat(s.exporters, s.adapters) {
		scraped = append(scraped, p.web)
	}
	s.prometheus = s.c.StartPrometheus(cluster.PrometheusOptions{Targets: map[string][]string{"demand": {demand}, "forethought": scraped}})
	s.history()
	for i, p := range s.exporters {
		p.Process = s.c.Forethought(fmt.Sprintf("exporter-%d", i), nil, "serve", "--config.file="+s.exporterConfig(), "--web.listen-address="+p.web,
			fmt.Sprintf("--shard=%d/3", i%3+1))
	}
	s.serveDoors()
	s.watch = s.watchAnswers()
	return s
}

// serveDoors starts the adapters, whose doors ask the API server who reads.
func (s *shards) serveDoors() {
	s.c.Namespace("forethought")
	kubeconfig := s.c.ServiceAccount("forethought", "adapter")
	s.c.AuthDelegator("forethought", "adapter")
	reader, err := clientcmd.BuildConfigFromFlags("", s.c.ServiceAccount("forethought", "shards-reader", externalReader))
	if err == nil {
		reader.QPS, reader.Timeout = -1, 20*time.Second
		s.client, err = rest.HTTPClientFor(reader)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(s.c.Folder(), "adapter.yml")
	text := fmt.Sprintf("prometheus: {url: %s, timeout: 2s}\nsource: prometheus\ninterval: 1s\nvalidity: %s\n", s.prometheus.URL, shardsValidity)
	if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	for i, p := range s.adapters {
		certFile, keyFile := s.c.SignServing(strings.Split(p.door, ":")[0])
		p.Process = s.c.Forethought(fmt.Sprintf("adapter-%d", i), nil, "serve", "--config.file="+file, "--web.listen-address="+p.web,
			"--external-metrics.listen-address="+p.door, "--external-metrics.tls-cert-file="+certFile, "--external-metrics.tls-private-key-file="+keyFile,
			"--external-metrics.authentication-kubeconfig="+kubeconfig, "--external-metrics.authorization-kubeconfig="+kubeconfig)
	}
}

// shardsDemand is the demand of a fleet, which stays what it is, so that the least that doors may answer is known.
func shardsDemand(fleet int) float64 { return 52.5 + 10*float64(fleet) }

func shardsFleet(i int) string { return fmt.Sprintf("shop-%d", i+1) }

// history is a day of demands that nobody can foresee but by their spread, so that the plans are above the present need.
func (s *shards) history() {
	const n = 24 * 60
	random := rand.New(rand.NewPCG(3, 4))
	var all []cluster.Series
	for i := range shardsFleets {
		values := make([]float64, n)
		for k := range values {
			values[k] = shardsDemand(i) * (0.5 + random.Float64())
		}
		all = append(all, cluster.Series{
			Name: "shards_demand", Labels: map[string]string{"shop": strconv.Itoa(i + 1)}, Start: time.Now().Add(-n * time.Minute), Step: time.Minute, Values: values,
		})
	}
	s.prometheus.Write(all...)
}

// exporterConfig writes the configuration that all exporters have. The last fleet is in shadow mode.
func (s *shards) exporterConfig() string {
	folder := s.c.Folder()
	var b strings.Builder
	fmt.Fprintf(&b, "prometheus: {url: %s, timeout: 2s}\nstorage: {path: %s}\ninterval: 5s\nvalidity: %s\nhistory: 1d\n", s.prometheus.URL, folder, shardsValidity)
	b.WriteString("horizons: [5m, 15m]\nprobabilities: [0.5, 0.95]\nfleets:\n")
	for i := range shardsFleets {
		mode := "act"
		if i == shardsFleets-1 {
			mode = "shadow"
		}
		fmt.Fprintf(&b, "  - name: %s\n    demand: {query: 'max(shards_demand{shop=\"%d\"})', unit: cores, step: 1m}\n", shardsFleet(i), i+1)
		fmt.Fprintf(&b, "    policy: {mode: %s, probability: 0.95}\n    pools:\n", mode)
		fmt.Fprintf(&b, "      - {name: fixed, class: fixed, capacity: %d, max: 3, lead_time: 2m}\n", shardsCapacity)
		fmt.Fprintf(&b, "      - {name: spot, class: variable, capacity: %d, max: 50, lead_time: 1m}\n", shardsCapacity)
	}
	file := filepath.Join(folder, "exporter.yml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// phase runs one part and says how long what happened took, and what the adapters answered meanwhile.
func (s *shards) phase(name string, run func() string) {
	s.t.Helper()
	s.watch.begin()
	began := time.Now()
	happened := run()
	s.t.Logf("%s (%s): %s; %s", name, time.Since(began).Round(100*time.Millisecond), happened, s.watch.seen())
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// exported returns what an exporter exports of fleets, by series.
func (s *shards) exported(p *shardsProcess) map[string]float64 {
	_, body := get(s.t, "http://"+p.web+"/metrics")
	out := map[string]float64{}
	for line := range strings.Lines(body) {
		series, value, found := strings.Cut(strings.TrimSpace(line), "} ")
		if v, err := strconv.ParseFloat(value, 64); found && err == nil && strings.Contains(series, `fleet="`) {
			out[series+"}"] = v
		}
	}
	return out
}

var shardsDesired = regexp.MustCompile(`^forethought_pool_instances_desired{class="fixed",fleet="([^"]*)",pool="fixed"}$`)

// decides returns the fleets that an exporter has a decision of.
func (s *shards) decides(p *shardsProcess) []string {
	var out []string
	for series := range s.exported(p) {
		if m := shardsDesired.FindStringSubmatch(series); m != nil {
			out = append(out, m[1])
		}
	}
	slices.Sort(out)
	return out
}

// eachFleetOnce waits for the first decisions: each fleet's are made by one shard, and by its replica the same.
func (s *shards) eachFleetOnce() {
	cluster.WaitFor(s.t, "each fleet is decided by one shard", 3*time.Minute, func() error {
		var all []string
		for _, p := range s.exporters[:3] {
			of := s.decides(p)
			if len(of) == 0 {
				return errors.New("a shard has no decision")
			}
			all = append(all, of...)
		}
		slices.Sort(all)
		if len(slices.Compact(slices.Clone(all))) != shardsFleets || len(all) != shardsFleets {
			return fmt.Errorf("decided are %v", all)
		}
		if first, replica := s.decides(s.exporters[0]), s.decides(s.exporters[3]); !slices.Equal(first, replica) {
			return fmt.Errorf("shard 1 decides about %v, its replica about %v", first, replica)
		}
		return nil
	})
	for i, p := range s.exporters {
		s.t.Logf("exporter %d of shard %d/3 decides about %v", i, i%3+1, s.decides(p))
	}
}

// question is what a door can be asked about a fleet, and the series that an exporter answers it with.
type question struct{ metric, selector, series string }

// questions returns all that doors are asked about a fleet.
func questions(fleet string) []question {
	var out []question
	for pool, class := range map[string]string{"fixed": "fixed", "spot": "variable"} {
		for _, metric := range []string{"forethought_pool_instances_desired", "forethought_pool_instances_spare"} {
			out = append(out, question{metric, "fleet=" + fleet + ",pool=" + pool, fmt.Sprintf(`%s{class=%q,fleet=%q,pool=%q}`, metric, class, fleet, pool)})
		}
	}
	demand := question{"forethought_demand", "fleet=" + fleet, fmt.Sprintf(`forethought_demand{fleet=%q,unit="cores"}`, fleet)}
	for _, horizon := range []string{"5m", "15m"} {
		for _, p := range []string{"0.5", "0.95"} {
			for _, metric := range []string{"forethought_demand_forecast", "forethought_demand_forecast_peak"} {
				q := question{metric, "fleet=" + fleet + ",horizon=" + horizon + ",probability=" + p, demand.series}
				if fleet != shardsFleet(shardsFleets-1) { // in shadow mode a forecast is answered with the present demand
					q.series = fmt.Sprintf(`%s{fleet=%q,horizon=%q,probability=%q,unit="cores"}`, metric, fleet, horizon, p)
				}
				out = append(out, q)
			}
		}
	}
	return append(out, demand)
}

// answer is what a door says: a status, and the value or the reason why there is none.
type answer struct {
	code  int
	value string
}

// ask asks an adapter's door.
func (s *shards) ask(p *shardsProcess, metric, selector string) answer {
	escaped := strings.NewReplacer("=", "%3D", ",", "%2C").Replace(selector)
	code, body := externalAsk(s.client)(fmt.Sprintf("https://%s%s/namespaces/default/%s?labelSelector=%s", p.door, externalPath, metric, escaped))
	if code != http.StatusOK {
		return answer{code, body}
	}
	var list struct{ Items []struct{ Value string } }
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Items) != 1 {
		return answer{0, body}
	}
	return answer{code, list.Items[0].Value}
}

// same returns how what the adapters answer differs from what exporters export, nil where it does not: a quantity has three decimals.
func (s *shards) same() error {
	exported := map[string]float64{}
	for _, p := range s.exporters {
		maps.Copy(exported, s.exported(p))
	}
	for i := range shardsFleets {
		for _, q := range questions(shardsFleet(i)) {
			want, known := exported[q.series]
			first, second := s.ask(s.adapters[0], q.metric, q.selector), s.ask(s.adapters[1], q.metric, q.selector)
			if !known || first != second || first.code != http.StatusOK {
				return fmt.Errorf("%s of %s: the adapters answer %v and %v, exported is %v (%v)", q.metric, q.selector, first, second, want, known)
			}
			got, err := resource.ParseQuantity(first.value)
			if err != nil || math.Abs(got.AsApproximateFloat64()-want) > 0.001 {
				return fmt.Errorf("%s of %s: the adapters answer %s, exported is %v", q.metric, q.selector, first.value, want)
			}
		}
	}
	return nil
}

// await returns how long it took until both adapters answered as exporters do.
func (s *shards) await() string {
	s.t.Helper()
	began := time.Now()
	cluster.WaitFor(s.t, "both adapters answer as exporters do", 3*time.Minute, s.same)
	return fmt.Sprintf("both adapters answer what is exported after %s", time.Since(began).Round(100*time.Millisecond))
}

func (s *shards) answersAreExported() string {
	happened := s.await()
	above := 0
	for i := range shardsFleets - 1 {
		a := s.ask(s.adapters[0], "forethought_pool_instances_spare", "fleet="+shardsFleet(i))
		if n, err := strconv.Atoi(a.value); err == nil && n > 0 {
			above++
		}
	}
	if above == 0 {
		s.t.Error("no plan is above the present need: nothing of the forecast is read back")
	}
	for _, p := range s.adapters {
		cluster.WaitFor(s.t, "replicas agree", time.Minute, func() error {
			read := s.exported(p)
			for i := range shardsFleets {
				if v, known := read[fmt.Sprintf("forethought_readback_disagreement{fleet=%q}", shardsFleet(i))]; v != 0 || !known {
					return fmt.Errorf("disagreement about %s is %v, %v", shardsFleet(i), v, known)
				}
			}
			return nil
		})
	}
	return happened
}

// exportersDie kills all that decides about some fleets, and one of two that decide about others.
func (s *shards) exportersDie() string {
	dead := s.decides(s.exporters[2])
	s.exporters[2].Kill()
	s.exporters[3].Kill()
	killed := time.Now()
	cluster.WaitFor(s.t, "the fleets of the shard have no decision", 3*shardsValidity, func() error { return s.without(dead) })
	took := time.Since(killed)
	if late := took - shardsValidity; late > 5*time.Second {
		s.t.Errorf("a decision is served %s after its validity", late)
	}
	s.watch.onlyWithout(s.t, dead, shardsValidity/2)
	return fmt.Sprintf("%v have no decision %s after their exporter was killed", dead, took.Round(100*time.Millisecond))
}

// without returns an error unless both doors say of the fleets that they have no valid decision.
func (s *shards) without(fleets []string) error {
	for _, p := range s.adapters {
		for _, fleet := range fleets {
			for _, metric := range []string{"forethought_pool_instances_desired", "forethought_pool_instances_spare", "forethought_demand"} {
				a := s.ask(p, metric, "fleet="+fleet)
				if a.code != http.StatusNotFound || !strings.Contains(a.value, "fleet "+fleet+" has no valid decision: the last one was valid until") {
					return fmt.Errorf("%s of %s: %v", metric, fleet, a)
				}
			}
		}
	}
	return nil
}

func (s *shards) exportersComeBack() string {
	for _, p := range []*shardsProcess{s.exporters[2], s.exporters[3]} {
		if err := p.Start(); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.await()
}

func (s *shards) adapterRestarts() string {
	s.adapters[0].Kill()
	if err := s.adapters[0].Start(); err != nil {
		s.t.Fatal(err)
	}
	began := time.Now()
	s.c.Ready(s.adapters[0].Process, "http://"+s.adapters[0].web+"/-/ready")
	for i := range shardsFleets { // one that is ready has read what there is
		if a := s.ask(s.adapters[0], "forethought_pool_instances_desired", "fleet="+shardsFleet(i)); a.code != http.StatusOK {
			s.t.Errorf("an adapter that is ready answers %v about %s", a, shardsFleet(i))
		}
	}
	return fmt.Sprintf("it is ready after %s; %s", time.Since(began).Round(100*time.Millisecond), s.await())
}

// storeDies ends what the adapters and the exporters read.
func (s *shards) storeDies() string {
	var all []string
	for i := range shardsFleets {
		all = append(all, shardsFleet(i))
	}
	s.prometheus.Kill()
	killed := time.Now()
	cluster.WaitFor(s.t, "no fleet has a decision", 3*shardsValidity, func() error { return s.without(all) })
	took := time.Since(killed)
	if late := took - shardsValidity; late > 5*time.Second {
		s.t.Errorf("a decision is served %s after its validity", late)
	}
	s.watch.onlyWithout(s.t, all, shardsValidity/2)
	s.prometheus.Restart()
	return fmt.Sprintf("no fleet has a decision %s after it was killed; it is back; %s", took.Round(100*time.Millisecond), s.await())
}

// shardsWatch asks both adapters about all fleets, again and again, and fails the test where an answer is below the present need.
type shardsWatch struct {
	mu      sync.Mutex
	began   time.Time
	answers int
	// first is when a fleet had no decision for the first time since began.
	first map[string]time.Time
}

func (s *shards) watchAnswers() *shardsWatch {
	w := &shardsWatch{first: map[string]time.Time{}}
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(200 * time.Millisecond):
			}
			for _, p := range s.adapters {
				for i := range shardsFleets {
					w.note(s.t, i, s.ask(p, "forethought_pool_instances_desired", "fleet="+shardsFleet(i)))
				}
			}
		}
	}()
	s.t.Cleanup(func() { close(done); <-ended })
	return w
}

// note takes one answer.
func (w *shardsWatch) note(t *testing.T, fleet int, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	least := int(math.Ceil(shardsDemand(fleet) / shardsCapacity))
	n, err := strconv.Atoi(a.value)
	switch {
	case a.code == http.StatusOK && (err != nil || n < least):
		t.Errorf("%s: the answer is %q, the present demand needs %d", shardsFleet(fleet), a.value, least)
	case a.code == http.StatusOK:
		w.answers++
	case a.code == http.StatusNotFound && w.first[shardsFleet(fleet)].IsZero():
		w.first[shardsFleet(fleet)] = time.Now()
	}
}

// begin forgets what was seen.
func (w *shardsWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.answers, w.first = time.Now(), 0, map[string]time.Time{}
}

func (w *shardsWatch) seen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%d answers, none below the present need", w.answers)
}

// onlyWithout fails the test where another than the fleets was without a decision, or one of them earlier than it must.
func (w *shardsWatch) onlyWithout(t *testing.T, fleets []string, earliest time.Duration) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for fleet, at := range w.first {
		if !slices.Contains(fleets, fleet) {
			t.Errorf("%s was without a decision too", fleet)
		}
		if after := at.Sub(w.began); after < earliest {
			t.Errorf("%s was without a decision after %s", fleet, after)
		}
	}
}
