package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
)

// fieldManager owns what is written on nodes.
const fieldManager = "forethought"

// errResigned says that a write was not made since another process leads.
var errResigned = errors.New("this process does not lead any more")

// pods returns the pods on a node that must be gone before it changes its pool.
func (p *pass) pods(ctx context.Context, node string) ([]*corev1.Pod, error) {
	list, err := p.o.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("list pods of %s: %w", node, err)
	}
	return leaving(list.Items), nil
}

// disruption reads the PodDisruptionBudgets, once a pass.
func (p *pass) disruption(ctx context.Context) (budgets, error) {
	if p.budgets == nil {
		list, err := p.o.Client.PolicyV1().PodDisruptionBudgets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list PodDisruptionBudgets: %w", err)
		}
		p.budgets = newBudgets(list.Items)
	}
	return p.budgets, nil
}

// patch makes one node the other, in one write that is refused where the node has changed since it was read.
func (p *pass) patch(ctx context.Context, was, is *corev1.Node, dryRun ...string) error {
	if !p.o.Leading() {
		return errResigned
	}
	data, err := mergePatch(was, is)
	if err != nil {
		return err
	}
	o := metav1.PatchOptions{FieldManager: fieldManager, DryRun: dryRun}
	_, err = p.o.Client.CoreV1().Nodes().Patch(ctx, was.Name, types.MergePatchType, data, o)
	return err
}

// evictionLimit bounds one eviction: client-go waits and asks again by itself where the API server says when to.
const evictionLimit = 5 * time.Second

// evict asks the API server for a pod to leave, and for no other of the same name.
func (p *pass) evict(ctx context.Context, pod *corev1.Pod) error {
	if !p.o.Leading() {
		return errResigned
	}
	ctx, cancel := context.WithTimeout(ctx, evictionLimit)
	defer cancel()
	return p.o.Client.PolicyV1().Evictions(pod.Namespace).Evict(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))},
	})
}

// final reports whether the API server will give the same answer to the same question.
func final(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsMethodNotSupported(err)
}
