package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// mostHistory is the number of observations, the latest, that are learned from.
	mostHistory = 1 << 17
	// leastOrigins is the number of origins below which nothing is learned; leastRows that of rows.
	leastOrigins = 48
	leastRows    = 100
)

// learner makes a head of rows.
type learner interface {
	learn(ctx context.Context, early, late *sample) (head, error)
	most() int // rows wanted
}

func (r recipe) most() int       { return r.rows }
func (r forestRecipe) most() int { return r.rows }

// settings are what the forecasting methods have in common.
type settings struct {
	name     string
	horizon  int
	seasons  []time.Duration
	calendar forecast.Calendar
}

// check refuses settings and series that no forecast can be made with.
func (s settings) check(ctx context.Context, y series.Series, x []series.Series) error {
	switch {
	case s.horizon < 1:
		return fmt.Errorf("%s: Horizon is %d, want at least 1", s.name, s.horizon)
	case y.Step <= 0:
		return fmt.Errorf("%s: series %s has step %s", s.name, y.Key, y.Step)
	}
	for _, lead := range x {
		if lead.Len() != y.Len() || lead.Step != y.Step {
			return fmt.Errorf("%s: leading indicator %s is not on the grid of %s", s.name, lead.Key, y.Key)
		}
	}
	return ctx.Err()
}

// prepared is a history brought to its scale, without outages.
type prepared struct {
	series.Series
	scale  forecast.Scale
	leads  [][]float64
	scales []forecast.Scale
}

func prepare(y series.Series, x []series.Series) prepared {
	from := max(0, y.Len()-mostHistory)
	y = y.Slice(from, y.Len())
	p := prepared{scale: forecast.ScaleOf(y.Values)}
	p.Series = forecast.WithoutOutages(p.scale.Scaled(y))
	for _, lead := range x {
		values := lead.Values[from:]
		scale := forecast.ScaleOf(values)
		p.scales = append(p.scales, scale)
		p.leads = append(p.leads, scale.Scaled(series.Series{Values: values}).Values)
	}
	return p
}

// fit learns from y alone.
func (s settings) fit(ctx context.Context, y series.Series, x []series.Series, by learner) (*model, error) {
	if err := s.check(ctx, y, x); err != nil {
		return nil, err
	}
	l := newLayout(y.Step, s.horizon, s.seasons, s.calendar, len(x))
	w := l.window()
	need := w + latest + max(w, leastOrigins) + min(s.horizon, w)
	if have := min(y.Len(), 2*y.Present()); have < need {
		return nil, &forecast.TooShortError{Method: s.name, Need: need, Have: have}
	}
	p := prepare(y, x)
	g := newGatherer(l, by.most(), 1)
	g.add(newPast(l, p.Start, p.Values, p.leads, true))
	if len(g.early.y) < leastRows {
		return nil, &forecast.TooShortError{Method: s.name, Need: y.Len() + leastRows, Have: y.Len()}
	}
	learned, err := by.learn(ctx, g.early, g.late)
	if err != nil {
		return nil, err
	}
	return s.model(l, p, learned), nil
}

// pool learns from many series at once. It returns nil where they hold too little.
func (s settings) pool(ctx context.Context, ys []series.Series, by, alone learner) (*pooled, error) {
	ys = slices.DeleteFunc(slices.Clone(ys), func(y series.Series) bool { return y.Present() == 0 || y.Step <= 0 })
	if len(ys) == 0 {
		return nil, ctx.Err()
	}
	slices.SortFunc(ys, order)
	l := newLayout(ys[0].Step, s.horizon, s.seasons, s.calendar, 0)
	g := newGatherer(l, by.most(), len(ys))
	for _, y := range ys {
		if y.Step != l.step {
			return nil, fmt.Errorf("%s: pooled series %s has step %s, another %s", s.name, y.Key, y.Step, l.step)
		}
		if err := s.check(ctx, y, nil); err != nil {
			return nil, err
		}
		p := prepare(y, nil)
		g.add(newPast(l, p.Start, p.Values, nil, true))
	}
	if len(g.early.y) < leastRows {
		return nil, nil
	}
	learned, err := by.learn(ctx, g.early, g.late)
	if err != nil {
		return nil, err
	}
	return &pooled{settings: s, layout: l, head: learned, print: max(1, g.early.print()^3*g.late.print()), alone: alone}, nil
}

// order compares series by what they hold, so that the order in which they are given does not matter.
func order(a, b series.Series) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), a.Start.Compare(b.Start), cmp.Compare(a.Len(), b.Len()), slices.Compare(a.Values, b.Values))
}

// print returns a number that tells samples apart: FNV-1a (Fowler, Noll and Vo) over the words of its rows.
func (s *sample) print() uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, v := range s.y {
		h = (h ^ math.Float64bits(v)) * prime
	}
	for _, v := range s.table.x {
		h = (h ^ uint64(math.Float32bits(v))) * prime
	}
	return h
}

// pooled is a forecasting method that has learned from a pool.
type pooled struct {
	settings
	layout layout
	head   head
	print  uint64  // tells pools apart; not zero
	alone  learner // for series of another step
}

// Name returns the name of the method that was pooled.
func (m *pooled) Name() string { return m.name }

// Fit learns nothing more but what y's latest observations and its scale are. It needs one season. A series of another step than that of
// the pool is learned from alone.
func (m *pooled) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if err := m.check(ctx, y, nil); err != nil {
		return nil, err
	}
	if y.Step != m.layout.step {
		return asModel(m.fit(ctx, y, nil, m.alone))
	}
	need := m.layout.window() + latest
	if have := min(y.Len(), 2*y.Present()); have < need {
		return nil, &forecast.TooShortError{Method: m.name, Need: need, Have: have}
	}
	out := m.model(m.layout, prepare(y, nil), m.head)
	out.print = m.print
	return out, nil
}

var errState = errors.New("not the state of a model of this method")
