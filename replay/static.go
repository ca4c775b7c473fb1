package replay

import (
	"math"
	"slices"
	"time"
)

// StaticPeak always wants what the training part needed at its worst. A setting up to 1 is the quantile of the training loads that is
// wanted, 1 being their largest; one above 1 is a multiple of the largest. Until the training part is over it wants the same of what came.
func StaticPeak(train int) Policy { return &static{train: train} }

// static is apart from the other baselines because its settings are quantiles, which no factor expresses.
type static struct{ train int }

func (*static) Name() string { return "static-peak" }

func (*static) Settings() []float64 {
	return []float64{0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1, 1.1, 1.25, 1.5}
}

func (p *static) Start(s Site, settings []float64) (Planner, error) {
	b := baseline{name: p.Name(), factor: func(v float64) float64 { return v }, reader: func(int) reader { return nil }}
	planner, err := b.Start(s, settings)
	if err != nil {
		return nil, err
	}
	return &staticPlanner{baselinePlanner: planner.(*baselinePlanner), train: p.train}, nil
}

type staticPlanner struct {
	*baselinePlanner
	train int
	most  float64 // the largest load of the training part so far
	fixed bool    // all of the training part has been seen
}

// Plan wants a multiple of the largest load while the training part lasts and what the settings say from its end on.
func (p *staticPlanner) Plan(_ time.Time, past []float64, wanted [][]int) error {
	if p.fixed {
		return nil // what is wanted stays
	}
	if v := last(past); v > p.most {
		p.most = v
	}
	var sorted []float64
	if p.fixed = len(past) >= p.train; p.fixed {
		sorted = known(past[:p.train])
		slices.Sort(sorted)
	}
	for k, setting := range p.factors {
		peak := max(setting, 1) * p.most
		if setting <= 1 && len(sorted) > 0 {
			peak = sorted[int(math.Ceil(setting*float64(len(sorted))))-1]
		}
		copy(wanted[k], p.filler.fill(peak))
	}
	return nil
}

// known returns a copy of the values that are not missing.
func known(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}
