package exporter

import (
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestMoveLines(t *testing.T) {
	f := func(u pool.Unmoved, want string) {
		t.Helper()
		if got := strings.Join(moveLines(pool.Plan{Unmoved: []pool.Unmoved{u}}), "|"); got != want {
			t.Errorf("%+v is %q, want %q", u, got, want)
		}
	}
	f(pool.Unmoved{From: "a", To: "b", Instances: 1, Reason: "it rests"}, "Not moved: 1 instance from a to b: it rests.")
	f(pool.Unmoved{From: "a", Reason: "it is not observed."}, "Nothing is moved from a: it is not observed.")
	f(pool.Unmoved{Reason: "nobody knows"}, "Nothing is moved: nobody knows.")
	if got := moveLines(pool.Plan{}); len(got) > 0 {
		t.Errorf("without moves: %q", got)
	}
}

// The types of a pool bound it as well as its maximum does.
func TestWhyIsTheMaximumOfTypes(t *testing.T) {
	p := pool.Pool{Name: "p", Types: []pool.Type{{Name: "a", Capacity: 1, Max: 2}, {Name: "b", Capacity: 1, Max: 1}}}
	d := pool.Decision{
		Plan: pool.Plan{Targets: []pool.Target{{Pool: "p", Instances: 3}}}, Sizing: []pool.Sizing{{Pool: "p", Add: 3, Reactive: 1}},
	}
	if got := why(d, p); got != "the pool's maximum" {
		t.Errorf("why: %s", got)
	}
	p.Types[1].Max = 0
	if got := why(d, p); !strings.HasPrefix(got, "demand may reach") {
		t.Errorf("why without a bound: %s", got)
	}
}
