package ridge

import (
	"math"
	"slices"
	"time"
)

// season is a period that demand may repeat after.
type season struct {
	length time.Duration
	// back is over how many earlier seasons the averages go.
	back int
	// extra is how much history beyond the first season is needed, in seasons.
	extra float64
}

// usual lists the periods tried where none are given, shortest first.
var usual = []season{
	{time.Hour, 6, 1},
	{24 * time.Hour, 5, 1},
	{7 * 24 * time.Hour, 2, 4. / 7},
}

const (
	// leastSeason is the number of steps below which a season says nothing.
	leastSeason = 4
	// leastRows is the number of origins below which nothing is fitted.
	leastRows = 150
	// anchorSpan is over what time the level at the origin is averaged at most.
	anchorSpan = 15 * time.Minute
	// latest is the number of latest observations that are features of their own.
	latest = 6
	// smoothSpan is the half width of the smoothed seasonal features.
	smoothSpan = 20 * time.Minute
)

// need returns how long a history must be to use the season, lag being its steps.
func (s season) need(lag, horizon int) int {
	return max(lag+int(s.extra*float64(lag)), lag+leastRows) + min(horizon, lag)
}

// meanSpans are the windows of the multi-scale means.
var meanSpans = []time.Duration{
	5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// period is a season in steps.
type period struct {
	steps float64
	back  int
	lags  []int // of the first seasons, from none
}

// newPeriod returns the season in steps.
func newPeriod(s season, step time.Duration, horizon int) period {
	p := period{steps: float64(s.length) / float64(step), back: s.back}
	lags := make([]int, p.first(2*horizon)+p.back)
	for k := range lags {
		lags[k] = p.lag(k)
	}
	p.lags = lags
	return p
}

// lag returns how many steps k seasons are.
func (p period) lag(k int) int {
	if k < len(p.lags) {
		return p.lags[k]
	}
	return int(math.Round(float64(k) * p.steps))
}

// first returns the smallest k whose lag is at least h.
func (p period) first(h int) int {
	k := max(1, int(float64(h)/p.steps))
	for p.lag(k) < h {
		k++
	}
	return k
}

// layout says which features there are.
type layout struct {
	step    time.Duration
	anchor  int   // the most steps that the level is averaged over
	means   []int // window lengths in steps
	hour    int   // steps an hour, at least one
	smooth  int   // half width of smoothed features in steps
	periods []period
	knots   []int // horizons at which coefficients are fitted
}

// ownPerPeriod is the number of features that each period adds to each horizon: the season before, the average of several, and both
// smoothed over neighbouring steps.
const ownPerPeriod = 4

// newLayout chooses the features for a history of n steps.
func newLayout(step time.Duration, horizon, n int, seasons []season) layout {
	l := layout{
		step: step, anchor: max(1, int(anchorSpan/step)), hour: max(1, int(time.Hour/step)),
		smooth: int(smoothSpan / step), knots: knots(horizon),
	}
	for _, d := range meanSpans {
		if w := int(d / step); w > 1 && w != l.anchor && w < n/4 {
			l.means = append(l.means, w)
		}
	}
	for _, s := range seasons {
		lag := int(s.length / step)
		if lag >= leastSeason && n >= s.need(lag, horizon) {
			l.periods = append(l.periods, newPeriod(s, step, horizon))
		}
	}
	return l
}

// knots returns horizons that lie closer together where forecasts differ more: 1, 2, 3, 4, 6, 8, 12, 16 and so on, and the last.
func knots(horizon int) []int {
	var out []int
	for k := 1; k < horizon; k *= 2 {
		out = append(out, k)
		if half := k + k/2; half > k && half < horizon {
			out = append(out, half)
		}
	}
	return slices.Compact(append(out, horizon))
}

// anchorFor returns the number of steps over which the level is averaged for step h: few for the next step, because the latest value is
// the best there, and more the further ahead.
func (l layout) anchorFor(h int) int {
	return min((h+1)/2, l.anchor)
}

// sharedCount is the number of features that do not depend on the horizon, the constant included.
func (l layout) sharedCount() int { return 1 + latest + len(l.means) + 2*len(l.periods) }

// count is the number of all features.
func (l layout) count() int { return l.sharedCount() + ownPerPeriod*len(l.periods) }

// deepest returns the lag of the longest season.
func (l layout) deepest() int { return l.periods[len(l.periods)-1].lag(1) }

// keep returns how many observations a model must remember.
func (l layout) keep(horizon int) int {
	most := 0
	for _, p := range l.periods {
		most = max(most, p.lag(p.first(horizon)+p.back-1))
	}
	return most + l.anchor + l.smooth + l.hour + 1
}
