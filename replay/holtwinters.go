package replay

import (
	"math"
	"time"
)

// HoltWinters is additive Holt-Winters with a damped trend (Hyndman and Athanasopoulos, FPP3, 8.3 and 8.4), of which the largest
// forecast of the window ahead is wanted and never less than the last minute's load. Its setting is a factor on both. Grid, season and
// smoothing are those of the lowest error over the training part; until its end it uses middling ones.
func HoltWinters(train int) Policy {
	return &baseline{
		name: "holt-winters|reactive", steady: true, settings: factors(), factor: same, reach: minutesPerDay,
		reader: func(lead int) reader {
			return &hwReader{train: train, lead: lead, model: newHoltWinters(smoothing{grid: 5, season: minutesPerDay, alpha: 0.2, gamma: 0.2})}
		},
	}
}

// hwReader updates a model minute by minute.
type hwReader struct {
	train, lead int
	tuned       bool
	model       *holtWinters
}

func (r *hwReader) read(_ time.Time, past []float64) expected {
	if len(past) > 0 {
		r.model.update(last(past))
	}
	if !r.tuned && len(past) >= r.train {
		r.tuned = true
		r.model = tuneHoltWinters(past, r.lead)
	}
	return ahead(last(past), r.lead, r.model.forecast)
}

// tuneHoltWinters returns the model, fitted to past, whose forecasts of the largest load of the window ahead had the lowest absolute
// error over the last weeks of past. The first season of a candidate is for its start; a weekly one is tried where three weeks are there.
func tuneHoltWinters(past []float64, lead int) *holtWinters {
	past = past[max(len(past)-8*minutesPerWeek, 0):]
	seasons := []int{minutesPerDay}
	if len(past) >= 2*minutesPerWeek {
		seasons = append(seasons, minutesPerWeek)
	}
	from := min(seasons[len(seasons)-1]+minutesPerDay, len(past)/2)
	var best *holtWinters
	lowest := math.Inf(1)
	for _, season := range seasons {
		for _, s := range smoothings(season) {
			m := newHoltWinters(s)
			if e := m.follow(past, from, lead); best == nil || e < lowest {
				best, lowest = m, e
			}
		}
	}
	return best
}

// smoothings returns the candidates of one season.
func smoothings(season int) []smoothing {
	var out []smoothing
	for _, grid := range []int{1, 5} {
		for _, alpha := range []float64{0.01, 0.05, 0.2, 0.5, 0.9} {
			for _, beta := range []float64{0, 0.05} {
				for _, gamma := range []float64{0.05, 0.2, 0.5} {
					out = append(out, smoothing{grid: grid, season: season, alpha: alpha, beta: beta, gamma: gamma})
				}
			}
		}
	}
	return out
}

// smoothing is what a Holt-Winters model is told: minutes per observation and per season, and the smoothing parameters alpha, beta* and
// gamma* of FPP3, 8.3, beta and gamma being shares as these are.
type smoothing struct {
	grid, season       int
	alpha, beta, gamma float64
}

// damping is the share of the trend that is left after one observation; FPP3, 8.2 names 0.8 to 0.98.
const damping = 0.9

// holtWinters is a fitted model. A missing observation changes neither level nor season and damps the trend.
type holtWinters struct {
	smoothing
	level, trend float64
	season       []float64 // NaN where the position was never observed
	n            int       // observations, missing ones included
	started      bool
	first        []float64 // the observations of the first season, until it is complete
	sum          float64   // of the present observation's minutes
	count, known int
}

func newHoltWinters(s smoothing) *holtWinters {
	return &holtWinters{smoothing: s, first: make([]float64, 0, s.season/s.grid)}
}

// update takes the load of the next minute.
func (m *holtWinters) update(v float64) {
	m.count++
	if !math.IsNaN(v) {
		m.sum, m.known = m.sum+v, m.known+1
	}
	if m.count < m.grid {
		return
	}
	m.observe(m.sum / float64(m.known)) // 0/0 is missing
	m.sum, m.count, m.known = 0, 0, 0
}

// observe takes one observation: the error correction form of FPP3, 8.3, with its trend damped.
func (m *holtWinters) observe(y float64) {
	defer func() { m.n++ }()
	if !m.started {
		m.first = append(m.first, y)
		if len(m.first) == cap(m.first) {
			m.start()
		}
		return
	}
	i := m.n % len(m.season)
	ahead, s := m.level+damping*m.trend, m.season[i]
	switch {
	case math.IsNaN(y):
		m.level, m.trend = ahead, damping*m.trend
	case math.IsNaN(s):
		m.level, m.trend, m.season[i] = ahead, damping*m.trend, y-ahead
	default:
		err := y - ahead - s
		m.level = ahead + m.alpha*err
		m.trend = damping*m.trend + m.alpha*m.beta*err
		m.season[i] = s + m.gamma*(1-m.alpha)*err
	}
}

// start makes level and season of the first season. Where all of it is missing, the next one is the first.
func (m *holtWinters) start() {
	values := known(m.first)
	if len(values) == 0 {
		m.first = m.first[:0]
		return
	}
	for _, v := range values {
		m.level += v / float64(len(values))
	}
	for i, v := range m.first {
		m.first[i] = v - m.level
	}
	m.season, m.started = m.first, true
}

// forecast returns the forecast for the minute u minutes after the present one, which is that after the last told, NaN where the model
// has none, and 0 where it is negative.
func (m *holtWinters) forecast(u int) float64 {
	if !m.started {
		return math.NaN()
	}
	h := (m.count+u)/m.grid + 1
	y := m.level + m.season[(m.n+h-1)%len(m.season)]
	if m.trend != 0 {
		y += m.trend * damping * (1 - math.Pow(damping, float64(h))) / (1 - damping)
	}
	return max(y, 0)
}

// follow updates m with past and returns the mean absolute error of the largest forecast of the window that the lead time leads to,
// over the windows that begin from a minute on. It is NaN where there is none.
func (m *holtWinters) follow(past []float64, from, lead int) float64 {
	sum, n := 0.0, 0
	for i, v := range past {
		m.update(v)
		now := i + 1
		if now < from || now+lead+slack >= len(past) || now%tuneEvery != 0 {
			continue
		}
		came := largest(lead, lead+slack, func(u int) float64 { return past[now+u] })
		if e := math.Abs(came - largest(lead, lead+slack, m.forecast)); !math.IsNaN(e) {
			sum, n = sum+e, n+1
		}
	}
	return sum / float64(n)
}

// tuneEvery is how many minutes lie between two windows that a candidate is scored on.
const tuneEvery = 7
