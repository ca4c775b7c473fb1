package pool_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// noisy is a fleet whose demand is normal around 100 with a deviation of 10 and whose forecast says so with a deviation of width times
// that. It makes turns minute by minute.
type noisy struct {
	in     pool.Input
	rng    *rand.Rand
	recent []pool.Decision
}

func newNoisy(width float64) *noisy {
	rng := rand.New(rand.NewPCG(1, 2))
	paths := make([][]float64, 200)
	for i := range paths {
		for range 12 {
			paths[i] = append(paths[i], max(100+width*10*rng.NormFloat64(), 0))
		}
	}
	return &noisy{rng: rng, in: pool.Input{
		Fleet: "web", Paths: pool.NewPaths(paths), Forecast: forecast.Forecast{Step: time.Minute}, Lean: true,
		Pools: []pool.Pool{{Name: "p", Class: pool.Variable, Capacity: 1, LeadTime: 4 * time.Minute}},
		Policy: pool.Policy{
			Mode: pool.Act, Probability: 0.9, Paced: true, Interval: time.Minute, Validity: 5 * time.Minute, StaleAfter: 5 * time.Minute,
		},
	}}
}

// turn makes the turn of minute k, and reports whether the demand of its observation was met by what was wanted since a lead time before.
func (n *noisy) turn(t *testing.T, k int) (d pool.Decision, met bool) {
	t.Helper()
	n.in.Now = noon.Add(time.Duration(k)*time.Minute + 10*time.Second)
	n.in.DemandAt = noon.Add(time.Duration(k) * time.Minute)
	n.in.Demand = max(100+10*n.rng.NormFloat64(), 0)
	n.in.ObservedAt, n.in.Observed = n.in.DemandAt, n.in.Demand
	n.in.Forecast.Origin = n.in.DemandAt
	met = true
	if len(n.recent) == 6 {
		for _, before := range n.recent {
			met = met && float64(before.Plan.Total()) >= n.in.Demand
		}
		n.recent = n.recent[1:]
	}
	d = decide(t, n.in)
	n.in.Previous, n.in.Pace = d.Plan.Targets, d.Pace
	n.recent = append(n.recent, d)
	return d, met
}

// TestPacedDemandIsMetAsOftenAsAsked lets a forecast be wider than the demand, right, and half as wide.
func TestPacedDemandIsMetAsOftenAsAsked(t *testing.T) {
	f := func(width float64, paced bool, least, most float64) {
		t.Helper()
		n := newNoisy(width)
		n.in.Policy.Paced = paced
		missed, counted := 0, 0
		for k := range 16000 {
			if _, met := n.turn(t, k); k >= 10000 {
				counted++
				if !met {
					missed++
				}
			}
		}
		if share := float64(missed) / float64(counted); share < least || share > most {
			t.Errorf("with a forecast %g times as wide as it should be, paced %v, %.3f of the minutes are missed, want %g to %g", width, paced, share, least, most)
		}
	}
	f(1, true, 0.06, 0.1)
	f(1.2, true, 0.03, 0.1)
	f(0.5, true, 0.06, 0.105)
	f(1.2, false, 0, 0.025)
	f(0.5, false, 0.105, 0.3)
}

func TestPaceIsBounded(t *testing.T) {
	n := newNoisy(1)
	n.in.Policy.Probability = 0.99
	f := func(demand, least, most float64) {
		t.Helper()
		var working float64
		for k := range 12000 {
			n.in.Now = noon.Add(time.Duration(k)*time.Minute + 10*time.Second)
			n.in.DemandAt = noon.Add(time.Duration(k) * time.Minute)
			n.in.Demand, n.in.Forecast.Origin = demand, n.in.DemandAt
			if k%2 == 1 {
				n.in.Demand = demand / 2 // so that half of the minutes are more than was planned
			}
			d := decide(t, n.in)
			n.in.Previous, n.in.Pace, working = nil, d.Pace, d.Working
		}
		if working < least || working > most {
			t.Errorf("with a demand of %g windows are sized with %v, want %v to %v", demand, working, least, most)
		}
		n.in.Pace = pool.Pace{}
	}
	f(10, 0.8999, 0.9001)
	f(1000, 0.9966, 0.99667)
}

func TestPaceForgetsWhatNoTurnLooksAt(t *testing.T) {
	n := newNoisy(1)
	for k := range 100 {
		d, _ := n.turn(t, k)
		if len(d.Pace.Plans) > 12 {
			t.Fatalf("%d plans are handed on", len(d.Pace.Plans))
		}
	}
	n.in.Policy.Paced = false
	d, _ := n.turn(t, 100)
	if d.Working != 0.9 || len(d.Pace.Plans) != 0 {
		t.Errorf("unpaced, windows are sized with %v and %d plans are handed on", d.Working, len(d.Pace.Plans))
	}
}

