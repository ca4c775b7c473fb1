package replay

import (
	"math"
	"time"
)

// Schedule follows a weekly timetable learned from the training part and nothing else: the largest load of each half hour of the week, of
// that half hour on any day where the week's is not known, times its setting. It begins each half hour a lead time early.
func Schedule(train int) Policy {
	return &baseline{
		name: "schedule", settings: factors(), factor: same, reach: minutesPerDay,
		reader: func(lead int) reader { return newTimetable(train, lead) },
	}
}

const (
	minutesPerDay  = 24 * 60
	minutesPerWeek = 7 * minutesPerDay
	halfHour       = 30
)

// timetable holds the largest loads seen by half hour, NaN where none was.
type timetable struct {
	train, lead int
	week        [minutesPerWeek / halfHour]float64
	day         [minutesPerDay / halfHour]float64
	all         float64
}

func newTimetable(train, lead int) *timetable {
	t := &timetable{train: train, lead: lead, all: math.NaN()}
	for i := range t.week {
		t.week[i] = math.NaN()
	}
	for i := range t.day {
		t.day[i] = math.NaN()
	}
	return t
}

func (t *timetable) read(at time.Time, past []float64) expected {
	now := minuteOfWeek(at)
	if len(past) > 0 && len(past) <= t.train {
		t.learn((now+minutesPerWeek-1)%minutesPerWeek, last(past))
	}
	slot := func(u int) float64 { return t.slot(now + u) }
	add := largest(t.lead, t.lead+1, slot)
	return expected{add: add, keep: largest(0, t.lead+1, slot), present: math.NaN()}
}

// learn takes the load of a minute of the week into the table.
func (t *timetable) learn(minute int, v float64) {
	if math.IsNaN(v) {
		return
	}
	w, d := &t.week[minute/halfHour], &t.day[minute%minutesPerDay/halfHour]
	for _, cell := range []*float64{w, d, &t.all} {
		if !(v <= *cell) {
			*cell = v
		}
	}
}

// slot returns the best that the table knows of a minute of the week.
func (t *timetable) slot(minute int) float64 {
	minute %= minutesPerWeek
	if v := t.week[minute/halfHour]; !math.IsNaN(v) {
		return v
	}
	if v := t.day[minute%minutesPerDay/halfHour]; !math.IsNaN(v) {
		return v
	}
	return t.all
}

// minuteOfWeek returns the minutes since Sunday midnight in UTC.
func minuteOfWeek(at time.Time) int {
	at = at.UTC()
	return int(at.Weekday())*minutesPerDay + at.Hour()*60 + at.Minute()
}
