package replay

import (
	"math"
	"time"
)

// SeasonalNaive forecasts that the largest load of the window ahead is that of the window one week ago, or one day ago where the trace
// shows that to be closer or is too short for a week, and never expects less than the last minute's load. Its setting is a factor on
// both. Where the window of one season ago is missing, that of two ago stands in.
func SeasonalNaive() Policy {
	return &baseline{
		name: "seasonal-naive|reactive", steady: true, settings: factors(), factor: same, reach: minutesPerDay,
		reader: func(lead int) reader { return &seasonal{lead: lead} },
	}
}

// seasonal copies the season before. Which of two seasons it copies follows from the sums of how far each was off so far.
type seasonal struct {
	lead int
	// day and week are the absolute errors of copying, summed up over the n minutes for which both were known.
	day, week float64
	n         int
}

func (s *seasonal) read(_ time.Time, past []float64) expected {
	now := last(past)
	d, w := math.Abs(now-ago(past, 1+minutesPerDay)), math.Abs(now-ago(past, 1+minutesPerWeek))
	if !math.IsNaN(d) && !math.IsNaN(w) {
		s.day, s.week, s.n = s.day+d, s.week+w, s.n+1
	}
	first, second := minutesPerDay, minutesPerWeek
	if s.n >= minutesPerDay && s.week < s.day {
		first, second = second, first
	}
	at := func(u int) float64 {
		for _, back := range []int{first, 2 * first, second} {
			if v := ago(past, back-u); !math.IsNaN(v) {
				return v
			}
		}
		return math.NaN()
	}
	return ahead(now, s.lead, at)
}

// ahead makes what is expected of a forecast for the minutes u after the present one, which is minute 0, and of the last minute's load.
func ahead(now float64, lead int, at func(u int) float64) expected {
	return expected{
		add: largest(lead, lead+slack, at), keep: largest(0, lead+max(lead, slack), at), present: now, blind: math.IsNaN(now),
	}
}
