package calendar_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/calendar"
)

var _ forecast.Calendar = (*calendar.Calendar)(nil)

// zone returns a time zone or ends the test.
func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// must makes a calendar or ends the test.
func must(t testing.TB, o calendar.Options) *calendar.Calendar {
	t.Helper()
	c, err := calendar.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// names returns what is on at a local time.
func names(t testing.TB, c *calendar.Calendar, local string) string {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", local, c.Location())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range c.On(at) {
		out = append(out, c.Occasions()[i])
	}
	return strings.Join(out, ",")
}

// The dates are those of the U.S. Office of Personnel Management and of gov.uk.
func TestHolidays(t *testing.T) {
	f := func(region, location, local, want string) {
		t.Helper()
		c := must(t, calendar.Options{Location: zone(t, location), Holidays: []string{region}})
		if got := names(t, c, local); got != want {
			t.Errorf("%s at %s: %q, want %q", region, local, got, want)
		}
	}
	f("US", "America/New_York", "2014-11-27 00:00:00", "Thanksgiving Day")
	f("US", "America/New_York", "2014-11-27 23:59:59", "Thanksgiving Day")
	f("US", "America/New_York", "2014-11-26 23:59:59", "")
	f("US", "America/New_York", "2014-11-28 00:00:00", "")
	f("us", "America/New_York", "2020-07-04 12:00:00", "Independence Day")
	f("US", "America/New_York", "2020-07-03 12:00:00", "Independence Day (observed)")
	f("US", "America/New_York", "2010-12-31 12:00:00", "New Year's Day (observed)")
	f("GB", "Europe/London", "2026-04-03 12:00:00", "Good Friday")
	f("GB", "Europe/London", "2026-12-28 12:00:00", "Boxing Day (observed)")
	f("DE", "Europe/Berlin", "2025-10-03 12:00:00", "Tag der Deutschen Einheit")
	f("DE", "Europe/Berlin", "2025-06-19 12:00:00", "")
	f("DE-BY", "Europe/Berlin", "2025-06-19 12:00:00", "Fronleichnam")
	f("AU", "Australia/Sydney", "2025-04-25 12:00:00", "ANZAC Day")
	f("US", "America/New_York", "1989-12-25 12:00:00", "") // before what is known
}

func TestAround(t *testing.T) {
	c := must(t, calendar.Options{Location: zone(t, "America/New_York"), Holidays: []string{"US"}, Around: 1})
	f := func(local, want string) {
		t.Helper()
		if got := names(t, c, local); got != want {
			t.Errorf("%s: %q, want %q", local, got, want)
		}
	}
	f("2014-11-26 12:00:00", "Thanksgiving Day -1d")
	f("2014-11-27 12:00:00", "Thanksgiving Day")
	f("2014-11-28 12:00:00", "Thanksgiving Day +1d")
	f("2014-11-29 12:00:00", "")
	f("2020-07-02 12:00:00", "Independence Day -1d") // around the day on which it is kept
	f("2020-07-04 12:00:00", "Independence Day,Independence Day +1d")
}

func TestPooled(t *testing.T) {
	c := must(t, calendar.Options{Holidays: []string{"US", "GB"}, Pooled: true, Around: 1})
	f := func(local, want string) {
		t.Helper()
		if got := names(t, c, local); got != want {
			t.Errorf("%s: %q, want %q", local, got, want)
		}
	}
	f("2025-12-24 12:00:00", "holiday -1d")
	f("2025-12-25 12:00:00", "holiday,holiday -1d") // Boxing Day is the next
	f("2020-07-03 12:00:00", "holiday")
	f("2020-07-05 12:00:00", "")
}

// A local day has 23 hours when the clocks go forward and 25 when they go back.
func TestDaysOfClockChanges(t *testing.T) {
	loc := zone(t, "America/New_York")
	day := func(y int, m time.Month, d int) calendar.Event {
		start := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		return calendar.Event{Name: "day", Start: start, End: start.AddDate(0, 0, 1), Floating: true}
	}
	f := func(loc *time.Location, e calendar.Event, want time.Duration) {
		t.Helper()
		c := must(t, calendar.Options{Location: loc, Events: []calendar.Event{e}})
		var on time.Duration
		for at := e.Start.Add(-48 * time.Hour); at.Before(e.End.Add(48 * time.Hour)); at = at.Add(15 * time.Minute) {
			if len(c.On(at)) > 0 {
				on += 15 * time.Minute
			}
		}
		if on != want {
			t.Errorf("%s in %s is %s long, want %s", e.Start.Format(time.DateOnly), loc, on, want)
		}
	}
	f(loc, day(2025, 3, 9), 23*time.Hour)
	f(loc, day(2025, 3, 10), 24*time.Hour)
	f(loc, day(2025, 11, 2), 25*time.Hour)
	f(zone(t, "America/Sao_Paulo"), day(2018, 11, 3), 24*time.Hour)
	f(zone(t, "America/Sao_Paulo"), day(2018, 11, 4), 23*time.Hour) // the clocks went forward at midnight
	f(time.UTC, day(2025, 3, 9), 24*time.Hour)
}

