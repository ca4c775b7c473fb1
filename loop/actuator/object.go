package actuator

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// object is the object of a target as it stands, with the field that is written.
type object struct {
	client dynamic.ResourceInterface
	// sub is the subresource that is read and written, empty for the object itself.
	sub []string
	// path is where the field is in what was read.
	path  []string
	state *unstructured.Unstructured
	ref   *corev1.ObjectReference
	// present is the field's value; set is false where it has none.
	present int64
	set     bool
	// low and high bound what may be written.
	low, high int64
	// annotations are owned beside the field.
	annotations map[string]string
	// refusal says why nothing is to be written, empty where it may be.
	refusal string
}

// read looks at the object of a target.
func (a *Actuators) read(ctx context.Context, t Target) (*object, error) {
	o, err := a.locate(ctx, t)
	if err != nil || o.refusal != "" {
		return o, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	if o.state, err = o.client.Get(ctx, t.Name, metav1.GetOptions{}, o.sub...); err != nil {
		return nil, err
	}
	o.ref.UID = o.state.GetUID()
	// With its version, each change is an event of its own. The recorder counts events that differ in nothing but their note as one, under
	// the note of the first.
	o.ref.ResourceVersion = o.state.GetResourceVersion()
	if o.present, o.set, err = unstructured.NestedInt64(o.state.Object, o.path...); err != nil {
		return nil, err
	}
	switch t.Kind {
	case CapacityBuffer:
		o.buffer()
	case HPAFloor:
		o.floor()
	default:
		return o, a.scale(ctx, t, o)
	}
	return o, nil
}

// locate says where the field of a target is, and makes no request for the object.
//
// The field behind a scale subresource is applied there for what the API server itself serves. It can't apply the scale subresource of
// a custom resource (kubernetes/kubernetes issue 116311: status 500 up to 1.37 at least), so that there the field that the subresource
// stands for is applied on the object.
func (a *Actuators) locate(ctx context.Context, t Target) (*object, error) {
	m, err := a.cluster.mapping(t)
	if err != nil {
		return nil, err
	}
	o := &object{
		path: []string{"spec", "replicas"}, high: math.MaxInt32,
		ref: &corev1.ObjectReference{APIVersion: t.APIVersion, Kind: t.ResourceKind, Namespace: t.Namespace, Name: t.Name},
	}
	switch namespaced := m.Scope.Name() == meta.RESTScopeNameNamespace; {
	case namespaced && t.Namespace == "":
		o.refusal = t.ResourceKind + " is in a namespace, which is missing"
		return o, nil
	case !namespaced && t.Namespace != "":
		o.refusal = fmt.Sprintf("%s is in no namespace, and %s is given", t.ResourceKind, t.Namespace)
		return o, nil
	}
	o.client = a.o.Dynamic.Resource(m.Resource)
	if t.Namespace != "" {
		o.client = a.o.Dynamic.Resource(m.Resource).Namespace(t.Namespace)
	}
	switch group := m.Resource.Group; {
	case t.Kind == HPAFloor:
		o.path = []string{"spec", "minReplicas"}
	case t.Kind == Scale && (group == "" || group == "apps"):
		o.sub = []string{"scale"}
	case t.Kind == Scale:
		if o.path, err = a.cluster.replicasPath(ctx, m.Resource); err != nil {
			return nil, err
		}
		if o.path == nil {
			o.refusal = fmt.Sprintf("%s of %s has no scale subresource", t.ResourceKind, t.APIVersion)
		}
	}
	return o, nil
}

// scale refuses what a HorizontalPodAutoscaler scales. A Scale leaves out 0.
func (a *Actuators) scale(ctx context.Context, t Target, o *object) error {
	o.set = o.set || len(o.sub) > 0
	rival, err := a.cluster.rival(ctx, t)
	if rival != "" {
		o.refusal = fmt.Sprintf("HorizontalPodAutoscaler %s scales it too: use its floor, or the predicted metric in it", rival)
	}
	return err
}

// buffer refuses a CapacityBuffer that is sized as a percentage, which would add to what is written.
func (o *object) buffer() {
	if _, found, _ := unstructured.NestedFieldNoCopy(o.state.Object, "spec", "percentage"); found {
		o.refusal = "spec.percentage is set, and the larger of both would count: remove it"
	}
}

// floor bounds the minReplicas of a HorizontalPodAutoscaler by what it was before and by maxReplicas.
func (o *object) floor() {
	if c := metav1.GetControllerOf(o.state); c != nil {
		o.refusal = fmt.Sprintf("%s %s writes it: set the minimum there", c.Kind, c.Name)
		return
	}
	if !o.set {
		o.present, o.set = 1, true // the API server's default
	}
	before, err := o.before()
	if err != nil {
		o.refusal = err.Error()
		return
	}
	o.high, _, _ = unstructured.NestedInt64(o.state.Object, "spec", "maxReplicas")
	o.low = min(before, o.high)
	o.annotations = map[string]string{FloorAnnotation: strconv.FormatInt(before, 10)}
}

// before returns the minReplicas from before a floor was first written.
func (o *object) before() (int64, error) {
	text, kept := o.state.GetAnnotations()[FloorAnnotation]
	if !kept {
		return o.present, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("annotation %s is %q: it must be the minReplicas to go back to", FloorAnnotation, text)
	}
	return n, nil
}

// patch returns what is applied: the field with a value, the annotations, and nothing else. With the identity of the object that was
// read, an object that has gone since is not created anew.
func (o *object) patch(value int64, at string) (map[string]any, error) {
	metadata := map[string]any{"name": o.state.GetName()}
	if ns := o.state.GetNamespace(); ns != "" {
		metadata["namespace"] = ns
	}
	if len(o.sub) == 0 {
		metadata["uid"] = string(o.state.GetUID())
	}
	if at != "" {
		metadata["resourceVersion"] = at
	}
	body := map[string]any{"apiVersion": o.state.GetAPIVersion(), "kind": o.state.GetKind(), "metadata": metadata}
	if len(o.annotations) > 0 {
		annotations := map[string]any{}
		for k, v := range o.annotations {
			annotations[k] = v
		}
		metadata["annotations"] = annotations
	}
	return body, unstructured.SetNestedField(body, value, o.path...)
}

// alsoChanges names a field beside the target's that differs between what was read and what a dry run says comes of it, empty where none
// does. Server-side apply takes away what its manager owns and does not mention any more, and that may be much: kubectl gives a field
// manager everything that it once applied from the client.
func (o *object) alsoChanges(after *unstructured.Unstructured) string {
	was, is := without(o.state, o.path), without(after, o.path)
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if !reflect.DeepEqual(was[key], is[key]) {
			return "spec." + key
		}
	}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if _, known := was[key]; !known {
			return "spec." + key
		}
	}
	return ""
}

// without returns the spec of an object without one field.
func without(u *unstructured.Unstructured, path []string) map[string]any {
	c := u.DeepCopy()
	unstructured.RemoveNestedField(c.Object, path...)
	spec, _, _ := unstructured.NestedMap(c.Object, "spec")
	return spec
}

// name writes the field for people.
func (o *object) name() string { return strings.Join(o.path, ".") }
