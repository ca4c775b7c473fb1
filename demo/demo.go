// Package demo turns a description of an organisation, or a real trace, into the world that the demo runs in: demand that has a
// history, goes on as time passes, and pools whose instances take time to start.
//
// The organisation is generated from a seed and has two fleets. Times are UTC.
//
//   - web, requests per second, observed each minute. Three groups of users: shop-europe (busiest at 14:00, a second peak at 19:00, 20 %
//     quieter on Saturday and Sunday), shop-america (the same day seven hours later, half the size) and partners (an interface used on
//     working days from 07:00 to 18:00).
//   - batch, cores requested, observed each minute. Three groups: analytics (working days 08:00 to 17:00 with a dip at noon), research
//     (evenings and nights, every day, in campaigns of a few days) and reports (a cron job each hour on the minute: from minute 0 to
//     minute 5 it asks for 240 cores, day and night).
//   - A launch: eleven days before the demo begins, from 16:00 for six hours, web has up to three times its usual demand.
//   - An outage: eight days before the demo begins, from 10:20 to 12:05, batch is recorded as zero. The alert BatchOutage fires
//     meanwhile, and the demo's configuration excludes what was observed under it.
//   - Growth of one per cent a week, and noise: the number of users is Poisson-like, and groups have good and bad days.
//
// The history is 36 days long, and the organisation goes on for eight days after the demo begins.
package demo

import (
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// Signal is one series of the world, known beyond the present: what lies ahead is shown to nobody before its time.
type Signal struct {
	// Labels name the series, __name__ included.
	Labels map[string]string
	Series series.Series
}

// until returns the part of s that has been observed at a time.
func (s Signal) until(t time.Time) series.Series { return s.Series.Slice(0, s.Series.Index(t)+1) }

// World is what the demo shows.
type World struct {
	Signals []Signal
	Fleets  []Fleet
}

// Fleet is a fleet of the demo as its configuration describes it.
type Fleet struct {
	Name, Query, Unit, Mode string
	Step                    time.Duration
	Exclude                 []string
	Pools                   []Pool
}

// Pool is a pool of the demo.
type Pool struct {
	Name, Class string
	Capacity    float64
	Min, Max    int
	LeadTime    time.Duration
	HourlyPrice float64
}

const (
	past   = 36 * 24 * time.Hour
	future = 8 * 24 * time.Hour
	day    = 24 * time.Hour
	week   = 7 * day
)
