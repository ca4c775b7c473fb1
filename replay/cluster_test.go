package replay

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// start is a midnight.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// oneSite is a site of one pool of capacity 1 that boots for four minutes.
func oneSite(a Actuator) Site {
	return Site{
		Pools:    []pool.Pool{{Name: "web", Capacity: 1, LeadTime: 4 * time.Minute, Price: pool.Price{Hourly: 2}}},
		Actuator: a, MinimumBill: time.Minute, Seed: 7,
	}
}

func loadOf(values []float64) Load {
	return Load{Name: "test", Unit: "units", Start: start, Step: time.Minute, Values: values}
}

// days returns n days of a load that follows the hour, with noise.
func days(n int, peak float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, n*24*60)
	for i := range out {
		day := 2 * math.Pi * float64(i%1440) / 1440
		out[i] = peak * (0.5 - 0.4*math.Cos(day) + 0.03*math.Sin(9*day) + 0.02*r.NormFloat64())
		out[i] = max(out[i], 0)
	}
	return out
}

// run is a cluster whose first instances are given, run over loads and wishes for its first pool.
func run(t *testing.T, s Site, first int, loads []float64, wanted func(m int) int) (*Cluster, []Usage) {
	t.Helper()
	c, err := NewCluster(s, []int{first})
	if err != nil {
		t.Fatal(err)
	}
	var out []Usage
	for m, v := range loads {
		u, minuteErr := c.Minute(v, []int{wanted(m)})
		if minuteErr != nil {
			t.Fatal(minuteErr)
		}
		out = append(out, u)
	}
	return c, out
}

func total(us []Usage) Usage {
	var sum Usage
	for _, u := range us {
		sum.Offered += u.Offered
		sum.Unmet += u.Unmet
		sum.Excess += u.Excess
		sum.InstanceHours += u.InstanceHours
		sum.Money += u.Money
		sum.Starts += u.Starts
		sum.Interrupted += u.Interrupted
	}
	return sum
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func constant(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestStaticPeakCostsNTimesT(t *testing.T) {
	loads := days(3, 30, 1)
	for _, a := range []Actuator{Direct(), HPA(), HPAZero()} {
		out, err := Simulate(loadOf(loads), oneSite(a), 0, len(loads), func(_ int, out []int) { out[0] = 33 })
		if err != nil {
			t.Fatal(err)
		}
		hours := 3*24.0 - 2
		near(t, a.Name+" instance-hours", out.InstanceHours, 33*hours)
		near(t, a.Name+" money", out.Money, 66*hours)
		if out.Starts != 0 || out.Violations != 0 || out.Minutes != len(loads)-120 {
			t.Errorf("%s: %d starts, %d violations in %d minutes", a.Name, out.Starts, out.Violations, out.Minutes)
		}
		near(t, a.Name+" load and excess", out.Offered+out.Excess, 33*float64(out.Minutes))
	}
}

func TestBootIsWaitedForAndPaid(t *testing.T) {
	f := func(boot time.Duration, violations int, unmet float64) {
		t.Helper()
		s := oneSite(Direct())
		s.Pools[0].LeadTime = boot
		loads := append(constant(1, 10), constant(2, 20)...)
		_, us := run(t, s, 1, loads, func(m int) int { return int(loads[m]) })
		got := 0
		for _, u := range us {
			if u.Short {
				got++
			}
		}
		if got != violations {
			t.Errorf("boot %s: %d violations, want %d", boot, got, violations)
		}
		sum := total(us)
		near(t, "unmet", sum.Unmet, unmet)
		near(t, "instance-minutes", sum.InstanceHours*60, 50)
		if sum.Starts != 1 {
			t.Errorf("%d starts", sum.Starts)
		}
	}
	f(4*time.Minute, 5, 4.25)
	f(0, 1, 0.25)
	f(45*time.Second, 1, 1)
	f(46*time.Second, 2, 1.25)
}

func TestMinimumBill(t *testing.T) {
	f := func(least time.Duration, minutes float64) {
		t.Helper()
		s := oneSite(Direct())
		s.MinimumBill = least
		// The second instance is wanted for one minute, while it boots.
		_, us := run(t, s, 1, constant(0, 30), func(m int) int {
			if m == 10 {
				return 2
			}
			return 1
		})
		near(t, "instance-minutes", total(us).InstanceHours*60, 30+minutes)
		near(t, "money", total(us).Money, 2*(30+minutes)/60)
		near(t, "bill of the last minute", us[11].InstanceHours*60, minutes)
	}
	f(0, 1)
	f(time.Minute, 1)
	f(10*time.Minute, 10)
}

func TestLinger(t *testing.T) {
	f := func(a Actuator, minutes float64) {
		t.Helper()
		_, us := run(t, oneSite(a), 2, constant(0, 60), func(m int) int {
			if m < 20 {
				return 2
			}
			return 1
		})
		near(t, a.Name+" instance-minutes", total(us).InstanceHours*60, 60+20+minutes)
	}
	f(Direct(), 0)
	f(Actuator{Name: "unneeded", Unneeded: 10 * time.Minute}, 10)
	// The last high recommendation leaves the window when it is five minutes old, one look less than that after the first low one.
	f(HPAZero(), 4.75+10)
	f(Actuator{Name: "slow", Scan: time.Minute}, 0)
	f(Actuator{Name: "slow and patient", Scan: time.Minute, Unneeded: 75 * time.Second}, 2)
}

func TestLingeringInstanceServesAgainAtOnce(t *testing.T) {
	loads := append(append(constant(2, 10), constant(1, 12)...), constant(2, 10)...)
	_, us := run(t, oneSite(HPAZero()), 2, loads, func(m int) int { return int(loads[m]) })
	if sum := total(us); sum.Starts != 0 || sum.Unmet != 0 {
		t.Errorf("%d starts, %v unmet", sum.Starts, sum.Unmet)
	}
	c, _ := run(t, oneSite(HPAZero()), 2, loads[:20], func(m int) int { return int(loads[m]) })
	if p := c.Pools()[0]; p.Active != 1 || p.Warm != 1 || p.Warming != 0 {
		t.Errorf("pool %+v, want 1 active and 1 warm", p)
	}
}

func TestLastReadyIsStoppedFirst(t *testing.T) {
	c, _ := run(t, oneSite(Direct()), 5, constant(0, 3), func(m int) int { return []int{5, 8, 6}[m] })
	p := c.Pools()[0]
	if p.Active != 5 || p.Warming != 1 || p.Warm != 0 || !p.Observed || !p.Phases {
		t.Errorf("pool %+v, want 5 active and 1 warming", p)
	}
	// With random boots a younger instance may be ready before an older one, and then is kept before it.
	s := oneSite(Direct())
	s.BootSpread = 1
	c, _ = run(t, s, 0, constant(0, 5), func(int) int { return 40 })
	if p = c.Pools()[0]; p.Active == 0 || p.Warming == 0 {
		t.Fatalf("pool %+v: choose another minute", p)
	}
	if _, err := c.Minute(0, []int{p.Active}); err != nil {
		t.Fatal(err)
	}
	if q := c.Pools()[0]; q.Active != p.Active || q.Warming != 0 {
		t.Errorf("pool %+v, want the %d ready ones kept", q, p.Active)
	}
}

func TestUnknownMinutesAreBilledAndNotScored(t *testing.T) {
	loads := constant(5, 300)
	for m := 150; m < 200; m++ {
		loads[m] = math.NaN()
	}
	out, err := Simulate(loadOf(loads), oneSite(Direct()), 0, 300, func(_ int, out []int) { out[0] = 2 })
	if err != nil {
		t.Fatal(err)
	}
	if out.Minutes != 130 || out.Violations != 130 || out.WorstRun != 100 {
		t.Errorf("%d of %d minutes, worst run %d, want 130 of 130 and 100", out.Violations, out.Minutes, out.WorstRun)
	}
	near(t, "instance-hours", out.InstanceHours, 6)
	near(t, "offered", out.Offered, 650)
	near(t, "unmet", out.Unmet, 390)
}

func TestBacklog(t *testing.T) {
	f := func(backlog bool, retries float64, want ...float64) {
		t.Helper()
		s := oneSite(Direct())
		s.Backlog, s.Retries = backlog, retries
		loads := append([]float64{12, 12}, constant(5, len(want)-2)...)
		_, us := run(t, s, 10, loads, func(int) int { return 10 })
		for m, w := range want {
			near(t, "unmet", us[m].Unmet, w)
			near(t, "offered", us[m].Offered, loads[m])
			if us[m].Short != (w > 0) {
				t.Errorf("minute %d: short is %v with %v unmet", m, us[m].Short, w)
			}
		}
	}
	f(false, 0, 2, 2, 0, 0)
	f(false, 1, 2, 2, 0, 0)
	f(true, 0, 2, 4, 0, 0)
	f(true, 0.5, 2, 3, 0, 0)
}

func TestCommitmentsArePaidWhetherUsedOrNot(t *testing.T) {
	f := func(c pool.Commitment, n int, money float64) {
		t.Helper()
		s := oneSite(Direct())
		s.Pools[0].Price.Commitment = c
		_, us := run(t, s, n, constant(0, 60), func(int) int { return n })
		near(t, "money", total(us).Money, money)
		near(t, "instance-hours", total(us).InstanceHours, float64(n))
	}
	f(pool.Commitment{}, 5, 10)
	f(pool.Commitment{Ratio: 0.6, Instances: 3}, 5, 2*(0.6*3+2))
	f(pool.Commitment{Ratio: 0.6, Instances: 3}, 1, 2*0.6*3)
	f(pool.Commitment{Ratio: 0.6}, 2, 4)
}

func TestPoolsCountByCapacity(t *testing.T) {
	s := oneSite(Direct())
	s.Pools = append(s.Pools, pool.Pool{Name: "big", Capacity: 4, Price: pool.Price{Hourly: 5}})
	c, err := NewCluster(s, []int{2, 1})
	if err != nil {
		t.Fatal(err)
	}
	u, err := c.Minute(7, []int{2, 1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "instance-minutes", u.InstanceHours*60, 2+4)
	near(t, "money", u.Money*60, 2*2+5)
	near(t, "unmet", u.Unmet, 1)
}

func TestLimitsBoundWishes(t *testing.T) {
	s := oneSite(Direct())
	s.Pools[0].Min, s.Pools[0].Max = 2, 4
	c, _ := run(t, s, 0, constant(0, 3), func(int) int { return 100 })
	if p := c.Pools()[0]; p.Active != 2 || p.Warming != 2 {
		t.Errorf("%d active and %d warming, want the minimum of 2 and the maximum of 4", p.Active, p.Warming)
	}
}

func TestRandomBoots(t *testing.T) {
	s := oneSite(Direct())
	s.BootSpread = 0.3
	d := newDraws(s, 0)
	var sum, squares float64
	const n = 20000
	for k := range n {
		b := float64(d.boot(k)) / float64(minuteTicks)
		sum += b
		squares += b * b
	}
	mean := sum / n
	// Rounding up to a tick adds half of one on average.
	if want := 4 + 0.125; math.Abs(mean-want) > 0.03 {
		t.Errorf("mean boot is %v minutes, want %v", mean, want)
	}
	if sd := math.Sqrt(squares/n - mean*mean); math.Abs(sd-1.2) > 0.03 {
		t.Errorf("standard deviation is %v minutes, want 1.2", sd)
	}
	other := s
	other.Seed++
	if newDraws(s, 0).boot(5) != d.boot(5) || newDraws(other, 0).boot(5) == d.boot(5) && newDraws(other, 0).boot(6) == d.boot(6) {
		t.Error("boots do not follow the seed")
	}
}

func TestInterruptions(t *testing.T) {
	s := oneSite(Direct())
	s.Pools[0].Price.InterruptionsPerHour = 0.5
	s.Pools[0].Price.Restart = 30 * time.Minute
	minutes := 4 * 24 * 60
	_, us := run(t, s, 20, constant(20, minutes), func(int) int { return 20 })
	sum := total(us)
	want := 0.5 * 20 * float64(minutes) / 60 * 60 / (60 + 0.5*4.25)
	if math.Abs(float64(sum.Interrupted)-want) > 4*math.Sqrt(want) {
		t.Errorf("%d interruptions, want about %v", sum.Interrupted, want)
	}
	if sum.Starts != sum.Interrupted {
		t.Errorf("%d starts after %d interruptions", sum.Starts, sum.Interrupted)
	}
	near(t, "instance-hours", sum.InstanceHours, 20*float64(minutes)/60)
	near(t, "money", sum.Money, 2*(sum.InstanceHours+0.5*float64(sum.Interrupted)))
	// The end cuts off at most what the last of them leave unserved.
	if most := 4.25 * float64(sum.Interrupted); sum.Unmet > most+1e-9 || sum.Unmet < most-4.25*5 {
		t.Errorf("%v unmet after %d interruptions, want %v", sum.Unmet, sum.Interrupted, most)
	}
	_, again := run(t, s, 20, constant(20, minutes), func(int) int { return 20 })
	if total(again) != sum {
		t.Error("the same seed gives another outcome")
	}
}

func TestDomainFailsTogether(t *testing.T) {
	s := oneSite(Direct())
	s.Pools[0].Domain, s.Pools[0].Price.InterruptionsPerHour = "zone", 0.5
	s.Pools = append(s.Pools, s.Pools[0])
	s.Pools[1].Name = "other"
	s.Pools[1].Price.InterruptionsPerHour = 0.25
	lost := func(n int) (both, first, second int, at []int) {
		c, err := NewCluster(s, []int{n, 1})
		if err != nil {
			t.Fatal(err)
		}
		for m := range 20 * 24 * 60 {
			u, minuteErr := c.Minute(0, []int{n, 1})
			if minuteErr != nil {
				t.Fatal(minuteErr)
			}
			switch u.Interrupted {
			case 0:
				continue
			case n:
				first++
			case n + 1:
				both++
			default:
				second++
			}
			at = append(at, m)
		}
		return both, first, second, at
	}
	both, first, second, at := lost(7)
	if both < 95 || first < 95 || both+first > 280 || second > 10 {
		t.Errorf("%d times both pools, %d times the first and %d times the second alone, want about 120, 120 and few", both, first, second)
	}
	_, _, _, other := lost(3)
	if len(at) != len(other) {
		t.Errorf("%d failures with 7 instances, %d with 3: they depend on what there is", len(at), len(other))
	}
	// What boots is not interrupted: with a boot as long as the run there is nothing to lose.
	s.Pools[0].LeadTime, s.Pools[1].LeadTime = 30*24*time.Hour, 30*24*time.Hour
	c, err := NewCluster(s, []int{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 * 24 * 60 {
		if u, minuteErr := c.Minute(0, []int{5, 5}); minuteErr != nil || u.Interrupted > 0 {
			t.Fatalf("%d interrupted, %v", u.Interrupted, minuteErr)
		}
	}
}

func TestBadSitesAreRefused(t *testing.T) {
	f := func(want string, spoil func(s *Site)) {
		t.Helper()
		s := oneSite(HPA())
		spoil(&s)
		if _, err := NewCluster(s, make([]int, len(s.Pools))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	f("no pools", func(s *Site) { s.Pools = nil })
	f(`two pools are called "web"`, func(s *Site) { s.Pools = append(s.Pools, s.Pools[0]) })
	f("pool web: capacity 0", func(s *Site) { s.Pools[0].Capacity = 0 })
	f("pool web: capacity NaN", func(s *Site) { s.Pools[0].Capacity = math.NaN() })
	f("pool web: max 2 with min 3", func(s *Site) { s.Pools[0].Min, s.Pools[0].Max = 3, 2 })
	f("pool web: min -1", func(s *Site) { s.Pools[0].Min = -1 })
	f("pool web: lead time -1s", func(s *Site) { s.Pools[0].LeadTime = -time.Second })
	f("pool web: price: hourly -1", func(s *Site) { s.Pools[0].Price.Hourly = -1 })
	f("pool web: price: commitment ratio 1", func(s *Site) { s.Pools[0].Price.Commitment.Ratio = 1 })
	f("pool web: price: -2 instances", func(s *Site) { s.Pools[0].Price.Commitment.Instances = -2 })
	f("pool web: price: NaN interruptions", func(s *Site) { s.Pools[0].Price.InterruptionsPerHour = math.NaN() })
	f("pool web: price: restart", func(s *Site) { s.Pools[0].Price.Restart = -1 })
	f("boot spread -1", func(s *Site) { s.BootSpread = -1 })
	f("minimum bill", func(s *Site) { s.MinimumBill = -1 })
	f("retries 1.5", func(s *Site) { s.Retries = 1.5 })
	f("actuator hpa: tolerance 1", func(s *Site) { s.Actuator.Tolerance = 1 })
	f("actuator hpa: a time", func(s *Site) { s.Actuator.Unneeded = -1 })
	f("actuator hpa: up to -1 pods", func(s *Site) { s.Actuator.UpPods = -1 })
	f("actuator hpa: what may be added", func(s *Site) { s.Actuator.UpPeriod = 0 })
	c, err := NewCluster(oneSite(Direct()), []int{1})
	if err != nil {
		t.Fatal(err)
	}
	g := func(want string, load float64, wanted ...int) {
		t.Helper()
		if _, err := c.Minute(load, wanted); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	g("load -1", -1, 1)
	g("load +Inf", math.Inf(1), 1)
	g("2 pools", 1, 1, 1)
	g("pool web: -1 instances", 1, -1)
	g("pool web: 2097152 instances", 1, 1<<21)
}

// plain is a pool that is simulated without any cleverness: how many ticks each instance has been there and idle, and until it is ready.
type plain struct {
	boot, least, scan, unneeded, now int
	all                              []struct{ age, idle, boot int }
}

// tick returns the instance-ticks paid in a tick and the instances that serve.
func (p *plain) tick(wish int) (paid, serving int) {
	for i := range p.all {
		if i < wish {
			p.all[i].idle = -1
		}
		p.all[i].idle++
	}
	if p.now%p.scan == 0 {
		for len(p.all) < wish {
			p.all = append(p.all, struct{ age, idle, boot int }{boot: p.boot})
		}
		for n := len(p.all) - 1; n >= wish && p.all[n].idle > p.unneeded; n-- {
			paid += max(p.least-p.all[n].age, 0)
			p.all = p.all[:n]
		}
	}
	p.now++
	for i := range p.all {
		if p.all[i].boot == 0 && i < wish {
			serving++
		}
		p.all[i].boot = max(p.all[i].boot-1, 0)
		p.all[i].age++
		paid++
	}
	return paid, serving
}

func TestClusterAgainstPlainSimulation(t *testing.T) {
	r := source(17)
	for range 80 {
		s := oneSite(Actuator{Scan: time.Duration(r.IntN(40)) * time.Second, Unneeded: time.Duration(r.IntN(9)) * 20 * time.Second})
		s.Pools[0].LeadTime = time.Duration(r.IntN(200)) * time.Second
		s.MinimumBill = time.Duration(r.IntN(100)) * time.Second
		wish := r.IntN(6)
		c, err := NewCluster(s, []int{wish})
		if err != nil {
			t.Fatal(err)
		}
		p := plain{
			boot: ticks(s.Pools[0].LeadTime) + 1, least: ticks(s.MinimumBill), scan: max(ticks(s.Actuator.Scan), 1),
			unneeded: ticks(s.Actuator.Unneeded), all: make([]struct{ age, idle, boot int }, wish),
		}
		for m := range 120 {
			load := 8 * r.Float64()
			u, minuteErr := c.Minute(load, []int{wish})
			if minuteErr != nil {
				t.Fatal(minuteErr)
			}
			var paid, unmet float64
			for range minuteTicks {
				n, serving := p.tick(wish)
				paid += float64(n)
				unmet += max(load-float64(serving), 0) / float64(minuteTicks)
			}
			if math.Abs(u.InstanceHours-paid*tickHours) > 1e-9 || math.Abs(u.Unmet-unmet) > 1e-9 {
				t.Fatalf("minute %d of %+v, %d wanted: %+v, want %v instance-hours and %v unmet", m, s, wish, u, paid*tickHours, unmet)
			}
			if r.IntN(3) == 0 {
				wish = r.IntN(8)
			}
		}
	}
}

func BenchmarkSimulate(b *testing.B) {
	loads := days(28, 40, 3)
	for _, a := range []Actuator{Direct(), HPA()} {
		b.Run(a.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := Simulate(loadOf(loads), oneSite(a), 0, len(loads), func(m int, out []int) { out[0] = int(loads[m]) + 1 })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
