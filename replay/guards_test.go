package replay

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// monday is the midnight at which the loads of these tests begin.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// twoPools is a site of capacity 10 with a lead time of 4 minutes: four fixed instances at most, and then variable ones.
func twoPools() Site {
	return Site{Actuator: Direct(), Pools: []pool.Pool{
		{Name: "fixed", Class: pool.Fixed, Min: 1, Max: 4, Capacity: 10, LeadTime: 4 * time.Minute, Price: pool.Price{Hourly: 1}},
		{Name: "spot", Class: pool.Variable, Capacity: 10, LeadTime: 3 * time.Minute, Price: pool.Price{Hourly: 0.5}},
	}}
}

// onePool is a site of one pool of capacity 10 with a lead time of 4 minutes.
func onePool() Site {
	s := twoPools()
	s.Pools = s.Pools[:1]
	s.Pools[0].Min, s.Pools[0].Max = 0, 0
	return s
}

// week is a load with office hours, quieter week-ends, noise, and three hours of every other day unknown.
func week(n int, seed uint64) Load {
	l := Load{Name: "web", Unit: "requests", Start: monday, Step: time.Minute, Values: make([]float64, n*minutesPerDay)}
	r := rand.New(rand.NewPCG(seed, 1))
	for m := range l.Values {
		day, minute := m/minutesPerDay, m%minutesPerDay
		v := 60 + 50*math.Sin(2*math.Pi*(float64(minute)/minutesPerDay-0.3))
		if day%7 >= 5 {
			v *= 0.5
		}
		l.Values[m] = max(v+4*r.NormFloat64(), 0)
		if day%2 == 1 && minute >= 600 && minute < 780 {
			l.Values[m] = math.NaN()
		}
	}
	return l
}

// wants returns what a policy wants in every minute: by minute, setting and pool.
func wants(t *testing.T, p Policy, s Site, l Load, settings []float64) [][][]int {
	t.Helper()
	var out [][][]int
	err := drive(context.Background(), p, s, l, len(l.Values), settings, func(_ int, wanted [][]int) error {
		row := make([][]int, len(wanted))
		for k := range wanted {
			row[k] = slices.Clone(wanted[k])
		}
		out = append(out, row)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", p.Name(), err)
	}
	return out
}

func sameWants(a, b [][]int) bool {
	return slices.EqualFunc(a, b, slices.Equal)
}

// checkPolicy holds a policy to the rules of an honest replay. It calls it for every minute of the load several times over.
func checkPolicy(t *testing.T, p Policy, s Site, l Load) {
	t.Helper()
	settings := p.Settings()
	if n := len(settings); n < 1 || n > Budget {
		t.Fatalf("%s has %d settings, want at most %d", p.Name(), n, Budget)
	}
	all := wants(t, p, s, l, settings)
	checkScramble(t, p, s, l, all)
	checkShift(t, p, s, l, all)
	checkAlone(t, p, s, l, all)
	checkMonotone(t, p, all)
	checkOracle(t, p, s, l)
}

// checkScramble replaces what comes from a minute on by noise: what is wanted in that minute and before must stay.
func checkScramble(t *testing.T, p Policy, s Site, l Load, all [][][]int) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	for _, at := range []int{len(l.Values) / 3, len(l.Values) * 3 / 4} {
		other := l
		other.Values = slices.Clone(l.Values)
		for m := at; m < len(other.Values); m++ {
			other.Values[m] = 1000 * r.Float64()
		}
		other.Values = other.Values[:min(at+minutesPerDay/2, len(other.Values))]
		for m, w := range wants(t, p, s, other, p.Settings())[:at+1] {
			if !sameWants(w, all[m]) {
				t.Errorf("%s: %v is wanted at minute %d, %v with other loads from minute %d on", p.Name(), all[m], m, w, at)
				break
			}
		}
	}
}

