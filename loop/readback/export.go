package readback

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// export is what one exporter exports of one fleet. What is missing is NaN, or empty.
type export struct {
	// labels are those by which the exporter is known, name is how a person knows it.
	labels, name string

	validUntil, checksum, killed float64
	demand, pending              float64
	probability, origin          float64
	unit                         series.Unit
	mode                         pool.Mode
	state                        pool.State
	pools                        []poolExport
	ahead                        []pool.Ahead
}

// poolExport is what one exporter exports of one pool. What is missing is NaN.
type poolExport struct {
	name                                                        string
	class                                                       pool.Class
	desired, planned, reactive, leadTime, active, warming, warm float64
}

func newExport(k key) *export {
	nan := math.NaN()
	e := &export{
		labels: k.exporter, name: k.instance,
		validUntil: nan, checksum: nan, killed: nan, demand: nan, pending: nan, probability: nan, origin: nan,
	}
	switch {
	case e.name == "" && e.labels == "{}":
		e.name = "an exporter without labels"
	case e.name == "":
		e.name = e.labels
	}
	return e
}

// add takes one series. One that it does not know, or that is not finite, is left out.
func (e *export) add(k key, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if into := e.value(k); into != nil {
		*into = v
	}
	switch {
	case k.name == nameDemand:
		e.unit = series.Unit(k.unit)
	case k.name == nameMode && v == 1:
		e.mode = pool.Mode(k.mode)
	case k.name == nameState && v == 1:
		e.state = pool.State(k.state)
	}
}

// value returns where the value of a series belongs, nil where it has no place of its own.
func (e *export) value(k key) *float64 {
	switch k.name {
	case nameValidUntil:
		return &e.validUntil
	case nameChecksum:
		return &e.checksum
	case nameKilled:
		return &e.killed
	case nameProbability:
		return &e.probability
	case nameDemand:
		return &e.demand
	case namePending:
		return &e.pending
	case nameOrigin:
		return &e.origin
	case nameForecast, namePeak:
		return e.aheadValue(k)
	case nameDesired, namePlanned, nameReactive, nameLeadTime, nameInstances:
		return e.poolValue(k)
	}
	return nil
}

// aheadValue returns where what is forecast for a horizon and a probability belongs.
func (e *export) aheadValue(k key) *float64 {
	h, err := model.ParseDuration(k.horizon)
	p, wrong := strconv.ParseFloat(k.probability, 64)
	if err != nil || wrong != nil || h <= 0 || !(p > 0 && p < 1) {
		return nil
	}
	horizon := time.Duration(h)
	i := slices.IndexFunc(e.ahead, func(a pool.Ahead) bool { return a.Horizon == horizon && a.Probability == p })
	if i < 0 {
		i = len(e.ahead)
		e.ahead = append(e.ahead, pool.Ahead{Horizon: horizon, Probability: p, Demand: math.NaN(), Peak: math.NaN()})
	}
	if k.name == namePeak {
		return &e.ahead[i].Peak
	}
	return &e.ahead[i].Demand
}

// poolValue returns where a number of a pool belongs.
func (e *export) poolValue(k key) *float64 {
	i := slices.IndexFunc(e.pools, func(p poolExport) bool { return p.name == k.pool })
	if i < 0 {
		nan := math.NaN()
		i = len(e.pools)
		e.pools = append(e.pools, poolExport{
			name: k.pool, desired: nan, planned: nan, reactive: nan, leadTime: nan, active: nan, warming: nan, warm: nan,
		})
	}
	p := &e.pools[i]
	if k.class != "" {
		p.class = pool.Class(k.class)
	}
	switch k.name {
	case nameDesired:
		return &p.desired
	case namePlanned:
		return &p.planned
	case nameReactive:
		return &p.reactive
	case nameLeadTime:
		return &p.leadTime
	}
	switch k.state {
	case "active":
		return &p.active
	case "warming":
		return &p.warming
	case "warm":
		return &p.warm
	}
	return nil
}

