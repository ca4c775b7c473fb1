package kube

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// realPod returns a pod of the size that a Deployment's pods have, with as many fields as they.
func realPod(i int) *corev1.Pod {
	p := makePod(fmt.Sprintf("web-frontend-7d9c6b5f4-%05d", i), fmt.Sprintf("ip-10-0-%d.ec2.internal", i%1000),
		ownedBy("ReplicaSet"), started(2*time.Minute, 3*time.Minute))
	p.UID = types.UID(fmt.Sprintf("6f1c7a52-3f8e-4d0b-9b0e-%012d", i))
	p.Labels = map[string]string{"app": "web", "pod-template-hash": "7d9c6b5f4", "team": "frontend"}
	p.Annotations = map[string]string{"kubectl.kubernetes.io/default-container": "web", "note": strings.Repeat("x", 500)}
	p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(strings.Repeat("x", 2000))}}
	p.Spec.Containers = []corev1.Container{{
		Name: "web", Image: "registry.example.com/web:v1", Env: make([]corev1.EnvVar, 20),
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("4Gi")}},
	}}
	return p
}

// held returns the memory that is in use.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// filled returns a cluster of 1,000 nodes in pools of 100.
func filled(b *testing.B) *cluster {
	b.Helper()
	pools := map[string][]Nodes{}
	for i := range 10 {
		pools["batch"] = append(pools["batch"], Nodes{fmt.Sprintf("pool-%d", i), fmt.Sprintf("pool=pool-%d", i)})
	}
	c := still(b, pools)
	for i := range 1000 {
		n := makeNode(fmt.Sprintf("ip-10-0-%d.ec2.internal", i), inPool(fmt.Sprintf("pool-%d", i%10)))
		more := map[string]string{}
		for l := range 15 {
			more[fmt.Sprintf("node.example.com/label-%d", l)] = fmt.Sprintf("value-%d", i)
		}
		maps.Copy(n.Labels, more)
		c.putNode(n)
	}
	return c
}

// The memory of a pod, and of a node with 16 labels, that is kept.
func BenchmarkMemory(b *testing.B) {
	const pods = 10_000
	for b.Loop() {
		before := held()
		c := filled(b)
		nodes := held()
		for i := range pods {
			c.putPod(realPod(i))
		}
		after := held()
		b.ReportMetric(float64(nodes-before)/1000, "B/node")
		b.ReportMetric(float64(after-nodes)/pods, "B/pod")
		runtime.KeepAlive(c)
	}
}

// The answer of a fleet whose ten pools have 1,000 nodes and 10,000 pods: in the second of a count, and the count itself.
func BenchmarkPools(b *testing.B) {
	c := filled(b)
	for i := range 10_000 {
		c.putPod(realPod(i))
	}
	at := origin.Add(time.Hour)
	b.Run("answer", func(b *testing.B) {
		for b.Loop() {
			c.tallies("batch", at)
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			at = at.Add(countEvery)
			c.tallies("batch", at)
		}
	})
}

// A pod that changes, as each does a few times.
func BenchmarkPutPod(b *testing.B) {
	c := filled(b)
	p := realPod(1)
	for b.Loop() {
		c.putPod(p)
	}
}