// TestAForecastThatIsWorseThanTheLastValueLosesItsPlace scales the forecast by 0.1, and back.
func TestAForecastThatIsWorseThanTheLastValueLosesItsPlace(t *testing.T) {
	n := newNoisy(1)
	history := make([]float64, 5000)
	for i := range history {
		history[i] = 100 + 10*n.rng.NormFloat64()
	}
	n.in.Changes = pool.NewChanges(history)
	good := n.in.Paths
	wrong := make([][]float64, len(good.Values()))
	for i, path := range good.Values() {
		for _, v := range path {
			wrong[i] = append(wrong[i], 0.1*v)
		}
	}
	n.in.Paths = pool.NewPaths(wrong)
	skill := func(d pool.Decision) bool {
		for _, g := range d.Guards {
			if g.Name == pool.GuardSkill {
				return true
			}
		}
		return false
	}
	lost := -1
	missed := 0
	for k := range 2000 {
		d, met := n.turn(t, k)
		if skill(d) && lost < 0 {
			lost = k
		}
		if !met && k > 60 {
			missed++
		}
	}
	if lost < 30 || lost > 60 {
		t.Errorf("the forecast loses its place in turn %d, want one of 30 to 60", lost)
	}
	if missed > 200 {
		t.Errorf("%d of 1940 minutes are missed with the naive forecast, want a tenth at most", missed)
	}
	n.in.Paths = good
	for k := 2000; k < 12000; k++ {
		if d, _ := n.turn(t, k); !skill(d) {
			return
		}
	}
	t.Error("the forecast does not get its place back")
}

// TestStock lets a demand of ten instances that may grow by up to four have instances standing by.
func TestStock(t *testing.T) {
	paths := make([][]float64, 300)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range paths {
		v := 10.0
		for range 12 {
			if rng.Float64() < 0.2 {
				v++
			}
			paths[i] = append(paths[i], v)
		}
	}
	in := newNoisy(1).in
	in.Paths, in.Demand, in.Policy.Paced, in.Policy.Probability = pool.NewPaths(paths), 10, false, 0.1
	in.Now, in.DemandAt, in.Forecast.Origin = noon, noon, noon
	f := func(hitRate float64, lead time.Duration, warm int) {
		t.Helper()
		in.Pools[0].Stock = pool.WarmPolicy{HitRate: hitRate, LeadTime: lead}
		d := decide(t, in)
		if got := d.Plan.Targets[0]; got.Warm != warm || got.Instances < 10+warm {
			t.Errorf("at a hit rate of %g with a lead time of %s there are %d instances of which %d stand by, want %d", hitRate, lead, got.Instances, got.Warm, warm)
		}
	}
	f(0, 0, 0)
	f(0.5, 4*time.Minute, 2)  // claims of the five minutes that a turn and a start take: 1 in the mean
	f(0.99, 4*time.Minute, 5) // P(D <= 4) = 0.9963, P(D <= 3) = 0.981 for Poisson's 1
	f(0.99, 9*time.Minute, 7) // mean 2: P(D <= 6) = 0.9955, P(D <= 5) = 0.983
}

// TestPaceUnderLimits lets a demand be more than anybody could have met, or hidden by full capacity.
func TestPaceUnderLimits(t *testing.T) {
	f := func(what string, change func(in *pool.Input), least, most float64) {
		t.Helper()
		n := newNoisy(1)
		n.in.Policy.Probability = 0.99
		var working float64
		for k := range 3000 {
			n.in.Now = noon.Add(time.Duration(k)*time.Minute + 10*time.Second)
			n.in.DemandAt = noon.Add(time.Duration(k) * time.Minute)
			n.in.Demand, n.in.Forecast.Origin = 100, n.in.DemandAt
			change(&n.in)
			d := decide(t, n.in)
			n.in.Previous, n.in.Pace, working = d.Plan.Targets, d.Pace, d.Working
		}
		if working < least || working > most {
			t.Errorf("%s: windows are sized with %v, want %v to %v", what, working, least, most)
		}
	}
	f("met", func(*pool.Input) {}, 0.9, 0.985)
	f("beyond the maximum", func(in *pool.Input) { in.Pools[0].Max = 50 }, 0.9, 0.985)
	f("hidden", func(in *pool.Input) { in.Hidden = true }, 0.9966, 0.9967)
	f("excluded", func(in *pool.Input) { in.Excluded = true }, 0.99, 0.99)
	f("held back by a limit", func(in *pool.Input) {
		in.Policy.Limits.StepUp, in.Previous = 1, []pool.Target{{Pool: "p", Instances: 1}}
	}, 0.99, 0.99)
}

// TestPaceOf holds that a pace that is told as a probability comes back the same.
func TestPaceOf(t *testing.T) {
	n := newNoisy(1)
	for k := range 500 {
		d, _ := n.turn(t, k)
		if back := pool.PaceOf(d.Working, 0.9); d.Pace.Share != 0 && back.Share != d.Pace.Share {
			t.Fatalf("in turn %d the share is %v, and %v comes back from %v", k, d.Pace.Share, back.Share, d.Working)
		}
	}
	for _, working := range []float64{0, 1, -1, math.NaN()} {
		if p := pool.PaceOf(working, 0.9); p.Share != 0 {
			t.Errorf("a probability of %v is a share of %v", working, p.Share)
		}
	}
}

func TestRestoredSkill(t *testing.T) {
	f := func(model, naive float64, known, lost bool) {
		t.Helper()
		k := pool.RestoredSkill(model, naive)
		if _, _, ok := k.Scores(); ok != known || k.Lost() != lost {
			t.Errorf("scores of %v and %v: known %v, lost %v, want %v, %v", model, naive, ok, k.Lost(), known, lost)
		}
	}
	f(1, 1, true, false)
	f(0.5, 1, true, false)
	f(1.2, 1, true, true)
	f(1, 0, true, true)
	f(0, 1, true, false)
	f(0, 0, false, false)
	f(math.NaN(), 1, false, false)
	f(1, math.Inf(1), false, false)
	f(-1, 1, false, false)
}
