package exporter

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// scoreAt returns the rolling-origin score of the fleet's own forecasts for one horizon; ok is false where there is none.
func scoreAt(s pool.Snapshot, horizon time.Duration) (score forecast.Score, ok bool) {
	f := s.Decision.Forecast
	if f.Step <= 0 {
		return forecast.Score{}, false
	}
	h := f.StepAt(f.Origin.Add(horizon))
	for _, method := range []string{forecast.Combination, f.Method} {
		for _, score = range s.Selection.Scores {
			if score.Method == method && score.FromStep <= h && h <= score.ToStep {
				return score, true
			}
		}
	}
	return forecast.Score{}, false
}

// demand returns v, and NaN where v is no demand: infinite or negative.
func demand(v float64) float64 {
	if v < 0 || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// ahead asks a decision for one quantile; it is NaN where the forecast does not reach.
func ahead(read func(time.Duration, float64) (float64, error), horizon time.Duration, p float64) float64 {
	v, err := read(horizon, p)
	if err != nil {
		return math.NaN()
	}
	return demand(v)
}

// horizonText writes a duration as Prometheus does: 5m, 1h30m.
func horizonText(d time.Duration) string { return model.Duration(d).String() }

// probabilityText writes a probability plainly: 0.5, 0.999.
func probabilityText(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) }

// poolNamed returns the pool as it stands; it is zero where the snapshot has none of that name.
func poolNamed(s pool.Snapshot, name string) pool.Pool {
	for _, p := range s.Pools {
		if p.Name == name {
			return p
		}
	}
	return pool.Pool{Name: name}
}

// sizingOf returns how the number of the named pool came about; ok is false where the decision does not say.
func sizingOf(d pool.Decision, name string) (z pool.Sizing, ok bool) {
	for _, z = range d.Sizing {
		if z.Pool == name {
			return z, true
		}
	}
	return pool.Sizing{}, false
}

// present counts the instances of the pools that exist, ready or not; nil where that is not known of every pool.
func present(pools ...pool.Pool) *int {
	n := 0
	for _, p := range pools {
		if !p.Observed {
			return nil
		}
		n += p.Warming + p.Warm + p.Active
	}
	return &n
}

// inPhase returns a count of a pool where phases are known, and nil where they are not.
func inPhase(p pool.Pool, n int) *int {
	if !p.Observed || !p.Phases {
		return nil
	}
	return &n
}

// hourlyPrice is the price of an ordinary instance, NaN where it is not known.
func hourlyPrice(p pool.Pool) float64 {
	if !(p.Price.Hourly > 0) {
		return math.NaN()
	}
	return demand(p.Price.Hourly)
}

// workloadNames returns the pattern and the bound of a workload as labels.
func workloadNames(w pool.Workload) (pattern, bound string) {
	return cmp.Or(string(w.Pattern), "unknown"), cmp.Or(w.Bound, "unknown")
}

// hourlyCost is what a plan costs, NaN where no pool has a price, since what is not priced is not free.
func hourlyCost(s pool.Snapshot, p pool.Plan) float64 {
	if !priced(s) {
		return math.NaN()
	}
	return demand(p.HourlyCost)
}

// onDemandCost is what as much capacity costs on demand, NaN where that is not known.
func onDemandCost(s pool.Snapshot, p pool.Plan) float64 {
	if !priced(s) || p.OnDemandCost <= 0 && p.Total() > 0 {
		return math.NaN()
	}
	return demand(p.OnDemandCost)
}

// priced reports whether a pool, or a type of one, has a price.
func priced(s pool.Snapshot) bool {
	for _, k := range s.Pools {
		if k.Price.Hourly > 0 || slices.ContainsFunc(k.Types, func(t pool.Type) bool { return t.Price.Hourly > 0 }) {
			return true
		}
	}
	return false
}

// wanted is how many instances of a pool the sizing comes to, before the guards.
func wanted(z pool.Sizing) int { return max(z.Add, held(z), z.Reactive+z.Warm) }

// held is how many of what was decided before are kept.
func held(z pool.Sizing) int {
	if z.Previous < 0 {
		return z.Keep
	}
	return min(z.Previous, z.Keep)
}
