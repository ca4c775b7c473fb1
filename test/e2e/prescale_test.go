package e2e

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// The trace is replayed sixty times as fast as it was: a minute of it in a second. Its day then takes 24 minutes, which is the season that
// Forethought has to find in the history.
const (
	prescaleBegin = (43*24*60 + 2*60 + 45) * time.Second // a quarter to three on the morning of a Wednesday, two hours and a half before the rise
	prescaleSpan  = 300 * time.Second
	prescaleStep  = 15 * time.Second
	prescaleBoot  = 60 * time.Second
	// prescaleCores is what the pods of one node may ask for. Each pod of the demand asks for one.
	prescaleCores = 4
)

// TestPrescale replays a real trace against two groups of nodes with the same autoscaler, which takes a minute for a node. In one group a
// real HPA scales the placeholders of deploy/manifests from the metric forethought_pool_instances_spare, in the other nothing does. The nodes of
// the first are there before the pods of the demand, and fewer of these wait.
func TestPrescale(t *testing.T) {
	t.Parallel()
	trace := readPrescaleTrace(t)
	p := newPrescale(t, cluster.Start(t, cluster.Full), trace)
	p.replay()
	p.judge()
}

// prescaleTrace is a demand in cores, each half hour.
type prescaleTrace []float64

// readPrescaleTrace reads how many passengers took a taxi in New York in the summer of 2014; 400 of them are taken as one core.
func readPrescaleTrace(t *testing.T) prescaleTrace {
	t.Helper()
	data := os.Getenv("FORETHOUGHT_DATA")
	if data == "" {
		t.Skip("FORETHOUGHT_DATA does not say where real traces are")
	}
	f, err := os.Open(filepath.Join(data, "demand", "nab_nyctaxi_30m.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	trace := make(prescaleTrace, 0, len(rows))
	for _, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		trace = append(trace, v/400)
	}
	return trace
}

// at returns the demand a while after the beginning of the trace as it is replayed. Between half hours it is taken to be linear.
func (p prescaleTrace) at(d time.Duration) float64 {
	i, rest := math.Modf(d.Seconds() / 30)
	return p[int(i)]*(1-rest) + p[int(i)+1]*rest
}

// prescaleRun is one of the two groups of nodes, and what happened in it.
type prescaleRun struct {
	pool, jobs string
	group      *cluster.Group
	// nodes, waiting and placeholders are as they were seen last: nodes that are Ready, pods of the demand that do not run.
	nodes, waiting, placeholders int
	// waited is the sum of the seconds that each pod of the demand did not run, and paid that of each node that was there.
	waited, paid float64
	// came has, for each node beyond those at the beginning, when it was Ready.
	came []time.Duration
}

type prescale struct {
	t          *testing.T
	c          *cluster.Cluster
	trace      prescaleTrace
	prometheus *cluster.Prometheus
	web        string // of forethought
	begun      atomic.Pointer[time.Time]
	nodes      int // of each group at the beginning
	with, bare *prescaleRun
	// needed has, for each node beyond those at the beginning, when the demand needed it.
	needed []time.Duration
	// asked is when there was the first placeholder.
	asked time.Duration
}

func newPrescale(t *testing.T, c *cluster.Cluster, trace prescaleTrace) *prescale {
	p := &prescale{
		t: t, c: c, trace: trace, web: c.Address(), asked: -1,
		with: &prescaleRun{pool: "batch-spot", jobs: "jobs"}, bare: &prescaleRun{pool: "bare", jobs: "bare-jobs"},
	}
	exporter := c.Address()
	serveText(t, exporter, func() string {
		if now, ok := p.now(); ok {
			return fmt.Sprintf("prescale_cores %g\n", trace.at(prescaleBegin+now))
		}
		return ""
	})
	p.prometheus = c.StartPrometheus(cluster.PrometheusOptions{
		Targets: map[string][]string{"demand": {exporter}, "forethought": {p.web}}, Rules: readFile(t, "../../rules/forethought.yml"),
	})
	c.Namespace("batch")
	for d := time.Duration(0); d < prescaleBoot; d += time.Second { // both begin with the nodes of the first minute
		p.nodes = max(p.nodes, p.need(d))
	}
	for _, r := range []*prescaleRun{p.with, p.bare} {
		p.start(r)
	}
	c.Apply(p.placeholders())
	p.begin(exporter)
	return p
}

// now returns how long the replay has been going on; ok is false before it.
func (p *prescale) now() (d time.Duration, ok bool) {
	begun := p.begun.Load()
	if begun == nil {
		return 0, false
	}
	return time.Since(*begun), true
}

// need returns how many nodes the demand of a time of the replay takes.
func (p *prescale) need(d time.Duration) int {
	return int(math.Ceil(p.trace.at(prescaleBegin+d) / prescaleCores))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// taint keeps the pods of one group off the nodes of the other.
func (r *prescaleRun) taint() corev1.Taint {
	return corev1.Taint{Key: "forethought.dev/pool", Value: r.pool, Effect: corev1.TaintEffectNoSchedule}
}

func (r *prescaleRun) labels() map[string]string {
	return map[string]string{"forethought.dev/pool": r.pool}
}

const prescaleJobs = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: batch}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      nodeSelector: {forethought.dev/pool: %[3]s}
      tolerations: [{key: forethought.dev/pool, value: %[3]s, effect: NoSchedule}]
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: none, resources: {requests: {cpu: "1"}}}]
`

// start makes the nodes and the pods of the beginning, and has an autoscaler care for more.
func (p *prescale) start(r *prescaleRun) {
	for i := range p.nodes {
		p.c.Node(cluster.Node{
			Name: fmt.Sprintf("%s-base-%d", r.pool, i), Labels: r.labels(), Taints: []corev1.Taint{r.taint()}, CPU: strconv.Itoa(prescaleCores),
		})
	}
	r.group = p.c.Autoscale(cluster.Autoscaler{
		Name: r.pool, Labels: r.labels(), Taints: []corev1.Taint{r.taint()}, CPU: strconv.Itoa(prescaleCores), Boot: prescaleBoot, Max: 40,
	})
	p.c.Apply(fmt.Sprintf(prescaleJobs, r.jobs, p.pods(0), r.pool))
}

// pods returns how many pods the demand of a time of the replay has.
func (p *prescale) pods(d time.Duration) int { return int(math.Ceil(p.trace.at(prescaleBegin + d))) }

// placeholders returns the manifests that the project offers, for nodes of the size there are here.
func (p *prescale) placeholders() string {
	var out []string
	for _, name := range []string{"placeholder.yaml", "hpa-predicted.yaml"} {
		out = append(out, readFile(p.t, "../../deploy/manifests/"+name))
	}
	text := strings.Join(out, "\n---\n")
	for _, change := range [][2]string{
		{"cpu: 15500m, memory: 56Gi", fmt.Sprintf("cpu: %d", prescaleCores)}, {"minReplicas: 1 ", "minReplicas: 0 "},
	} {
		if !strings.Contains(text, change[0]) {
			p.t.Fatalf("the manifests do not say %q any more", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	return text
}

// forethought runs the program, which may read nodes and pods and write events only.
func (p *prescale) forethought() {
	kubeconfig := p.c.ServiceAccount("forethought", "forethought",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps", "nodes", "pods"}, Verbs: []string{"list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}})
	p.c.AuthDelegator("forethought", "forethought")
	address := p.c.Expose("forethought", "forethought", 16443)
	certFile, keyFile := p.c.SignServing("forethought.forethought.svc", strings.Split(address, ":")[0])
	folder := p.t.TempDir()
	file := filepath.Join(folder, "forethought.yml")
	config := fmt.Sprintf(`
