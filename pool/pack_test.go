package pool_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

// machine is a type with a price.
func machine(name string, cpu, memory, gpu, price float64) pool.Type {
	return pool.Type{Name: name, Shape: pool.Shape{CPU: cpu, Memory: memory, GPU: gpu}, Price: pool.Price{Hourly: price}}
}

func job(count int, cpu, memory, gpu float64) pool.Jobs {
	return pool.Jobs{Shape: pool.Shape{CPU: cpu, Memory: memory, GPU: gpu}, Count: count}
}

// vms are three types of one price per core, one of them with devices.
func vms() []pool.Type {
	return []pool.Type{machine("small", 4, 16, 0, 1), machine("large", 16, 64, 0, 4), machine("gpu", 16, 64, 4, 12)}
}

func pack(t *testing.T, jobs []pool.Jobs, types []pool.Type) pool.Packing {
	t.Helper()
	p, err := pool.Pack(jobs, types)
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	checkPacking(t, jobs, types, p)
	return p
}

// checkPacking asserts what holds of every packing: each filling fits its type, every job is in a filling or reported, instances and cost
// are those of the fillings, bounds are kept, and the cost is not below the lower bound.
func checkPacking(t *testing.T, jobs []pool.Jobs, types []pool.Type, p pool.Packing) {
	t.Helper()
	count := map[pool.Shape]int{}
	for _, j := range jobs {
		count[j.Shape] += j.Count
	}
	for _, m := range p.Misfits {
		count[m.Shape] -= m.Count
	}
	for _, o := range p.Overflow {
		count[o.Shape] -= o.Count
	}
	var cost float64
	instances := map[string]int{}
	for _, f := range p.Fillings {
		k := slices.IndexFunc(types, func(t pool.Type) bool { return t.Name == f.Type })
		cost += float64(f.Instances) * types[k].Price.Hourly
		instances[f.Type] += f.Instances
		var sum pool.Shape
		for _, j := range f.Jobs {
			count[j.Shape] -= j.Count * f.Instances
			sum.CPU += float64(j.Count) * j.Shape.CPU
			sum.Memory += float64(j.Count) * j.Shape.Memory
			sum.GPU += float64(j.Count) * j.Shape.GPU
		}
		offer := types[k].Shape
		if slices.Contains(p.Uncounted, "gpu") {
			sum.GPU = 0
		}
		if sum.CPU > offer.CPU*(1+1e-6) || sum.Memory > offer.Memory*(1+1e-6) || sum.GPU > offer.GPU*(1+1e-6) {
			t.Errorf("an instance of %s offers %+v and holds %+v", f.Type, offer, sum)
		}
		if len(f.Jobs) == 0 || f.Instances < 1 {
			t.Errorf("empty filling %+v", f)
		}
	}
	for s, n := range count {
		if n != 0 {
			t.Errorf("%d jobs of %+v are neither packed nor reported", n, s)
		}
	}
	for k, target := range p.Instances {
		if target.Type != types[k].Name || target.Instances != instances[target.Type] {
			t.Errorf("instances %+v, fillings have %d of %s", target, instances[target.Type], types[k].Name)
		}
		if types[k].Max > 0 && target.Instances > types[k].Max {
			t.Errorf("%d instances of %s, max %d", target.Instances, target.Type, types[k].Max)
		}
	}
	if p.Priced && math.Abs(p.Cost-cost) > 1e-9*cost {
		t.Errorf("cost %v, fillings cost %v", p.Cost, cost)
	}
	if p.Cost < p.LowerBound*(1-1e-9) {
		t.Errorf("cost %v is below the lower bound %v", p.Cost, p.LowerBound)
	}
	for _, u := range []float64{p.Utilisation.CPU, p.Utilisation.Memory, p.Utilisation.GPU} {
		if !(u >= 0 && u <= 1) {
			t.Errorf("utilisation %+v", p.Utilisation)
		}
	}
}

