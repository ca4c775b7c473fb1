package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestMigration has the program move a node from one pool to another, with the rights that docs/migration.md lists, within the
// PodDisruptionBudget of the pods on it; and has a budget block the drain of another node, which is undone.
func TestMigration(t *testing.T) {
	t.Parallel()
	m := newMigrationTest(t)
	moved, stays := m.begin()
	m.moves(moved)
	m.isUndone(stays)
	m.counts()
}

// migrationTest is a cluster with two fleets, each of which has a node too many in one pool and one too few in the other. There is always an
// idle node, which is why the plan proposes a move; but what holds its room can't be evicted, so that another node must be taken, with work.
type migrationTest struct {
	t         *testing.T
	c         *cluster.Cluster
	web       string
	available map[string]*migrationWatch
	before    map[string]migrationNode
	agents    map[string]types.UID // pods of the DaemonSet by node
	began     time.Time
}

// migrationNode is what a migration changes on a node.
type migrationNode struct {
	labels        map[string]string
	taints        []corev1.Taint
	unschedulable bool
}

func newMigrationTest(t *testing.T) *migrationTest {
	m := &migrationTest{
		t: t, c: cluster.Start(t, cluster.Full),
		available: map[string]*migrationWatch{}, before: map[string]migrationNode{}, agents: map[string]types.UID{},
	}
	m.web = m.c.Address()
	m.c.Namespace("shop")
	m.c.Apply(migrationAgents)
	for _, n := range []struct{ name, pool, cpu string }{
		{"moving-0", "moving-a", "300m"},
		{"moving-1", "moving-a", "4"},
		{"moving-2", "moving-a", "4"},
		{"moving-9", "moving-b", "4"},
		{"held-0", "held-a", "300m"},
		{"held-1", "held-a", "4"},
		{"held-2", "held-a", "300m"},
		{"held-9", "held-b", "4"},
	} {
		taint := corev1.Taint{Key: "dedicated", Value: n.pool, Effect: corev1.TaintEffectNoSchedule}
		m.c.Node(cluster.Node{Name: n.name, Labels: map[string]string{"pool": n.pool}, Taints: []corev1.Taint{taint}, CPU: n.cpu})
	}
	for _, node := range []string{"moving-0", "held-0", "held-2"} {
		m.c.Apply(fmt.Sprintf(migrationPlaceholder, node))
	}
	m.c.Apply(fmt.Sprintf(migrationWorkload, "moving", 6, 5))
	m.c.Apply(fmt.Sprintf(migrationWorkload, "held", 2, 1))
	m.settled("moving", 6)
	m.settled("held", 2)
	for _, node := range m.nodes() {
		m.before[node.Name] = migrationNodeOf(node)
	}
	for _, pod := range m.pods("app=agent") {
		m.agents[pod.Spec.NodeName] = pod.UID
	}
	return m
}

// migrationAgents are on every node, as what collects logs is.
const migrationAgents = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: main, image: none, resources: {requests: {cpu: 10m}}}]
`

// migrationPlaceholder is no work, so that its node is idle; and nothing would start it elsewhere, so that its node stays what it is.
const migrationPlaceholder = `
apiVersion: v1
kind: Pod
metadata: {name: placeholder-%[1]s, namespace: shop, labels: {forethought.dev/placeholder: ""}}
spec:
  nodeName: %[1]s
  tolerations: [{operator: Exists}]
  containers: [{name: main, image: none, resources: {requests: {cpu: 10m}}}]
`

// migrationWorkload runs on the pool of the fleet that has a node too many.
const migrationWorkload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: shop}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      nodeSelector: {pool: %[1]s-a}
      tolerations: [{key: dedicated, operator: Exists}]
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: none, resources: {requests: {cpu: 500m}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: %[1]s, namespace: shop}
spec: {minAvailable: %[3]d, selector: {matchLabels: {app: %[1]s}}}
`

// migrationConfig has a demand for four instances of each fleet, two of each pool. The drain of the second fleet ends soon.
const migrationConfig = `
prometheus: {url: %s, timeout: 5s}
storage: {path: %s}
interval: 2s
validity: 1m
history: 1d
horizons: [5m, 10m]
fleets:
`