// checkShift moves the load by a week.
func checkShift(t *testing.T, p Policy, s Site, l Load, all [][][]int) {
	t.Helper()
	l.Start = l.Start.AddDate(0, 0, 7)
	for m, w := range wants(t, p, s, l, p.Settings()) {
		if !sameWants(w, all[m]) {
			t.Errorf("%s: %v is wanted at minute %d, and %v in the same load a week later", p.Name(), all[m], m, w)
			return
		}
	}
}

// checkAlone runs one setting without the others.
func checkAlone(t *testing.T, p Policy, s Site, l Load, all [][][]int) {
	t.Helper()
	k := len(p.Settings()) / 2
	for m, w := range wants(t, p, s, l, p.Settings()[k:k+1]) {
		if !slices.Equal(w[0], all[m][k]) {
			t.Errorf("%s: setting %v wants %v at minute %d, alone %v", p.Name(), p.Settings()[k], all[m][k], m, w[0])
			return
		}
	}
}

// checkMonotone: a safer setting never wants less.
func checkMonotone(t *testing.T, p Policy, all [][][]int) {
	t.Helper()
	for m, w := range all {
		for k := 1; k < len(w); k++ {
			for i := range w[k] {
				if w[k][i] < w[k-1][i] {
					t.Errorf("%s: settings %v want %v at minute %d", p.Name(), p.Settings()[k-1:k+1], w[k-1:k+1], m)
					return
				}
			}
		}
	}
}

// checkOracle: nothing without violations costs less than whoever knows the future pays.
func checkOracle(t *testing.T, p Policy, s Site, l Load) {
	t.Helper()
	half := len(l.Values) / 2 / minutesPerDay * minutesPerDay
	c, err := Compare(context.Background(), Options{
		Load: l, Site: s, Actuators: []Actuator{Direct(), HPAZero()}, Policies: []Policy{p}, Targets: []float64{0.01}, Workers: 1,
		Parts: Parts{Train: Part{0, half - minutesPerDay}, Validation: Part{half - minutesPerDay, half}, Test: Part{half, len(l.Values)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range c.Runs {
		o := c.Oracles[i%2].Test
		if h := r.Test.InstanceHours; r.Test.Violations == 0 && (h < o.Physical.InstanceHours-1e-6 || h < o.Actuator.InstanceHours-1e-6) {
			t.Errorf("%s with %v behind %s: %v instance-hours without violations, the oracles need %v and %v",
				p.Name(), r.Setting, r.Actuator, h, o.Physical.InstanceHours, o.Actuator.InstanceHours)
		}
	}
}

// peeker looks for loads beyond those it is given.
type peeker struct{ seen *int }

func (peeker) Name() string                             { return "peeker" }
func (peeker) Settings() []float64                      { return []float64{1} }
func (p peeker) Start(Site, []float64) (Planner, error) { return p, nil }
func (peeker) Close()                                   {}

func (p peeker) Plan(_ time.Time, past []float64, _ [][]int) error {
	*p.seen = max(*p.seen, cap(past)-len(past))
	return nil
}

func TestPoliciesAreHandedThePastOnly(t *testing.T) {
	seen := 0
	wants(t, peeker{&seen}, onePool(), week(2, 1), []float64{1})
	if seen != 0 {
		t.Errorf("a policy can reach %d minutes beyond the present", seen)
	}
}

func TestBaselinesAreHonest(t *testing.T) {
	l := week(10, 1)
	for _, p := range Baselines(5 * minutesPerDay) {
		if strings.HasSuffix(p.Name(), "+15m") && p.Name() != "holt-winters|reactive+15m" {
			continue // they read as those without do
		}
		checkPolicy(t, p, twoPools(), l)
	}
}

func TestBaselinesHaveOneBudget(t *testing.T) {
	untuned := []string{"hpa-70%", "hpa-70%+20%"}
	for _, p := range Baselines(minutesPerDay) {
		if n := len(p.Settings()); n != Budget && (n != 1 || !slices.Contains(untuned, p.Name())) {
			t.Errorf("%s has %d settings, want %d", p.Name(), n, Budget)
		}
	}
}