func TestPack(t *testing.T) {
	f := func(jobs []pool.Jobs, types []pool.Type, want string, cost, bound float64) {
		t.Helper()
		p := pack(t, jobs, types)
		var got []string
		for _, n := range p.Instances {
			got = append(got, fmt.Sprintf("%d %s", n.Instances, n.Type))
		}
		if s := strings.Join(got, ", "); s != want || p.Cost != cost || math.Abs(p.LowerBound-bound) > 1e-9 {
			t.Errorf("packed into %s for %v, bound %v; want %s for %v, bound %v", s, p.Cost, p.LowerBound, want, cost, bound)
		}
	}
	f(nil, vms(), "0 small, 0 large, 0 gpu", 0, 0)
	f([]pool.Jobs{job(0, 1, 1, 0)}, vms(), "0 small, 0 large, 0 gpu", 0, 0)
	f([]pool.Jobs{job(1, 1, 1, 0)}, vms(), "1 small, 0 large, 0 gpu", 1, 1)   // the cheapest that holds it
	f([]pool.Jobs{job(1, 5, 1, 0)}, vms(), "0 small, 1 large, 0 gpu", 4, 4)   // too large for the cheapest
	f([]pool.Jobs{job(1, 1, 1, 1)}, vms(), "0 small, 0 large, 1 gpu", 12, 12) // the one with devices
	f([]pool.Jobs{job(16, 1, 4, 0)}, vms()[:2], "4 small, 0 large", 4, 4)     // full, and no dearer than one large
	f([]pool.Jobs{job(10, 0.1, 0, 0)}, vms()[:1], "1 small", 1, 1)            // a tenth ten times is one, whatever rounding says
	f([]pool.Jobs{job(3, 0.1, 0, 0)}, []pool.Type{machine("tiny", 0.3, 0, 0, 1)}, "1 tiny", 1, 1)
	f([]pool.Jobs{job(40, 0.1, 0, 0)}, vms()[:1], "1 small", 1, 1)                              // and a full instance is not two
	f([]pool.Jobs{job(41, 0.1, 0, 0)}, vms()[:1], "2 small", 2, 2)                              // ...as one job more is
	f([]pool.Jobs{job(3, 2.1, 1, 0)}, vms()[:1], "3 small", 3, 3)                               // halves that are more: the bound sees it
	f([]pool.Jobs{job(2, 3, 1, 0), job(2, 1, 15, 0)}, vms()[:1], "2 small", 2, 2)               // one of each fills what the other leaves
	f([]pool.Jobs{job(1000000, 1, 4, 0)}, vms()[:1], "250000 small", 250000, 250000)            // by the count, not one by one
	f([]pool.Jobs{job(4, 1, 4, 1), job(12, 1, 4, 0)}, vms(), "0 small, 0 large, 1 gpu", 12, 12) // what is paid for anyway is used
	f([]pool.Jobs{job(3, 1, 1, 0), job(5, 1, 1, 0)}, vms()[:1], "2 small", 2, 2)                // one shape twice is one entry
}

func TestPackWithoutPricesBySize(t *testing.T) {
	types := vms()[:2]
	types[1].Price = pool.Price{}
	p := pack(t, []pool.Jobs{job(1, 5, 16, 0), job(1, 4, 16, 0)}, types)
	if p.Priced || p.Instances[0].Instances != 0 || p.Instances[1].Instances != 1 || p.Cost != 1 {
		t.Errorf("priced %v, %+v, cost %v; want one large instance, counted as 1", p.Priced, p.Instances, p.Cost)
	}
	if p = pack(t, []pool.Jobs{job(1, 4, 16, 0)}, types); p.Instances[0].Instances != 1 || p.Cost != 0.25 {
		t.Errorf("%+v, cost %v; want one small instance, a quarter of the large", p.Instances, p.Cost)
	}
}

func TestPackReportsMisfits(t *testing.T) {
	f := func(j pool.Jobs, types []pool.Type, dimensions, reason string) {
		t.Helper()
		p := pack(t, []pool.Jobs{j, job(2, 1, 1, 0)}, types)
		if len(p.Misfits) != 1 || p.Misfits[0].Jobs != j {
			t.Fatalf("misfits %+v, want %+v", p.Misfits, j)
		}
		if m := p.Misfits[0]; strings.Join(m.Dimensions, " ") != dimensions || m.Reason != reason {
			t.Errorf("misfit of %q because %q, want %q because %q", m.Dimensions, m.Reason, dimensions, reason)
		}
	}
	f(job(3, 17, 1, 0), vms(), "cpu", "it asks for cpu 17 and no type has more than 16")
	f(job(3, 17, 1, 5), vms(), "cpu gpu", "it asks for cpu 17 and no type has more than 16, it asks for gpu 5 and no type has more than 4")
	f(job(3, 0, 0, 0), vms(), "", "it asks for nothing that a type offers: its shape is not known")
	f(job(7, 12, 12, 0), []pool.Type{machine("c", 16, 8, 0, 1), machine("m", 8, 64, 0, 1)}, "",
		"no type has all that it asks for together, c has memory 8 of 12, m has cpu 8 of 12")
}

func TestPackSaysWhatDidNotCount(t *testing.T) {
	p := pack(t, []pool.Jobs{job(2, 1, 4, 1)}, vms()[:2])
	if !reflect.DeepEqual(p.Uncounted, []string{"gpu"}) || len(p.Misfits) != 0 {
		t.Errorf("uncounted %v, misfits %+v", p.Uncounted, p.Misfits)
	}
	if p = pack(t, []pool.Jobs{job(2, 1, 4, 1)}, vms()); len(p.Uncounted) != 0 {
		t.Errorf("uncounted %v", p.Uncounted)
	}
}

