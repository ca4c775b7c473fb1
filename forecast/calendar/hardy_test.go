package calendar_test

import (
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast/calendar"
)

// Any number of blank lines is read, one after the other.
func TestManyBlankLines(t *testing.T) {
	events, err := calendar.ParseEvents(strings.NewReader("BEGIN:VCALENDAR\r\n" + strings.Repeat("\n", 2_000_000) + "END:VCALENDAR\r\n"))
	if err != nil || len(events) != 0 {
		t.Errorf("%d events, error %v", len(events), err)
	}
}
