package pool_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestValidatePools(t *testing.T) {
	sound := func() []pool.Pool {
		return []pool.Pool{
			{
				Name: "a", Class: pool.Fixed, Min: 1, Max: 5, Capacity: 10, LeadTime: time.Minute, Share: 0.25,
				Price: pool.Price{Hourly: 1, Commitment: pool.Commitment{Ratio: 0.6, Instances: 2}},
				Stock: pool.WarmPolicy{HitRate: 0.99}, Burst: pool.Burst{Baseline: 0.2, MaxCredits: 100, Credits: math.NaN()},
			},
			{
				Name: "b", Class: pool.Variable, Capacity: 5, Share: 0.75, Price: pool.Price{InterruptionsPerHour: 1, Restart: time.Hour},
				Types: []pool.Type{{Name: "x", Capacity: 1, Max: 3}, {Name: "y", Capacity: 2}}, Risk: pool.Risk{Probability: 0.9, Shortage: 1},
			},
		}
	}
	if err := pool.ValidatePools(sound()); err != nil {
		t.Fatal(err)
	}
	if err := pool.ValidatePools(nil); err != nil {
		t.Fatal(err)
	}
	f := func(want string, change func(p []pool.Pool)) {
		t.Helper()
		p := sound()
		change(p)
		if err := pool.ValidatePools(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	f("no name", func(p []pool.Pool) { p[0].Name = "" })
	f("pool a: there are two", func(p []pool.Pool) { p[1].Name = "a" })
	f("pool a: class \"burst\" is unknown", func(p []pool.Pool) { p[0].Class = "burst" })
	f("pool a: capacity 0 ", func(p []pool.Pool) { p[0].Capacity = 0 })
	f("pool a: capacity NaN", func(p []pool.Pool) { p[0].Capacity = math.NaN() })
	f("pool a: capacity +Inf", func(p []pool.Pool) { p[0].Capacity = math.Inf(1) })
	f("pool a: min -1", func(p []pool.Pool) { p[0].Min = -1 })
	f("pool a: max 5 is less than min, 6", func(p []pool.Pool) { p[0].Min = 6 })
	f("pool a: max -1", func(p []pool.Pool) { p[0].Max = -1 })
	f("pool a: lead time", func(p []pool.Pool) { p[0].LeadTime = -1 })
	f("share 1.5", func(p []pool.Pool) { p[0].Share = 1.5 })
	f("share NaN", func(p []pool.Pool) { p[0].Share = math.NaN() })
	f("1 of 2 pools have a share", func(p []pool.Pool) { p[0].Share = 0 })
	f("add up to 1.25", func(p []pool.Pool) { p[0].Share = 0.5 })
	f("pool a: price: hourly -1", func(p []pool.Pool) { p[0].Price.Hourly = -1 })
	f("hourly NaN", func(p []pool.Pool) { p[0].Price.Hourly = math.NaN() })
	f("interruptions per hour -1", func(p []pool.Pool) { p[1].Price.InterruptionsPerHour = -1 })
	f("interruptions per hour +Inf", func(p []pool.Pool) { p[1].Price.InterruptionsPerHour = math.Inf(1) })
	f("restart -1s", func(p []pool.Pool) { p[1].Price.Restart = -time.Second })
	f("ratio 1 ", func(p []pool.Pool) { p[0].Price.Commitment.Ratio = 1 })
	f("ratio -0.1 ", func(p []pool.Pool) { p[0].Price.Commitment.Ratio = -0.1 })
	f("2 instances are committed at no ratio", func(p []pool.Pool) { p[0].Price.Commitment.Ratio = 0 })
	f("-2 committed", func(p []pool.Pool) { p[0].Price.Commitment.Instances = -2 })
	f("committed and yet interrupted", func(p []pool.Pool) { p[0].Price.InterruptionsPerHour = 1 })
	f("hit rate 1 ", func(p []pool.Pool) { p[0].Stock.HitRate = 1 })
	f("hit rate -1 ", func(p []pool.Pool) { p[0].Stock.HitRate = -1 })
	f("warm: lead time", func(p []pool.Pool) { p[0].Stock.LeadTime = -1 })
	f("baseline 1 ", func(p []pool.Pool) { p[0].Burst.Baseline = 1 })
	f("max credits -1", func(p []pool.Pool) { p[0].Burst.MaxCredits = -1 })
	f("credits -1", func(p []pool.Pool) { p[0].Burst.Credits = -1 })
	f("risk: probability 1 ", func(p []pool.Pool) { p[1].Risk.Probability = 1 })
	f("shortage, -1", func(p []pool.Pool) { p[1].Risk.Shortage = -1 })
	f("pool b: type x: there are two", func(p []pool.Pool) { p[1].Types[1].Name = "x" })
	f("pool b: a type has no name", func(p []pool.Pool) { p[1].Types[1].Name = "" })
	f("pool b: type y: capacity 0", func(p []pool.Pool) { p[1].Types[1].Capacity = 0 })
	f("pool b: type y: max -1", func(p []pool.Pool) { p[1].Types[1].Max = -1 })
	f("pool b: type y: price: hourly -1", func(p []pool.Pool) { p[1].Types[1].Price.Hourly = -1 })
	f("pool b: min 4 is more than the 3", func(p []pool.Pool) { p[1].Min, p[1].Types = 4, p[1].Types[:1] })
}
