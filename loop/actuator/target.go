package actuator

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Kind says which field of an object a target is.
type Kind string

// Scale is the replicas behind the scale subresource of an object that has one. CapacityBuffer is the spec.replicas of a CapacityBuffer of
// autoscaling.x-k8s.io. HPAFloor is the spec.minReplicas of a HorizontalPodAutoscaler, which then never has fewer.
const (
	Scale          Kind = "scale"
	CapacityBuffer Kind = "capacity_buffer"
	HPAFloor       Kind = "hpa_floor"
)

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{Scale, CapacityBuffer, HPAFloor} }

// Value says which number of a decision is written.
type Value string

// Instances is what autoscalers are to have in all, Decision.Effective; Spare is what they are to hold beyond the present need,
// Decision.Spare.
const (
	Instances Value = "instances"
	Spare     Value = "spare"
)

// Values returns every value.
func Values() []Value { return []Value{Instances, Spare} }

// Target is one field of one object, and which number of which pool it follows.
type Target struct {
	Fleet, Pool string
	Kind        Kind
	// APIVersion and ResourceKind say what the object is: apps/v1 and Deployment. They are required for Scale; empty they are
	// autoscaling.x-k8s.io/v1beta1 CapacityBuffer and autoscaling/v2 HorizontalPodAutoscaler for the other kinds.
	APIVersion, ResourceKind string
	// Namespace is empty for an object that is not in one.
	Namespace, Name string
	// Value is Spare for CapacityBuffer and Instances for the others where it is empty.
	Value Value
	// PerInstance is how many replicas there are to an instance; 0 means 1. What comes out is rounded up.
	PerInstance float64
	// DryRun only asks the API server whether it would take each change.
	DryRun bool
}

// complete returns the target with its defaults.
func (t Target) complete() Target {
	version, kind, value := "", "", Instances
	if t.Kind == CapacityBuffer {
		version, kind, value = "autoscaling.x-k8s.io/v1beta1", "CapacityBuffer", Spare
	}
	if t.Kind == HPAFloor {
		version, kind = "autoscaling/v2", "HorizontalPodAutoscaler"
	}
	if t.APIVersion == "" {
		t.APIVersion = version
	}
	if t.ResourceKind == "" {
		t.ResourceKind = kind
	}
	if t.Value == "" {
		t.Value = value
	}
	if t.PerInstance == 0 {
		t.PerInstance = 1
	}
	return t
}

// String names the object for people.
func (t Target) String() string {
	if t.Namespace == "" {
		return t.ResourceKind + " " + t.Name
	}
	return fmt.Sprintf("%s %s/%s", t.ResourceKind, t.Namespace, t.Name)
}

// groupKind returns what the object is, without its version.
func (t Target) groupKind() schema.GroupKind {
	return schema.FromAPIVersionAndKind(t.APIVersion, t.ResourceKind).GroupKind()
}

// field identifies the field that is written.
type field struct {
	kind            Kind
	object          schema.GroupKind
	namespace, name string
}

func (t Target) field() field { return field{t.Kind, t.groupKind(), t.Namespace, t.Name} }

// Check returns what is wrong with targets: a missing or unknown word, or one field with two targets. SetTargets asks the same.
func Check(targets []Target) error {
	taken := map[field]Target{}
	for _, t := range targets {
		t = t.complete()
		if err := t.check(); err != nil {
			return fmt.Errorf("actuator of pool %s of fleet %s: %w", t.Pool, t.Fleet, err)
		}
		if o, twice := taken[t.field()]; twice {
			return fmt.Errorf("actuator of pool %s of fleet %s: %s has another one, %s of pool %s of fleet %s: one field has one owner",
				t.Pool, t.Fleet, t, o.Kind, o.Pool, o.Fleet)
		}
		taken[t.field()] = t
	}
	return nil
}

func (t Target) check() error {
	switch {
	case t.Fleet == "":
		return errors.New("the fleet is missing")
	case t.Pool == "":
		return errors.New("the pool is missing")
	case !slices.Contains(Kinds(), t.Kind):
		return fmt.Errorf("kind %q is not one of %s", t.Kind, words(Kinds()))
	case !slices.Contains(Values(), t.Value):
		return fmt.Errorf("value %q is not one of %s", t.Value, words(Values()))
	case t.APIVersion == "":
		return errors.New("the api version of the object is missing")
	case t.ResourceKind == "":
		return errors.New("the resource of the object, such as Deployment, is missing")
	case t.Name == "":
		return errors.New("the name of the object is missing")
	case !(t.PerInstance > 0) || math.IsInf(t.PerInstance, 0):
		return fmt.Errorf("%g replicas per instance: it must be a number above 0", t.PerInstance)
	}
	return t.checkResource()
}

// checkResource makes sure that the object is one that has the field.
func (t Target) checkResource() error {
	if _, err := schema.ParseGroupVersion(t.APIVersion); err != nil {
		return err
	}
	var want schema.GroupKind
	switch t.Kind {
	case CapacityBuffer:
		want = schema.GroupKind{Group: "autoscaling.x-k8s.io", Kind: "CapacityBuffer"}
	case HPAFloor:
		want = schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}
	default:
		return nil
	}
	if t.groupKind() != want {
		return fmt.Errorf("kind %s is for %s, not for %s", t.Kind, want, t.groupKind())
	}
	return nil
}

// replicas returns what the target asks for by a decision: the value times PerInstance, rounded up. Before that it is rounded to a
// millionth, so that 30 x 0.1 is 3. It is never negative, and an error where it is not a number of replicas.
func (t Target) replicas(d pool.Decision) (int64, error) {
	n, known := d.Effective().Instances(t.Pool)
	if t.Value == Spare {
		n, known = d.Spare(t.Pool)
	}
	if !known {
		return 0, fmt.Errorf("the decision of fleet %s is not about pool %s", t.Fleet, t.Pool)
	}
	v := math.Ceil(math.Round(float64(max(n, 0))*t.PerInstance*1e6) / 1e6)
	if !(v <= math.MaxInt32) {
		return 0, fmt.Errorf("%g replicas are more than any object can have", v)
	}
	return int64(v), nil
}

// words lists what is allowed.
func words[T ~string](all []T) string {
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}