prometheus: {url: %s}
storage: {path: %s}
interval: 5s
history: 1d
horizons: [1m, 2m]
fleets:
  - name: batch
    demand: {query: max(prescale_cores), unit: cores, step: %s}
    policy: {mode: act, probability: 0.95}
    pools:
      - {name: batch-spot, class: variable, capacity: %d, max: 40, lead_time: 75s, nodes: {selector: forethought.dev/pool=batch-spot}}
`, p.prometheus.URL, folder, prescaleStep, prescaleCores)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		p.t.Fatal(err)
	}
	process := p.c.Forethought("forethought", nil,
		"serve", "--config.file="+file, "--web.listen-address="+p.web, "--kubernetes.kubeconfig="+kubeconfig,
		"--kubernetes.namespace=forethought", "--external-metrics.listen-address="+address, "--external-metrics.tls-cert-file="+certFile,
		"--external-metrics.tls-private-key-file="+keyFile, "--external-metrics.authentication-kubeconfig="+kubeconfig,
		"--external-metrics.authorization-kubeconfig="+kubeconfig)
	p.c.Ready(process, "http://"+p.web+"/-/healthy")
	p.c.APIService("external.metrics.k8s.io", "v1beta1", "forethought", "forethought", 16443)
	p.c.WaitAPIService(cluster.ExternalMetrics)
}

// begin writes the days before the replay into Prometheus, as the exporter's own past, and begins.
func (p *prescale) begin(exporter string) {
	n := int(prescaleBegin/prescaleStep) - 1
	begun := time.Now()
	history := cluster.Series{
		Name: "prescale_cores", Labels: map[string]string{"job": "demand", "instance": exporter},
		Start: begun.Add(-time.Duration(n) * prescaleStep), Step: prescaleStep,
	}
	for i := range n {
		history.Values = append(history.Values, p.trace.at(prescaleBegin-time.Duration(n-i)*prescaleStep))
	}
	p.prometheus.Write(history)
	p.begun.Store(&begun)
	p.forethought()
}

// replay lets the demand be what it was, and looks twice a second at what comes of it.
func (p *prescale) replay() {
	p.t.Logf("%6s %6s %5s %7s %6s %12s | %6s %7s | %6s %7s", "second", "demand", "needs", "desired", "spare", "placeholders",
		"nodes", "waiting", "nodes", "waiting")
	p.t.Logf("%47s | %16s | %16s", "", "with forethought", "without")
	last, _ := p.now()
	printed := last - 10*time.Second
	for {
		now, _ := p.now()
		if now > prescaleSpan {
			return
		}
		p.demand(now)
		p.look(now, now-last)
		last = now
		if now-printed >= 10*time.Second {
			p.row(now)
			printed = now
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// demand has as many pods as the trace says, in both groups.
func (p *prescale) demand(now time.Duration) {
	for len(p.needed) < p.need(now)-p.nodes {
		p.needed = append(p.needed, now)
	}
	for _, r := range []*prescaleRun{p.with, p.bare} {
		err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
			_, err := p.c.Client().AppsV1().Deployments("batch").UpdateScale(context.Background(), r.jobs, &autoscalingv1.Scale{
				ObjectMeta: metav1.ObjectMeta{Namespace: "batch", Name: r.jobs}, Spec: autoscalingv1.ScaleSpec{Replicas: int32(p.pods(now))},
			}, metav1.UpdateOptions{})
			return err
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// look counts nodes and pods, a while after the last time.
func (p *prescale) look(now, since time.Duration) {
	pods, err := p.c.Client().CoreV1().Pods("batch").List(context.Background(), metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		p.t.Fatal(err)
	}
	nodes, err := p.c.Client().CoreV1().Nodes().List(context.Background(), metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range []*prescaleRun{p.with, p.bare} {
		r.nodes, r.waiting, r.placeholders = 0, 0, 0
		for _, n := range nodes.Items {
			if n.Labels["forethought.dev/pool"] == r.pool && prescaleReady(n) {
				r.nodes++
			}
		}
		for _, pod := range pods.Items {
			switch {
			case pod.Labels["app"] == r.jobs && pod.Status.Phase == corev1.PodPending:
				r.waiting++
			case pod.Labels["forethought.dev/placeholder"] == r.pool:
				r.placeholders++
			}
		}
		r.waited += float64(r.waiting) * since.Seconds()
		r.paid += float64(r.nodes) * since.Seconds()
		for len(r.came) < r.nodes-p.nodes {
			r.came = append(r.came, now)
		}
	}
	if p.with.placeholders > 0 && p.asked < 0 {
		p.asked = now
	}
}

func prescaleReady(n corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// row prints how things stand.
func (p *prescale) row(now time.Duration) {
	metric := func(name string) string {
		v, err := p.prometheus.Value(fmt.Sprintf("sum(%s{pool=%q})", name, p.with.pool))
		if err != nil {
			return "-"
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	p.t.Logf("%6.0f %6.1f %5d %7s %6s %12d | %6d %7d | %6d %7d", now.Seconds(), p.trace.at(prescaleBegin+now), p.need(now),
		metric("forethought_pool_instances_desired"), metric("forethought_pool_instances_spare"),
		p.with.placeholders, p.with.nodes, p.with.waiting, p.bare.nodes, p.bare.waiting)
}

// inTime returns how many of the nodes that the demand needed were Ready before it did.
func (p *prescale) inTime(r *prescaleRun) int {
	n := 0
	for i, needed := range p.needed {
		if i < len(r.came) && r.came[i] <= needed {
			n++
		}
	}
	return n
}

// judge prints the result and says what of it is not as it must be.
func (p *prescale) judge() {
	with, bare := p.inTime(p.with), p.inTime(p.bare)
	p.t.Logf("pod-seconds pending: %.0f with forethought, %.0f without", p.with.waited, p.bare.waited)
	p.t.Logf("node-seconds: %.0f with forethought, %.0f without", p.with.paid, p.bare.paid)
	p.t.Logf("nodes that were Ready before the demand needed them, of %d: %d with forethought, %d without", len(p.needed), with, bare)
	if len(p.needed) < 3 || p.bare.waited == 0 {
		p.t.Fatalf("the demand needs only %d nodes more, and its pods wait for %.0f s without forethought", len(p.needed), p.bare.waited)
	}
	if p.with.waited >= p.bare.waited/2 {
		p.t.Errorf("pods waited for %.0f s with forethought, which is not less than half of %.0f s", p.with.waited, p.bare.waited)
	}
	if p.asked < 0 || p.asked > p.needed[0]-prescaleBoot {
		p.t.Errorf("the first placeholder was there at %s, and the first node was needed at %s and takes %s", p.asked, p.needed[0], prescaleBoot)
	}
	if len(p.with.came) == 0 || p.with.came[0] > p.needed[0] {
		p.t.Errorf("nodes came at %v, the first was needed at %s", p.with.came, p.needed[0])
	}
	if 2*with < len(p.needed) || bare >= with {
		p.t.Errorf("%d of %d nodes were there in time, %d without forethought", with, len(p.needed), bare)
	}
	p.judgeForesight()
	p.judgeHPA()
	p.judgeCluster()
}

// judgeForesight looks whether nodes were asked for a boot time ahead that a constant head-room, as large as that of the quiet hours before the
// rise, would not have asked for.
func (p *prescale) judgeForesight() {
	desired := func(from, to time.Duration) float64 {
		p.t.Helper()
		v, err := p.prometheus.Value(fmt.Sprintf("max(max_over_time(forethought_pool_instances_desired{pool=%q}[%ds] @ %d))",
			p.with.pool, max(int((to-from).Seconds()), 5), p.begun.Load().Add(to).Unix()))
		if err != nil {
			p.t.Error(err)
		}
		return v
	}
	spare := desired(0, prescaleBoot) - float64(p.need(prescaleBoot))
	foreseen := 0
	for i, needed := range p.needed {
		if wanted, before := float64(p.nodes+i+1), needed-prescaleBoot; desired(before, before) >= wanted && float64(p.need(before))+spare < wanted {
			foreseen++
		}
	}
	p.t.Logf("nodes asked for %s ahead, of %d: %d that the head-room of the quiet hours, %g nodes, would not have covered",
		prescaleBoot, len(p.needed), foreseen, spare)
	if foreseen < 2 {
		p.t.Error("what was asked for is no more than a constant head-room")
	}
}

// judgeHPA looks whether the HPA says that it is well.
func (p *prescale) judgeHPA() {
	hpa, err := p.c.Client().AutoscalingV2().HorizontalPodAutoscalers("batch").Get(context.Background(), "batch-spot-placeholder", metav1.GetOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range hpa.Status.Conditions {
		if (c.Type == "AbleToScale" || c.Type == "ScalingActive") && c.Status != corev1.ConditionTrue {
			p.t.Errorf("the HPA says %s=%s: %s", c.Type, c.Status, c.Message)
		}
	}
}

// judgeCluster compares what forethought saw of the nodes with what there was.
func (p *prescale) judgeCluster() {
	var sum float64
	for _, state := range []string{"warming", "warm", "active"} {
		v, err := p.prometheus.Value(fmt.Sprintf("sum(forethought_pool_instances{pool=%q,state=%q})", p.with.pool, state))
		if err != nil {
			p.t.Errorf("instances that are %s: %v", state, err)
		}
		p.t.Logf("instances that forethought sees %s: %g", state, v)
		sum += v
	}
	there, _ := p.with.group.Nodes()
	if math.Abs(sum-float64(there+p.nodes)) > 2 { // a turn is five seconds old
		p.t.Errorf("forethought sees %g nodes, there are %d", sum, there+p.nodes)
	}
	// Each node that came was ready, and at least those that were needed had a pod.
	for stage, least := range map[string]int{"ready": len(p.with.came), "pod": len(p.needed)} {
		n, err := p.prometheus.Value(fmt.Sprintf("sum(forethought_node_lead_time_seconds_count{pool=%q,stage=%q})", p.with.pool, stage))
		if err != nil || n < float64(least) {
			p.t.Errorf("%g nodes told their lead time until %s, want %d: %v", n, stage, least, err)
		}
	}
	if v, err := p.prometheus.Value(fmt.Sprintf("forethought:node_lead_time:p95{pool=%q}", p.with.pool)); err != nil || !(v > 0 && v < 60) {
		p.t.Errorf("the lead time by the recording rule is %g: %v", v, err)
	} else {
		p.t.Logf("lead time from the Node object on, 95%%: %.1f s", v)
	}
}
