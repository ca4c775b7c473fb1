package kube

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The stages of a node's lead time.
const (
	stageReady = "ready"
	stagePod   = "pod"
)

// lead is what was learnt of a node's lead time in this process.
type lead struct {
	// ready is when the node could take pods, zero where that is not known or no part of its start.
	ready time.Time
	// isStart says that the node was seen while it started.
	isStart bool
	// readySeen and podSeen say that a stage was learnt, or never will be.
	readySeen, podSeen bool
}

// learnReady learns how long a node took until it could take pods: Ready and without a start-up taint. before is what was known of it, nil
// for nothing. Where the node was not seen starting, what its condition says is believed within startLimit of its creation: a later change
// is a node that came back.
func (n *node) learnReady(before *node, now time.Time, observe func(stage string, took time.Duration)) {
	n.lead.isStart = n.lead.isStart || n.neverWasReady()
	if n.lead.readySeen || n.ready != corev1.ConditionTrue || n.tainted {
		return
	}
	n.lead.readySeen = true
	ready := n.since
	if before != nil && before.ready == corev1.ConditionTrue && before.tainted {
		ready = now // nothing else says when a taint was removed
	}
	took := ready.Sub(n.created)
	if took < 0 || took > startLimit && !n.lead.isStart {
		return
	}
	n.lead.ready = ready
	observe(stageReady, took)
}

// learnPod learns how long it took until the first counted pod ran: what the node took until it was ready, and what the pod took from being
// bound to it. What the node stood idle in between is no lead time. A pod that came more than startLimit later may not be the first.
func (n *node) learnPod(first start, observe func(stage string, took time.Duration)) {
	if n.lead.podSeen || n.lead.ready.IsZero() || first.running.IsZero() {
		return
	}
	n.lead.podSeen = true
	from := first.bound
	if from.Before(n.lead.ready) {
		from = n.lead.ready
	}
	if from.Sub(n.lead.ready) > startLimit {
		return
	}
	observe(stagePod, n.lead.ready.Sub(n.created)+max(first.running.Sub(from), 0))
}
