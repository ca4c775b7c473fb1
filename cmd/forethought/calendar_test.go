package main

import (
	"math"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/pool"
)

// loadTest is an events file with one window that is excluded.
func loadTest(from, to time.Time) string {
	const form = "20060102T150405Z"
	return strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", "BEGIN:VEVENT", "UID:1", "SUMMARY:load test", "CATEGORIES:EXCLUDE",
		"DTSTART:" + from.Format(form), "DTEND:" + to.Format(form), "END:VEVENT", "END:VCALENDAR", "",
	}, "\r\n")
}

// TestEventsAreExcludedAndReadAgain has a load test in the history, which is learnt until the events file says what it was.
func TestEventsAreExcludedAndReadAgain(t *testing.T) {
	begin, end := noon.Add(-25*time.Hour), noon.Add(-21*time.Hour)
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": func(at time.Time) float64 {
		if at.After(begin) && at.Before(end) {
			return 100000
		}
		return wave(at)
	}}}}
	srv := httptest.NewServer(fake)
	defer srv.Close()
	folder := t.TempDir()
	file, events := filepath.Join(folder, "forethought.yml"), filepath.Join(folder, "events.ics")
	write(t, file, strings.Replace(configText(srv.URL, folder, "demand", ""), "    policy:",
		"    calendar: {time_zone: Europe/Berlin, holidays: DE, events: events.ics}\n    policy:", 1))
	write(t, events, loadTest(begin.AddDate(0, -1, 0), end.AddDate(0, -1, 0)))
	a, err := newApp(t.Context(), testOptions(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	ahead := func(s pool.Snapshot) float64 {
		t.Helper()
		v, err := s.Decision.DemandAhead(30*time.Minute, 0.99)
		if err != nil {
			t.Fatalf("%s: %s: %v", s.State, s.Reason, err)
		}
		return v
	}
	if v := ahead(turn(a, noon)); v < 1000 {
		t.Errorf("the load test is not learnt though nothing excludes it: %g", v)
	}
	write(t, events, "BEGIN:VCALENDAR\r\n")
	if err := a.tryReload(); err == nil || !strings.Contains(err.Error(), "forethought.yml:8: fleets[0].calendar.events: "+events+": ") {
		t.Errorf("a broken events file is read again with %v", err)
	}
	write(t, events, loadTest(begin, end))
	if err := a.tryReload(); err != nil {
		t.Fatal(err)
	}
	a.replace()
	if v := ahead(turn(a, noon.Add(time.Minute))); v > 500 || math.IsNaN(v) {
		t.Errorf("the load test is learnt though an event excludes it: %g", v)
	}
}

func TestOpenCalendar(t *testing.T) {
	f := func(c config.Calendar, want string) {
		t.Helper()
		known, _, err := openCalendar(&c)
		if want == "" {
			if err != nil || known == nil {
				t.Errorf("%+v: %v, %v", c, known, err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", c, err, want)
		}
	}
	f(config.Calendar{TimeZone: "America/New_York", Holidays: config.Holidays{"US", "DE"}}, "")
	f(config.Calendar{TimeZone: "Mars/Olympus"}, "Mars/Olympus")
	f(config.Calendar{TimeZone: "UTC", Events: "none.ics"}, "none.ics")
	f(config.Calendar{TimeZone: "UTC", Holidays: config.Holidays{"XX"}}, "XX")
	if known, events, err := openCalendar(nil); known != nil || events != nil || err != nil {
		t.Errorf("no calendar: %v, %q, %v", known, events, err)
	}
	if err := checkHolidays("XX"); err == nil || !strings.HasPrefix(err.Error(), `no holidays are known of "XX"; allowed: AR, AT, `) {
		t.Errorf("an unknown region: %v", err)
	}
	if err := checkHolidays("US"); err != nil {
		t.Error(err)
	}
}

// TestModelsAreKept restarts a process after its first turn.
func TestModelsAreKept(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}}}
	a := serveOn(t, fake, "demand", "")
	s := turn(a, noon)
	a.current.loop.Close() // what is written is on the disk
	kept, err := filepath.Glob(filepath.Join(filepath.Dir(a.configFile), "models", "web.model"))
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) == 0 {
		t.Fatal("no model is kept")
	}
	again, err := newApp(t.Context(), testOptions(a.configFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closing := again.close(); closing != nil {
			t.Error(closing)
		}
	})
	restarted := turn(again, noon)
	got, err := restarted.Decision.DemandAhead(30*time.Minute, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if want, wrong := s.Decision.DemandAhead(30*time.Minute, 0.9); wrong != nil || got != want {
		t.Errorf("before the restart the forecast is %g, %v, after it %g", want, wrong, got)
	}
	families, err := again.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "forethought_forecast_fits_total" && family.GetMetric()[0].GetCounter().GetValue() != 0 {
			t.Error("a model is fitted though one was kept")
		}
	}
}
