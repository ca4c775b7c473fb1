package migrate

import (
	"fmt"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestJoinAndUndoAreOpposites(t *testing.T) {
	f := func(has, from, to []corev1.Taint, want string) {
		t.Helper()
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"pool": "a", "old": "1"}}, Spec: corev1.NodeSpec{Taints: has}}
		a := Pool{Name: "a", Labels: map[string]string{"pool": "a", "old": "whatever"}, Taints: from}
		b := Pool{Name: "b", Labels: map[string]string{"pool": "b", "new": "1"}, Taints: to}
		joined := record{}.begin(node)
		joined = record{}.join(joined, a, b)
		if got := fmt.Sprint(list(joined.Spec.Taints)); got != want {
			t.Errorf("taints %s, want %s", got, want)
		}
		if _, ok := joined.Labels["old"]; ok || joined.Labels["new"] != "1" || joined.Labels["pool"] != "b" {
			t.Errorf("labels %v", joined.Labels)
		}
		r, _, err := read[record](joined, recordKey)
		must(t, err)
		back := r.undo(joined, start, "why")
		if !reflect.DeepEqual(back.Labels, node.Labels) || fmt.Sprint(list(back.Spec.Taints)) != fmt.Sprint(list(has)) || back.Spec.Unschedulable {
			t.Errorf("undone: %v %v %v, want %v %v", back.Labels, list(back.Spec.Taints), back.Spec.Unschedulable, node.Labels, list(has))
		}
	}
	x, y, z := noSchedule("x", "1"), noSchedule("y", ""), noSchedule("z", "")
	x2, xe := noSchedule("x", "2"), corev1.Taint{Key: "x", Value: "1", Effect: corev1.TaintEffectNoExecute}
	f(nil, nil, nil, "[]")
	f([]corev1.Taint{x, y}, []corev1.Taint{x}, []corev1.Taint{z}, "[y=:NoSchedule z=:NoSchedule]")
	f([]corev1.Taint{z, x, y}, []corev1.Taint{x, z}, nil, "[y=:NoSchedule]")
	f([]corev1.Taint{x, y}, []corev1.Taint{x}, []corev1.Taint{x}, "[x=1:NoSchedule y=:NoSchedule]")
	f([]corev1.Taint{x2, y}, []corev1.Taint{x}, []corev1.Taint{z}, "[x=2:NoSchedule y=:NoSchedule z=:NoSchedule]") // not the pool's
	f([]corev1.Taint{x2, y}, nil, []corev1.Taint{x}, "[y=:NoSchedule x=1:NoSchedule]")                             // one of a key and effect
	f([]corev1.Taint{xe, y}, []corev1.Taint{x}, []corev1.Taint{x}, "[x=1:NoExecute y=:NoSchedule x=1:NoSchedule]") // another effect
	f([]corev1.Taint{y, x}, []corev1.Taint{x}, []corev1.Taint{x2}, "[y=:NoSchedule x=2:NoSchedule]")
}

func list(taints []corev1.Taint) []string {
	out := []string{}
	for _, t := range taints {
		out = append(out, t.Key+"="+t.Value+":"+string(t.Effect))
	}
	return out
}

func TestANodeThatWasCordonedStaysSo(t *testing.T) {
	node := &corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}}
	begun := record{}.begin(node)
	r, _, err := read[record](begun, recordKey)
	must(t, err)
	if !r.undo(begun, start, "").Spec.Unschedulable || !r.finish(begun, start).Spec.Unschedulable {
		t.Error("a node that was cordoned before its migration is uncordoned by it")
	}
}

func TestMergePatch(t *testing.T) {
	node := func(labels map[string]string, unschedulable bool, taints ...corev1.Taint) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7", Labels: labels}, Spec: corev1.NodeSpec{Unschedulable: unschedulable, Taints: taints},
		}
	}
	f := func(was, is *corev1.Node, want string) {
		t.Helper()
		if got, err := mergePatch(was, is); err != nil || string(got) != want {
			t.Errorf("mergePatch = %s, %v, want %s", got, err, want)
		}
	}
	f(node(nil, false), node(nil, false), `{"metadata":{"resourceVersion":"7"},"spec":{}}`)
	f(node(map[string]string{"a": "1", "b": "2"}, false), node(map[string]string{"b": "3", "c": "4"}, true),
		`{"metadata":{"labels":{"a":null,"b":"3","c":"4"},"resourceVersion":"7"},"spec":{"unschedulable":true}}`)
	f(node(nil, true, noSchedule("x", "")), node(nil, false), `{"metadata":{"resourceVersion":"7"},"spec":{"taints":null,"unschedulable":false}}`)
}
