package pool_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestEffectiveCapacity(t *testing.T) {
	f := func(mix []pool.Jobs, unit series.Unit, kind int, capacity, share float64) {
		t.Helper()
		got, err := pool.EffectiveCapacity(mix, vms(), unit)
		if err != nil {
			t.Fatal(err)
		}
		if g := got[kind]; g.Type != vms()[kind].Name || math.Abs(g.Capacity-capacity) > 0.002*capacity || math.Abs(g.Share-share) > 1e-9 {
			t.Errorf("capacity %+v, want %v of share %v", g, capacity, share)
		}
	}
	even := []pool.Jobs{job(5, 1, 4, 0)}
	f(even, series.Cores, 0, 4, 1)
	f(even, series.Bytes, 1, 64, 1)
	f(even, series.Jobs, 1, 16, 1)
	f([]pool.Jobs{job(1, 1, 8, 0)}, series.Cores, 0, 2, 1)                  // memory runs out first
	f([]pool.Jobs{job(1, 3, 4, 0)}, series.Cores, 0, 3, 1)                  // a gap of one core stays
	f([]pool.Jobs{job(1, 3, 4, 0), job(1, 1, 4, 0)}, series.Cores, 0, 4, 1) // ...that the other shape fills
	f([]pool.Jobs{job(3, 8, 4, 0), job(8, 1, 4, 0)}, series.Cores, 0, 4, 0.25)
	f([]pool.Jobs{job(3, 8, 4, 0), job(8, 1, 4, 0)}, series.Cores, 1, 16, 1)
	f([]pool.Jobs{job(1, 1, 4, 1)}, series.GPUs, 1, 0, 0) // a type without devices holds none of it, whatever the dimension's use elsewhere
	f([]pool.Jobs{job(1, 1, 4, 1)}, series.GPUs, 2, 4, 1)
}

func TestEffectiveCapacityOfMaximumAndScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	for range 20 {
		mix, types := someJobs(rng, 8, 9), someTypes(rng, 2)
		want, err := pool.EffectiveCapacity(mix, types, series.Cores)
		if err != nil {
			t.Fatal(err)
		}
		types[0].Max = 1 // a bound on the number is not one on what each holds
		for i := range mix {
			mix[i].Count *= 1000
		}
		got, err := pool.EffectiveCapacity(mix, types, series.Cores)
		if err != nil {
			t.Fatal(err)
		}
		for k := range got {
			if r := got[k].Capacity / want[k].Capacity; math.Abs(r-1) > 0.01 || got[k].Capacity > types[k].Shape.CPU {
				t.Errorf("capacity %+v, of a thousand times the mix %+v", want[k], got[k])
			}
		}
	}
}

func TestJobsFor(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for range 200 {
		mix := someJobs(rng, 1+rng.IntN(12), 50)
		demand := 1000 * rng.Float64()
		jobs, err := pool.JobsFor(demand, mix, series.Cores)
		if err != nil {
			t.Fatal(err)
		}
		var sum, largest float64
		for _, j := range jobs {
			sum += float64(j.Count) * j.Shape.CPU
			largest = max(largest, j.Shape.CPU)
		}
		if sum < demand*(1-1e-6) || sum > demand+largest {
			t.Errorf("jobs of %v cores for a demand of %v", sum, demand)
		}
	}
	f := func(demand float64, want ...pool.Jobs) {
		t.Helper()
		got, err := pool.JobsFor(demand, []pool.Jobs{job(1, 2, 1, 0), job(3, 1, 1, 0)}, series.Cores)
		if err != nil || len(got) != len(want) {
			t.Fatalf("jobs for %v: %v, %v; want %v", demand, got, err, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("jobs for %v: %v, want %v", demand, got, want)
			}
		}
	}
	f(0)
	f(5, job(1, 2, 1, 0), job(3, 1, 1, 0))
	f(50, job(10, 2, 1, 0), job(30, 1, 1, 0))
	f(51, job(10, 2, 1, 0), job(31, 1, 1, 0))
}

func TestMixRefuses(t *testing.T) {
	f := func(mix []pool.Jobs, unit series.Unit, demand float64, want string) {
		t.Helper()
		if _, err := pool.JobsFor(demand, mix, unit); err == nil || err.Error() != "jobs for a demand: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := pool.EffectiveCapacity(mix, vms(), unit); demand == 1 && (err == nil || err.Error() != "effective capacity: "+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	one := []pool.Jobs{job(1, 1, 1, 0)}
	f(one, series.Sessions, 1, `jobs have no demand in "sessions": the unit must be cores, bytes, gpus or jobs`)
	f(one, series.GPUs, 1, "the mix asks for no gpus")
	f(nil, series.Cores, 1, "the mix asks for no cores")
	f([]pool.Jobs{job(-1, 1, 1, 0)}, series.Cores, 1, "jobs[0]: count -1 is negative")
	f([]pool.Jobs{job(1, -1, 1, 0)}, series.Cores, 1, "jobs[0]: shape: cpu -1 is not a finite number at least 0")
	f(one, series.Cores, math.NaN(), "NaN is not a finite number at least 0")
	f(one, series.Cores, -3, "-3 is not a finite number at least 0")
	f(one, series.Cores, 1e300, "1e+300 of one shape are more than can be counted")
}
