package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestActuators has two replicas of the program write into objects of a real API server, with the rights that docs/actuators.md lists and
// under the policy that it shows.
func TestActuators(t *testing.T) {
	t.Parallel()
	a := newActuatorTest(t)
	a.begin()
	f := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) {
			a.t = t
			test(t)
		})
		a.t = t
	}
	f("scale of a Deployment", a.deployment)
	f("an HPA scales it too", a.rival)
	f("a field that somebody else owns", a.conflict) // early, while tries are close to each other
	f("an object applied from the client", a.fromTheClient)
	f("scale of a custom resource", a.customResource)
	f("CapacityBuffer", a.buffer)
	f("HPA floor", a.floor)
	f("dry run", a.dryRun)
	f("shadow", a.shadow)
	f("an object that comes later", a.late)
	f("an object of which too much is owned", a.tooMuch)
	f("no HPA scales it any more", a.rivalGone)
	f("the leader is killed", a.leaderDies)
	f("the kill switch", a.killed)
	f("a floor is taken out", a.floorGoes)
}

// actuatorTest is a cluster with two replicas of the program.
type actuatorTest struct {
	t          *testing.T
	c          *cluster.Cluster
	demand     atomic.Int64
	prometheus *cluster.Prometheus
	kubeconfig string
	folder     string
	processes  [2]*cluster.Process
	web        [2]string
}

func newActuatorTest(t *testing.T) *actuatorTest {
	a := &actuatorTest{t: t, c: cluster.Start(t, cluster.API), folder: t.TempDir()}
	a.demand.Store(100)
	address := a.c.Address()
	serveText(t, address, func() string { return fmt.Sprintf("actuator_demand %d\n", a.demand.Load()) })
	a.prometheus = a.c.StartPrometheus(cluster.PrometheusOptions{Targets: map[string][]string{"demand": {address}}})
	a.history(address)
	a.c.Namespace("shop")
	a.c.CapacityBufferCRD()
	a.c.ScalableCRD("cluster.x-k8s.io", "v1beta1", "MachineDeployment")
	a.c.ScalableCRD("example.com", "v1", "NodeGroup")
	a.c.Apply(actuatorPolicy(t))
	a.kubeconfig = a.c.ServiceAccount("forethought", "forethought", actuatorRights()...)
	return a
}

// actuatorRights are those of docs/actuators.md, and those to see the kill switch.
func actuatorRights() []rbacv1.PolicyRule {
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	definition := rule("apiextensions.k8s.io", "customresourcedefinitions", "get")
	definition.ResourceNames = []string{"machinedeployments.cluster.x-k8s.io", "nodegroups.example.com"}
	return []rbacv1.PolicyRule{
		rule("events.k8s.io", "events", "create", "patch"),
		rule("coordination.k8s.io", "leases", "get", "create", "update"),
		rule("apps", "deployments/scale", "get", "patch"),
		rule("cluster.x-k8s.io", "machinedeployments", "get", "patch"),
		rule("example.com", "nodegroups", "get", "patch"),
		definition,
		rule("autoscaling.x-k8s.io", "capacitybuffers", "get", "patch"),
		rule("autoscaling", "horizontalpodautoscalers", "get", "list", "patch"),
		rule("", "configmaps", "get", "list", "watch"),
	}
}

// actuatorPolicy returns the policy that docs/actuators.md shows.
func actuatorPolicy(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/actuators.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], "kind: ValidatingAdmissionPolicy\n") {
			return block[1]
		}
	}
	t.Fatal("docs/actuators.md has no policy")
	return ""
}

// history is three days of a demand that is known by its spread only, so that the plan is above the present need. It is the series that
// is scraped from the address.
func (a *actuatorTest) history(address string) {
	const n = 3 * 24 * 60 * 4
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, n)
	for i := range values {
		values[i] = 60 + 140*random.Float64()
	}
	const step = 15 * time.Second
	a.prometheus.Write(cluster.Series{
		Name: "actuator_demand", Labels: map[string]string{"job": "demand", "instance": address}, Start: time.Now().Add(-(n + 1) * step), Step: step,
		Values: values,
	})
}

