// Package kube turns the nodes and pods of a cluster into how a fleet's pools stand, and into lead times.
//
// A pool that says which nodes are its instances is counted: how many are starting, how many are idle, how many serve. Nothing is guessed:
// before everything was read, and once it could not be read for two minutes, a pool stays as its configuration says, and the fleet's reason
// says so. Counts follow from the objects alone, so that replicas agree. Lead times become a histogram that Prometheus keeps; nothing is
// decided from the memory of a process. A ConfigMap with a label sets the kill switch of a fleet, for whoever may write ConfigMaps only.
package kube

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
)

// Options are what a Watcher is made of. All fields are required but Pools, StartupTaints and KillChanged.
type Options struct {
	Client kubernetes.Interface
	// Pools says which nodes are whose instances, by fleet and in the order of the configuration. Nodes and pods are not read while no pool
	// has any.
	Pools map[string][]Nodes
	// Namespace is where ConfigMaps with KillLabel are looked for.
	Namespace string
	// Events is told of kill switches.
	Events     events.EventRecorder
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// StartupTaints are keys of taints that a node has until it is ready for pods, beside those of Kubernetes itself.
	StartupTaints []string
	// KillChanged is called after a kill switch was set or let go of, from a goroutine that reads the cluster: it must not block for long.
	KillChanged func()
}

func (o Options) validate() error {
	switch {
	case o.Client == nil:
		return errors.New("kube: Client is missing")
	case o.Namespace == "":
		return errors.New("kube: Namespace is missing")
	case o.Events == nil:
		return errors.New("kube: Events is missing")
	case o.Log == nil:
		return errors.New("kube: Log is missing")
	case o.Registerer == nil:
		return errors.New("kube: Registerer is missing")
	}
	return nil
}

// Watcher keeps up with a cluster. It is safe for concurrent use.
type Watcher struct {
	log     *slog.Logger
	cluster *cluster
	kills   *kills

	nodes      *stream[*corev1.Node]
	pods       *stream[*corev1.Pod]
	configMaps *stream[*corev1.ConfigMap]

	// wanted is closed when there is a pool with nodes.
	wanted chan struct{}
	once   sync.Once
}

// New returns a Watcher that reads nothing until Run.
func New(o Options) (*Watcher, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	if o.KillChanged == nil {
		o.KillChanged = func() {}
	}
	w := &Watcher{log: o.Log, cluster: newCluster(o.Log, m, o.StartupTaints), wanted: make(chan struct{})}
	w.kills = &kills{
		namespace: o.Namespace, log: o.Log, events: o.Events, changed: o.KillChanged, on: map[string]string{}, values: map[string]int{},
	}
	w.openStreams(o)
	w.nodes.health, w.pods.health, w.configMaps.health = m.health("nodes", o.Log), m.health("pods", o.Log), m.health("configmaps", o.Log)
	for _, h := range []*health{w.nodes.health, w.pods.health, w.configMaps.health} {
		if err := o.Registerer.Register(h.gauge()); err != nil {
			return nil, err
		}
	}
	return w, w.SetPools(o.Pools)
}

// openStreams says what is read of the cluster, and who is told.
func (w *Watcher) openStreams(o Options) {
	core := o.Client.CoreV1()
	nodes, pods, configMaps := core.Nodes(), core.Pods(metav1.NamespaceAll), core.ConfigMaps(o.Namespace)
	w.nodes = &stream[*corev1.Node]{
		resource: "nodes", list: lists(nodes), watch: nodes.Watch, client: o.Client, kind: &corev1.Node{}, slim: slimNode,
		put: w.cluster.putNode, remove: w.cluster.removeNode, replace: w.replaceNodes,
	}
	w.pods = &stream[*corev1.Pod]{
		resource: "pods", list: lists(pods), watch: pods.Watch, client: o.Client, kind: &corev1.Pod{}, slim: slimPod,
		labels: countedLabels, fields: countedFields,
		put: w.cluster.putPod, remove: w.cluster.removePod, replace: w.cluster.replacePods,
	}
	w.configMaps = &stream[*corev1.ConfigMap]{
		resource: "configmaps", list: lists(configMaps), watch: configMaps.Watch, client: o.Client, kind: &corev1.ConfigMap{}, slim: slimConfigMap,
		labels: KillLabel,
		put:    w.kills.put, remove: w.kills.remove, replace: w.kills.replace,
	}
}

// replaceNodes takes all nodes that there are.
func (w *Watcher) replaceNodes(all []*corev1.Node) {
	w.cluster.replaceNodes(all)
	if !w.nodes.health.hasSynced() {
		w.hint()
	}
}

// slimConfigMap drops what a ConfigMap holds, in place.
func slimConfigMap(m *corev1.ConfigMap) { m.ManagedFields, m.Data, m.BinaryData = nil, nil, nil }

// Check returns the error with which New and SetPools refuse pools.
func Check(pools map[string][]Nodes) error {
	_, err := parsePools(pools)
	return err
}

// SetPools replaces the pools. Where a selector is wrong it changes nothing.
func (w *Watcher) SetPools(pools map[string][]Nodes) error {
	all, err := parsePools(pools)
	if err != nil {
		return err
	}
	w.cluster.setPools(all)
	if len(all) > 0 {
		w.once.Do(func() { close(w.wanted) })
	}
	if w.nodes.health.hasSynced() {
		w.hint()
	}
	return nil
}

// Run keeps up with the cluster until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	var g sync.WaitGroup
	defer g.Wait()
	g.Go(func() { w.configMaps.run(ctx, w.log) })
	select {
	case <-ctx.Done():
		return nil
	case <-w.wanted:
	}
	g.Go(func() { w.pods.run(ctx, w.log) })
	g.Go(func() { w.nodes.run(ctx, w.log) })
	<-ctx.Done()
	return nil
}

// hint says which pools have a selector that nothing matches, which is so where all of a pool's nodes are stopped as well.
func (w *Watcher) hint() {
	for _, p := range w.cluster.unmatched() {
		w.log.Info("no node matches the selector of a pool", "fleet", p.fleet, "pool", p.name, "selector", p.expr)
	}
}

// Synced reports whether everything that is wanted of the cluster was read once.
func (w *Watcher) Synced() bool {
	select {
	case <-w.wanted:
		if !w.nodes.health.hasSynced() || !w.pods.health.hasSynced() {
			return false
		}
	default:
	}
	return w.configMaps.health.hasSynced()
}

// Killed reports whether a label sets the kill switch of a fleet. Before ConfigMaps were read it is false, and while they can't be read it is
// what it was.
func (w *Watcher) Killed(fleet string) bool { return w.kills.isKilled(fleet) }

// Kills returns the values of the labels that set kill switches, in order. One that is neither "all" nor a fleet's name sets none.
func (w *Watcher) Kills() []string { return w.kills.all() }
