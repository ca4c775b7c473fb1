package kube

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// evictAfter is how long pods stay bound to a node that is lost: the tolerationSeconds that the admission plugin DefaultTolerationSeconds
	// gives every pod for not-ready and unreachable.
	evictAfter = 5 * time.Minute
	// startLimit is how long a node may take until it is Ready. One that takes longer is broken, or not of the cloud that it was asked from.
	startLimit = 30 * time.Minute
	// registered is how long after its creation a node that never was Ready may say for the first time that it is not: a Node object that is
	// made before its machine boots is silent until then.
	registered = 10 * time.Minute
)

// neverUpdated is the reason with which the node controller says that a node has not yet said anything.
const neverUpdated = "NodeStatusNeverUpdated"

// startupTaints are on a node that is not ready for pods yet, whatever its conditions say.
var startupTaints = []string{corev1.TaintNodeNotReady, "node.cloudprovider.kubernetes.io/uninitialized"}

// phase is what a node is to its pool.
type phase int

// A node that is absent does not count.
const (
	absent phase = iota
	warming
	warm
	active
)

// node is what is kept of a Node. A node that changed is another one, whose lead carries over.
type node struct {
	uid     types.UID
	labels  labels.Set
	created time.Time
	// ready is the condition Ready, empty where the node has none, and since is when it became that.
	ready corev1.ConditionStatus
	since time.Time
	// silent nodes have said something and then stopped.
	silent bool
	// leaving nodes are cordoned or being deleted.
	leaving bool
	// tainted nodes have a start-up taint.
	tainted bool
	// pool is that which the node belongs to, nil for none.
	pool *nodePool
	lead lead
}

// nodeOf returns what is kept of a Node. taints are keys of start-up taints beside the usual ones.
func nodeOf(o *corev1.Node, taints []string) *node {
	n := &node{uid: o.UID, labels: maps.Clone(o.Labels), created: o.CreationTimestamp.Time}
	n.leaving = o.Spec.Unschedulable || o.DeletionTimestamp != nil
	n.tainted = slices.ContainsFunc(o.Spec.Taints, func(t corev1.Taint) bool {
		return slices.Contains(startupTaints, t.Key) || slices.Contains(taints, t.Key)
	})
	for _, c := range o.Status.Conditions {
		if c.Type == corev1.NodeReady {
			n.ready, n.since = c.Status, c.LastTransitionTime.Time
			n.silent = c.Status == corev1.ConditionUnknown && c.Reason != neverUpdated
		}
	}
	return n
}

// phase returns what a node with some counted pods is at a time. It follows from the objects alone, so that all replicas, and one that has
// just begun, count the same.
func (n *node) phase(pods int, at time.Time) phase {
	switch isReady := n.ready == corev1.ConditionTrue; {
	case isReady && pods > 0:
		return active
	case pods > 0 && at.Sub(n.since) < evictAfter: // it was Ready once, since pods are bound to it, and may come back
		return active
	case pods > 0 || n.leaving:
		return absent
	case isReady && !n.tainted:
		return warm
	case isReady || n.neverWasReady() && at.Sub(n.created) <= startLimit:
		return warming
	}
	return absent
}

// neverWasReady reports whether a node that is not Ready is starting and not broken. A node that was Ready for less than registered after its
// creation, and still says that it is not, can't be told from one that is starting.
func (n *node) neverWasReady() bool {
	return n.ready != corev1.ConditionTrue && !n.silent && n.since.Sub(n.created) <= registered
}
