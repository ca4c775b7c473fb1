package replay

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// steady returns a load that is v in each of n minutes.
func steady(n int, v float64) Load {
	return Load{Name: "web", Start: monday, Step: time.Minute, Values: constant(v, n)}
}

// set changes the minutes [from, to) to v.
func (l Load) set(from, to int, v float64) Load {
	l.Values = slices.Clone(l.Values)
	for m := from; m < to; m++ {
		l.Values[m] = v
	}
	return l
}

// single returns what a policy wants of the one pool of onePool in every minute, with one setting.
func single(t *testing.T, p Policy, l Load, setting float64) []int {
	t.Helper()
	var out []int
	for _, w := range wants(t, p, onePool(), l, []float64{setting}) {
		out = append(out, w[0][0])
	}
	return out
}

func TestHPA(t *testing.T) {
	f := func(l Load, target float64, minute, want int) {
		t.Helper()
		if got := single(t, HPATarget(), l, target)[minute]; got != want {
			t.Errorf("%d instances at minute %d, want %d", got, minute, want)
		}
	}
	l := steady(60, 70).set(20, 30, math.NaN()).set(30, 60, 140).set(45, 46, 0)
	f(l, 0.7, 0, 0)   // nothing is known
	f(l, 0.7, 1, 10)  // 70 of 10 each at 70 %
	f(l, 0.5, 1, 14)  // and at 50 %
	f(l, 0.7, 30, 10) // a missing metric changes nothing
	f(l, 0.7, 31, 20) // the minute before, not this one
	f(l, 0.7, 46, 0)  // a load of zero is one
}

func TestStaticPeak(t *testing.T) {
	l := steady(3*minutesPerDay, 50).set(0, 1, math.NaN()).set(100, 100+minutesPerDay/10, 100).set(2*minutesPerDay, 2*minutesPerDay+9, 500)
	f := func(setting float64, minute, want int) {
		t.Helper()
		if got := single(t, StaticPeak(minutesPerDay), l, setting)[minute]; got != want {
			t.Errorf("setting %v: %d instances at minute %d, want %d", setting, got, minute, want)
		}
	}
	f(1, minutesPerDay, 10)
	f(1, 3*minutesPerDay-1, 10) // what comes after training changes nothing
	f(1.25, minutesPerDay, 13)
	f(1.25, 3*minutesPerDay-1, 13)
	f(0.95, minutesPerDay, 10) // a tenth of the minutes has 100
	f(0.89, minutesPerDay, 5)
	f(1, 0, 0) // nothing is known
	f(1, 50, 5)
}

func TestSchedule(t *testing.T) {
	train := 8 * minutesPerDay
	l := steady(11*minutesPerDay, 50).set(600, 601, 200).set(minutesPerDay+660, minutesPerDay+690, math.NaN()).set(660, 690, 80).set(train, 11*minutesPerDay, 999)
	got := single(t, Schedule(train), l, 1)
	f := func(day, minute, want int) {
		t.Helper()
		if n := got[day*minutesPerDay+minute]; n != want {
			t.Errorf("%d instances at minute %d of day %d, want %d", n, minute, day, want)
		}
	}
	f(8, 620, 5)    // a Tuesday as the one a week before
	f(8, 670, 8)    // the Tuesday's half hour is not known, that of other days is
	f(8, 655, 8)    // a lead time and a minute early
	f(8, 654, 5)    // not earlier
	f(8, 689, 8)    // until the end
	f(8, 690, 5)    // not longer
	f(7, 615, 20)   // the largest of the half hour
	f(7, 630, 5)    // the next one
	f(10, 23*60, 5) // and 999 is not learned any more
}

func TestSeasonalNaive(t *testing.T) {
	l := steady(3*minutesPerDay, 50).set(700, 720, 90)
	got := single(t, SeasonalNaive(), l, 1)
	f := func(minute, want int) {
		t.Helper()
		if n := got[minutesPerDay+minute]; n != want {
			t.Errorf("%d instances at minute %d of the second day, want %d", n, minute, want)
		}
	}
	f(700-4-slack-1, 5)
	f(700-4-slack, 9) // a lead time and the slack early
	f(719, 9)         // what was wanted is kept until it is over
	f(720, 5)
	l = l.set(720+8, 730, 90)
	got = single(t, SeasonalNaive(), l, 1)
	f(720, 9) // a gap of two lead times is too short to stop and start again
	l = l.set(720, 730, 50).set(720+9, 730, 90)
	got = single(t, SeasonalNaive(), l, 1)
	f(720, 5) // a longer one is not
	if n := single(t, SeasonalNaive(), steady(2*minutesPerDay, 99.9), 0.95)[minutesPerDay+700]; n != 10 {
		t.Errorf("%d instances with a factor of 0.95, want the 10 that the present load needs", n)
	}
	spike := single(t, SeasonalNaive(), steady(2*minutesPerDay, 50).set(minutesPerDay+100, minutesPerDay+110, 300), 1)
	if n := spike[minutesPerDay+101]; n != 30 {
		t.Errorf("%d instances after a minute of 300 that nobody expected, want 30", n)
	}
	gap := single(t, SeasonalNaive(), l.set(minutesPerDay+600, minutesPerDay+800, math.NaN()), 1)
	if n := gap[2*minutesPerDay+710]; n != 9 {
		t.Errorf("%d instances where yesterday is missing, want the 9 of the day before", n)
	}
	if n := gap[minutesPerDay+730]; n != 9 {
		t.Errorf("%d instances in a gap after 9 were wanted: it shrinks blindly", n)
	}
}