const migrationFleet = `
  - name: %[1]s
    demand: {query: max(migration_demand), unit: cores, step: 1m}
    policy:
      mode: act
      migration: {enabled: true, act: true, drain: %[2]s}
    pools:
      - name: a
        class: fixed
        capacity: 10
        share: 0.5
        lead_time: 4m
        shape: {cpu: 4, memory: 16GiB}
        nodes: {selector: pool=%[1]s-a, labels: {pool: %[1]s-a}, taints: [{key: dedicated, value: %[1]s-a, effect: NoSchedule}]}
      - name: b
        class: fixed
        capacity: 10
        share: 0.5
        lead_time: 4m
        shape: {cpu: 4, memory: 16GiB}
        nodes: {selector: pool=%[1]s-b, labels: {pool: %[1]s-b}, taints: [{key: dedicated, value: %[1]s-b, effect: NoSchedule}]}
`

// begin starts the program and returns the nodes that it cordons.
func (m *migrationTest) begin() (moving, held string) {
	m.t.Helper()
	prometheus := m.c.StartPrometheus(cluster.PrometheusOptions{
		Targets: map[string][]string{"forethought": {m.web}},
		Rules:   "groups: [{name: demand, interval: 1s, rules: [{record: migration_demand, expr: vector(35)}]}]",
	})
	values := make([]float64, 24*60)
	for i := range values {
		values[i] = 35
	}
	prometheus.Write(cluster.Series{Name: "migration_demand", Start: time.Now().Add(-24 * time.Hour), Step: time.Minute, Values: values})
	folder := m.t.TempDir()
	text := fmt.Sprintf(migrationConfig, prometheus.URL, folder) +
		fmt.Sprintf(migrationFleet, "moving", "1m") + fmt.Sprintf(migrationFleet, "held", "15s")
	file := filepath.Join(folder, "forethought.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	kubeconfig := m.account()
	for name, least := range map[string]int{"moving": 5, "held": 1} {
		m.available[name] = watchMigration(m.t, m.c, name, least)
	}
	m.began = time.Now()
	p := m.c.Forethought("forethought", nil, "serve", "--config.file="+file, "--web.listen-address="+m.web,
		"--kubernetes.kubeconfig="+kubeconfig, "--kubernetes.namespace=shop")
	m.c.Ready(p, "http://"+m.web+"/-/ready")
	return m.cordoned("moving"), m.cordoned("held")
}

// account has the rights that docs/migration.md lists, and those that counting nodes and leading need.
func (m *migrationTest) account() (kubeconfig string) {
	m.t.Helper()
	page, err := os.ReadFile("../../docs/migration.md")
	if err != nil {
		m.t.Fatal(err)
	}
	rules := regexp.MustCompile("(?s)```yaml\n(rules:\n.*?)```").FindSubmatch(page)
	if rules == nil {
		m.t.Fatal("docs/migration.md has no rules")
	}
	m.c.Apply("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: migration}\n" + string(rules[1]))
	m.c.Apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: migration}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: migration}
