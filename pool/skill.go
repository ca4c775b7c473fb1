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
	// Lost is true while the naive forecast is in the place of the other.
	Lost bool
	// Settled is the time of the latest observation that was compared.
	Settled time.Time
}

// RestoredSkill returns the Skill of an earlier process whose scores are known; one that is not above 0 and finite makes none.
func RestoredSkill(forecast, naive float64) Skill {
	if !positive(forecast) || !positive(naive) {
		return Skill{}
	}
	return Skill{Forecast: forecast, Naive: naive, Scored: skillLeast, Lost: forecast > skillLoss*naive}
}

// Scores returns the scores of the forecast and of the naive one; ok is false while there are too few to compare them.
func (k Skill) Scores() (forecast, naive float64, ok bool) {
	return k.Forecast, k.Naive, k.Scored >= skillLeast
}

// Trial is one window: what both forecasts said of the largest observation on the grid from From to To, and the largest one seen.
type Trial struct {
	From, To        time.Time
	Forecast, Naive float64
	Peak            float64 // NaN before there is one
}

const (
	// skillMemory is the time after which a score counts 1/e.
	skillMemory = 24 * time.Hour
	// skillLeast is how many windows must have been scored before a forecast can lose.
	skillLeast = 30
	// A forecast loses its place when its score is skillLoss times that of the naive one, and has it back when it is as good. Between that and
	// skillSure its quantiles are averaged with the naive ones, the more the worse it is: two forecasts that are about as good are better
	// together (Lichtendahl, Grushka-Cockayne and Winkler 2013).
	skillLoss, skillSure = 1.1, 0.85
)

// settle compares the open windows with an observation, and scores those that are over.
func (k Skill) settle(in Input) Skill {
	if !in.ObservedAt.After(k.Settled) {
		return k
	}
	k.Settled = in.ObservedAt
	open := make([]Trial, 0, len(k.Open)+1)
	for _, t := range k.Open {
		if !in.ObservedAt.Before(t.From) && !in.ObservedAt.After(t.To) && !(t.Peak >= in.Observed) {
			t.Peak = in.Observed
		}
		switch {
		case in.ObservedAt.Before(t.To):
			open = append(open, t)
		case !math.IsNaN(t.Peak):
			memory := math.Exp(-float64(in.Forecast.Step) / float64(skillMemory))
			k.Forecast = memory*k.Forecast + (1-memory)*forecast.QuantileScore(in.Policy.Probability, t.Forecast, t.Peak)
			k.Naive = memory*k.Naive + (1-memory)*forecast.QuantileScore(in.Policy.Probability, t.Naive, t.Peak)
			k.Scored++
		}
	}
	k.Open = open
	switch {
	case k.Scored < skillLeast:
	case k.Forecast > skillLoss*k.Naive:
		k.Lost = true
	case k.Forecast <= k.Naive:
		k.Lost = false
	}
	return k
}

// weight returns that of the forecast beside the naive one, 0 to 1.
func (k Skill) weight() float64 {
	switch {
	case k.Lost:
		return 0
	case k.Scored < skillLeast:
		return 1
	}
	return min(max((skillLoss-k.ratio())/(skillLoss-skillSure), 0), 1)
}

// ratio is the forecast's score over the naive one's.
func (k Skill) ratio() float64 { return k.Forecast / max(k.Naive, math.SmallestNonzeroFloat64) }
