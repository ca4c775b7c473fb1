package loop

import (
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// fornow remembers what was forecast for times to come, so that once such a time is observed the error is a subtraction.
type fornow struct{ made []promise }

type promise struct {
	at      time.Time // the time it is about
	horizon time.Duration
	// values[i] is not exceeded with probabilities[i].
	probabilities, values []float64
}

// turn remembers what f says about each horizon and returns what was said, one horizon ago each, about f's origin.
func (n *fornow) turn(f forecast.Forecast, horizons []time.Duration, probabilities []float64) []pool.ForNow {
	if len(f.Steps) == 0 {
		return nil // there is no forecast
	}
	var due []pool.ForNow
	kept := n.made[:0]
	for _, p := range n.made {
		switch {
		case p.at.Equal(f.Origin):
			due = append(due, p.due(horizons, probabilities)...)
			kept = append(kept, p) // the same origin may come again while the source is down
		case p.at.After(f.Origin):
			kept = append(kept, p)
		}
	}
	n.made = kept
	for _, h := range horizons {
		if step := f.StepAt(f.Origin.Add(h)); step <= len(f.Steps) && !n.has(f.TimeAt(step), h) {
			p := promise{at: f.TimeAt(step), horizon: h, probabilities: probabilities, values: make([]float64, len(probabilities))}
			for i, prob := range probabilities {
				p.values[i] = f.Steps[step-1].Quantile(prob)
			}
			n.made = append(n.made, p)
		}
	}
	return due
}

// due returns what p said, as far as it is still shown.
func (p promise) due(horizons []time.Duration, probabilities []float64) []pool.ForNow {
	var out []pool.ForNow
	for i, prob := range p.probabilities {
		if slices.Contains(horizons, p.horizon) && slices.Contains(probabilities, prob) {
			out = append(out, pool.ForNow{Horizon: p.horizon, Probability: prob, At: p.at, Value: p.values[i]})
		}
	}
	return out
}

func (n *fornow) has(at time.Time, horizon time.Duration) bool {
	for _, p := range n.made {
		if p.horizon == horizon && p.at.Equal(at) {
			return true
		}
	}
	return false
}
