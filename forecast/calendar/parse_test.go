package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/calendar"
)

// file wraps lines into a calendar with one event per argument.
func file(events ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\r\n" + strings.ReplaceAll(e, "\n", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	b.WriteString("END:VCALENDAR\r\n")
	return b.String()
}

// starts lists when the calendar's first occasion begins in 2025, in its time zone.
func starts(t *testing.T, loc *time.Location, text string) string {
	t.Helper()
	events, err := calendar.ParseEvents(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := must(t, calendar.Options{Location: loc, Events: events})
	var out []string
	before := false
	for at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2025; at = at.Add(30 * time.Minute) {
		on := len(c.On(at)) > 0
		if on && !before {
			out = append(out, at.In(c.Location()).Format("0102T1504"))
		}
		before = on
	}
	return strings.Join(out, " ")
}

// The dates of the rules are those of RFC 5545, section 3.8.5.3, moved to 2025, and can be read off a calendar.
func TestRecurrence(t *testing.T) {
	ny := zone(t, "America/New_York")
	f := func(event, want string) {
		t.Helper()
		if got := starts(t, ny, file("SUMMARY:e\n"+event)); got != want {
			t.Errorf("%s\nstarts %s\nwant   %s", event, got, want)
		}
	}
	f("DTSTART:20250106T140000Z\nDTEND:20250106T150000Z", "0106T0900")
	f("DTSTART:20250106T140000\nDURATION:PT1H", "0106T1400")
	f("DTSTART;VALUE=DATE:20250106", "0106T0000")
	f("DTSTART;TZID=America/New_York:20250305T090000\nDTEND;TZID=America/New_York:20250305T100000\nRRULE:FREQ=WEEKLY;COUNT=3",
		"0305T0900 0312T0900 0319T0900") // the clocks change on 9 March
	f("DTSTART:20250305T140000Z\nDTEND:20250305T150000Z\nRRULE:FREQ=WEEKLY;COUNT=3", "0305T0900 0312T1000 0319T1000")
	f("DTSTART;TZID=\"Europe/Berlin\":20250305T150000\nDURATION:P0DT1H\nRRULE:FREQ=WEEKLY;COUNT=3", "0305T0900 0312T1000 0319T1000")
	f("DTSTART:20250131T100000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20250430",
		"0131T1000 0228T1000 0331T1000 0430T1000")
	f("DTSTART;VALUE=DATE:20250131\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=4\nEXDATE;VALUE=DATE:20250228,20250425", "0131T0000 0328T0000")
	f("DTSTART;TZID=America/New_York:20250106T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\n"+
		"EXDATE:20250107T140000Z\nEXDATE;VALUE=DATE:20250108",
		"0106T0900")
	f("DTSTART;TZID=America/New_York:20250309T023000\nDTEND;TZID=America/New_York:20250309T033000", "0309T0330") // a skipped hour
	f("DTSTART;TZID=America/New_York:20250309T023000\nDTEND;TZID=America/New_York:20250309T030000", "0309T0330")
	f("DTSTART;TZID=America/New_York:20251101T013000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE;TZID=America/New_York:20251102T013000",
		"1101T0130")
	f("DTSTART:20250106T100000\nDURATION:PT1H\nRDATE:20250108T100000,20250110T113000", "0106T1000 0108T1000 0110T1130")
	f("DTSTART:20250106T100000\nDURATION:PT30M\nRRULE:FREQ=HOURLY;INTERVAL=6;COUNT=3", "0106T1000 0106T1600 0106T2200")
	f("DTSTART:20240106T100000\nDURATION:PT1H\nRRULE:FREQ=YEARLY;INTERVAL=1;UNTIL=20260101T000000Z", "0106T1000")
	f("DTSTART:20250106T100000\nDURATION:PT1H\nSTATUS:CANCELLED", "")
	f("DTSTART:20250106T100000\nBEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT5M\nEND:VALARM\nDURATION:PT1H", "0106T1000")
}

func TestMovedOccurrence(t *testing.T) {
	text := file(
		"UID:1\nRECURRENCE-ID:20250107T100000\nDTSTART:20250107T150000\nDURATION:PT1H",
		"UID:1\nDTSTART:20250106T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4",
		"UID:1\nRECURRENCE-ID:20250108T100000\nDTSTART:20250108T100000\nDURATION:PT1H\nSTATUS:CANCELLED")
	if got, want := starts(t, time.UTC, text), "0106T1000 0107T1500 0109T1000"; got != want {
		t.Errorf("starts %s, want %s", got, want)
	}
}

func TestEventText(t *testing.T) {
	text := file(
		"SUMMARY;LANGUAGE=en:Sale\\, part\n  two\\; \n now\nCATEGORIES:A\\,B,EXCLUDE\nDTSTART:20250106T100000Z\nDTEND:20250106T110000Z",
		"DTSTART:20250106T100000Z",
	)
	events, err := calendar.ParseEvents(strings.NewReader("\ufeff" + text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := events[0].Name, "Sale, part two; now"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	if got := strings.Join(events[0].Categories, "|"); got != "A,B|EXCLUDE" {
		t.Errorf("categories %q", got)
	}
	if events[1].Name != "unnamed" || !events[1].End.Equal(events[1].Start) {
		t.Errorf("event %+v", events[1])
	}
}

func TestBrokenFiles(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		events, err := calendar.ParseEvents(strings.NewReader(text))
		if err == nil {
			t.Fatalf("%q gives %+v and no error", text, events)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q lacks %q", err, w)
			}
		}
	}
	const timed = "DTSTART:20250106T100000\nDURATION:PT1H\n"
	f("", "BEGIN:VCALENDAR")
	f("<html>\n", "line 1", "NAME:VALUE")
	f("SUMMARY:x\n", "line 1", "SUMMARY", "BEGIN:VCALENDAR")
	f("BEGIN:VEVENT\n", "line 1", "VCALENDAR")
	f("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", "line 3", "END", "VEVENT", "line 2")
	f("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "line 2", "has no END")
	f("BEGIN:VCALENDAR\n"+strings.Repeat("BEGIN:X\n", 20), "line 17", "16 components")
	f(file("SUMMARY:no start"), "line 3", "no start", "no DTSTART")
	f(file("DTSTART:yesterday"), "line 4", "DTSTART", "yesterday")
	f(file("DTSTART:20250230"), "line 4", "DTSTART", "20250230")
	f(file("DTSTART;TZID=Mars/Olympus:20250106T100000"), "line 4", "DTSTART", "Mars/Olympus")
	f(file("DTSTART;TZID=Local:20250106T100000"), "line 4", "Local")
	f(file("DTSTART;TZID"), "line 4", "DTSTART", "no value")
	f(file("DTSTART;TZID=\"x:20250106"), "line 4", "DTSTART", "no colon")
	f(file("DTSTART:20250106T100000\nDTEND:20250106T090000"), "line 5", "DTEND", "ends before")
	f(file("DTSTART:20250106T100000\nDTEND:20250106T110000Z"), "line 5", "DTEND", "one end")
	f(file("DTSTART:20250106T100000\nDURATION:1H"), "line 5", "DURATION", "1H")
	f(file("DTSTART:20250106T100000\nDURATION:P"), "line 5", "DURATION")
	f(file("DTSTART:20250106T100000\nDURATION:PT"), "line 5", "DURATION")
	f(file("DTSTART:20250106T100000\nDURATION:P1DT"), "line 5", "DURATION")
	f(file("DTSTART:20250106T100000\nDURATION:P99999W"), "line 5", "3653 days")
	f(file("DTSTART:20250106T100000\nDURATION:-PT1H"), "line 5", "DURATION")
	f(file(timed+"RRULE:FREQ=DAILY;COUNT=x"), "line 6", "RRULE", "COUNT=X")
	f(file(timed+"RRULE:FREQ=MINUTELY"), "line 6", "RRULE", "hourly")
	f(file(timed+"RRULE:FREQ=MONTHLY;BYDAY=53MO"), "line 6", "RRULE", "+53MO")
	f(file(timed+"RRULE:FREQ=DAILY;BYMONTHDAY=40"), "line 6", "bymonthday")
	f(file(timed+"RRULE:FREQ=DAILY;BYEASTER=400"), "line 6", "BYEASTER")
	f(file(timed+"RRULE:FREQ=HOURLY;INTERVAL=2;BYHOUR=3"), "line 6", "BYHOUR")
	f(file(timed+"RRULE:FREQ=DAILY;INTERVAL=-1"), "line 6", "INTERVAL")
	f(file(timed+"RRULE:FREQ=WEEKLY;BYMONTHDAY=1"), "line 6", "BYMONTHDAY")
	f(file(timed+"RRULE:FREQ=MONTHLY;BYYEARDAY=1"), "line 6", "BYYEARDAY")
	f(file(timed+"RRULE:FREQ=DAILY;BYSETPOS=2"), "line 6", "BYSETPOS")
	f(file(timed+"RRULE:FREQ=DAILY;BYHOUR=1"+strings.Repeat(",1", 200)), "line 6", "RRULE", "longer than 300")
	f(file(timed+"EXDATE:20250106T100000,never"), "line 6", "EXDATE", "never")
	f(file("SUMMARY:"+strings.Repeat("x", 1<<20)), "line 4", "longer than")
	f(file(strings.Repeat("\n", 9<<20)), "larger than 8388608 bytes")
	f(file(strings.Repeat("COMMENT:long\n", 1<<20)), "larger than 8388608 bytes")
	f(file("SUMMARY:x"+strings.Repeat("\n "+strings.Repeat("x", 1<<15), 40)), "line 4", "longer than")
}

// Millions of blank lines are skipped.
func TestBlankLines(t *testing.T) {
	text := strings.Repeat("\n", 4<<20) + file("DTSTART:20250106T100000Z")
	if events, err := calendar.ParseEvents(strings.NewReader(text)); err != nil || len(events) != 1 {
		t.Errorf("%d events and error %v, want one event", len(events), err)
	}
}

// RFC 5545, section 3.3.5: a time that is there twice is the first, and one that is skipped has the offset before. An occurrence over
// which the clocks are put forward keeps its length.
func TestOccurrencesAtClockChanges(t *testing.T) {
	f := func(name, first, day, from, to string) {
		t.Helper()
		loc := zone(t, name)
		events, err := calendar.ParseEvents(strings.NewReader(
			file("DTSTART;TZID=" + name + ":" + first + "T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY\nCATEGORIES:EXCLUDE")))
		if err != nil {
			t.Fatal(err)
		}
		c := must(t, calendar.Options{Location: loc, Events: events})
		begin, err := time.ParseInLocation(time.DateOnly, day, loc)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for at := begin; at.Day() == begin.Day(); at = at.Add(15 * time.Minute) {
			if c.Excluded(at) != c.Excluded(at.Add(-15*time.Minute)) {
				got = append(got, at.UTC().Format("15:04"))
			}
		}
		if len(got) != 2 || got[0] != from || got[1] != to {
			t.Errorf("%s on %s: changes at %v UTC, want %s and %s", name, day, got, from, to)
		}
	}
	f("Europe/Berlin", "20260101", "2026-03-28", "01:30", "02:30")
	f("Europe/Berlin", "20260101", "2026-03-29", "01:30", "02:30")
	f("Europe/Berlin", "20260101", "2026-10-25", "00:30", "02:30")
	f("Europe/Berlin", "20261025", "2026-10-25", "00:30", "02:30")
	f("Europe/Berlin", "20260101", "2026-10-26", "01:30", "02:30")
	f("America/New_York", "20260101", "2026-03-08", "07:30", "08:30")
}

// An hourly event without an end is known for 22 years.
func TestHourlyWithoutEnd(t *testing.T) {
	events, err := calendar.ParseEvents(strings.NewReader(file("SUMMARY:e\nDTSTART:20200106T100000Z\nDURATION:PT30M\nRRULE:FREQ=HOURLY")))
	if err != nil {
		t.Fatal(err)
	}
	c := must(t, calendar.Options{Events: events})
	f := func(at time.Time, want bool) {
		t.Helper()
		if got := len(c.On(at)) > 0; got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
	f(time.Date(2020, 1, 6, 9, 0, 0, 0, time.UTC), false)
	f(time.Date(2041, 12, 31, 7, 0, 0, 0, time.UTC), true)
	f(time.Date(2041, 12, 31, 7, 30, 0, 0, time.UTC), false)
	f(time.Date(2043, 1, 1, 7, 0, 0, 0, time.UTC), false)
}

// Whatever is read becomes events that a calendar takes or refuses, and never a panic.
func FuzzParseEvents(f *testing.F) {
	f.Add(file("SUMMARY:a\nDTSTART:20250106T140000Z\nDTEND:20250106T150000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU;COUNT=4\nEXDATE:20250107T140000Z"))
	f.Add(file("SUMMARY:b\nDTSTART;TZID=Europe/Berlin:20250330T023000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=-1SU;UNTIL=20260101T000000Z"))
	f.Add(file("DTSTART;VALUE=DATE:20250106\nRRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYSETPOS=-1\nCATEGORIES:EXCLUDE"))
	f.Add(file("UID:1\nDTSTART:20250106T100000\nRRULE:FREQ=YEARLY;BYDAY=53MO,-53SU", "UID:1\nRECURRENCE-ID:20250107\nDTSTART:20250107"))
	f.Add(file("DTSTART:20250106T100000\nRRULE:FREQ=HOURLY;BYMINUTE=0,30;BYMONTH=2;BYMONTHDAY=29;COUNT=9\n" +
		"RDATE;VALUE=PERIOD:20250101T000000Z/PT1H"))
	f.Add(file("DTSTART:20250106T100000\nRRULE:FREQ=YEARLY;BYYEARDAY=-366,366;WKST=SU;INTERVAL=3"))
	f.Add("BEGIN:VCALENDAR\n X\nBEGIN:VEVENT\nA;B=\"\nEND")
	f.Fuzz(func(t *testing.T, text string) {
		events, err := calendar.ParseEvents(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(events) > 3 {
			events = events[:3]
		}
		from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
		c, err := calendar.New(calendar.Options{Events: events, From: from, Until: from.AddDate(2, 0, 0), ExcludePrefix: "b"})
		if err != nil {
			return
		}
		for at := from; at.Year() == 2025; at = at.Add(97 * time.Hour) {
			for _, i := range c.On(at) {
				_ = c.Occasions()[i]
			}
			c.Excluded(at)
		}
	})
}
