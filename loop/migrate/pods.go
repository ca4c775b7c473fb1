package migrate

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Which pods leave a node, and which keep it where it is. The sources of the rules:
//
//   - DaemonSet pods and mirror pods stay: https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/ and
//     https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/, since neither would stay away.
//   - A pod without a controller is lost for good, and one with an emptyDir loses its data: the same page, and
//     https://kubernetes.io/docs/concepts/storage/volumes/#emptydir.
//   - A pod that more than one PodDisruptionBudget matches is never evicted, and one whose budget is used up is not evicted now:
//     https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/#how-api-initiated-eviction-works.
//   - Pods that are pending or over are evicted whatever their budget says, and those that are not ready as it says:
//     https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy.
const (
	// placeholderLabel is on pods that hold room for work and are none.
	placeholderLabel = prefix + "placeholder"

	evictableKey    = prefix + "evictable"
	safeToEvictKey  = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	doNotDisruptKey = "karpenter.sh/do-not-disrupt"
)

// leaving returns the pods that must be gone before a node changes its pool. Those that are over are no work any more and stay.
func leaving(pods []corev1.Pod) []*corev1.Pod {
	var out []*corev1.Pod
	for i := range pods {
		if p := &pods[i]; !over(p) && !stays(p) {
			out = append(out, p)
		}
	}
	return out
}

func over(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// stays reports whether a pod is of a DaemonSet, or a mirror of a static one.
func stays(p *corev1.Pod) bool {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	owner := metav1.GetControllerOf(p)
	return owner != nil && (owner.Kind == "DaemonSet" && owner.APIVersion == "apps/v1" || owner.Kind == "Node" && owner.APIVersion == "v1")
}

// unevictable says why a pod must not be evicted at all, or nothing where it may be.
func unevictable(p *corev1.Pod) string {
	told := func(key, value string) bool { return p.Annotations[key] == value }
	switch {
	case told(evictableKey, "false"):
		return fmt.Sprintf("it has the annotation %s: \"false\"", evictableKey)
	case told(safeToEvictKey, "false"):
		return fmt.Sprintf("it has the annotation %s: \"false\"", safeToEvictKey)
	case told(doNotDisruptKey, "true"):
		return fmt.Sprintf("it has the annotation %s: \"true\"", doNotDisruptKey)
	case metav1.GetControllerOf(p) == nil:
		return "it has no controller that would start it elsewhere"
	case local(p) && !told(evictableKey, "true") && !told(safeToEvictKey, "true"):
		return fmt.Sprintf("it has an emptyDir, whose data would be lost, and no annotation %s: \"true\"", evictableKey)
	}
	return ""
}

func local(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil })
}

// budgets are the PodDisruptionBudgets of the cluster by namespace.
type budgets map[string][]budget

type budget struct {
	policyv1.PodDisruptionBudget
	selector labels.Selector
}

func newBudgets(list []policyv1.PodDisruptionBudget) budgets {
	out := budgets{}
	for _, b := range list {
		// The API server takes a budget whose selector is invalid for one that matches nothing.
		if selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector); err == nil {
			out[b.Namespace] = append(out[b.Namespace], budget{b, selector})
		}
	}
	return out
}

// of returns the budgets that match a pod and have a say in its eviction.
func (b budgets) of(p *corev1.Pod) []budget {
	if p.Status.Phase == corev1.PodPending || p.DeletionTimestamp != nil {
		return nil
	}
	var out []budget
	for _, candidate := range b[p.Namespace] {
		if candidate.selector.Matches(labels.Set(p.Labels)) {
			out = append(out, candidate)
		}
	}
	return out
}

// never says why the budgets of a pod will never let it be evicted, or nothing where they may.
func (b budgets) never(p *corev1.Pod) string {
	if of := b.of(p); len(of) > 1 {
		return fmt.Sprintf("the PodDisruptionBudgets %s and %s both match it", of[0].Name, of[1].Name)
	}
	return ""
}

// refuse says why the budget of a pod does not let it be evicted now, or nothing where it does.
func (b budgets) refuse(p *corev1.Pod) string {
	for _, d := range b.of(p) {
		switch healthy := d.Status.CurrentHealthy >= d.Status.DesiredHealthy && d.Status.DesiredHealthy > 0; {
		case !ready(p) && (healthy || d.always()):
		case d.Status.ObservedGeneration < d.Generation:
			return fmt.Sprintf("what the PodDisruptionBudget %s allows is not known yet", d.Name)
		case d.Status.DisruptionsAllowed < 1:
			return fmt.Sprintf("the PodDisruptionBudget %s allows no disruption now", d.Name)
		}
	}
	return ""
}

func (b budget) always() bool {
	return b.Spec.UnhealthyPodEvictionPolicy != nil && *b.Spec.UnhealthyPodEvictionPolicy == policyv1.AlwaysAllow
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// keeps says why a pod keeps its node where it is, for good or for now, or nothing where it does not.
func (b budgets) keeps(p *corev1.Pod) string {
	for _, reason := range []string{unevictable(p), b.never(p), b.refuse(p)} {
		if reason != "" {
			return fmt.Sprintf("pod %s/%s: %s", p.Namespace, p.Name, reason)
		}
	}
	return ""
}

// burden is what evicting a node's pods would disturb: pods that are counted as work, and placeholders, which hold room for some.
type burden struct{ pods, placeholders int }

// weigh counts the pods that would leave.
func weigh(pods []*corev1.Pod) burden {
	var b burden
	for _, p := range pods {
		if _, placeholder := p.Labels[placeholderLabel]; placeholder {
			b.placeholders++
		} else {
			b.pods++
		}
	}
	return b
}

func (b burden) less(o burden) bool {
	return b.pods < o.pods || b.pods == o.pods && b.placeholders < o.placeholders
}
