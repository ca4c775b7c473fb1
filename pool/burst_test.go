package pool_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestBurstCarries(t *testing.T) {
	f := func(credits float64, want bool, path ...float64) {
		t.Helper()
		b := pool.Burst{Baseline: 0.2, MaxCredits: 10, Credits: credits}
		if got := b.Carries(path, 5*time.Minute); got != want {
			t.Errorf("with %v credits %v is carried: %t, want %t", credits, path, got, want)
		}
	}
	f(0, true)
	f(0, true, 0.2, 0.2, 0.2, 0.2)
	f(0, false, 0.21)
	f(4, true, 1)           // one full step costs (1 - 0.2) x 5
	f(3.9, false, 1)        // and a little more than there is
	f(4, false, 1, 0.3)     // nothing is left
	f(4, true, 1, 0, 0.4)   // an idle step earns 1
	f(4, false, 1, 0, 0.41) // and no more
	f(10, true, 0, 0, 0, 1, 1)
	f(10, false, 0, 0, 0, 1, 1, 1) // idle steps fill no bucket that is full
	f(100, false, 1.1)             // no credit makes an instance larger
	f(100, false, math.NaN())
	f(math.NaN(), true, 0.2) // credits that are not known are none
	f(math.NaN(), false, 0.3)
}

// TestBurstCarriesAsTheTokenBucket checks the closed form of the bucket without a bound on random paths.
func TestBurstCarriesAsTheTokenBucket(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	carried := 0
	for range 2000 {
		b := pool.Burst{Baseline: 0.1 + 0.6*r.Float64(), Credits: 5 * r.Float64()}
		path := make([]float64, 1+r.IntN(40))
		want, used := true, 0.0
		for i := range path {
			path[i] = r.Float64()
			used += path[i] - b.Baseline
			want = want && used <= b.Credits
		}
		// Credits never fall below 0 before a load that is not carried, so that without a bound the sum from the start is the balance.
		if got := b.Carries(path, time.Minute); got != want {
			t.Fatalf("%+v carries %v: %t, want %t", b, path, got, want)
		}
		if want {
			carried++
		}
	}
	if carried < 400 || carried > 1600 {
		t.Errorf("%d of 2000 paths are carried", carried)
	}
}

func TestBurstAfter(t *testing.T) {
	f := func(credits, used, want float64) {
		t.Helper()
		b := pool.Burst{Baseline: 0.4, MaxCredits: 30, Credits: credits}.After(used, 10*time.Minute)
		if math.Abs(b.Credits-want) > 1e-12 {
			t.Errorf("%v credits are %v after a load of %v, want %v", credits, b.Credits, used, want)
		}
	}
	f(10, 0.4, 10)
	f(10, 1, 4)
	f(5, 1, 0)
	f(10, 0, 14)
	f(29, 0, 30)
	if b := (pool.Burst{Baseline: 0.4, Credits: math.NaN()}).After(0, time.Minute); !math.IsNaN(b.Credits) {
		t.Errorf("credits that are not known are %v", b.Credits)
	}
}

func TestBurstSplit(t *testing.T) {
	f := func(credits, want float64, demand ...float64) {
		t.Helper()
		b := pool.Burst{Baseline: 0.25, MaxCredits: 100, Credits: credits}
		got, excess, err := b.Split(demand, time.Minute, 10, 4)
		if err != nil || math.Abs(got-want) > 1e-6 {
			t.Errorf("the sustained part of %v with %v credits is %v, %v, want %v", demand, credits, got, err, want)
		}
		for i, v := range excess {
			if math.Abs(v-max(demand[i]-got, 0)) > 1e-9 {
				t.Errorf("step %d of %v leaves %v above %v", i+1, demand, v, got)
			}
		}
	}
	f(0, 0)
	f(0, 0, 10, 10)              // the baseline of four is 10
	f(0, 90, 100, 100)           // without credits they carry no more
	f(100, 60, 100, 100)         // with many they carry all that they can serve
	f(0.75, 60, 100)             // (1 - 0.25) x 1
	f(0.75, 75, 100, 100)        // two minutes at 25 of 40: 2 x (0.625 - 0.25) = 0.75
	f(0, 75, 0, 80, 100)         // the idle minute earns a quarter: (80 + 100 - 2 x 75) / 40 = 0.75 = 3 x 0.25
	f(0.25, 75, 80, 100)         // as much as a quarter that is there from the start
	f(0, 110./3, 40, 40, 60, 40) // twice 0.25 - 1/12 is earned before the burst, which costs 7/12 - 0.25
}

// TestBurstSplitIsTheLeast checks that the rest above the sustained part is carried, and above a little less is not.
func TestBurstSplitIsTheLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	above := 0
	for range 300 {
		b := pool.Burst{Baseline: 0.1 + 0.5*r.Float64(), MaxCredits: 30, Credits: 20 * r.Float64()}
		demand := make([]float64, 5+r.IntN(60))
		for i := range demand {
			demand[i] = 50 + 30*math.Sin(float64(i)/6) + 40*r.Float64()
		}
		capacity, n := 10.0, 1+r.IntN(8)
		sustained, excess, err := b.Split(demand, time.Minute, capacity, n)
		if err != nil {
			t.Fatal(err)
		}
		carries := func(level float64) bool {
			load := make([]float64, len(demand))
			for i, v := range demand {
				load[i] = max(v-level, 0) / (capacity * float64(n))
			}
			return b.Carries(load, time.Minute)
		}
		if !carries(sustained) || sustained > 0.01 && carries(sustained-0.01) {
			t.Fatalf("%v of %v is not the least: %+v, %d instances, excess %v", sustained, demand, b, n, excess)
		}
		if sustained > 0 {
			above++
		}
	}
	if above < 200 {
		t.Errorf("only %d of 300 demands have a sustained part", above)
	}
}

func TestBurstSplitRefuses(t *testing.T) {
	f := func(b pool.Burst, step time.Duration, capacity float64, n int, demand ...float64) {
		t.Helper()
		if got, _, err := b.Split(demand, step, capacity, n); err == nil {
			t.Errorf("%+v splits %v at %v, want an error", b, demand, got)
		}
	}
	sound := pool.Burst{Baseline: 0.2, Credits: 1}
	f(pool.Burst{}, time.Minute, 1, 1, 1)
	f(pool.Burst{Baseline: 1}, time.Minute, 1, 1, 1)
	f(sound, 0, 1, 1, 1)
	f(sound, time.Minute, 0, 1, 1)
	f(sound, time.Minute, 1, 0, 1)
	f(sound, time.Minute, 1, 1, math.NaN())
	f(sound, time.Minute, 1, 1, -1)
	f(sound, time.Minute, 1, 1, math.Inf(1))
}
