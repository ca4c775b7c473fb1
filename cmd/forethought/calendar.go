package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/forecast/calendar"
)

// checkHolidays refuses the code of a region whose holidays are not known.
func checkHolidays(code string) error {
	if known := calendar.Regions(); !slices.Contains(known, code) {
		return fmt.Errorf("no holidays are known of %q; allowed: %s", code, strings.Join(known, ", "))
	}
	return nil
}

// checkEvents refuses an events file that can't be read.
func checkEvents(path string) error {
	_, _, err := openCalendar(&config.Calendar{TimeZone: "UTC", Events: path})
	return err
}

// openCalendar returns the calendar that a configuration describes, and the content of its events file. It is nil where none is described.
func openCalendar(c *config.Calendar) (known *calendar.Calendar, events []byte, err error) {
	if c == nil {
		return nil, nil, nil
	}
	o := calendar.Options{Holidays: c.Holidays}
	if o.Location, err = time.LoadLocation(c.TimeZone); err != nil {
		return nil, nil, err
	}
	if c.Events != "" {
		if events, err = os.ReadFile(c.Events); err != nil {
			return nil, nil, err
		}
		if o.Events, err = calendar.ParseEvents(bytes.NewReader(events)); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.Events, err)
		}
	}
	known, err = calendar.New(o)
	return known, events, err
}
