package replay

import (
	"math"
	"time"
)

// CloudHourly is predictive scaling in the manner of the clouds, whose models are not published: the mean load of each hour is forecast
// from at most 14 days, with more weight on the same weekday, anew every six hours; the forecast of an hour holds from the lead time and
// two minutes before it until its end, and the last minute's load decides whether anything is released. Its setting is a factor on both.
func CloudHourly() Policy {
	return &baseline{
		name: "cloud-hourly|reactive", steady: true, settings: factors(), factor: same, reach: minutesPerDay,
		reader: func(lead int) reader { return &hourly{lead: lead + 2, planned: map[int64]float64{}} },
	}
}

const (
	hourlyDays    = 14
	hourlyRefresh = 6
	// weekdayWeight is the weight of a day of the same weekday; other days have 1.
	weekdayWeight = 3
)

// hourly keeps the means of past hours and the forecasts of coming ones by the hour since the Unix epoch.
type hourly struct {
	lead    int
	hours   []hourMean // the hours past, the oldest first; hours without a known minute are left out
	planned map[int64]float64
	present hourMean
	known   int // known minutes in present
	next    int64
}

type hourMean struct {
	hour int64
	mean float64 // while the hour lasts: the sum
}

func (p *hourly) read(at time.Time, past []float64) expected {
	if len(past) > 0 {
		p.learn(hourOf(at.Add(-time.Minute)), last(past))
	}
	now := hourOf(at)
	if now >= p.next {
		p.finish()
		p.refresh(now)
		p.next = now + hourlyRefresh
	}
	ahead := hourOf(at.Add(time.Duration(p.lead) * time.Minute))
	add := largest(0, int(ahead-now), func(h int) float64 {
		if v, ok := p.planned[now+int64(h)]; ok {
			return v
		}
		return math.NaN()
	})
	return expected{add: add, keep: math.NaN(), present: last(past), blind: math.IsNaN(last(past))}
}

// learn takes the load of a minute of an hour.
func (p *hourly) learn(hour int64, v float64) {
	if hour != p.present.hour {
		p.finish()
		p.present = hourMean{hour: hour}
	}
	if !math.IsNaN(v) {
		p.present.mean, p.known = p.present.mean+v, p.known+1
	}
}

// finish closes the present hour, if any of it is known, and drops what is too old.
func (p *hourly) finish() {
	if p.known > 0 {
		p.hours = append(p.hours, hourMean{hour: p.present.hour, mean: p.present.mean / float64(p.known)})
	}
	p.present.mean, p.known = 0, 0
	for len(p.hours) > hourlyDays*24 {
		p.hours = p.hours[1:]
	}
}

// refresh forecasts the hours until a lead time after the next refresh.
func (p *hourly) refresh(now int64) {
	clear(p.planned)
	for h := now; h <= now+hourlyRefresh+int64(p.lead/60)+1; h++ {
		var sum, weights float64
		for _, m := range p.hours {
			if back := h - m.hour; back%24 == 0 && back <= hourlyDays*24 {
				w := 1.0
				if back%(7*24) == 0 {
					w = weekdayWeight
				}
				sum, weights = sum+w*m.mean, weights+w
			}
		}
		if weights > 0 {
			p.planned[h] = sum / weights
		}
	}
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }
