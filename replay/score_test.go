package replay

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestScoreByDay(t *testing.T) {
	// From 20:00 for 28 hours: four hours, a day. Short are 60 minutes of the first evening and 180 of the next day, 100 of them at a stretch.
	s := NewScore(start.Add(20 * time.Hour))
	for m := range 28 * 60 {
		u := Usage{Known: true, Offered: 2, Excess: 1, InstanceHours: 0.5, Money: 3}
		if m >= 100 && m < 160 || m >= 400 && m < 500 || m >= 900 && m < 980 {
			u.Short, u.Unmet = true, 0.25
		}
		s.Add(u)
	}
	o := s.Outcome()
	if o.Minutes != 1680 || o.Violations != 240 || o.WorstRun != 100 || len(o.Days) != 2 {
		t.Fatalf("%+v", o)
	}
	near(t, "offered", o.Offered, 3360)
	near(t, "unmet", o.Unmet, 60)
	near(t, "excess", o.Excess, 1680)
	near(t, "instance-hours", o.InstanceHours, 840)
	near(t, "money", o.Money, 5040)
	near(t, "first evening", o.Days[0].Violations, 0.25)
	near(t, "next day", o.Days[1].Violations, 0.125)
	near(t, "instance-hours of the day", o.Days[1].InstanceHours, 720)
	near(t, "unmet of the day", o.Days[1].Unmet, 45)
	// Four hours are no day where there is a whole one.
	if next := start.Add(24 * time.Hour); !o.WorstDay.Equal(next) || o.Worst != o.Days[1].Violations || !o.Days[1].Start.Equal(next) {
		t.Errorf("worst day %s with %v", o.WorstDay, o.Worst)
	}
	if again := s.Outcome(); again.Worst != o.Worst || again.Days[0] != o.Days[0] {
		t.Error("asking twice gives another outcome")
	}
}

func TestScoreOfFewMinutes(t *testing.T) {
	s := NewScore(start)
	if o := s.Outcome(); o.Minutes != 0 || o.Worst != 0 || !o.WorstDay.IsZero() || len(o.Days) != 0 {
		t.Errorf("nothing scored: %+v", o)
	}
	s.Add(Usage{InstanceHours: 1})
	if o := s.Outcome(); o.Minutes != 0 || o.InstanceHours != 1 || !o.WorstDay.IsZero() || o.Days[0].Violations != 0 {
		t.Errorf("nothing known: %+v", o)
	}
	for _, short := range []bool{true, true, false, true} {
		s.Add(Usage{Known: true, Short: short})
	}
	s.Add(Usage{})
	s.Add(Usage{Known: true, Short: true})
	o := s.Outcome()
	if o.WorstRun != 2 || o.Worst != 0.8 || !o.WorstDay.Equal(start) {
		t.Errorf("worst run %d, worst day %v on %s", o.WorstRun, o.Worst, o.WorstDay)
	}
}

func TestSimulateLeavesWishesAndNamesMinutes(t *testing.T) {
	l := loadOf(constant(3, 400))
	calls := 0
	out, err := Simulate(l, oneSite(Direct()), 100, 400, func(m int, out []int) {
		if m != 100+calls {
			t.Fatalf("call %d is for minute %d", calls, m)
		}
		if calls == 0 {
			out[0] = 3
		}
		calls++
	})
	if err != nil || calls != 300 || out.Violations != 0 || out.Starts != 0 || out.Minutes != 180 {
		t.Errorf("%d calls, %+v, %v", calls, out, err)
	}
	f := func(want string, l Load, from, to int, wish int) {
		t.Helper()
		_, err := Simulate(l, oneSite(Direct()), from, to, func(_ int, out []int) { out[0] = wish })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	f("minutes 0 to 120 of 400", l, 0, 120, 1)
	f("minutes -1 to 200", l, -1, 200, 1)
	f("minutes 0 to 401", l, 0, 401, 1)
	f("pool web: -1 instances", l, 0, 400, -1)
	bad := constant(1, 400)
	bad[200] = math.Inf(1)
	f("minute 200: load +Inf", loadOf(bad), 0, 400, 1)
	s := oneSite(Direct())
	s.Pools = nil
	if _, err := Simulate(l, s, 0, 400, func(int, []int) {}); err == nil || errors.Unwrap(err) == nil {
		t.Errorf("a site without pools: %v", err)
	}
}

func TestMemoryDoesNotGrowWithTheMinutes(t *testing.T) {
	f := func(n int) float64 {
		loads := days(n, 20, 6)
		return testing.AllocsPerRun(1, func() {
			_, err := Simulate(loadOf(loads), oneSite(HPA()), 0, len(loads), func(m int, out []int) { out[0] = int(loads[m]) + 1 })
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	if short, long := f(1), f(8); long > short+20 {
		t.Errorf("%v allocations for a day, %v for eight", short, long)
	}
}

// Whatever is asked for, what is paid for is what boots, what serves and what does not.
func TestMinutesAddUp(t *testing.T) {
	loads := days(2, 20, 8)
	for _, a := range []Actuator{Direct(), HPA(), HPAZero()} {
		s := oneSite(a)
		s.BootSpread, s.MinimumBill = 0.5, 0
		s.Pools[0].Price.InterruptionsPerHour = 0.1
		c, err := NewCluster(s, []int{4})
		if err != nil {
			t.Fatal(err)
		}
		r := source(5)
		wish := 4
		for m, v := range loads {
			if r.IntN(10) == 0 {
				wish = r.IntN(30)
			}
			u, err := c.Minute(v, []int{wish})
			if err != nil {
				t.Fatal(err)
			}
			served := u.Offered - u.Unmet
			p := c.Pools()[0]
			switch {
			case u.Unmet < 0 || served < -1e-9 || u.Excess < 0 || u.Short != (u.Unmet > 0):
				t.Fatalf("%s: minute %d: %+v", a.Name, m, u)
			case served+u.Excess > u.InstanceHours*60+1e-9:
				t.Fatalf("%s: minute %d: %v served and %v idle of %v paid", a.Name, m, served, u.Excess, u.InstanceHours*60)
			case p.Active > wish && a.Name == "direct" || p.Active < 0 || p.Warm < 0 || p.Warming < 0:
				t.Fatalf("%s: minute %d: pool %+v", a.Name, m, p)
			}
		}
	}
}
