package calendar

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// Event is something planned: a sale, a release, a load test. It may recur.
type Event struct {
	// Name is what the event is called; events of the same name are one occasion.
	Name string
	// Start and End bound the first occurrence, End exclusive. Their Location is the time zone whose wall clock the recurrence follows.
	// An event that ends when it starts is never on.
	Start, End time.Time
	// Floating says that Start, End, Except and Extra are in UTC and their wall clock is to be read in the calendar's time zone. Events of
	// whole days are floating.
	Floating bool
	// Rule is the value of an RRULE (RFC 5545, section 3.3.10), empty where the event does not recur. The smallest frequency is HOURLY. The
	// first 200 000 occurrences count and later ones are left out: an hourly event without an end is known for 22 years from its start.
	Rule string
	// Except are starts of occurrences that do not take place; Extra are starts of further ones.
	Except, Extra []time.Time
	// Categories are the event's; EXCLUDE makes it an exclusion window.
	Categories []string
}

// excludeCategory is the category of an exclusion window.
const excludeCategory = "EXCLUDE"

// excludes reports whether the event is an exclusion window by its category.
func (e Event) excludes() bool {
	return slices.ContainsFunc(e.Categories, func(c string) bool { return strings.EqualFold(c, excludeCategory) })
}

// mostOccurrences bounds those of one event: hourly ones of 22 years.
const mostOccurrences = 200_000

// occurrences calls yield with each occurrence that starts before until.
func (e Event) occurrences(loc *time.Location, until time.Time, yield func(from, to time.Time)) error {
	zone := e.Start.Location()
	if e.Floating {
		zone = loc
	}
	if e.End.Before(e.Start) {
		return errors.New("ends before it starts")
	}
	length := wall(e.End).Sub(wall(e.Start))
	if length <= 0 { // within the hour that is there twice
		length = e.End.Sub(e.Start)
	}
	starts, err := e.starts(zone, until)
	if err != nil {
		return err
	}
	except := make(map[int64]bool, len(e.Except))
	for _, t := range e.Except {
		except[e.instant(t, zone).Unix()] = true
	}
	for _, w := range starts {
		from := clockAt(w, zone)
		if !except[from.Unix()] && from.Before(until) {
			to := clockAt(w.Add(length), zone)
			if !to.After(from) { // the clocks were put forward over it
				to = from.Add(length)
			}
			yield(from, to)
		}
	}
	return nil
}

// starts returns the wall clock times of the occurrences, written in UTC, in which no hour is missing or double.
func (e Event) starts(zone *time.Location, until time.Time) ([]time.Time, error) {
	first := wall(e.Start)
	out := []time.Time{first}
	if e.Rule != "" {
		o, err := parseRule(e.Rule, e.Start.Location())
		if err != nil {
			return nil, err
		}
		// A day more than the zone can differ from UTC.
		if end := until.UTC().Add(48 * time.Hour); o.Until.IsZero() || o.Until.After(end) {
			o.Until = end
		}
		o.Dtstart = first
		rule, err := rrule.NewRRule(*o)
		if err != nil {
			return nil, err
		}
		out = out[:0]
		next := rule.Iterator()
		for t, ok := next(); ok && len(out) < mostOccurrences; t, ok = next() {
			out = append(out, t)
		}
	}
	for _, t := range e.Extra {
		out = append(out, wall(e.instant(t, zone).In(zone)))
	}
	return out, nil
}

// instant returns the time that t, one of the event's, stands for.
func (e Event) instant(t time.Time, zone *time.Location) time.Time {
	if e.Floating {
		return clockAt(wall(t), zone)
	}
	return t
}

// wall returns the date and the clock of t as if they were in UTC.
func wall(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// clockAt returns when the clocks in zone show w: the first time where they do so twice, and where they skip w, the time that the offset
// before gives (RFC 5545, section 3.3.5).
func clockAt(w time.Time, zone *time.Location) time.Time {
	year, month, day := w.Date()
	if w.Hour() == 0 && w.Minute() == 0 && w.Second() == 0 {
		return startOfDay(year, month, day, zone)
	}
	// A day earlier is before a change of the clocks near w, wherever the zone is.
	_, before := w.Add(-24 * time.Hour).In(zone).Zone()
	first := w.Add(-time.Duration(before) * time.Second).In(zone)
	t := time.Date(year, month, day, w.Hour(), w.Minute(), w.Second(), 0, zone)
	if wall(first).Equal(w) || !wall(t).Equal(w) {
		return first
	}
	return t
}