func TestOverlaps(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 5, 4, hour, 0, 0, 0, time.UTC) }
	c := must(t, calendar.Options{Events: []calendar.Event{
		{Name: "b", Start: at(1), End: at(5)},
		{Name: "a", Start: at(2), End: at(3)},
		{Name: "b", Start: at(4), End: at(6)},
		{Name: "never", Start: at(7), End: at(7)},
		{Name: "load test 7", Start: at(8), End: at(9)},
		{Name: "migration", Start: at(10), End: at(11), Categories: []string{"x", "Exclude"}},
	}, ExcludePrefix: "load test"})
	if got, want := c.Occasions(), []string{"event:b", "event:a"}; !slices.Equal(got, want) {
		t.Fatalf("occasions %q, want %q", got, want)
	}
	f := func(hour int, excluded bool, want ...int) {
		t.Helper()
		if got := c.On(at(hour)); !slices.Equal(got, want) || c.Excluded(at(hour)) != excluded {
			t.Errorf("at %d: %v, excluded %v, want %v, %v", hour, got, c.Excluded(at(hour)), want, excluded)
		}
	}
	f(0, false)
	f(1, false, 0)
	f(2, false, 0, 1)
	f(3, false, 0)
	f(5, false, 0)
	f(6, false)
	f(7, false)
	f(8, true)
	f(9, false)
	f(10, true)
	f(11, false)
}

func TestOnAllocatesNothing(t *testing.T) {
	c := must(t, calendar.Options{Location: zone(t, "America/New_York"), Holidays: []string{"US"}, Around: 1})
	at := time.Date(2014, 11, 27, 12, 0, 0, 0, time.UTC)
	if n := testing.AllocsPerRun(100, func() { c.On(at); c.On(at.AddDate(0, 0, 3)) }); n > 0 {
		t.Errorf("On allocates %v times", n)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := func(o calendar.Options, want ...string) {
		t.Helper()
		_, err := calendar.New(o)
		if err == nil {
			t.Fatalf("%+v: no error", o)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q lacks %q", err, w)
			}
		}
	}
	f(calendar.Options{Holidays: []string{"XX"}}, `"XX"`, "AU-NSW", "DE", "GB", "US", "ZA")
	f(calendar.Options{Around: 8}, "0 to 7")
	f(calendar.Options{Around: -1}, "0 to 7")
	f(calendar.Options{From: start, Until: start}, "2026-01-01")
	f(calendar.Options{Until: start.AddDate(500, 0, 0)}, "300 years")
	f(calendar.Options{Events: []calendar.Event{{Name: "e", Start: start, End: start.Add(-1)}}}, `"e"`, "ends before")
	f(calendar.Options{Events: []calendar.Event{{Name: "e", Start: start, End: start, Rule: "FREQ=NEVER"}}}, "NEVER")
}

func TestEveryRegion(t *testing.T) {
	if !slices.IsSorted(calendar.Regions()) {
		t.Error("regions are not sorted")
	}
	for _, code := range calendar.Regions() {
		c := must(t, calendar.Options{
			Holidays: []string{code},
			From:     time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if len(c.Occasions()) < 4 {
			t.Errorf("%s has occasions %q", code, c.Occasions())
		}
		if !slices.ContainsFunc(c.Occasions(), func(string) bool { return len(c.On(time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC))) > 0 }) {
			t.Errorf("%s: nothing on New Year's Day", code)
		}
	}
}

func BenchmarkOn(b *testing.B) {
	c := must(b, calendar.Options{Location: zone(b, "America/New_York"), Holidays: []string{"US"}, Around: 1})
	at := time.Date(2014, 11, 27, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		c.On(at)
		at = at.Add(time.Minute)
	}
}
