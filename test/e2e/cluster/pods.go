package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// refused reports whether the scheduler has found no node for the pod.
func refused(pod corev1.Pod) bool {
	return pod.Spec.NodeName == "" && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable
	})
}

// tolerated reports whether the pod may run on nodes with the taints.
func tolerated(pod corev1.Pod, taints []corev1.Taint) bool {
	for _, taint := range taints {
		matches := func(t corev1.Toleration) bool {
			return (t.Key == taint.Key || t.Key == "") && (t.Effect == taint.Effect || t.Effect == "") &&
				(t.Operator == corev1.TolerationOpExists || t.Value == taint.Value)
		}
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !slices.ContainsFunc(pod.Spec.Tolerations, matches) {
			return false
		}
	}
	return true
}

func priority(pod corev1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

// request returns what the pod asks for, in thousandths of a CPU.
func request(pod corev1.Pod) int64 {
	var sum int64
	for _, container := range pod.Spec.Containers {
		sum += container.Resources.Requests.Cpu().MilliValue()
	}
	return sum
}

// free returns what the node has left, in thousandths of a CPU. Pods that are to come after an eviction count, those evicted do not.
func free(node corev1.Node, pods []corev1.Pod) int64 {
	if node.Spec.Unschedulable {
		return 0
	}
	left := node.Status.Allocatable.Cpu().MilliValue()
	for _, pod := range pods {
		here := pod.Spec.NodeName == node.Name || pod.Spec.NodeName == "" && pod.Status.NominatedNodeName == node.Name
		if here && pod.DeletionTimestamp == nil && !finished(pod) {
			left -= request(pod)
		}
	}
	return left
}

func finished(pod corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// keeps reports whether the pod keeps its node: it runs and is not a DaemonSet's.
func keeps(pod corev1.Pod) bool {
	return !finished(pod) && !slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "DaemonSet" })
}
