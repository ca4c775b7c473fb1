package selection

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// model is a fitted Auto. Its members run at the scale; so do weights and calibration.
type model struct {
	settings string // of the Auto
	name     string
	key      series.Key
	unit     series.Unit
	step     time.Duration
	end      time.Time
	scale    forecast.Scale
	gap      int // how many of the latest observations are missing

	members     []forecast.Model // nil where a member has no weight
	methods     []string         // the members' names
	weights     weights
	calibration *calibration // nil where the sole member's own distribution is used
	selection   forecast.Selection
	tracker     *tracker // nil without calibration
	now         []said   // what was said of the next steps after the latest observation; nil after Restore
	top         float64  // the largest observation
}

// topLimit bounds every quantile, as a multiple of the largest observation: what goes beyond was not forecast but extrapolated.
const topLimit = 2

// newModel returns a model at the end of y, without members.
func newModel(y series.Series, scale forecast.Scale) *model {
	m := &model{key: y.Key, unit: y.Unit, step: y.Step, end: y.End(), scale: scale}
	for _, v := range y.Values {
		if v > m.top {
			m.top = v
		}
	}
	for i := y.Len() - 1; i >= 0 && math.IsNaN(y.Values[i]); i-- {
		m.gap++
	}
	return m
}

// Selection implements forecast.Explainer. The caller owns the scores.
func (m *model) Selection() forecast.Selection {
	s := m.selection
	s.Scores = slices.Clone(s.Scores)
	return s
}

// Update tells every member the next observation.
func (m *model) Update(y float64) { m.UpdateWith(y, nil) }

// UpdateWith implements forecast.InformedModel: members that take leading indicators are told x too, NaN where x is nil.
func (m *model) UpdateWith(y float64, x []float64) {
	m.end = m.end.Add(m.step)
	y = m.scale.In(y)
	m.settle(y)
	if math.IsNaN(y) {
		m.gap++
	} else {
		m.gap = 0
		m.top = max(m.top, y)
	}
	for _, member := range m.members {
		switch informed, ok := member.(forecast.InformedModel); {
		case member == nil:
		case ok && x != nil:
			informed.UpdateWith(y, x)
		default:
			member.Update(y)
		}
	}
	m.track()
}

// Forecast returns calibrated distributions of the next h steps. After a gap the errors are those of as many steps more.
func (m *model) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.key, Unit: m.unit, Method: m.name, Origin: m.end, Step: m.step, Steps: make([]forecast.Distribution, h)}
	for k, g := range m.quantiles(h) {
		f.Steps[k] = g
	}
	return f
}

// quantiles returns the distributions of the next h steps in the unit of the demand.
func (m *model) quantiles(h int) []forecast.Grid {
	out := make([]forecast.Grid, h)
	if m.calibration == nil {
		for k, d := range m.members[0].Forecast(h).Steps {
			out[k] = m.outward(forecast.Compact(d))
		}
		return out
	}
	all := make(forecast.Grid, h*len(m.calibration.normal))
	now := m.now
	if len(now) < h {
		now = m.say(h, nil)
	}
	for k, s := range now[:h] {
		far := k + 1 + m.gap
		n := len(m.calibration.normal)
		g := all[k*n : (k+1)*n : (k+1)*n]
		up, down := m.tracker.factors(far)
		m.calibration.quantiles(s, far, up, down, g)
		out[k] = m.outward(g)
	}
	return out
}

// outward brings quantiles back to the unit of the demand, in place: finite, not negative and not crossing.
func (m *model) outward(g forecast.Grid) forecast.Grid {
	limit := topLimit * m.top
	if limit == 0 {
		limit = math.Inf(1)
	}
	for i, v := range g {
		g[i] = m.scale.Out(min(v, limit))
		if i > 0 {
			g[i] = max(g[i], g[i-1])
		}
	}
	return g
}

// say blends the members' medians and spreads. Where mids is not nil it receives the medians of each member that forecasts.
func (m *model) say(h int, mids [][]float64) []said {
	out := make([]said, h)
	places := make([]place, h)
	for k := range places {
		places[k] = m.weights.place(k + 1 + m.gap)
	}
	for i, member := range m.members {
		if member == nil {
			continue
		}
		for k, d := range member.Forecast(h).Steps {
			w := places[k].of(m.weights, i)
			if w == 0 && mids == nil {
				continue
			}
			mid := d.Quantile(0.5)
			if mids != nil {
				mids[i][k] = mid
			}
			if w == 0 {
				continue
			}
			out[k].mid += w * mid
			if m.calibration.kind == memberSpread {
				out[k].up += w * (d.Quantile(0.9) - mid)
				out[k].down += w * (mid - d.Quantile(0.1))
			}
		}
	}
	return out
}

// Simulate implements forecast.Simulator. It draws whole error paths of the rolling origins and gives them, step by step and rank by
// rank, the values of the forecast's quantiles (the Schaake shuffle of Clark et al. 2004): the paths' marginals are the forecast's, and
// their dependence between steps is that of the errors that were made.
func (m *model) Simulate(h, n int, seed uint64) [][]float64 {
	paths := matrix(n, h)
	rng := rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))
	var origins int
	var order [][]uint16
	if m.calibration != nil {
		order = m.calibration.order
		origins = len(order[0])
	}
	ranks := newRanks(rng, n, origins)
	values := make([]float64, n)
	for k, g := range m.quantiles(h) {
		g.Spaced(values)
		var by []uint16
		if order != nil {
			by = order[min(k, len(order)-1)]
		}
		for rank, i := range ranks.at(by) {
			paths[i][k] = values[rank]
		}
	}
	return paths
}
