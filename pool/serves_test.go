package pool_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestServes(t *testing.T) {
	f := func(p pool.Pool, target pool.Target, want float64) {
		t.Helper()
		if got := p.Serves(target); math.Abs(got-want) > 1e-9 {
			t.Errorf("%+v serve %v, want %v", target, got, want)
		}
	}
	p := pool.Pool{Capacity: 10, LeadTime: 4 * time.Minute}
	f(p, pool.Target{}, 0)
	f(p, pool.Target{Instances: 3, Warm: 1}, 30)
	p.Types = []pool.Type{{Name: "s", Capacity: 4}, {Name: "l", Capacity: 16}}
	f(p, pool.Target{Instances: 3, Types: []pool.TypeTarget{{Type: "s", Instances: 2}, {Type: "l", Instances: 1}}}, 24)
	f(p, pool.Target{Instances: 1, Types: []pool.TypeTarget{{Type: "of before", Instances: 1}}}, 0)
	p.Types, p.Burst = nil, pool.Burst{Baseline: 0.25, Credits: 1}
	f(p, pool.Target{Instances: 2}, 10) // a quarter is earned, and a credit is a quarter of the lead time
}

// What a plan leaves unserved is what its instances do not serve.
func TestServesAsThePlanSays(t *testing.T) {
	in := input(level(60, 400))
	in.Pools[0].Types = []pool.Type{{Name: "s", Capacity: 7, Max: 3, Price: pool.Price{Hourly: 1}}, {Name: "l", Capacity: 20, Max: 2, Price: pool.Price{Hourly: 2}}}
	in.Pools[1].Max = 3
	d := decide(t, in)
	var sum float64
	for i, p := range in.Pools {
		sum += p.Serves(d.Plan.Targets[i])
		if n := d.Plan.Targets[i].Instances; n != p.Most() {
			t.Errorf("pool %s has %d instances, %d at most", p.Name, n, p.Most())
		}
	}
	if got := 1 - sum/400; d.Plan.Unmet <= 0 || math.Abs(got-d.Plan.Unmet) > 1e-9 {
		t.Errorf("the plan serves %v of 400 and leaves %v", sum, d.Plan.Unmet)
	}
}

func TestMost(t *testing.T) {
	f := func(p pool.Pool, want int) {
		t.Helper()
		if got := p.Most(); got != want {
			t.Errorf("%+v has at most %d instances, want %d", p, got, want)
		}
	}
	f(pool.Pool{Capacity: 1}, math.MaxInt32)
	f(pool.Pool{Capacity: 1, Max: 7}, 7)
	bounded := []pool.Type{{Name: "a", Capacity: 1, Max: 2}, {Name: "b", Capacity: 1, Max: 3}}
	f(pool.Pool{Types: bounded}, 5)
	f(pool.Pool{Types: bounded, Max: 4}, 4)
	f(pool.Pool{Types: append(bounded, pool.Type{Name: "c", Capacity: 1})}, math.MaxInt32)
	f(pool.Pool{Capacity: 1, Max: 7, Price: pool.Price{Hourly: 1, Commitment: pool.Commitment{Ratio: 0.5, Instances: 3}}}, 7)
}
