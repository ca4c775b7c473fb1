package pool

import "github.com/forethought-autoscaler/forethought/forecast"

// Paths are the sample paths of one forecast: path i at step h is values[i][h-1]. The distribution of the largest demand of a window is
// made when it is first asked for and kept, so that Paths serve several decisions, but not at the same time. A nil Paths holds none.
type Paths struct {
	values [][]float64
	peaks  map[[2]int]forecast.Sample
	ahead  []forecast.Distribution
}

// NewPaths returns the paths of values, which belong to it from then on, and nil where they are no demands: a number that is not finite or
// is negative anywhere makes them no forecast at all, since a quantile over the rest would be too low.
func NewPaths(values [][]float64) *Paths {
	for _, path := range values {
		for _, v := range path {
			if !finite(v) {
				return nil
			}
		}
		if len(path) == 0 {
			return nil
		}
	}
	if len(values) == 0 {
		return nil
	}
	return &Paths{values: values, peaks: map[[2]int]forecast.Sample{}}
}

// Values returns the paths. They must not be changed.
func (p *Paths) Values() [][]float64 {
	if p == nil {
		return nil
	}
	return p.values
}

// peak is forecast.Peak.
func (p *Paths) peak(from, to int) forecast.Sample {
	steps := len(p.values[0])
	from = min(max(from, 1), steps) // as Peak clips them
	to = min(max(to, from), steps)
	key := [2]int{from, to}
	s, ok := p.peaks[key]
	if !ok {
		s = forecast.Peak(p.values, from, to)
		p.peaks[key] = s
	}
	return s
}

// running is forecast.RunningPeaks.
func (p *Paths) running() []forecast.Distribution {
	if p == nil {
		return nil
	}
	if p.ahead == nil {
		p.ahead = forecast.RunningPeaks(p.values)
	}
	return p.ahead
}
