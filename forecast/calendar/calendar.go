// Package calendar turns regions and iCalendar events into a forecast.Calendar: what is special about a time, past and future.
//
// Holidays are days of the local time zone, from midnight to midnight, also where such a day has 23 or 25 hours. A holiday that is kept
// on another day, because it falls on a week-end, is on at both: under its own name, and as "NAME (observed)". Events are named
// "event:NAME". A Calendar knows a bounded time, outside of which nothing is on.
package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Options say what a Calendar knows. The zero value knows nothing, in UTC.
type Options struct {
	// Location is the time zone that people keep; UTC where it is nil.
	Location *time.Location
	// Holidays are region codes, of a country ("US") or of a part of one ("DE-BY"); Regions lists them. Holidays of the same name in
	// several regions are one occasion.
	Holidays []string
	// Around makes occasions of their own of so many days before and after the day on which each holiday is kept, such as
	// "Thanksgiving Day +1d". At most 7.
	Around int
	// Pooled makes one occasion, "holiday", of all holidays. It is for a history of less than some years, which has seen no holiday twice
	// and can learn only what they have in common.
	Pooled bool
	// Events are what ParseEvents read, or made by hand.
	Events []Event
	// ExcludePrefix makes an exclusion window of each event whose name begins with it, beside those of the category EXCLUDE. Where it is
	// empty only the category counts.
	ExcludePrefix string
	// From and Until bound what the calendar knows; 1990 to 2060 where they are zero.
	From, Until time.Time
}

// Calendar implements forecast.Calendar. It is immutable and safe for concurrent use.
type Calendar struct {
	location *time.Location
	names    []string
	occasion table
	excluded table
}

// The time that a calendar knows where the options do not say, and the bounds on what they may ask for.
const (
	firstYear  = 1990
	lastYear   = 2060
	mostYears  = 300
	mostAround = 7
)

// New computes the occasions. It returns an error for an unknown region, which lists the known ones, for an option out of bounds, and
// for an event that does not recur sensibly.
func New(o Options) (*Calendar, error) {
	b, err := newBuilder(o)
	if err != nil {
		return nil, err
	}
	for _, code := range o.Holidays {
		holidays, err := region(code)
		if err != nil {
			return nil, err
		}
		b.addHolidays(holidays, o)
	}
	for _, e := range o.Events {
		if err := b.addEvent(e, o.ExcludePrefix); err != nil {
			return nil, fmt.Errorf("event %q: %w", e.Name, err)
		}
	}
	return &Calendar{location: b.location, names: b.names, occasion: newTable(b.occasions), excluded: newTable(b.exclusions)}, nil
}

// Occasions returns the names of what the calendar knows: holidays in the order of the regions, then events in their order. The slice
// must not be changed.
func (c *Calendar) Occasions() []string { return c.names }

// On returns the indices into Occasions of what is on at t, ascending; none on most days. It does not allocate; the slice must not be
// changed.
func (c *Calendar) On(t time.Time) []int { return c.occasion.at(t.Unix()) }

// Location returns the time zone.
func (c *Calendar) Location() *time.Location { return c.location }

// Excluded reports whether t lies in an exclusion window: an event of category EXCLUDE, or whose name begins with the configured prefix.
// What was observed then, a load test or a migration, must never be learned from: the observation is to be made missing before a method
// sees it. An exclusion window is not an occasion.
func (c *Calendar) Excluded(t time.Time) bool { return len(c.excluded.at(t.Unix())) > 0 }

// builder collects spans.
type builder struct {
	location    *time.Location
	from, until time.Time
	names       []string
	index       map[string]int
	occasions   []span
	exclusions  []span
}

func newBuilder(o Options) (*builder, error) {
	b := &builder{location: o.Location, from: o.From, until: o.Until, index: map[string]int{}}
	if b.location == nil {
		b.location = time.UTC
	}
	if b.from.IsZero() {
		b.from = time.Date(firstYear, 1, 1, 0, 0, 0, 0, b.location)
	}
	if b.until.IsZero() {
		b.until = time.Date(lastYear, 1, 1, 0, 0, 0, 0, b.location)
	}
	if years := b.until.Year() - b.from.Year(); !b.until.After(b.from) || years > mostYears {
		return nil, fmt.Errorf("calendar from %s until %s, want at most %d years",
			b.from.Format(time.DateOnly), b.until.Format(time.DateOnly), mostYears)
	}
	if o.Around < 0 || o.Around > mostAround {
		return nil, fmt.Errorf("calendar with %d days around holidays, want 0 to %d", o.Around, mostAround)
	}
	return b, nil
}

// occasionOf returns the index of the occasion called name.
func (b *builder) occasionOf(name string) int {
	i, ok := b.index[name]
	if !ok {
		i = len(b.names)
		b.index[name] = i
		b.names = append(b.names, name)
	}
	return i
}

// clip returns the span of [from, to) within what the calendar knows; ok is false where nothing is left.
func (b *builder) clip(from, to time.Time) (s span, ok bool) {
	s = span{from: max(from.Unix(), b.from.Unix()), to: min(to.Unix(), b.until.Unix())}
	return s, s.from < s.to
}

// addDay makes the local day an occasion called name.
func (b *builder) addDay(name string, year int, month time.Month, day int) {
	s, ok := b.clip(startOfDay(year, month, day, b.location), startOfDay(year, month, day+1, b.location))
	if !ok {
		return
	}
	s.what = b.occasionOf(name)
	b.occasions = append(b.occasions, s)
}

// addEvent adds the occurrences of e.
func (b *builder) addEvent(e Event, prefix string) error {
	exclude := e.excludes() || prefix != "" && strings.HasPrefix(e.Name, prefix)
	return e.occurrences(b.location, b.until, func(from, to time.Time) {
		s, ok := b.clip(from, to)
		switch {
		case !ok:
		case exclude:
			b.exclusions = append(b.exclusions, s)
		default:
			s.what = b.occasionOf("event:" + e.Name)
			b.occasions = append(b.occasions, s)
		}
	})
}

// startOfDay returns the first instant of a local day, which is not midnight where the clocks are put forward then. The day may lie
// outside the month, as for time.Date.
func startOfDay(year int, month time.Month, day int, loc *time.Location) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, loc)
	t := time.Date(year, month, day, 0, 0, 0, 0, loc)
	if t.Day() != noon.Day() {
		_, t = t.ZoneBounds()
	}
	return t
}
