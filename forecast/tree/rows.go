package tree

import (
	"math"
	"math/rand/v2"
)

// sample is what is learned from: rows of features with their targets.
type sample struct {
	layout
	table table
	y     []float64
	steps []int   // the step of each row
	from  []int32 // a number for the origin of each row
	n     int32   // origins so far
}

func newSample(l layout) *sample { return &sample{layout: l, table: table{cols: l.count()}} }

// append adds the rows of b.
func (s *sample) append(b *sample) {
	s.table.x = append(s.table.x, b.table.x...)
	s.y = append(s.y, b.y...)
	s.steps = append(s.steps, b.steps...)
	for _, k := range b.from {
		s.from = append(s.from, s.n+k)
	}
	s.n += b.n
}

// gatherer draws rows from one past after the other.
type gatherer struct {
	early, late *sample
	each        int // origins of a past
	steps       int // steps of an origin, one drawn from each of as many equal parts of the horizon
	pasts       int
	shared      []float32
}

const (
	// lateShare is the share of each history, the latest, whose rows errors are measured on.
	lateShare = 0.15
	// mostSteps is the number of steps that an origin is used for.
	mostSteps = 12
	// golden is the golden ratio less one, whose multiples spread evenly over [0, 1) however many there are.
	golden = 0.6180339887498949
)

// newGatherer shares rows evenly among pasts.
func newGatherer(l layout, rows, pasts int) *gatherer {
	g := &gatherer{early: newSample(l), late: newSample(l), steps: min(mostSteps, l.horizon), shared: make([]float32, l.sharedCount())}
	g.each = max(1, rows/(max(pasts, 1)*g.steps))
	return g
}

// add draws rows from p. Early rows have both origin and target before the late part.
func (g *gatherer) add(p *past) {
	rng := rand.New(rand.NewPCG(uint64(g.pasts), 4))
	g.pasts++
	from, to := p.window()+latest, len(p.z)
	border := to - int(lateShare*float64(to-from))
	count := min(g.each, max(0, to-from))
	for i := range count {
		n := from + int(math.Mod(golden*float64(i+g.pasts), 1)*float64(to-from))
		o, ok := p.from(n)
		if !ok {
			continue
		}
		s, end := g.early, border
		if n >= border {
			s, end = g.late, to
		}
		o.shared(g.shared)
		for k := range g.steps {
			h := 1 + (k*p.horizon+rng.IntN(p.horizon))/g.steps
			if n+h <= end {
				s.add(&o, h, g.shared)
			}
		}
		s.n++
	}
}

// add adds the row of step h at o unless its target is missing.
func (s *sample) add(o *origin, h int, shared []float32) {
	y := o.at(o.n + h - 1)
	if y != y {
		return
	}
	base := o.base(h)
	at := len(s.table.x)
	s.table.x = append(s.table.x, make([]float32, s.table.cols)...)
	row := s.table.x[at:]
	copy(row, shared)
	o.own(h, base, row[len(shared):])
	s.y = append(s.y, rounded((y-base)/o.scale, targetLimit))
	s.steps, s.from = append(s.steps, h), append(s.from, s.n)
}
