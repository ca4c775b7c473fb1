package calendar

import (
	"errors"
	"io"
	"strings"
	"time"
)

// unnamed is what an event without a SUMMARY is called.
const unnamed = "unnamed"

// ParseEvents reads the events of an iCalendar file (RFC 5545): their times in UTC, in a zone of the time zone database (TZID) or
// floating, whole days, RRULE, RDATE, EXDATE, single occurrences that were moved (RECURRENCE-ID) and cancelled events, which are left
// out. Other components and properties are skipped. A file of more than 8 MiB is refused. An error names the line and the property.
func ParseEvents(r io.Reader) ([]Event, error) {
	in := newLines(r)
	var f file
	for {
		text, line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		p, err := parseProperty(text, line)
		if err != nil {
			return nil, err
		}
		if err := f.add(p); err != nil {
			return nil, err
		}
	}
	if n := len(f.open); n > 0 {
		return nil, f.open[n-1].errorf("%s has no END", shorten(f.open[n-1].value))
	}
	if !f.calendar {
		return nil, errors.New("no BEGIN:VCALENDAR, want an iCalendar file")
	}
	return f.events()
}

// file is what was read so far.
type file struct {
	calendar bool
	open     []property // BEGIN lines of the components that are open
	drafts   []draft
}

// add takes the next property.
func (f *file) add(p property) error {
	switch {
	case p.name == "BEGIN":
		return f.begin(p)
	case len(f.open) == 0:
		return p.errorf("outside of a component; does the file begin with BEGIN:VCALENDAR?")
	case p.name == "END":
		last := f.open[len(f.open)-1]
		if !strings.EqualFold(p.value, last.value) {
			return p.errorf("is %q, want %s, which began in line %d", shorten(p.value), shorten(last.value), last.line)
		}
		f.open = f.open[:len(f.open)-1]
	case f.inEvent():
		return f.drafts[len(f.drafts)-1].set(p)
	}
	return nil
}

// mostDepth bounds how deep components lie in each other; an alarm in an event is the third.
const mostDepth = 16

// begin opens a component.
func (f *file) begin(p property) error {
	p.value = strings.ToUpper(p.value)
	switch len(f.open) {
	case 0:
		if p.value != "VCALENDAR" {
			return p.errorf("is %q, want VCALENDAR", shorten(p.value))
		}
		f.calendar = true
	case mostDepth:
		return p.errorf("more than %d components in each other", mostDepth)
	}
	if f.open = append(f.open, p); f.inEvent() {
		f.drafts = append(f.drafts, draft{begin: p, event: Event{Name: unnamed}})
	}
	return nil
}

// inEvent reports whether the innermost open component is an event.
func (f *file) inEvent() bool { return len(f.open) == 2 && f.open[1].value == "VEVENT" }

// events makes events of the drafts and takes out the occurrences that other drafts stand for.
func (f *file) events() ([]Event, error) {
	out := make([]Event, 0, len(f.drafts))
	masters := map[string]int{}
	for i := range f.drafts {
		d := &f.drafts[i]
		if err := d.finish(); err != nil {
			return nil, err
		}
		if d.cancelled {
			continue
		}
		if d.moved.t.IsZero() && d.uid != "" {
			masters[d.uid] = len(out)
		}
		out = append(out, d.event)
	}
	for _, d := range f.drafts {
		if i, ok := masters[d.uid]; ok && !d.moved.t.IsZero() {
			out[i].Except = append(out[i].Except, d.moved.like(out[i]))
		}
	}
	return out, nil
}

// draft is an event of which some properties were read.
type draft struct {
	begin     property
	event     Event
	uid       string
	cancelled bool
	start     stamp
	end       stamp
	length    time.Duration
	endAt     property // DTEND or DURATION
	rule      property
	except    []stamp
	extra     []stamp
	// moved is the occurrence that this event stands for, zero for an event of its own.
	moved stamp
}

// set takes a property of the event.
func (d *draft) set(p property) (err error) {
	switch p.name {
	case "SUMMARY":
		if s := strings.Join(strings.Fields(unescape(p.value)), " "); s != "" {
			d.event.Name = s
		}
	case "CATEGORIES":
		for _, c := range list(p.value) {
			d.event.Categories = append(d.event.Categories, strings.TrimSpace(c))
		}
	case "UID":
		d.uid = p.value
	case "STATUS":
		d.cancelled = strings.EqualFold(p.value, "CANCELLED")
	case "RRULE":
		d.rule = p
	case "DTSTART":
		d.start, err = p.stamp(p.value)
	case "DTEND":
		d.endAt = p
		d.end, err = p.stamp(p.value)
	case "DURATION":
		d.endAt = p
		d.length, err = p.duration()
	case "EXDATE":
		d.except, err = p.stamps(d.except)
	case "RDATE":
		d.extra, err = p.stamps(d.extra)
	case "RECURRENCE-ID":
		d.moved, err = p.stamp(p.value)
	}
	return err
}

// finish completes the event from what depends on several properties.
func (d *draft) finish() error {
	e := &d.event
	if d.start.t.IsZero() {
		return d.begin.errorf("event %q has no DTSTART", shorten(e.Name))
	}
	e.Start, e.Floating = d.start.t, d.start.floating
	switch {
	case !d.end.t.IsZero() && d.end.floating != d.start.floating:
		return d.endAt.errorf("event %q has a time zone at one end only", shorten(e.Name))
	case !d.end.t.IsZero():
		e.End = d.end.t.In(e.Start.Location())
		skipped := d.end.clock.Sub(d.start.clock)
		if !e.End.After(e.Start) && skipped > 0 && d.end.t.Location().String() == d.start.t.Location().String() {
			e.End = e.Start.Add(skipped) // the clocks are put forward over it
		}
	case d.endAt.name == "" && d.start.date:
		e.End = e.Start.AddDate(0, 0, 1)
	default:
		e.End = e.Start.Add(d.length)
	}
	if e.End.Before(e.Start) {
		return d.endAt.errorf("event %q ends before it starts", shorten(e.Name))
	}
	if e.Rule = d.rule.value; e.Rule != "" {
		if _, err := parseRule(e.Rule, e.Start.Location()); err != nil {
			return d.rule.errorf("%w", err)
		}
	}
	for _, s := range d.except {
		e.Except = append(e.Except, s.like(*e))
	}
	for _, s := range d.extra {
		e.Extra = append(e.Extra, s.like(*e))
	}
	return nil
}