func TestSeasonalNaiveFindsTheWeek(t *testing.T) {
	l := steady(16*minutesPerDay, 50)
	for _, day := range []int{5, 6, 12, 13} {
		l = l.set(day*minutesPerDay, (day+1)*minutesPerDay, 20)
	}
	got := single(t, SeasonalNaive(), l, 1)
	if n := got[12*minutesPerDay-10]; n != 5 {
		t.Errorf("%d instances on a Friday evening, want 5", n)
	}
	if n := got[12*minutesPerDay+700]; n != 2 {
		t.Errorf("%d instances on a Saturday, want the 2 of the Saturday before", n)
	}
	if n := got[14*minutesPerDay-5]; n != 5 {
		t.Errorf("%d instances before Monday begins, want the 5 of the Monday before", n)
	}
}

func TestCloudHourly(t *testing.T) {
	l := steady(9*minutesPerDay, 20)
	for day := range 9 {
		l = l.set(day*minutesPerDay+600, day*minutesPerDay+630, 80) // half of the hour from ten on: a mean of 50
	}
	l = l.set(minutesPerDay+600, minutesPerDay+660, math.NaN())
	l = l.set(600, 660, 140) // a Monday with more
	f := func(day, minute, want int) {
		t.Helper()
		if n := single(t, CloudHourly(), l, 1)[day*minutesPerDay+minute]; n != want {
			t.Errorf("%d instances at minute %d of day %d, want %d", n, minute, day, want)
		}
	}
	f(1, 593, 2)
	f(1, 594, 14) // lead time and two minutes before the hour
	f(3, 594, 10) // the mean of 140 and 50: the day between is missing
	f(3, 610, 10)
	f(3, 659, 10) // until the hour ends
	f(3, 660, 2)
	f(7, 640, 9) // a Monday: (3 x 140 + 5 x 50) / 8 = 83.75
	f(8, 640, 7) // a Tuesday, that of last week missing: (140 + 6 x 50) / 7 = 62.9
}

func TestForecastersRefuse(t *testing.T) {
	f := func(change func(*Site), setting float64, want string) {
		t.Helper()
		for _, p := range Baselines(minutesPerDay) {
			s := onePool()
			s.Pools = slices.Clone(s.Pools)
			change(&s)
			if _, err := p.Start(s, []float64{setting}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", p.Name(), err, want)
			}
		}
	}
	f(func(s *Site) { s.Pools = nil }, 1, "no pools")
	f(func(s *Site) { s.Pools[0].Capacity = 0 }, 1, "capacity 0")
	f(func(s *Site) { s.Pools[0].LeadTime = -time.Minute }, 1, "lead time")
	f(func(s *Site) { s.Pools[0].Price.Hourly = -1 }, 1, "hourly")
	f(func(s *Site) { s.Pools = append(s.Pools, s.Pools[0]) }, 1, "two pools")
	f(func(*Site) {}, 0, "setting 0")
	f(func(*Site) {}, math.NaN(), "setting NaN")
	long := onePool()
	long.Pools = []pool.Pool{{Name: "slow", Class: pool.Fixed, Capacity: 1, LeadTime: 12 * time.Hour}}
	for _, p := range []Policy{SeasonalNaive(), HoltWinters(minutesPerDay), CloudHourly(), Schedule(minutesPerDay)} {
		if _, err := p.Start(long, []float64{1}); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s: error %v for a lead time of half its season", p.Name(), err)
		}
	}
}

func TestGapsAreNotZero(t *testing.T) {
	l := steady(6*minutesPerDay, 95).set(4*minutesPerDay, 5*minutesPerDay, math.NaN())
	for _, p := range Baselines(2 * minutesPerDay) {
		for m, w := range wants(t, p, onePool(), l, p.Settings()) {
			if m > 0 && w[0][0] < 9 || w[0][0] > 100 {
				t.Errorf("%s: %v instances at minute %d of a load of 95 with a day missing", p.Name(), w, m)
				break
			}
		}
	}
}
