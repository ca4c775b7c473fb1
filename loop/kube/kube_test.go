package kube

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

func TestMain(m *testing.M) {
	// Errors of client-go are logged, and then wait until a while after the last one of the process has passed, which for a synctest bubble
	// is long ago or far ahead.
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1]
	goleak.VerifyTestMain(m)
}

// origin is when most of what these tests look at was made: that at which the clock of a synctest bubble begins.
var origin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// after returns the time that lies d after origin.
func after(d time.Duration) metav1.Time { return metav1.NewTime(origin.Add(d)) }

// nodeOption changes a Node that a test makes.
type nodeOption func(*corev1.Node)

// makeNode returns a Node of pool a, made at origin and Ready a minute later.
func makeNode(name string, options ...nodeOption) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: types.UID("uid-" + name), CreationTimestamp: after(0), Labels: map[string]string{"pool": "a"},
	}}
	ready(corev1.ConditionTrue, time.Minute)(n)
	for _, o := range options {
		o(n)
	}
	return n
}

// ready sets the condition Ready as it became a while after origin.
func ready(s corev1.ConditionStatus, since time.Duration) nodeOption { return because(s, since, "") }

// because is ready with a reason.
func because(s corev1.ConditionStatus, since time.Duration, reason string) nodeOption {
	return func(n *corev1.Node) {
		n.Status.Conditions = []corev1.NodeCondition{
			{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
			{Type: corev1.NodeReady, Status: s, LastTransitionTime: after(since), Reason: reason},
		}
	}
}

// silent takes the conditions away.
func silent(n *corev1.Node) { n.Status.Conditions = nil }

// cordoned makes a node unschedulable.
func cordoned(n *corev1.Node) { n.Spec.Unschedulable = true }

// deleted makes a node one that is being deleted.
func deleted(n *corev1.Node) {
	now := after(time.Hour)
	n.DeletionTimestamp = &now
}

// taint gives a node a taint.
func taint(key string) nodeOption {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
}

// inPool makes a node one of another pool.
func inPool(name string) nodeOption {
	return func(n *corev1.Node) { n.Labels = map[string]string{"pool": name} }
}

// podOption changes a Pod that a test makes.
type podOption func(*corev1.Pod)

// makePod returns a Pod that runs on a node.
func makePod(name, node string, options ...podOption) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: after(0)},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, o := range options {
		o(p)
	}
	return p
}

// ownedBy makes a pod that of a controller.
func ownedBy(kind string) podOption {
	isController := true
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "owner", Controller: &isController}}
	}
}

// inPhase sets a pod's phase.
func inPhase(phase corev1.PodPhase) podOption { return func(p *corev1.Pod) { p.Status.Phase = phase } }

// labelled gives a pod a label.
func labelled(key, value string) podOption {
	return func(p *corev1.Pod) { p.Labels = map[string]string{key: value} }
}

// mirror makes a pod one that a file of its node describes.
func mirror(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"} }

// started says when a pod was bound and when a container of it ran, after origin.
func started(bound, running time.Duration) podOption {
	return func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: after(bound)}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{
			{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: after(running + time.Hour)}}},
			{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: after(running)}}},
		}
	}
}

// poolsA are two pools of one fleet.
func poolsA() map[string][]Nodes {
	return map[string][]Nodes{"batch": {{"a", "pool=a"}, {"b", "pool=b"}}}
}

// logs is a log that a test reads.
type logs struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// count returns how many lines hold a text.
func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (l *logs) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// recorded keeps the events that are told of.
type recorded struct {
	mu  sync.Mutex
	all []string
}

func (r *recorded) Eventf(about, _ runtime.Object, kind, reason, action, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := about.(*corev1.ObjectReference).Name
	r.all = append(r.all, strings.Join([]string{name, kind, reason, action, fmt.Sprintf(note, args...)}, "|"))
}

// take returns the events since the last time.
func (r *recorded) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// bench is a watcher on a cluster that is not real.
type bench struct {
	*Watcher
	t        *testing.T
	client   *fake.Clientset
	registry *prometheus.Registry
	logs     *logs
	events   *recorded
	changes  int

	mu      sync.Mutex
	down    error // why nothing can be read, nil where it can
	watches []watch.Interface
}

// newBench returns a watcher that does not run yet.
func newBench(t *testing.T, pools map[string][]Nodes, objects ...runtime.Object) *bench {
	t.Helper()
	b := &bench{t: t, client: fake.NewClientset(objects...), registry: prometheus.NewRegistry(), logs: &logs{}, events: &recorded{}}
	b.client.PrependReactor("list", "*", func(ktesting.Action) (bool, runtime.Object, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.down != nil, nil, b.down
	})
	b.client.PrependWatchReactor("*", b.watch)
	var err error
	b.Watcher, err = New(Options{
		Client: b.client, Pools: pools, Namespace: "ours", Events: b.events, Log: b.logs.log(), Registerer: b.registry,
		StartupTaints: []string{"example.com/booting"}, KillChanged: func() { b.changes++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// watch is the watch of the fake, with those that are open kept to be broken.
func (b *bench) watch(a ktesting.Action) (bool, watch.Interface, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return true, nil, b.down
	}
	w, err := b.client.Tracker().Watch(a.GetResource(), a.GetNamespace())
	b.watches = append(b.watches, w)
	return true, w, err
}

// start runs the watcher until the test ends, and waits until it has read everything.
func (b *bench) start() {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
}

// cut breaks every watch, and lets nothing be read until err is nil.
func (b *bench) cut(err error) {
	b.mu.Lock()
	b.down = err
	watches := b.watches
	b.watches = nil
	b.mu.Unlock()
	if err == nil {
		return
	}
	for _, w := range watches {
		w.Stop()
	}
	synctest.Wait()
}
