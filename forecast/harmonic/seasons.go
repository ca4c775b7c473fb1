package harmonic

import (
	"math"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
	year = 8766 * time.Hour // 365.25 days
	// leastYears is how much history a season of a year needs, as in Prophet: 730 days.
	leastYears = 730 * day
	// yearLike is the shortest season that is taken for one of a year.
	yearLike = 360 * day
)

// season is a period with the number of its harmonics.
type season struct {
	length time.Duration
	order  int
	// local seasons follow the clock on the wall.
	local bool
}

// orderOf returns the number of harmonics of a season: those of Prophet for a day, a week and a year (Taylor and Letham 2018, section
// 3.2), and for other seasons that of the nearest of these that is not longer, with a day's for all below a day.
func orderOf(length time.Duration) int {
	switch {
	case length >= yearLike:
		return 10
	case length >= week:
		return 3
	default:
		return 4
	}
}

// seasonsFor returns the seasons that n observations with a span of n*step can tell apart: two of each, and at least two steps for the
// shortest harmonic. present is how many observations are not missing; a season whose coefficients would leave fewer than spare of them
// to the noise is left out, and so are all longer ones.
func seasonsFor(lengths []time.Duration, step time.Duration, n, present int) []season {
	if len(lengths) == 0 {
		lengths = []time.Duration{day, week, year}
	}
	columns := 2 + changePoints(present)
	var out []season
	for _, length := range lengths {
		if length <= 0 || length > math.MaxInt64/2 {
			continue
		}
		need := 2 * length
		if length >= yearLike {
			need = leastYears
		}
		s := season{length: length, order: min(orderOf(length), int(length/step/2)), local: length%(12*time.Hour) == 0}
		if s.order < 1 || time.Duration(n) < need/step {
			continue
		}
		if columns += 2 * s.order; columns+spare > present {
			break
		}
		out = append(out, s)
	}
	return out
}

// spare is how many observations more than coefficients there must be.
const spare = 10

// shortest returns the period of the shortest harmonic, and the longest duration where there is none.
func shortest(seasons []season) time.Duration {
	out := time.Duration(math.MaxInt64)
	for _, s := range seasons {
		out = min(out, s.length/time.Duration(s.order))
	}
	return out
}

// clock reads the seasons' phases at times that ascend, which makes finding the offset from UTC cheap.
type clock struct {
	loc        *time.Location
	from, till time.Time // the offset holds for from <= t < till
	offset     float64   // seconds
}

// seconds returns the seconds since the epoch in UTC and on the wall.
func (c *clock) seconds(t time.Time) (utc, wall float64) {
	utc = float64(t.Unix()) + 1e-9*float64(t.Nanosecond())
	if c.from.IsZero() && c.till.IsZero() || t.Before(c.from) || !c.till.IsZero() && !t.Before(c.till) {
		lt := t.In(c.loc)
		_, offset := lt.Zone()
		c.from, c.till = lt.ZoneBounds()
		c.offset = float64(offset)
	}
	return utc, utc + c.offset
}

// waves fills out with sine and cosine of every harmonic of every season at t.
func (c *clock) waves(seasons []season, t time.Time, out []float64) {
	utc, wall := c.seconds(t)
	for _, s := range seasons {
		x := utc
		if s.local {
			x = wall
		}
		x /= s.length.Seconds()
		sin1, cos1 := math.Sincos(2 * math.Pi * (x - math.Floor(x)))
		sin, cos := sin1, cos1
		for j := range s.order {
			out[2*j], out[2*j+1] = sin, cos
			sin, cos = sin*cos1+cos*sin1, cos*cos1-sin*sin1
		}
		out = out[2*s.order:]
	}
}

// attenuation returns by how much the mean over k steps is smaller than the wave at their middle, for every column of waves: the
// Dirichlet kernel sin(k w/2) / (k sin(w/2)) at w radians a step.
func attenuation(seasons []season, step time.Duration, k int) []float64 {
	var out []float64
	for _, s := range seasons {
		for j := range s.order {
			half := math.Pi * float64(j+1) * step.Seconds() / s.length.Seconds()
			a := math.Sin(float64(k)*half) / (float64(k) * math.Sin(half))
			out = append(out, a, a)
		}
	}
	return out
}