// decision returns the decision that was exported, or an error that says why the parts of it are not one whole decision. That is valid
// for no longer than exported, and validUntil is a time.
func (e *export) decision(fleet string, validity time.Duration) (pool.Decision, error) {
	switch {
	case e.mode != pool.Shadow && e.mode != pool.Act:
		return pool.Decision{}, missing(nameMode)
	case e.killed != 0 && e.killed != 1:
		return pool.Decision{}, missing(nameKilled)
	case !slices.Contains(pool.States(), e.state):
		return pool.Decision{}, missing(nameState)
	case !(e.demand >= 0):
		return pool.Decision{}, missing(nameDemand)
	case !(e.pending >= 0):
		return pool.Decision{}, missing(namePending)
	case math.IsNaN(e.checksum):
		return pool.Decision{}, missing(nameChecksum)
	}
	until := timeOf(e.validUntil)
	d := pool.Decision{
		Fleet: fleet, At: until.Add(-validity), ValidUntil: until, Mode: e.mode, Killed: e.killed == 1,
		Forecast: forecast.Forecast{Key: series.Key(fleet), Unit: e.unit}, Ahead: e.wholeAhead(), Demand: e.demand, Pending: e.pending,
	}
	if !math.IsNaN(e.origin) {
		d.Forecast.Origin = timeOf(e.origin)
	}
	if e.probability > 0 && e.probability < 1 {
		d.Probability = e.probability
	}
	if err := e.plans(&d); err != nil {
		return pool.Decision{}, err
	}
	if float64(d.Checksum()) != e.checksum {
		return pool.Decision{}, fmt.Errorf("its metrics are not all of one decision: the checksum is %.0f, exported is %.0f", float64(d.Checksum()), e.checksum)
	}
	return d, nil
}

func missing(name string) error { return fmt.Errorf("%s%s is missing", prefix, name) }

// plans fills the plans of d, of the pools in the order of their names.
func (e *export) plans(d *pool.Decision) error {
	slices.SortFunc(e.pools, func(a, b poolExport) int { return cmp.Compare(a.name, b.name) })
	desired := pool.Plan{}
	for _, p := range e.pools {
		if math.IsNaN(p.desired) && math.IsNaN(p.planned) && math.IsNaN(p.reactive) {
			continue // a pool as it stands, which no decision is about
		}
		for _, part := range []struct {
			name string
			v    float64
			plan *pool.Plan
		}{{nameDesired, p.desired, &desired}, {namePlanned, p.planned, &d.Plan}, {nameReactive, p.reactive, &d.Reactive}} {
			if math.IsNaN(part.v) {
				return missing(fmt.Sprintf("%s of pool %s", part.name, p.name))
			}
			if !isCount(part.v) {
				return fmt.Errorf("%s%s of pool %s is %v, want a whole number at least 0", prefix, part.name, p.name, part.v)
			}
			part.plan.Targets = append(part.plan.Targets, pool.Target{Pool: p.name, Class: p.class, Instances: int(part.v)})
		}
	}
	if len(desired.Targets) == 0 {
		return missing(nameDesired)
	}
	if !sameTargets(desired, d.Effective()) {
		return fmt.Errorf("%s%s is not what follows from mode, kill switch, plan and reactive need", prefix, nameDesired)
	}
	return nil
}

// isCount reports whether v can be a number of instances; NaN cannot.
func isCount(v float64) bool { return v >= 0 && v <= math.MaxInt32 && v == math.Trunc(v) }

// wholeAhead returns the forecasts of which both numbers are known, by horizon and probability. It is never nil.
func (e *export) wholeAhead() []pool.Ahead {
	out := []pool.Ahead{}
	for _, a := range e.ahead {
		if a.Demand >= 0 && a.Peak >= 0 {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b pool.Ahead) int {
		return cmp.Or(cmp.Compare(a.Horizon, b.Horizon), cmp.Compare(a.Probability, b.Probability))
	})
	return out
}

// standing returns the pools as they stand, by name.
func (e *export) standing() []pool.Pool {
	out := make([]pool.Pool, 0, len(e.pools))
	for _, p := range e.pools {
		s := pool.Pool{Name: p.name, Class: p.class}
		if p.leadTime >= 0 {
			s.LeadTime = time.Duration(p.leadTime * float64(time.Second))
		}
		if s.Observed = isCount(p.active); s.Observed {
			s.Active = int(p.active)
			if s.Phases = isCount(p.warming) && isCount(p.warm); s.Phases {
				s.Warming, s.Warm = int(p.warming), int(p.warm)
			}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b pool.Pool) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// timeOf returns a timestamp in seconds, to the millisecond below.
func timeOf(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Floor(seconds * 1000))).UTC()
}
