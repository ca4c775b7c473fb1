package calendar

import (
	"strconv"
	"strings"
	"time"
)

// stamp is a date or a date with a time.
type stamp struct {
	t              time.Time
	clock          time.Time // what the clock shows at t, or would show where the clocks skip it, as if in UTC
	date, floating bool
}

// like returns the time of s for use with e: a date stands for the occurrence of that day.
func (s stamp) like(e Event) time.Time {
	if !s.date {
		return s.t
	}
	year, month, day := s.t.Date()
	return clockAt(time.Date(year, month, day, e.Start.Hour(), e.Start.Minute(), e.Start.Second(), 0, time.UTC), e.Start.Location())
}

const (
	dateLayout = "20060102"
	timeLayout = "20060102T150405"
)

// Years beyond these are typing errors.
const (
	leastYear = 1600
	mostYear  = 2400
)

// stamps appends the times of a list.
func (p property) stamps(to []stamp) ([]stamp, error) {
	for text := range strings.SplitSeq(p.value, ",") {
		// A period of RDATE begins with its start.
		text, _, _ = strings.Cut(text, "/")
		s, err := p.stamp(text)
		if err != nil {
			return to, err
		}
		to = append(to, s)
	}
	return to, nil
}

// stamp reads a date or a time.
func (p property) stamp(text string) (stamp, error) {
	text = strings.TrimSpace(text)
	s := stamp{date: p.date || len(text) == len(dateLayout), floating: true}
	layout, zone := timeLayout, time.UTC
	local, utc := strings.CutSuffix(text, "Z")
	switch {
	case s.date:
		layout = dateLayout
		local = text
	case utc:
		s.floating = false
	case p.zone != "":
		var err error
		if zone, err = time.LoadLocation(p.zone); err != nil || zone == time.Local {
			return s, p.errorf("time zone %q is not in the time zone database", shorten(p.zone))
		}
		s.floating = false
	}
	var err error
	s.t, err = time.Parse(layout, local)
	if err != nil || s.t.Year() < leastYear || s.t.Year() > mostYear {
		return s, p.errorf("%q is not a date or a time, want %s, %s or %sZ", shorten(text), dateLayout, timeLayout, timeLayout)
	}
	if s.clock = s.t; zone != time.UTC {
		s.t = clockAt(s.t, zone)
	}
	return s, nil
}

// duration reads a duration of RFC 5545, section 3.3.6: P1W, P1DT2H, PT30M.
func (p property) duration() (time.Duration, error) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(p.value, "+"), "P")
	ok = ok && rest != ""
	units := "WD"
	var sum time.Duration
	for ok && rest != "" {
		if units == "WD" && rest[0] == 'T' {
			units, rest = "HMS", rest[1:]
		}
		i := strings.IndexAny(rest, units)
		if i < 0 {
			ok = false
			break
		}
		n, err := strconv.ParseUint(rest[:i], 10, 31)
		unit := unitOf[rest[i]]
		if ok = err == nil && time.Duration(n) <= (longest-sum)/unit; ok {
			sum += time.Duration(n) * unit
			rest = rest[i+1:]
		}
	}
	if !ok {
		return 0, p.errorf("%q is not a duration of at most %d days, want for example PT30M or P1D", shorten(p.value), longest/(24*time.Hour))
	}
	return sum, nil
}

// longest is the longest event, ten years.
const longest = 3653 * 24 * time.Hour

var unitOf = map[byte]time.Duration{
	'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second,
}
