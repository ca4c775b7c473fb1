package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// mostInterval bounds INTERVAL; mostRule bounds the text, and with it how many times a day one rule can name.
const (
	mostInterval = 1000
	mostRule     = 300
)

// parseRule reads the value of an RRULE of an event in zone. The limits are those of RFC 5545, section 3.3.10, on what goes with which
// frequency; beyond them a rule may have no occurrence at all, and finding that out would take for ever.
func parseRule(text string, zone *time.Location) (*rrule.ROption, error) {
	if len(text) > mostRule {
		return nil, fmt.Errorf("longer than %d bytes", mostRule)
	}
	text = strings.ToUpper(text)
	o, err := rrule.StrToROptionInLocation(text, time.UTC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	if err := checkRule(o); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	// The rule is followed on the wall clock. An end in UTC is turned to it; one that is a date means all of that day.
	for part := range strings.SplitSeq(text, ";") {
		value, ok := strings.CutPrefix(part, "UNTIL=")
		switch {
		case !ok:
		case strings.HasSuffix(value, "Z"):
			o.Until = wall(o.Until.In(zone))
		case len(value) == len(dateLayout):
			o.Until = o.Until.Add(24*time.Hour - time.Second)
		}
	}
	if _, err := rrule.NewRRule(*o); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return o, nil
}

// checkRule returns an error for what must not go together.
func checkRule(o *rrule.ROption) error {
	switch {
	case o.Freq > rrule.HOURLY:
		return errors.New("recurs more often than hourly, which is a season and not an event")
	case o.Interval < 0 || o.Interval > mostInterval || o.Count < 0:
		return fmt.Errorf("INTERVAL and COUNT must be positive, INTERVAL at most %d", mostInterval)
	case !o.Dtstart.IsZero() || len(o.Byeaster) > 0:
		return errors.New("DTSTART and BYEASTER are not part of a rule")
	}
	goes := func(part string, used int, frequencies ...rrule.Frequency) error {
		if used == 0 || slices.Contains(frequencies, o.Freq) {
			return nil
		}
		return fmt.Errorf("%s does not go with FREQ=%s", part, o.Freq)
	}
	return errors.Join(
		goes("BYYEARDAY", len(o.Byyearday), rrule.YEARLY),
		goes("BYWEEKNO", len(o.Byweekno), rrule.YEARLY),
		goes("BYMONTHDAY", len(o.Bymonthday), rrule.YEARLY, rrule.MONTHLY, rrule.DAILY, rrule.HOURLY),
		goes("BYSETPOS", len(o.Bysetpos), rrule.YEARLY, rrule.MONTHLY, rrule.WEEKLY),
		goes("BYHOUR", len(o.Byhour), rrule.YEARLY, rrule.MONTHLY, rrule.WEEKLY, rrule.DAILY),
		checkWeekdays(o),
	)
}

// checkWeekdays returns an error for a numbered weekday that no month or year has.
func checkWeekdays(o *rrule.ROption) error {
	most := 0
	switch {
	case o.Freq == rrule.YEARLY && len(o.Bymonth) == 0:
		most = 53
	case o.Freq == rrule.YEARLY || o.Freq == rrule.MONTHLY:
		most = 5
	}
	for _, d := range o.Byweekday {
		if n := d.N(); n < -most || n > most {
			return fmt.Errorf("BYDAY=%s: there is no such day", d.String())
		}
	}
	return nil
}
