package cluster

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kwokAnnotation marks the nodes that kwok keeps alive.
const kwokAnnotation = "kwok.x-k8s.io/node"

// Node is a node that kwok keeps alive. Its pods are Ready at once and do nothing.
type Node struct {
	Name   string
	Labels map[string]string
	Taints []corev1.Taint
	// CPU and Memory are what pods may ask for; 4 and 16Gi where they are empty.
	CPU, Memory string
	// Pods is how many pods fit; 110 where it is zero.
	Pods int
}

// Node makes the node and returns when it is Ready.
func (c *Cluster) Node(n Node) {
	c.t.Helper()
	c.must(c.createNode(context.Background(), n))
	WaitFor(c.t, "node "+n.Name+" is Ready", readyLimit, func() error {
		node, err := c.client.CoreV1().Nodes().Get(context.Background(), n.Name, metav1.GetOptions{})
		if err == nil && !nodeReady(node) {
			err = fmt.Errorf("its conditions are %v", node.Status.Conditions)
		}
		return err
	})
}

// createNode makes the node, which is not Ready yet.
func (c *Cluster) createNode(ctx context.Context, n Node) error {
	resources := n.resources()
	labels := map[string]string{corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64"}
	maps.Copy(labels, n.Labels)
	_, err := c.client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labels, Annotations: map[string]string{kwokAnnotation: "fake"}},
		Spec:       corev1.NodeSpec{Taints: n.Taints},
		Status:     corev1.NodeStatus{Capacity: resources, Allocatable: resources},
	}, metav1.CreateOptions{})
	return err
}

func (n Node) resources() corev1.ResourceList {
	quantity := func(text, otherwise string) resource.Quantity {
		if text == "" {
			text = otherwise
		}
		return resource.MustParse(text)
	}
	pods := n.Pods
	if pods == 0 {
		pods = 110
	}
	return corev1.ResourceList{
		corev1.ResourceCPU: quantity(n.CPU, "4"), corev1.ResourceMemory: quantity(n.Memory, "16Gi"),
		corev1.ResourcePods: resource.MustParse(strconv.Itoa(pods)),
	}
}

func nodeReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
