package demo

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// group is one group of users: shape gives its usual demand at a time, in the fleet's unit.
type group struct {
	metric, name string
	// users is how many units of demand one user makes: the larger, the noisier the group.
	perUser float64
	shape   func(t time.Time) float64
}

// Organisation returns the generated organisation as seen from a time, which is rounded down to a whole minute. The same seed and time
// give the same world.
func Organisation(now time.Time, seed uint64) World {
	now = series.Align(now, time.Minute)
	w := World{Fleets: organisationFleets()}
	campaigns := campaignsOf(now, seed)
	groups := []group{
		{"demo_requests_per_second", "shop-europe", 1.5, func(t time.Time) float64 { return 420 * shopping(t, 0) }},
		{"demo_requests_per_second", "shop-america", 1.5, func(t time.Time) float64 { return 210 * shopping(t, 7) }},
		{"demo_requests_per_second", "partners", 4, func(t time.Time) float64 { return 120 * working(t, 7, 18, false) }},
		{"demo_requested_cores", "analytics", 8, func(t time.Time) float64 { return 640 * working(t, 8, 17, true) }},
		{"demo_requested_cores", "research", 16, func(t time.Time) float64 { return 380 * night(t) * campaigns(t) }},
		{"demo_requested_cores", "reports", 0, hourlyReport},
	}
	for i, g := range groups {
		y := g.generate(now, rand.New(rand.NewPCG(seed, uint64(i+1))))
		w.Signals = append(w.Signals, Signal{Labels: map[string]string{"__name__": g.metric, "group": g.name}, Series: y})
	}
	launch(w.Signals[:3], now)
	w.Signals = append(w.Signals, outage(w.Signals[3:6], now))
	return w
}

func organisationFleets() []Fleet {
	return []Fleet{
		{
			Name: "web", Query: "sum(demo_requests_per_second)", Unit: "requests_per_second", Mode: "act", Step: time.Minute,
			Pools: []Pool{
				{Name: "web-fixed", Class: "fixed", Capacity: 25, Min: 4, Max: 16, LeadTime: 4 * time.Minute, HourlyPrice: 0.77},
				{Name: "web-spot", Class: "variable", Capacity: 25, Max: 120, LeadTime: 4 * time.Minute, HourlyPrice: 0.23},
			},
		},
		{
			Name: "batch", Query: "sum(demo_requested_cores)", Unit: "cores", Mode: "shadow", Step: time.Minute,
			Exclude: []string{`ALERTS{alertname="BatchOutage",alertstate="firing"}`},
			Pools: []Pool{
				{Name: "batch-fixed", Class: "fixed", Capacity: 16, Min: 4, Max: 20, LeadTime: 6 * time.Minute, HourlyPrice: 0.77},
				{Name: "batch-spot", Class: "variable", Capacity: 16, Max: 200, LeadTime: 6 * time.Minute, HourlyPrice: 0.23},
			},
		},
	}
}

// generate draws the group's demand from past to future. A day is good or bad by about a tenth; within it the demand wanders slowly and
// each minute has the noise of independent users.
func (g group) generate(now time.Time, r *rand.Rand) series.Series {
	y := series.Series{Start: now.Add(-past), Step: time.Minute, Values: make([]float64, int((past+future)/time.Minute))}
	var today, wander float64
	for i := range y.Values {
		t := y.TimeAt(i)
		if i == 0 || t.Hour() == 0 && t.Minute() == 0 {
			today = 1 + 0.06*r.NormFloat64()
		}
		wander = 0.995*wander + 0.004*r.NormFloat64()
		v := g.shape(t)
		if g.perUser > 0 {
			v *= today * math.Exp(wander) * math.Pow(1.01, float64(t.Sub(now))/float64(week))
			v += math.Sqrt(g.perUser*v) * r.NormFloat64()
		}
		y.Values[i] = math.Round(10*max(v, 0)) / 10
	}
	return y
}

func hourOf(t time.Time) float64 { return float64(t.Hour()) + float64(t.Minute())/60 }

func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }

// bump is 1 at an hour of the day and falls off over width hours, around the clock.
func bump(hour, at, width float64) float64 {
	d := math.Abs(hour - at)
	d = min(d, 24-d)
	return math.Exp(-d * d / (2 * width * width))
}

// shopping is the day of a shop whose customers live late hours after Europe's.
func shopping(t time.Time, late float64) float64 {
	h := math.Mod(hourOf(t)-late+24, 24)
	v := 0.12 + bump(h, 14, 3.5) + 0.55*bump(h, 19, 1.5)
	if weekend(t) {
		v *= 0.8
	}
	return v
}

// working is a working day from one hour to another, with soft edges and, where asked, a dip at noon.
func working(t time.Time, from, to float64, lunch bool) float64 {
	if weekend(t) {
		return 0.03
	}
	h := hourOf(t)
	v := 1 / (1 + math.Exp(-(h-from)*3)) / (1 + math.Exp((h-to)*3))
	if lunch {
		v *= 1 - 0.3*bump(h, 12.5, 0.5)
	}
	return 0.03 + v
}

func night(t time.Time) float64 { return 0.15 + bump(hourOf(t), 23, 3) }

// hourlyReport is a cron job each hour on the minute.
func hourlyReport(t time.Time) float64 {
	if t.Minute() < 5 {
		return 240
	}
	return 0
}

// campaignsOf returns how busy research is: campaigns of two to five days at full strength with quieter days between.
func campaignsOf(now time.Time, seed uint64) func(time.Time) float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	begin := series.Align(now.Add(-past), day)
	var level []float64
	for len(level) < int((past+future)/day)+2 {
		strength := 0.35 + 0.3*float64(r.IntN(3))
		for range 2 + r.IntN(4) {
			level = append(level, strength)
		}
	}
	return func(t time.Time) float64 { return level[int(t.Sub(begin)/day)] }
}

// launch multiplies the demand on web eleven days ago.
func launch(signals []Signal, now time.Time) {
	begin := series.Align(now.Add(-11*day), day).Add(16 * time.Hour)
	for _, s := range signals {
		y := s.Series
		for i := y.Index(begin); i < y.Index(begin.Add(6*time.Hour)); i++ {
			into := y.TimeAt(i).Sub(begin).Hours()
			y.Values[i] = math.Round(10*y.Values[i]*(1+2*min(1, into*2)*min(1, (6-into)/3))) / 10
		}
	}
}

// outage records batch as zero for a while eight days ago, and returns the alert that fires meanwhile.
func outage(signals []Signal, now time.Time) Signal {
	begin := series.Align(now.Add(-8*day), day).Add(10*time.Hour + 20*time.Minute)
	first := signals[0].Series
	alert := series.Series{Start: first.Start, Step: first.Step, Values: make([]float64, first.Len())}
	for i := range alert.Values {
		t := alert.TimeAt(i)
		alert.Values[i] = math.NaN()
		if t.Before(begin) || !t.Before(begin.Add(105*time.Minute)) {
			continue
		}
		alert.Values[i] = 1
		for _, s := range signals {
			s.Series.Values[i] = 0
		}
	}
	return Signal{
		Labels: map[string]string{"__name__": "ALERTS", "alertname": "BatchOutage", "alertstate": "firing"},
		Series: alert,
	}
}
