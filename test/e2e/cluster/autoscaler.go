package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Autoscaler emulates a node autoscaler for one group of nodes: nodes for pods that fit nowhere come after Boot, nodes without pods go
// after IdleAfter. It looks at CPU only, as its pods should.
type Autoscaler struct {
	// Name begins the names of the nodes and names the log.
	Name string
	// Labels are on each node. A pod is served where its nodeSelector asks for nothing else. Nodes with these labels that others have
	// made are used and never removed.
	Labels map[string]string
	Taints []corev1.Taint
	// CPU is what the pods of one node may ask for; 4 where it is empty.
	CPU string
	// Boot is how long a node takes from being wanted until it is there; kwok has it Ready within another second.
	Boot time.Duration
	// IdleAfter is how long a node stays that holds no pod but those of DaemonSets. Zero keeps nodes for ever.
	IdleAfter time.Duration
	// Max is how many nodes there may be; no more come.
	Max int
}

// Group is the group of nodes of a running Autoscaler.
type Group struct {
	o    Autoscaler
	c    *Cluster
	stop context.CancelFunc
	done chan struct{}

	// The loop alone reads and writes these.
	log     io.Writer
	booting []boot
	idle    map[string]time.Time // since when the node holds no pod

	nodes, coming atomic.Int64
}

// boot is a node that is wanted and not there yet.
type boot struct {
	name string
	at   time.Time
}

// groupLabel is on the nodes that an autoscaler has made; its value is the autoscaler's name.
const groupLabel = "e2e.forethought.dev/group"

// expendable is the priority below which pods get no nodes, as in cluster-autoscaler.
const expendable = -10

// Autoscale runs the autoscaler until the test ends or Stop is called. It goes on where the API server is away for a while.
func (c *Cluster) Autoscale(a Autoscaler) *Group {
	c.t.Helper()
	if a.Name == "" || len(a.Labels) == 0 || a.Max <= 0 {
		c.t.Fatalf("an autoscaler needs a Name, Labels and a Max above zero: %+v", a)
	}
	if a.CPU == "" {
		a.CPU = "4"
	}
	log, err := os.Create(filepath.Join(c.logs, "autoscaler-"+a.Name+".log"))
	c.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	g := &Group{o: a, c: c, stop: cancel, done: make(chan struct{}), log: log, idle: map[string]time.Time{}}
	go func() {
		defer close(g.done)
		defer log.Close()
		for ctx.Err() == nil {
			if err := g.turn(ctx, time.Now()); err != nil {
				g.say("error", err.Error())
			}
			select {
			case <-ctx.Done():
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	c.t.Cleanup(g.Stop)
	return g
}

// Stop ends the autoscaler. Its nodes stay.
func (g *Group) Stop() {
	g.stop()
	<-g.done
}

// Nodes returns how many nodes there are and how many are booting.
func (g *Group) Nodes() (there, booting int) { return int(g.nodes.Load()), int(g.coming.Load()) }

func (g *Group) say(what, name string) {
	fmt.Fprintf(g.log, "%s %s %s %s\n", time.Now().UTC().Format("15:04:05.000"), g.c.Age(), what, name)
}

// turn makes the nodes whose time has come, wants those that are needed and removes those that are idle.
func (g *Group) turn(ctx context.Context, now time.Time) error {
	if err := g.land(ctx, now); err != nil {
		return err
	}
	// Both are read as they stand: a node that is made and not seen would be wanted again.
	nodes, err := g.c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	pods, err := g.c.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	g.want(now, nodes.Items, pods.Items)
	own := slices.DeleteFunc(nodes.Items, func(n corev1.Node) bool { return !g.own(n) })
	err = g.clear(ctx, now, own, pods.Items)
	g.nodes.Store(int64(len(own)))
	g.coming.Store(int64(len(g.booting)))
	return err
}

// own reports whether the group has made the node.
func (g *Group) own(node corev1.Node) bool { return node.Labels[groupLabel] == g.o.Name }

// land makes the nodes that have booted.
func (g *Group) land(ctx context.Context, now time.Time) error {
	for len(g.booting) > 0 && !g.booting[0].at.After(now) {
		b := g.booting[0]
		node := Node{Name: b.name, Labels: maps.Clone(g.o.Labels), Taints: g.o.Taints, CPU: g.o.CPU}
		node.Labels[groupLabel] = g.o.Name
		if err := g.c.createNode(ctx, node); err != nil {
			return err
		}
		g.booting = g.booting[1:]
		g.say("made", b.name)
	}
	return nil
}

// want boots a node for each need that no node meets, there or booting, first fit in the order of priority and age.
func (g *Group) want(now time.Time, nodes []corev1.Node, pods []corev1.Pod) {
	whole := resource.MustParse(g.o.CPU)
	capacity := whole.MilliValue()
	left := g.o.Max - len(g.booting)
	var room []int64 // in thousandths of a CPU
	for _, node := range nodes {
		if g.own(node) {
			left--
		}
		if labels.SelectorFromSet(g.o.Labels).Matches(labels.Set(node.Labels)) {
			room = append(room, free(node, pods))
		}
	}
	for range g.booting {
		room = append(room, capacity)
	}
	for _, pod := range g.unschedulable(pods) {
		need := request(pod)
		i := slices.IndexFunc(room, func(r int64) bool { return r >= need })
		if i < 0 && left > 0 && need <= capacity {
			g.boot(now, pod)
			left--
			room = append(room, capacity)
			i = len(room) - 1
		}
		if i >= 0 {
			room[i] -= need
		}
	}
}

// boot has a node come for the pod.
func (g *Group) boot(now time.Time, pod corev1.Pod) {
	b := boot{name: fmt.Sprintf("%s-%d", g.o.Name, g.c.count()), at: now.Add(g.o.Boot)}
	g.booting = append(g.booting, b)
	g.say("wanted", b.name+" for "+pod.Namespace+"/"+pod.Name)
}

// unschedulable returns the pods of the group that the scheduler has found no node for, those of high priority first. A pod that waits
// for others to be evicted has its place already.
func (g *Group) unschedulable(pods []corev1.Pod) []corev1.Pod {
	var found []corev1.Pod
	for _, pod := range pods {
		served := labels.SelectorFromSet(pod.Spec.NodeSelector).Matches(labels.Set(g.o.Labels)) && tolerated(pod, g.o.Taints)
		if served && refused(pod) && priority(pod) >= expendable && pod.Status.NominatedNodeName == "" && pod.DeletionTimestamp == nil {
			found = append(found, pod)
		}
	}
	slices.SortStableFunc(found, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(priority(b), priority(a)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time))
	})
	return found
}

// clear removes the nodes that have been idle for long enough.
func (g *Group) clear(ctx context.Context, now time.Time, nodes []corev1.Node, pods []corev1.Pod) error {
	busy := map[string]bool{}
	for _, pod := range pods {
		if keeps(pod) {
			busy[cmp.Or(pod.Spec.NodeName, pod.Status.NominatedNodeName)] = true
		}
	}
	idle := map[string]time.Time{}
	var errs []error
	for _, node := range nodes {
		if busy[node.Name] {
			continue
		}
		since, ok := g.idle[node.Name]
		if !ok {
			since = now
		}
		idle[node.Name] = since
		if g.o.IdleAfter > 0 && now.Sub(since) >= g.o.IdleAfter {
			errs = append(errs, g.remove(ctx, node.Name))
		}
	}
	g.idle = idle
	return errors.Join(errs...)
}

// remove deletes the node unless a pod has come to it in the meantime. No pod comes while it looks.
func (g *Group) remove(ctx context.Context, name string) error {
	if err := g.cordon(ctx, name, true); err != nil {
		return err
	}
	pods, err := g.c.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + name})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(pods.Items, keeps) {
		return g.cordon(ctx, name, false)
	}
	g.say("removed", name)
	return g.c.client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
}

func (g *Group) cordon(ctx context.Context, name string, cordoned bool) error {
	patch := fmt.Appendf(nil, `{"spec": {"unschedulable": %v}}`, cordoned)
	_, err := g.c.client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
