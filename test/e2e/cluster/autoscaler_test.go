package cluster

import (
	"io"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func cpu(text string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(text)}
}

// waiting is a pod of the pool that the scheduler has found no node for.
func waiting(need string, change ...func(*corev1.Pod)) corev1.Pod {
	pod := corev1.Pod{
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"pool": "a"},
			Containers:   []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: cpu(need)}}},
			Tolerations:  []corev1.Toleration{{Key: "spot", Operator: corev1.TolerationOpExists}},
		},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		}}},
	}
	for _, f := range change {
		f(&pod)
	}
	return pod
}

func on(node string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.NodeName = node } }

func node(name, capacity string, labels map[string]string) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Status: corev1.NodeStatus{Allocatable: cpu(capacity)}}
}

func TestNodesThatPodsNeed(t *testing.T) {
	taints := []corev1.Taint{{Key: "spot", Value: "true", Effect: corev1.TaintEffectNoSchedule}}
	pool := map[string]string{"pool": "a"}
	own := map[string]string{"pool": "a", groupLabel: "g"}
	f := func(what string, booting, want int, nodes []corev1.Node, pods ...corev1.Pod) {
		t.Helper()
		g := &Group{
			o: Autoscaler{Name: "g", Labels: pool, Taints: taints, CPU: "4", Max: 3},
			c: &Cluster{plane: &plane{}}, log: io.Discard, booting: make([]boot, booting),
		}
		g.want(time.Unix(0, 0), nodes, pods)
		if got := len(g.booting) - booting; got != want {
			t.Errorf("%s: %d nodes boot, want %d", what, got, want)
		}
	}
	f("nothing", 0, 0, nil)
	f("one pod", 0, 1, nil, waiting("1"))
	f("four that fit on one node", 0, 1, nil, waiting("1"), waiting("1"), waiting("1"), waiting("1"))
	f("first fit, not the sum", 0, 2, nil, waiting("3"), waiting("3"), waiting("1"), waiting("1"))
	f("never above Max", 0, 3, nil, waiting("4"), waiting("4"), waiting("4"), waiting("4"))
	f("a pod that fits on no node", 0, 0, nil, waiting("5"))
	f("a node that boots counts", 1, 0, nil, waiting("4"))
	f("it counts against Max", 3, 0, nil, waiting("4"), waiting("4"), waiting("4"), waiting("4"))
	f("a node with room", 0, 0, []corev1.Node{node("n", "4", own)}, waiting("2", on("n")), waiting("2"))
	f("a node without room", 0, 1, []corev1.Node{node("n", "4", own)}, waiting("3", on("n")), waiting("2"))
	foreign := []corev1.Node{node("n", "1", pool)}
	f("a node of another has room and does not count against Max", 2, 1, foreign, waiting("4"), waiting("4"), waiting("4"), waiting("1"))
	f("a node of another pool", 0, 1, []corev1.Node{node("n", "4", map[string]string{"pool": "b"})}, waiting("1"))
	cordoned := node("n", "4", own)
	cordoned.Spec.Unschedulable = true
	f("a cordoned node", 0, 1, []corev1.Node{cordoned}, waiting("1"))
	f("a pod of another pool", 0, 0, nil, waiting("1", func(p *corev1.Pod) { p.Spec.NodeSelector["pool"] = "b" }))
	f("a pod without a selector", 0, 1, nil, waiting("1", func(p *corev1.Pod) { p.Spec.NodeSelector = nil }))
	f("a pod that does not tolerate", 0, 0, nil, waiting("1", func(p *corev1.Pod) { p.Spec.Tolerations = nil }))
	f("a pod not looked at yet", 0, 0, nil, waiting("1", func(p *corev1.Pod) { p.Status.Conditions = nil }))
	f("a pod that waits for an eviction", 0, 0, nil, waiting("1", func(p *corev1.Pod) { p.Status.NominatedNodeName = "n" }))
	f("a placeholder", 0, 1, nil, waiting("1", func(p *corev1.Pod) { p.Spec.Priority = new(int32(-10)) }))
	f("an expendable pod", 0, 0, nil, waiting("1", func(p *corev1.Pod) { p.Spec.Priority = new(int32(-11)) }))
}
