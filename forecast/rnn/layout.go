package rnn

import (
	"math"
	"time"
)

const (
	// leastSeason is the number of steps below which a season says nothing; mostSeasons is how many seasons are used at most.
	leastSeason, mostSeasons = 4, 4
	// depth is over how many seasons the mean of a season goes, and deepLimit the most steps that all of them may take.
	depth, deepLimit = 4, 6048
	// patchLength is the usual number of observations that the LSTM reads at a time, patchLimit the most.
	patchLength, patchLimit = 24, 48
	// windowLength is about how many of the latest observations the LSTM reads.
	windowLength = 168
	// recentSpan is over what time the latest level is averaged at most.
	recentSpan = 15 * time.Minute
	// mostKnots is the most horizons that have outputs of their own.
	mostKnots = 64
)

// season is a period in steps.
type season struct {
	steps float64
	back  int // how many of the latest seasons are used
}

// lag returns how many steps k seasons are.
func (s season) lag(k int) int { return int(math.Round(float64(k) * s.steps)) }

// first returns the smallest k whose lag is at least h.
func (s season) first(h int) int {
	k := max(1, int(float64(h)/s.steps))
	for s.lag(k) < h {
		k++
	}
	return k
}

// need returns how long a history must be to use a season of lag steps: one season to look back on, the horizon, and half a season to
// learn from.
func need(lag, horizon int) int { return lag + min(lag, horizon) + lag/2 }

// layout says what a window of the network is made of.
type layout struct {
	step     time.Duration
	horizon  int
	length   int // of the histories that it was made for
	patch    int // observations the LSTM reads at a time
	patches  int
	level    int // over how many observations the level of a window goes
	recent   int // the same for the latest level
	seasons  []season
	knots    []int // horizons with outputs, ascending
	calendar bool  // whether there are inputs from a calendar
}

// newLayout returns the layout for histories of n steps. Seasons that do not fit into n are left out.
func newLayout(m Method, step time.Duration, n int) layout {
	l := layout{
		step: step, horizon: m.Horizon, length: n, patch: patchLength, level: patchLength, recent: max(1, int(recentSpan/step)),
		knots: knots(m.Horizon), calendar: m.Calendar != nil,
	}
	for _, length := range m.seasons() {
		s := season{steps: float64(length) / float64(step)}
		lag := s.lag(1)
		if len(l.seasons) == mostSeasons || lag < leastSeason || need(lag, m.Horizon) > n {
			continue
		}
		s.back = min(max(deepLimit/lag, 1), depth)
		l.seasons = append(l.seasons, s)
	}
	if len(l.seasons) > 0 {
		first := l.seasons[0].lag(1)
		l.level = min(first, windowLength)
		if first <= patchLimit {
			l.patch = first
		}
	}
	for l.patch < patchLength {
		l.patch *= 2
	}
	l.patches = max(1, min(windowLength, n/2)/l.patch)
	return l
}

// knots returns the horizons that have outputs of their own: all, or mostKnots that lie the denser the nearer.
func knots(horizon int) []int {
	n := min(horizon, mostKnots)
	out := make([]int, n)
	last := 0
	for i := range out {
		u := float64(i+1) / float64(n)
		last = max(last+1, int(float64(horizon)*u*u))
		if horizon <= mostKnots {
			last = i + 1
		}
		out[i] = last
	}
	return out
}

// between returns the knot at or before step h and how far h lies towards the next one, 0 to 1; beyond the last knot, the last.
func (l layout) between(h int) (int, float64) {
	for i, k := range l.knots[:len(l.knots)-1] {
		if next := l.knots[i+1]; h < next {
			return i, float64(h-k) / float64(next-k)
		}
	}
	return len(l.knots) - 1, 0
}

// window returns how many of the latest observations the LSTM reads.
func (l layout) window() int { return l.patch * l.patches }

// input returns how many numbers the LSTM reads at a time: per observation its value and its difference from each season before, and
// the share that is missing.
func (l layout) input() int { return l.patch*(1+len(l.seasons)) + 1 }

// The context inputs beside the last patch, and how many there are more a season; the candidates, and how many more a season; and what
// a calendar adds to both.
const (
	contextInputs, contextPerSeason    = 3, 2
	candidateCount, candidatePerSeason = 2, 4
	calendarInputs, calendarCandidates = 4, 2
)

// context returns how many numbers the head reads beside the LSTM's output.
func (l layout) context() int {
	n := l.input() + contextInputs + contextPerSeason*len(l.seasons)
	if l.calendar {
		n += calendarInputs
	}
	return n
}

// candidates returns how many forecasts are mixed: per season the latest, the mean of several and the two shifts of level since then;
// the latest level and the level; and with a calendar the effects of an occasion on the step and on the season before it.
func (l layout) candidates() int {
	n := candidateCount + candidatePerSeason*len(l.seasons)
	if l.calendar {
		n += calendarCandidates
	}
	return n
}

// shape returns the shape of the network.
func (l layout) shape() shape {
	s := shape{
		patches: l.patches, input: l.input(), units: units, context: l.context(), steps: len(l.knots), candidates: l.candidates(),
	}
	for _, h := range l.knots {
		b := 0 // the horizons 1, 2, 3-4, 5-8, 9-16 and so on
		for n := 1; n < h; n *= 2 {
			b++
		}
		s.bucket = append(s.bucket, b)
	}
	return s
}

// least returns the number of observations that a forecast needs: a season and one, or without a season a patch.
func (l layout) least() int {
	if len(l.seasons) > 0 {
		return l.seasons[0].lag(1) + 1
	}
	return l.patch
}

// keep returns how many observations a model must remember. It does not depend on the horizon: the seasons that a step looks back on
// begin with the latest whole one.
func (l layout) keep() int {
	most := l.window() + l.horizon
	for _, s := range l.seasons {
		most = max(most, s.lag(s.back), s.lag(1)+max(l.window(), l.level))
	}
	return most + 1
}
