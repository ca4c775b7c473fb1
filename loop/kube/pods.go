package kube

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PlaceholderLabel is on pods that hold capacity free for others, with any value. They are no demand.
const PlaceholderLabel = "forethought.dev/placeholder"

// onlyCounted are the selectors with which the API server leaves out most pods that do not count, those without a node and those that ended.
const (
	countedLabels = "!" + PlaceholderLabel
	countedFields = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
)

// isCounted reports whether a pod makes its node active: it is bound, has not ended, and is neither part of what every node runs nor a
// placeholder.
func isCounted(p *corev1.Pod) bool {
	if _, placeholder := p.Labels[PlaceholderLabel]; placeholder || p.Spec.NodeName == "" {
		return false
	}
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return false
	}
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return false
	}
	owner := metav1.GetControllerOf(p)
	return owner == nil || owner.Kind != "DaemonSet"
}

// start is when a pod was bound to its node and when its first container ran there; both are zero where it does not run.
type start struct{ bound, running time.Time }

// startOf returns when a pod started.
func startOf(p *corev1.Pod) start {
	if p.Status.Phase != corev1.PodRunning {
		return start{}
	}
	s := start{bound: p.CreationTimestamp.Time}
	if p.Status.StartTime != nil {
		s.running = p.Status.StartTime.Time
	}
	var first time.Time
	for _, c := range p.Status.ContainerStatuses {
		if r := c.State.Running; r != nil && (first.IsZero() || r.StartedAt.Time.Before(first)) {
			first = r.StartedAt.Time
		}
	}
	if !first.IsZero() {
		s.running = first
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			s.bound = c.LastTransitionTime.Time
		}
	}
	return s
}

// slimPod drops what is not needed of a pod, in place.
func slimPod(p *corev1.Pod) {
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	p.ManagedFields, p.Annotations, p.Finalizers = nil, nil, nil
	if mirror {
		p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: ""}
	}
	p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName}
	for i, c := range p.Status.ContainerStatuses {
		p.Status.ContainerStatuses[i] = corev1.ContainerStatus{State: c.State}
	}
	p.Status = corev1.PodStatus{
		Phase: p.Status.Phase, StartTime: p.Status.StartTime, Conditions: p.Status.Conditions, ContainerStatuses: p.Status.ContainerStatuses,
	}
}

// slimNode drops what is not needed of a node, in place.
func slimNode(n *corev1.Node) {
	n.ManagedFields, n.Annotations = nil, nil
	n.Spec = corev1.NodeSpec{Unschedulable: n.Spec.Unschedulable, Taints: n.Spec.Taints}
	n.Status = corev1.NodeStatus{Conditions: n.Status.Conditions}
}
