package actuator

import (
	"math"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestCheck(t *testing.T) {
	f := func(change func(*Target), want string) {
		t.Helper()
		target := web
		change(&target)
		switch err := Check([]Target{target}); {
		case want == "" && err != nil:
			t.Errorf("got error %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(func(*Target) {}, "")
	f(func(t *Target) { t.Namespace = "" }, "") // NodePool and the like are in none
	f(func(t *Target) { t.Fleet = "" }, "fleet is missing")
	f(func(t *Target) { t.Pool = "" }, "pool is missing")
	f(func(t *Target) { t.Kind = "resize" }, `kind "resize" is not one of scale, capacity_buffer, hpa_floor`)
	f(func(t *Target) { t.Value = "most" }, `value "most" is not one of instances, spare`)
	f(func(t *Target) { t.APIVersion = "" }, "api version of the object is missing")
	f(func(t *Target) { t.APIVersion = "a/b/c" }, "unexpected GroupVersion string")
	f(func(t *Target) { t.ResourceKind = "" }, "resource of the object, such as Deployment, is missing")
	f(func(t *Target) { t.Name = "" }, "name of the object is missing")
	f(func(t *Target) { t.PerInstance = -1 }, "-1 replicas per instance: it must be a number above 0")
	f(func(t *Target) { t.PerInstance = math.NaN() }, "must be a number above 0")
	f(func(t *Target) { t.PerInstance = math.Inf(1) }, "must be a number above 0")
	f(func(t *Target) { *t = room }, "")
	f(func(t *Target) { *t = floor }, "")
	f(func(t *Target) { *t = floor; t.APIVersion, t.ResourceKind = "apps/v1", "Deployment" },
		"kind hpa_floor is for HorizontalPodAutoscaler.autoscaling")
	f(func(t *Target) { *t = room; t.APIVersion = "autoscaling.x-k8s.io/v1alpha1" }, "")
	f(func(t *Target) { *t = room; t.ResourceKind = "Buffer" }, "kind capacity_buffer is for CapacityBuffer.autoscaling.x-k8s.io")
}

func TestOneFieldHasOneTarget(t *testing.T) {
	other := web
	other.Pool, other.APIVersion = "fixed", "apps/v1beta2"
	err := Check([]Target{web, room, other})
	if err == nil || !strings.Contains(err.Error(), "Deployment shop/web has another one, scale of pool spot of fleet batch") {
		t.Errorf("got error %v", err)
	}
	if err := Check([]Target{web, floor, room, nodes}); err != nil {
		t.Errorf("targets of different fields: %v", err)
	}
}

func TestReplicas(t *testing.T) {
	f := func(value Value, per float64, instances int, want int64) {
		t.Helper()
		s := snapshot()
		s.Decision.Plan.Targets[1].Instances = instances
		got, err := Target{Fleet: "batch", Pool: "spot", Value: value, PerInstance: per}.complete().replicas(s.Decision)
		if err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	f("", 0, 26, 26)
	f(Instances, 1, 0, 0)
	f(Instances, 1, -3, 0)
	f(Instances, 0.1, 30, 3) // 30 x 0.1 is above 3 in floating point
	f(Instances, 0.3, 10, 3)
	f(Instances, 0.3, 11, 4)
	f(Instances, 2.5, 3, 8)
	f(Spare, 1, 26, 6)
	f(Spare, 2, 26, 12)
	f(Spare, 1, 12, 0) // fewer than the reactive need
}

func TestReplicasThatAreNone(t *testing.T) {
	f := func(target Target, instances int, want string) {
		t.Helper()
		s := snapshot()
		s.Decision.Plan.Targets[1].Instances = instances
		n, err := target.complete().replicas(s.Decision)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %d, %v, want an error with %q", n, err, want)
		}
	}
	f(Target{Fleet: "batch", Pool: "gone"}, 1, "the decision of fleet batch is not about pool gone")
	f(Target{Fleet: "batch", Pool: "gone", Value: Spare}, 1, "is not about pool gone")
	f(Target{Fleet: "batch", Pool: "spot", PerInstance: 1e9}, 9, "9e+09 replicas are more than any object can have")
	f(Target{Fleet: "batch", Pool: "spot", PerInstance: math.MaxFloat64}, math.MaxInt, "more than any object can have")
}

func TestKillSwitchAsksForTheReactiveNeed(t *testing.T) {
	s := snapshot()
	s.Decision.Killed = true
	f := func(v Value, want int64) {
		t.Helper()
		if got, err := (Target{Fleet: "batch", Pool: "spot", Value: v}).complete().replicas(s.Decision); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", v, got, err, want)
		}
	}
	f(Instances, 20)
	f(Spare, 0)
}

var _ pool.Board = (*board)(nil)