// configure writes the configuration of both replicas: one fleet that acts and one that does not.
func (a *actuatorTest) configure(policy, floor string) {
	a.t.Helper()
	for i := range a.processes {
		text := fmt.Sprintf(`
prometheus: {url: %s, timeout: 10s}
storage: {path: %s}
interval: 2s
validity: 2m
history: 3d
horizons: [1m, 5m]
fleets:
  - name: shop
    demand: {query: max(actuator_demand), unit: cores, step: 15s}
    policy: {mode: act, probability: 0.95%s}
    pools:
      - name: web
        class: variable
        capacity: 10
        max: 90
        lead_time: 1m
        actuate:
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: web}
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: headroom, value: spare, replicas_per_instance: 2}
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: owned}
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: client}
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: tried, dry_run: true}
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: fought}
          - {kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: late}
          - {kind: scale, api_version: cluster.x-k8s.io/v1beta1, resource: MachineDeployment, namespace: shop, name: machines}
          - {kind: scale, api_version: cluster.x-k8s.io/v1beta1, resource: MachineDeployment, namespace: shop, name: theirs}
          - {kind: scale, api_version: example.com/v1, resource: NodeGroup, namespace: shop, name: toomuch}
          - {kind: capacity_buffer, namespace: shop, name: room}
%s
  - name: quiet
    demand: {query: max(actuator_demand), unit: cores, step: 15s}
    policy: {mode: shadow, probability: 0.95}
    pools:
      - name: web
        class: variable
        capacity: 10
        max: 90
        lead_time: 1m
        actuate: [{kind: scale, api_version: apps/v1, resource: Deployment, namespace: shop, name: quiet}]
`, a.prometheus.URL, filepath.Join(a.folder, "data"+strconv.Itoa(i)), policy, floor)
		if err := os.WriteFile(a.config(i), []byte(text), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

const actuatorFloor = "          - {kind: hpa_floor, namespace: shop, name: floored}\n"

func (a *actuatorTest) config(i int) string {
	return filepath.Join(a.folder, fmt.Sprintf("forethought-%d.yml", i))
}

// begin makes the objects and starts the replicas.
func (a *actuatorTest) begin() {
	for _, name := range []string{"web", "headroom", "tried", "fought", "quiet"} {
		a.c.Apply(actuatorDeployment(name, ""))
	}
	a.c.Apply(actuatorDeployment("owned", "replicas: 3"))
	a.kubectl(actuatorDeployment("client", "replicas: 3"), "apply", "-f", "-")
	a.c.Apply(actuatorObjects)
	a.kubectl(actuatorTooMuch, "apply", "--server-side", "--field-manager=forethought", "-f", "-")
	a.configure("", actuatorFloor)
	for i := range a.processes {
		a.web[i] = a.c.Address()
		a.processes[i] = a.c.Forethought(fmt.Sprintf("actuator-%d", i), nil, "serve", "--config.file="+a.config(i), "--web.listen-address="+a.web[i],
			"--kubernetes.kubeconfig="+a.kubeconfig, "--kubernetes.namespace=forethought")
	}
	a.await("one replica leads", 2*time.Minute, func() bool { return a.leader() >= 0 })
	a.await("there is a decision above the need", 2*time.Minute, func() bool { return a.desired() > 10 })
}

func actuatorDeployment(name, replicas string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: shop}
spec:
  %[2]s
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: pause, image: pause}]}
`, name, replicas)
}

const actuatorObjects = `
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineDeployment
metadata: {name: machines, namespace: shop}
spec: {clusterName: c, template: {spec: {version: v1}}}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: MachineDeployment
metadata: {name: theirs, namespace: shop}
spec: {replicas: 3, clusterName: c}
---
apiVersion: autoscaling.x-k8s.io/v1beta1
kind: CapacityBuffer
metadata: {name: room, namespace: shop}
spec: {scalableRef: {apiGroup: apps, kind: Deployment, name: web}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: floored, namespace: shop}
spec: {maxReplicas: 12, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: elsewhere}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: fighter, namespace: shop}
spec: {maxReplicas: 12, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: fought}}
`

const actuatorTooMuch = `
apiVersion: example.com/v1
kind: NodeGroup
metadata: {name: toomuch, namespace: shop}
spec: {replicas: 3, clusterName: c}
`

func (a *actuatorTest) kubectl(input string, args ...string) string {
	a.t.Helper()
	out, err := a.c.KubectlAs(a.c.Kubeconfig(), input, args...)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

func (a *actuatorTest) await(what string, limit time.Duration, holds func() bool) {
	a.t.Helper()
	cluster.WaitFor(a.t, what, limit, func() error {
		if !holds() {
			return fmt.Errorf("not so yet: %s", what)
		}
		return nil
	})
}

// metric returns a series of a replica, -1 where it has none.
func (a *actuatorTest) metric(i int, series string) float64 {
	body, err := a.c.Get("http://" + a.web[i] + "/metrics")
	if err != nil {
		return -1
	}
	for line := range strings.SplitSeq(body, "\n") {
		if rest, found := strings.CutPrefix(line, series+" "); found {
			if v, err := strconv.ParseFloat(rest, 64); err == nil {
				return v
			}
		}
	}
	return -1
}

// leader returns which replica leads, -1 where none does and -2 where both do.
func (a *actuatorTest) leader() int {
	zero, one := a.metric(0, "forethought_actuator_leading") == 1, a.metric(1, "forethought_actuator_leading") == 1
	switch {
	case zero && one:
		return -2
	case zero:
		return 0
	case one:
		return 1
	}
	return -1
}

// desired returns what the leader wants of the pool, -1 where that is not known.
func (a *actuatorTest) desired() int {
	i := a.leader()
	if i < 0 {
		return -1
	}
	return int(a.metric(i, `forethought_pool_instances_desired{class="variable",fleet="shop",pool="web"}`))
}

// spare returns what the leader wants beyond the present need, -1 where that is not known.
func (a *actuatorTest) spare() int {
	i := a.leader()
	if i < 0 {
		return -1
	}
	return int(a.metric(i, `forethought_pool_instances_spare{class="variable",fleet="shop",pool="web"}`))
}

// outcomes returns how often something came of looks at objects of the fleet that acts.
func (a *actuatorTest) outcomes(fleet, kind, outcome string) float64 {
	i := a.leader()
	if i < 0 {
		return -1
	}
	return a.metric(i, fmt.Sprintf("forethought_actuator_writes_total{actuator=%q,fleet=%q,outcome=%q,pool=\"web\"}", kind, fleet, outcome))
}

// field returns what kubectl shows of an object.
func (a *actuatorTest) field(object, path string) string {
	a.t.Helper()
	return strings.TrimSpace(a.kubectl("", "get", object, "-n", "shop", "-o", "jsonpath={"+path+"}"))
}

func (a *actuatorTest) number(object, path string) int {
	a.t.Helper()
	n, err := strconv.Atoi(a.field(object, path))
	if err != nil {
		return -1
	}
	return n
}

// follows waits until a field is what a function of the desired instances says.
func (a *actuatorTest) follows(object, path string, want func(desired int) int) {
	a.t.Helper()
	cluster.WaitFor(a.t, object+" follows the pool", 2*time.Minute, func() error {
		desired := a.desired()
		if got := a.number(object, path); desired < 0 || got != want(desired) {
			return fmt.Errorf("%s is %d, want %d of %d desired", path, got, want(desired), desired)
		}
		return nil
	})
}

// owner returns who owns a field of an object's spec.
func (a *actuatorTest) owner(object, field string) string {
	a.t.Helper()
	out := a.kubectl("", "get", object, "-n", "shop", "--show-managed-fields", "-o",
		`jsonpath={range .metadata.managedFields[*]}{.manager}/{.operation}/{.subresource} {.fieldsV1.f:spec.f:`+field+`}{"\n"}{end}`)
	var owners []string
	for line := range strings.Lines(out) {
		if who, fields, _ := strings.Cut(strings.TrimRight(line, "\n"), " "); fields != "" {
			owners = append(owners, who)
		}
	}
	return strings.Join(owners, " ")
}

// said waits until kubectl describe shows an event with a text, and returns its note.
func (a *actuatorTest) said(object, reason, text string) string {
	a.t.Helper()
	note := ""
	cluster.WaitFor(a.t, fmt.Sprintf("an event %s on %s", reason, object), time.Minute, func() error {
		out := a.kubectl("", "describe", object, "-n", "shop")
		_, events, _ := strings.Cut(out, "\nEvents:")
		for line := range strings.Lines(events) {
			if strings.Contains(line, " "+reason+" ") && strings.Contains(line, text) {
				note = strings.TrimSpace(line)
				return nil
			}
		}
		return fmt.Errorf("events are %s", events)
	})
	a.t.Log(note)
	return note
}

func (a *actuatorTest) deployment(t *testing.T) {
	same := func(n int) int { return n }
	a.follows("deployment/web", ".spec.replicas", same)
	if who := a.owner("deployment/web", "replicas"); who != "forethought/Apply/scale" {
		t.Errorf("replicas are owned by %q", who)
	}
	note := a.said("deployment/web", "Scaled", " from 1 to ")
	if !regexp.MustCompile(`Normal .* forethought .*for pool web of fleet shop: demand [0-9.]+ cores .*; reactive need [0-9]+`).MatchString(note) {
		t.Errorf("event: %s", note)
	}
	a.follows("deployment/headroom", ".spec.replicas", func(int) int { return 2 * a.spare() })
	defer a.demand.Store(100)
	a.demand.Store(250)
	a.await("the plan follows the demand", 2*time.Minute, func() bool { return a.desired() >= 25 })
	a.follows("deployment/web", ".spec.replicas", same)
}

func (a *actuatorTest) customResource(t *testing.T) {
	a.follows("machinedeployment/machines", ".spec.replicas", func(n int) int { return n })
	if who := a.owner("machinedeployment/machines", "replicas"); who != "forethought/Apply/" {
		t.Errorf("replicas are owned by %q", who)
	}
	if got := a.field("machinedeployment/machines", ".spec.template.spec.version"); got != "v1" {
		t.Errorf("the template has version %q", got)
	}
	a.said("machinedeployment/machines", "Scaled", " from unset to ")
	a.said("machinedeployment/theirs", "ScaleConflict", "e2e owns the field")
	// The policy of the documentation holds the account to the one field.
	_, err := a.c.KubectlAs(a.kubeconfig, "", "patch", "machinedeployment/machines", "-n", "shop", "--type=merge", `-p={"spec":{"clusterName":"x"}}`)
	if err == nil || !strings.Contains(err.Error(), "only spec.replicas may be changed") {
		t.Errorf("the account changes another field: %v", err)
	}
}

func (a *actuatorTest) buffer(t *testing.T) {
	a.follows("capacitybuffer/room", ".spec.replicas", func(int) int { return a.spare() })
	if who := a.owner("capacitybuffer/room", "replicas"); who != "forethought/Apply/" {
		t.Errorf("replicas are owned by %q", who)
	}
	a.said("capacitybuffer/room", "Scaled", "; spare ")
}

func (a *actuatorTest) floor(t *testing.T) {
	a.follows("hpa/floored", ".spec.minReplicas", func(n int) int { return min(n, 12) })
	if got := a.field("hpa/floored", `.metadata.annotations.forethought\.dev/min-replicas`); got != "1" {
		t.Errorf("the minimum of before is kept as %q", got)
	}
	a.said("hpa/floored", "Scaled", "wanted, and spec.minReplicas may be 1 to 12 here")
}

func (a *actuatorTest) dryRun(t *testing.T) {
	a.said("deployment/tried", "ScaleDryRun", "would go from 1 to ")
	if got := a.number("deployment/tried", ".spec.replicas"); got != 1 {
		t.Errorf("%d replicas after a dry run", got)
	}
}

func (a *actuatorTest) shadow(t *testing.T) {
	a.await("the fleet in shadow is looked at", time.Minute, func() bool { return a.outcomes("quiet", "scale", "shadow") > 2 })
	if got, who := a.number("deployment/quiet", ".spec.replicas"), a.owner("deployment/quiet", "replicas"); got != 1 || who != "" {
		t.Errorf("%d replicas of %q", got, who)
	}
	out := a.kubectl("", "describe", "deployment/quiet", "-n", "shop")
	if _, events, _ := strings.Cut(out, "Events:"); strings.TrimSpace(events) != "<none>" {
		t.Errorf("a fleet in shadow makes events: %s", events)
	}
	for _, o := range []string{"written", "unchanged", "dry_run", "conflict", "refused", "failed"} {
		if n := a.outcomes("quiet", "scale", o); n != 0 {
			t.Errorf("outcome %s: %g", o, n)
		}
	}
}

func (a *actuatorTest) rival(t *testing.T) {
	a.said("deployment/fought", "ScaleRefused", "HorizontalPodAutoscaler fighter scales it too")
	if got := a.number("deployment/fought", ".spec.replicas"); got != 1 {
		t.Errorf("%d replicas", got)
	}
	a.kubectl("", "delete", "hpa/fighter", "-n", "shop") // which is seen within a minute
}

func (a *actuatorTest) rivalGone(*testing.T) {
	a.follows("deployment/fought", ".spec.replicas", func(n int) int { return n })
}

func (a *actuatorTest) late(*testing.T) {
	a.await("an object that is not there is looked for", time.Minute, func() bool { return a.outcomes("shop", "scale", "missing") > 2 })
	a.c.Apply(actuatorDeployment("late", ""))
	a.follows("deployment/late", ".spec.replicas", func(n int) int { return n })
}

// replicasOnly is what the documentation hands a field over with.
const actuatorReplicasOnly = `
apiVersion: %s
kind: %s
metadata: {name: %s, namespace: shop}
spec: {replicas: %d}
`

func (a *actuatorTest) handOver(version, kind, name string, replicas int) {
	a.t.Helper()
	a.kubectl(fmt.Sprintf(actuatorReplicasOnly, version, kind, name, replicas),
		"apply", "--server-side", "--field-manager=forethought", "--force-conflicts", "-f", "-")
}

func (a *actuatorTest) conflict(t *testing.T) {
	a.said("deployment/owned", "ScaleConflict", "stays at 3 for pool web of fleet shop: e2e owns the field")
	if got, who := a.number("deployment/owned", ".spec.replicas"), a.owner("deployment/owned", "replicas"); got != 3 || who != "e2e/Apply/" {
		t.Errorf("%d replicas of %q", got, who)
	}
	a.handOver("apps/v1", "Deployment", "owned", 4)
	a.handOver("cluster.x-k8s.io/v1beta1", "MachineDeployment", "theirs", 4)
	a.c.Apply(actuatorDeployment("owned", "")) // as step 3 says
	if got := a.number("deployment/owned", ".spec.replicas"); got < 4 {
		t.Errorf("%d replicas after the manifest has none", got)
	}
	a.follows5m("deployment/owned")
	a.follows5m("machinedeployment/theirs")
	if who := a.owner("deployment/owned", "replicas"); who != "forethought/Apply/scale" {
		t.Errorf("replicas are owned by %q", who)
	}
	if got := a.field("machinedeployment/theirs", ".spec.clusterName"); got != "c" {
		t.Errorf("cluster %q after the field was handed over", got)
	}
	// Whoever scales by hand takes over.
	a.kubectl("", "scale", "deployment/owned", "-n", "shop", "--replicas=2")
	a.said("deployment/owned", "ScaleConflict", "stays at 2 for pool web of fleet shop: kubectl")
	a.handOver("apps/v1", "Deployment", "owned", 5)
	a.follows5m("deployment/owned")
}

// follows5m waits for as long as a conflict may.
func (a *actuatorTest) follows5m(object string) {
	a.t.Helper()
	began := time.Now()
	cluster.WaitFor(a.t, object+" follows the pool", 6*time.Minute, func() error {
		if got, desired := a.number(object, ".spec.replicas"), a.desired(); got != desired {
			return fmt.Errorf("%d replicas, want %d", got, desired)
		}
		return nil
	})
	a.t.Logf("%s follows the pool after %s", object, time.Since(began).Round(time.Second))
}

func (a *actuatorTest) fromTheClient(t *testing.T) {
	a.said("deployment/client", "ScaleConflict", "kubectl-client-side-apply owns the field")
	a.kubectl(actuatorDeployment("client", "replicas: 3"), "apply", "--server-side", "-f", "-") // step 1
	a.handOver("apps/v1", "Deployment", "client", 4)                                            // step 2
	a.kubectl(actuatorDeployment("client", ""), "apply", "--server-side", "-f", "-")            // step 3
	if got := a.number("deployment/client", ".spec.replicas"); got < 4 {
		t.Errorf("%d replicas after the manifest has none", got)
	}
	a.follows5m("deployment/client")
}

func (a *actuatorTest) tooMuch(t *testing.T) {
	a.said("nodegroup/toomuch", "ScaleRefused", "spec.clusterName would change with it")
	if got := a.field("nodegroup/toomuch", ".spec"); !strings.Contains(got, `"clusterName":"c"`) || !strings.Contains(got, `"replicas":3`) {
		t.Errorf("spec %s", got)
	}
	a.kubectl(strings.Replace(actuatorTooMuch, "replicas: 3, ", "", 1), "apply", "--server-side", "-f", "-") // who else wants the rest says so
	a.follows("nodegroup/toomuch", ".spec.replicas", func(n int) int { return n })
	if got := a.field("nodegroup/toomuch", ".spec.clusterName"); got != "c" {
		t.Errorf("cluster %q", got)
	}
}

// leaderDies kills the leader. The other takes over, and until then and after replicas stay.
func (a *actuatorTest) leaderDies(t *testing.T) {
	a.follows("deployment/web", ".spec.replicas", func(n int) int { return n })
	first := a.leader()
	least := a.watchLeast(t)
	began := time.Now()
	a.processes[first].Kill()
	a.await("the other replica leads", 2*time.Minute, func() bool { return a.leader() == 1-first })
	t.Logf("replica %d leads %s after the kill of the other", 1-first, time.Since(began).Round(100*time.Millisecond))
	a.demand.Store(300)
	a.await("the plan follows the demand", 2*time.Minute, func() bool { return a.desired() >= 30 })
	a.follows("deployment/web", ".spec.replicas", func(n int) int { return n })
	if n := least(); n < 10 {
		t.Errorf("replicas fell to %d", n)
	} else {
		t.Logf("replicas were %d at the least", n)
	}
	if err := a.processes[first].Start(); err != nil {
		t.Fatal(err)
	}
	a.await("the replica is back", time.Minute, func() bool { return a.metric(first, "forethought_actuator_leading") == 0 })
	if got := a.leader(); got != 1-first {
		t.Errorf("replica %d leads once both are there", got)
	}
	a.demand.Store(100)
}

// watchLeast returns a function that ends the watch and returns the fewest replicas that the Deployment had in it.
func (a *actuatorTest) watchLeast(t *testing.T) func() int {
	t.Helper()
	least := a.number("deployment/web", ".spec.replicas")
	ctx, cancel := context.WithCancel(t.Context())
	w, err := a.c.Client().AppsV1().Deployments("shop").Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=web"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range w.ResultChan() {
			if d, ok := e.Object.(*appsv1.Deployment); ok {
				least = min(least, int(*d.Spec.Replicas))
			}
		}
	}()
	return func() int {
		w.Stop()
		cancel()
		<-done
		return least
	}
}

// reload has both replicas read their configuration.
func (a *actuatorTest) reload(policy, floor string) {
	a.t.Helper()
	a.configure(policy, floor)
	for _, p := range a.processes {
		p.Signal(syscall.SIGHUP)
	}
}

func (a *actuatorTest) killed(*testing.T) {
	a.reload(", kill: true", actuatorFloor)
	for object, want := range map[string]int{
		"deployment/web": 10, "machinedeployment/machines": 10, "capacitybuffer/room": 0, "deployment/headroom": 0,
	} {
		a.await(object+" has the reactive need", 2*time.Minute, func() bool { return a.number(object, ".spec.replicas") == want })
	}
	a.said("deployment/web", "Scaled", "to 10 for pool web of fleet shop: the kill switch is on")
}

func (a *actuatorTest) floorGoes(t *testing.T) {
	a.reload("", "")
	a.await("the floor is what it was before", time.Minute, func() bool { return a.number("hpa/floored", ".spec.minReplicas") == 1 })
	if got := a.field("hpa/floored", ".metadata.annotations"); strings.Contains(got, "min-replicas") {
		t.Errorf("annotations %s", got)
	}
	a.said("hpa/floored", "Scaled", "it is not in the configuration any more")
}
