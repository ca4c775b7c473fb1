package pool

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// Skill is what a fleet's decisions hand on about how good its forecast is beside the naive one of Changes: both say how large the demand
// of a window will be that an instance asked for now can serve, and both are scored when it is over (I5). It is immutable.
type Skill struct {
	// Open are the windows that are not over.
	Open []Trial
	// Forecast and Naive are the quantile scores, averaged over a day that fades; Scored is how many windows they are of.
	Forecast, Naive float64
	Scored          int
	// Settled is the time of the latest observation that was compared.
	Settled time.Time
}

// RestoredSkill returns the Skill of an earlier process whose scores are known; one that is not a finite number at least 0 makes none, and
// neither do two of 0.
func RestoredSkill(forecast, naive float64) Skill {
	if !finite(forecast) || !finite(naive) || forecast+naive == 0 {
		return Skill{}
	}
	return Skill{Forecast: forecast, Naive: naive, Scored: skillLeast}
}

// Scores returns the scores of the forecast and of the naive one; ok is false while there are too few to compare them.
func (k Skill) Scores() (forecast, naive float64, ok bool) {
	return k.Forecast, k.Naive, k.Scored >= skillLeast
}

// Lost reports whether the forecast is so much worse than the naive one that it has no part in windows.
func (k Skill) Lost() bool { return k.weight() == 0 }

// Trial is one window: what both forecasts said of the largest observation on the grid from From to To, with which probability, and the
// largest one seen.
type Trial struct {
	From, To                     time.Time
	Forecast, Naive, Probability float64
	Peak                         float64 // NaN before there is one
}

const (
	// skillMemory is the time after which a score counts 1/e.
	skillMemory = 24 * time.Hour
	// skillLeast is how many windows must have been scored before the naive forecast has a part.
	skillLeast = 30
	// A forecast has all of a window while its score is at most skillSure times that of the naive one, and no part of it from skillLoss times
	// on. In between the quantiles of both are averaged: two forecasts that are about as good are better together (Lichtendahl,
	// Grushka-Cockayne and Winkler 2013).
	skillSure, skillLoss = 0.85, 1.1
)

// settle compares the open windows with an observation, and scores those that are over. What was observed while capacity hid a part of
// the demand, or while the operator wants nothing learnt, says nothing of a forecast.
func (k Skill) settle(in Input) Skill {
	if !in.ObservedAt.After(k.Settled) {
		return k
	}
	k.Settled = in.ObservedAt
	if in.Hidden || in.Excluded || in.Forecast.Step <= 0 {
		k.Open = nil
		return k
	}
	memory := math.Exp(-float64(max(in.Forecast.Step, in.Policy.Interval)) / float64(skillMemory))
	open := make([]Trial, 0, len(k.Open)+1)
	for _, t := range k.Open {
		if !in.ObservedAt.Before(t.From) && !in.ObservedAt.After(t.To) && !(t.Peak >= in.Observed) {
			t.Peak = in.Observed
		}
		switch {
		case in.ObservedAt.Before(t.To):
			open = append(open, t)
		case !math.IsNaN(t.Peak):
			k.Forecast = memory*k.Forecast + (1-memory)*forecast.QuantileScore(t.Probability, t.Forecast, t.Peak)
			k.Naive = memory*k.Naive + (1-memory)*forecast.QuantileScore(t.Probability, t.Naive, t.Peak)
			k.Scored++
		}
	}
	k.Open = open
	return k
}

// weight returns that of the forecast beside the naive one, 0 to 1.
func (k Skill) weight() float64 {
	if k.Scored < skillLeast || k.Forecast == 0 {
		return 1
	}
	return min(max((skillLoss-k.ratio())/(skillLoss-skillSure), 0), 1)
}

// ratio is the forecast's score over the naive one's, 1000 at most.
func (k Skill) ratio() float64 {
	if k.Forecast >= mostRatio*k.Naive {
		return mostRatio
	}
	return k.Forecast / k.Naive
}

const mostRatio = 1000