func TestPackKeepsMaximum(t *testing.T) {
	f := func(most, want, overflow int) {
		t.Helper()
		types := vms()[:1]
		types[0].Max = most
		p := pack(t, []pool.Jobs{job(40, 1, 4, 0)}, types)
		over := 0
		for _, o := range p.Overflow {
			over += o.Count
		}
		if p.Instances[0].Instances != want || over != overflow {
			t.Errorf("max %d: %d instances, %d jobs over; want %d and %d", most, p.Instances[0].Instances, over, want, overflow)
		}
	}
	f(0, 10, 0)
	f(10, 10, 0)
	f(9, 9, 4)
	f(1, 1, 36)
	types := vms()[:2]
	types[0].Max = 2
	if p := pack(t, []pool.Jobs{job(40, 1, 4, 0)}, types); p.Instances[0].Instances != 2 || p.Instances[1].Instances != 2 || len(p.Overflow) != 0 {
		t.Errorf("small at most 2: %+v, over %v", p.Instances, p.Overflow)
	}
}

func TestPackRefuses(t *testing.T) {
	f := func(jobs []pool.Jobs, types []pool.Type, want string) {
		t.Helper()
		if _, err := pool.Pack(jobs, types); err == nil || err.Error() != "pack: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	few := vms()[:1]
	f(nil, nil, "no instance types")
	f([]pool.Jobs{job(1, 1, 1, 0), job(1, -1, 1, 0)}, few, "jobs[1]: shape: cpu -1 is not a finite number at least 0")
	f([]pool.Jobs{job(1, 1, math.NaN(), 0)}, few, "jobs[0]: shape: memory NaN is not a finite number at least 0")
	f([]pool.Jobs{job(1, 1, 1, math.Inf(1))}, few, "jobs[0]: shape: gpu +Inf is not a finite number at least 0")
	f([]pool.Jobs{job(-4, 1, 1, 0)}, few, "jobs[0]: count -4 is negative")
	f(nil, []pool.Type{machine("a", 0, 0, 0, 1)}, "types[0] a: the shape is zero: nothing fits")
	f(nil, []pool.Type{machine("a", -2, 0, 0, 1)}, "types[0] a: shape: cpu -2 is not a finite number at least 0")
	f(nil, []pool.Type{machine("a", 2, 0, 0, math.NaN())}, "types[0] a: hourly price NaN is not a finite number at least 0")
	f(nil, []pool.Type{machine("a", 2, 0, 0, 1), machine("a", 3, 0, 0, 1)}, `types[1]: there are two types called "a"`)
	f(nil, []pool.Type{{Name: "a", Shape: pool.Shape{CPU: 1}, Max: -1}}, "types[0] a: max -1 is negative")
}

// someJobs draws jobs of shapes that take up to half of 4 cores and 16 of memory, but a quarter of them nearly all of the cores.
func someJobs(rng *rand.Rand, shapes, count int) []pool.Jobs {
	var out []pool.Jobs
	for range shapes {
		j := job(1+rng.IntN(count), 0.05+2*rng.Float64(), 0.2+8*rng.Float64(), 0)
		if rng.IntN(4) == 0 {
			j.Shape.CPU, j.Shape.Memory = j.Shape.CPU*1.9, j.Shape.Memory/10
		}
		out = append(out, j)
	}
	return out
}

// someTypes draws types whose prices are about those of their cores and memory, a little less by size.
func someTypes(rng *rand.Rand, n int) []pool.Type {
	var out []pool.Type
	for k := range n {
		cpu := math.Pow(2, float64(2+rng.IntN(3)))
		memory := cpu * []float64{2, 4, 8}[rng.IntN(3)]
		price := (cpu + memory/8) * (0.9 + 0.2*rng.Float64()) * math.Pow(cpu, -0.05)
		out = append(out, machine(fmt.Sprint("t", k), cpu, max(memory, 16), 0, price))
	}
	return out
}

func TestPackOrderOfJobsDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 50 {
		jobs, types := someJobs(rng, 12, 30), someTypes(rng, 3)
		want := pack(t, jobs, types)
		rng.Shuffle(len(jobs), func(i, k int) { jobs[i], jobs[k] = jobs[k], jobs[i] })
		jobs = append(jobs, pool.Jobs{Shape: jobs[0].Shape, Count: 1})
		jobs[0].Count--
		if got := pack(t, jobs, types); !reflect.DeepEqual(got, want) {
			t.Fatalf("packed otherwise in another order:\n%+v\n%+v", got, want)
		}
	}
}

func TestPackManyJobsInFewFillings(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	jobs, types := someJobs(rng, 50, 4000), vms()
	total := 0
	for _, j := range jobs {
		total += j.Count
	}
	p := pack(t, jobs, types)
	if total < 80000 || len(p.Fillings) > 10*len(jobs) {
		t.Errorf("%d jobs of %d shapes in %d fillings: the time must not depend on the number of jobs", total, len(jobs), len(p.Fillings))
	}
	if p.Cost > 1.05*p.LowerBound {
		t.Errorf("cost %v, lower bound %v", p.Cost, p.LowerBound)
	}
}

func BenchmarkPack100000JobsOf50Shapes(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 1))
	jobs, types := someJobs(rng, 50, 4000), vms()
	for b.Loop() {
		if _, err := pool.Pack(jobs, types); err != nil {
			b.Fatal(err)
		}
	}
}
