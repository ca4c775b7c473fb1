package migrate

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func (w *world) client() *fake.Clientset {
	c := &fake.Clientset{}
	c.AddReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		verb, resource := action.GetVerb(), action.GetResource().Resource
		if action.GetSubresource() != "" {
			resource += "/" + action.GetSubresource()
		}
		dry := false
		if patch, ok := action.(clienttesting.PatchActionImpl); ok {
			dry = len(patch.PatchOptions.DryRun) > 0
		}
		if w.fail != nil {
			if err := w.fail(verb, resource, dry); err != nil {
				return true, nil, err
			}
		}
		out, err := w.answer(action, resource, dry)
		if err == nil && verb != "list" && !dry && w.lose != nil && w.lose() {
			return true, nil, apierrors.NewTimeoutError("the answer is lost", 0)
		}
		return true, out, err
	})
	return c
}

func (w *world) answer(action clienttesting.Action, resource string, dryRun bool) (runtime.Object, error) {
	switch a := action.(type) {
	case clienttesting.ListActionImpl:
		return w.list(resource, a), nil
	case clienttesting.PatchActionImpl:
		return w.patch(a, dryRun)
	case clienttesting.CreateActionImpl:
		if e, ok := a.Object.(*policyv1.Eviction); ok && resource == "pods/eviction" {
			return nil, w.evict(e)
		}
	}
	w.t.Errorf("a Migrator must not %s %s", action.GetVerb(), resource)
	return nil, errors.New("unexpected")
}

func (w *world) list(resource string, a clienttesting.ListActionImpl) runtime.Object {
	switch resource {
	case "nodes":
		list := &corev1.NodeList{}
		for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
			list.Items = append(list.Items, *w.nodes[name].DeepCopy())
		}
		return list
	case "pods":
		list := &corev1.PodList{}
		node, ok := a.GetListRestrictions().Fields.RequiresExactMatch("spec.nodeName")
		if !ok {
			w.t.Error("pods are listed without the name of a node")
		}
		for _, uid := range slices.Sorted(maps.Keys(w.pods)) {
			if w.pods[uid].Spec.NodeName == node {
				list.Items = append(list.Items, *w.pods[uid].DeepCopy())
			}
		}
		return list
	case "poddisruptionbudgets":
		list := &policyv1.PodDisruptionBudgetList{}
		for _, name := range slices.Sorted(maps.Keys(w.budgets)) {
			list.Items = append(list.Items, *w.budgets[name].DeepCopy())
		}
		return list
	}
	w.t.Errorf("a Migrator must not list %s", resource)
	return nil
}

// patch does what the API server does with a merge patch that names a resource version.
func (w *world) patch(a clienttesting.PatchActionImpl, dryRun bool) (*corev1.Node, error) {
	if a.PatchType != types.MergePatchType || a.Resource.Resource != "nodes" || a.PatchOptions.FieldManager == "" {
		w.t.Errorf("unexpected patch of %s", a.Resource.Resource)
	}
	node := w.nodes[a.Name]
	if node == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "nodes"}, a.Name)
	}
	var change, whole map[string]any
	must(w.t, json.Unmarshal(a.Patch, &change))
	meta, _ := change["metadata"].(map[string]any)
	if meta["resourceVersion"] != node.ResourceVersion {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "nodes"}, a.Name, errors.New("the object has been modified"))
	}
	text, err := json.Marshal(node)
	must(w.t, err)
	must(w.t, json.Unmarshal(text, &whole))
	merge(whole, change)
	text, err = json.Marshal(whole)
	must(w.t, err)
	out := &corev1.Node{}
	must(w.t, json.Unmarshal(text, out))
	if !dryRun {
		w.touch(out)
		w.nodes[a.Name] = out
	}
	return out, nil
}

// merge applies a JSON merge patch (RFC 7396).
func merge(to, change map[string]any) {
	for key, value := range change {
		inner, isObject := value.(map[string]any)
		switch old, was := to[key].(map[string]any); {
		case value == nil:
			delete(to, key)
		case isObject && was:
			merge(old, inner)
		case isObject:
			fresh := map[string]any{}
			merge(fresh, inner)
			to[key] = fresh
		default:
			to[key] = value
		}
	}
}

// evict does what the Eviction API does: a pod leaves unless its budget says later, or unless two match it.
func (w *world) evict(e *policyv1.Eviction) error {
	if e.DeleteOptions == nil || e.DeleteOptions.Preconditions == nil || e.DeleteOptions.Preconditions.UID == nil {
		w.t.Fatal("an eviction does not say which pod it means")
	}
	p := w.pods[*e.DeleteOptions.Preconditions.UID]
	if p == nil {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, e.Name)
	}
	if keep := stays(p) || over(p) || unevictable(p) != ""; keep {
		w.t.Errorf("pod %s is evicted", p.Name)
	}
	if n := w.nodes[p.Spec.NodeName]; n == nil || !n.Spec.Unschedulable {
		w.t.Errorf("pod %s is evicted from a node that is not cordoned", p.Name)
	}
	for _, b := range w.budgets {
		if b.Spec.Selector.MatchLabels["app"] != p.Labels["app"] {
			continue
		}
		if b.Status.DisruptionsAllowed < 1 {
			return apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
		}
		b.Status.DisruptionsAllowed--
	}
	p.DeletionTimestamp = &metav1.Time{Time: w.at}
	w.evicted = append(w.evicted, p.Name)
	return nil
}