subjects: [{kind: ServiceAccount, namespace: shop, name: forethought}]
`)
	return m.c.ServiceAccount("shop", "forethought",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes", "pods", "configmaps"}, Verbs: []string{"list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "update"}},
	)
}

// cordoned waits until a node of a fleet is, and returns its name.
func (m *migrationTest) cordoned(fleet string) (name string) {
	m.t.Helper()
	cluster.WaitFor(m.t, "a node of "+fleet+" migrates", 2*time.Minute, func() error {
		for _, n := range m.nodes() {
			_, under := n.Annotations["forethought.dev/migration"]
			_, was := n.Annotations["forethought.dev/migrated"]
			_, undone := n.Annotations["forethought.dev/migration-undone"]
			if strings.HasPrefix(n.Name, fleet) && (under || was || undone) {
				name = n.Name
				return nil
			}
		}
		return errors.New("none does")
	})
	m.t.Logf("%s migrates %s after the start", name, time.Since(m.began).Round(100*time.Millisecond))
	return name
}

// moves waits until a node has migrated and says what is true then, and was all the time.
func (m *migrationTest) moves(name string) {
	m.t.Helper()
	if name == "moving-0" {
		m.t.Error("a node with a pod that nothing starts again migrates")
	}
	evicted := map[types.UID]bool{}
	for _, pod := range m.pods("app=moving") {
		evicted[pod.UID] = pod.Spec.NodeName == name || pod.DeletionTimestamp != nil
	}
	took := m.ended(name, "forethought.dev/migrated")
	m.settled("moving", 6)
	for _, pod := range m.pods("app=moving") {
		if evicted[pod.UID] || pod.Spec.NodeName == name {
			m.t.Errorf("pod %s is on node %s, which has migrated", pod.Name, pod.Spec.NodeName)
		}
	}
	want := migrationNode{
		labels: map[string]string{"pool": "moving-b"},
		taints: []corev1.Taint{{Key: "dedicated", Value: "moving-b", Effect: corev1.TaintEffectNoSchedule}},
	}
	for key, value := range m.before[name].labels {
		if key != "pool" {
			want.labels[key] = value
		}
	}
	m.is(name, want)
	m.agentStays(name)
	least, events := m.available["moving"].seen()
	m.t.Logf("%s has migrated in %s; of 6 pods at least %d were available, over %d changes of pods", name, took, least, events)
	if least < 5 {
		m.t.Errorf("%d pods were available; the PodDisruptionBudget says 5", least)
	}
	if events < 6 {
		m.t.Errorf("only %d changes of pods were seen: nothing was drained", events)
	}
	m.told(name, "MigrationStarted", "Migrated")
}

// isUndone waits until the migration of a node was undone and says what is true then, and was all the time.
func (m *migrationTest) isUndone(name string) {
	m.t.Helper()
	if name != "held-1" {
		m.t.Errorf("%s migrates, which has a pod that nothing starts again", name)
	}
	took := m.ended(name, "forethought.dev/migration-undone")
	m.is(name, m.before[name])
	m.agentStays(name)
	m.settled("held", 2) // the pod that was evicted has a place again
	least, _ := m.available["held"].seen()
	m.t.Logf("%s was brought back after %s; of 2 pods at least %d was available", name, took, least)
	if least != 1 {
		m.t.Errorf("%d pods were available at least; the PodDisruptionBudget says 1, and one was to be evicted", least)
	}
	m.told(name, "MigrationStarted", "MigrationUndone")
	time.Sleep(5 * time.Second) // two turns, in which the move is still proposed
	m.is(name, m.before[name])
}

// counts compares the metrics of the program with what has happened.
func (m *migrationTest) counts() {
	m.t.Helper()
	_, body := get(m.t, "http://"+m.web+"/metrics")
	for _, line := range []string{
		`forethought_migrations_total{fleet="moving",from="a",outcome="migrated",to="b"} 1`,
		`forethought_migrations_total{fleet="moving",from="a",outcome="undone",to="b"} 0`,
		`forethought_migrations_total{fleet="held",from="a",outcome="migrated",to="b"} 0`,
		`forethought_migrations_total{fleet="held",from="a",outcome="undone",to="b"} 1`,
		`forethought_migrations_in_progress{fleet="moving"} 0`,
		`forethought_migrations_in_progress{fleet="held"} 0`,
	} {
		if !strings.Contains(body, line+"\n") {
			m.t.Errorf("/metrics has no %s", line)
		}
	}
}

// ended waits until a node has an annotation and is under no migration, and returns how long that took by the annotation.
func (m *migrationTest) ended(name, annotation string) time.Duration {
	m.t.Helper()
	var said struct{ Started, At time.Time }
	cluster.WaitFor(m.t, name+" has the annotation "+annotation, 2*time.Minute, func() error {
		node := m.node(name)
		if record, under := node.Annotations["forethought.dev/migration"]; under {
			return fmt.Errorf("it is under %s", record)
		}
		return json.Unmarshal([]byte(node.Annotations[annotation]), &said)
	})
	return said.At.Sub(said.Started).Round(100 * time.Millisecond)
}

// is fails the test where a node is not as it should be. The controller of nodes takes its taint of cordoned ones off by itself.
func (m *migrationTest) is(name string, want migrationNode) {
	m.t.Helper()
	cluster.WaitFor(m.t, name+" is what it should be", 20*time.Second, func() error {
		if got := migrationNodeOf(m.node(name)); !reflect.DeepEqual(got, want) {
			return fmt.Errorf("it is %+v, want %+v", got, want)
		}
		return nil
	})
}

// agentStays fails the test where the pod of the DaemonSet on a node is another one.
func (m *migrationTest) agentStays(node string) {
	m.t.Helper()
	if m.agents[node] == "" || !slices.ContainsFunc(m.pods("app=agent"), func(p corev1.Pod) bool { return p.UID == m.agents[node] }) {
		m.t.Errorf("the pod of the DaemonSet on %s was evicted", node)
	}
}

// told waits until events about a node give the plan's reason.
func (m *migrationTest) told(node string, reasons ...string) {
	m.t.Helper()
	for _, reason := range reasons {
		cluster.WaitFor(m.t, fmt.Sprintf("an event %s about %s", reason, node), 20*time.Second, func() error {
			list, err := m.c.Client().EventsV1().Events(metav1.NamespaceAll).List(context.Background(), metav1.ListOptions{})
			if err != nil {
				return err
			}
			for _, e := range list.Items {
				if e.Regarding.Kind == "Node" && e.Regarding.Name == node && e.Reason == reason {
					m.t.Logf("event %s: %s", reason, e.Note)
					return nil
				}
			}
			return errors.New("there is none")
		})
	}
}

// settled waits until a Deployment has that many pods, all of them ready and none of them leaving, and its budget knows.
func (m *migrationTest) settled(app string, replicas int) {
	m.t.Helper()
	cluster.WaitFor(m.t, fmt.Sprintf("%s has %d pods", app, replicas), time.Minute, func() error {
		pods := m.pods("app=" + app)
		for _, p := range pods {
			if !migrationAvailable(&p) {
				return fmt.Errorf("pod %s is %s", p.Name, p.Status.Phase)
			}
		}
		b, err := m.c.Client().PolicyV1().PodDisruptionBudgets("shop").Get(context.Background(), app, metav1.GetOptions{})
		if err == nil && (len(pods) != replicas || int(b.Status.CurrentHealthy) != replicas || b.Status.DisruptionsAllowed != 1) {
			err = fmt.Errorf("it has %d and its budget says %+v", len(pods), b.Status)
		}
		return err
	})
}

func (m *migrationTest) pods(selector string) []corev1.Pod {
	m.t.Helper()
	list, err := m.c.Client().CoreV1().Pods("shop").List(context.Background(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		m.t.Fatal(err)
	}
	return list.Items
}

func (m *migrationTest) nodes() []corev1.Node {
	m.t.Helper()
	list, err := m.c.Client().CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	return list.Items
}

func (m *migrationTest) node(name string) corev1.Node {
	m.t.Helper()
	node, err := m.c.Client().CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	return *node
}

func migrationNodeOf(n corev1.Node) migrationNode {
	return migrationNode{labels: n.Labels, taints: n.Spec.Taints, unschedulable: n.Spec.Unschedulable}
}

// migrationAvailable reports whether a pod serves.
func migrationAvailable(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// migrationWatch follows the pods of an app through every change, so that no moment is missed.
type migrationWatch struct {
	mu     sync.Mutex
	least  int
	events int
}

// watchMigration begins to follow the pods of an app.
func watchMigration(t *testing.T, c *cluster.Cluster, app string, budget int) *migrationWatch {
	t.Helper()
	options := metav1.ListOptions{LabelSelector: "app=" + app}
	list, err := c.Client().CoreV1().Pods("shop").List(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	available := map[types.UID]bool{}
	for i := range list.Items {
		available[list.Items[i].UID] = migrationAvailable(&list.Items[i])
	}
	options.ResourceVersion = list.ResourceVersion
	changes, err := c.Client().CoreV1().Pods("shop").Watch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	w := &migrationWatch{least: len(list.Items)}
	done := make(chan struct{})
	t.Cleanup(func() {
		changes.Stop()
		<-done
	})
	go func() {
		defer close(done)
		for change := range changes.ResultChan() {
			pod, ok := change.Object.(*corev1.Pod)
			if !ok {
				continue
			}
			available[pod.UID] = change.Type != watch.Deleted && migrationAvailable(pod)
			w.note(available)
		}
	}()
	if w.least <= budget {
		t.Fatalf("%s has %d pods and a budget that needs %d", app, w.least, budget)
	}
	return w
}

func (w *migrationWatch) note(available map[types.UID]bool) {
	n := 0
	for _, is := range available {
		if is {
			n++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.least = min(w.least, n)
	w.events++
}

// seen returns how many pods were available at least, over how many changes.
func (w *migrationWatch) seen() (least, events int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.least, w.events
}
