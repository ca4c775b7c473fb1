package replay

import (
	"math"
	"time"
)

// HPATarget is the horizontal pod autoscaler at a target utilisation, which is its setting: it wants the load of the last minute over
// the target. While that is missing nothing changes, as where the autoscaler's metric is.
func HPATarget() Policy {
	b := hpa("hpa", 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4)
	b.steady = true
	return b
}

// HPADefault is HPATarget at 70 %, not tuned: what many run.
func HPADefault() Policy { return hpa("hpa-70%", 0.7) }

// HPAHeadroom is HPADefault with a fifth more of everything, not tuned: what those run who were burnt.
func HPAHeadroom() Policy { return hpa("hpa-70%+20%", 0.7/1.2) }

func hpa(name string, targets ...float64) *baseline {
	return &baseline{
		name: name, settings: targets, factor: func(target float64) float64 { return 1 / target },
		reader: func(int) reader { return present{} },
	}
}

// LastValue forecasts that the last minute's load stays, which a factor is the setting of. It differs from HPATarget in its finer and
// leaner settings only, and is the naive forecast beside the others.
func LastValue() Policy {
	return &baseline{
		name: "last-value", steady: true, settings: []float64{1, 1.02, 1.05, 1.08, 1.12, 1.16, 1.2, 1.3, 1.4, 1.6, 2, 3},
		factor: same, reader: func(int) reader { return present{} },
	}
}

// same is the factor of a setting that is one.
func same(setting float64) float64 { return setting }

// factors are the settings of the policies that multiply a forecast.
func factors() []float64 {
	return []float64{0.95, 1, 1.04, 1.08, 1.13, 1.2, 1.3, 1.45, 1.7, 2, 2.5, 3.5}
}

// present expects that the last minute's load stays.
type present struct{}

func (present) read(_ time.Time, past []float64) expected {
	return expected{add: math.NaN(), keep: math.NaN(), present: last(past)}
}
