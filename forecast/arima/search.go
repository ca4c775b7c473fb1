package arima

import (
	"cmp"
	"context"
	"math"
	"slices"
)

const (
	// mostOrder and mostSeasonal are the largest p, q and P, Q tried (Hyndman and Khandakar 2008, section 3.2).
	mostOrder    = 5
	mostSeasonal = 2
	// mostModels bounds the search.
	mostModels = 94
	// finalists is how many models are brought near the maximum of the exact likelihood; up to mostFinalists where their roots come too
	// close to the unit circle, and only one where the rank makes the likelihood costly.
	finalists     = 3
	mostFinalists = 5
	costly        = 60
	// screenBound bounds the parameters while screening: beyond it the conditional sum of squares is not to be trusted, because it takes
	// the errors before the series for zero.
	screenBound = 0.98
	// screenTolerance and screenSteps end the screening of a model: the log-likelihood then is right to about 0.01.
	screenTolerance = 1e-5
	screenSteps     = 12
)

// search looks for the order with the lowest AICc.
type search struct {
	*fitter
	most, mostSeasonal int
	tried              map[order]candidate
	found              []candidate // those that can be a result, in the order they were tried
	best               candidate
}

// newSearch prepares the search among the orders that difference h as base does.
func newSearch(h history, base order) *search {
	third := h.present() / 3
	s := &search{
		fitter: newFitter(h, base, screenBound), most: min(mostOrder, third), tried: map[order]candidate{},
		best: candidate{o: base, aicc: math.Inf(1)},
	}
	if h.m > 0 {
		s.mostSeasonal = min(mostSeasonal, third/h.m)
		if k := mostSeasonal*h.m + mostOrder + len(h.missing); k > mostUnknowns || len(h.missing) > 0 && len(h.y)*k*k > mostSolved {
			s.mostSeasonal = min(s.mostSeasonal, 1)
		}
	}
	s.largest = order{P: s.most, Q: s.most, SP: s.mostSeasonal, SQ: s.mostSeasonal, M: h.m}
	return s
}

// consider fits o if it was not tried, starting from the best model, and reports whether it is the best now.
func (s *search) consider(o order) bool {
	if _, ok := s.tried[o]; ok || !s.allows(o) || len(s.tried) >= mostModels {
		return false
	}
	c := s.screen(o, s.best.resized(o), screenTolerance, screenSteps)
	s.tried[o] = c
	if math.IsInf(c.aicc, 0) || math.IsNaN(c.aicc) {
		return false
	}
	s.found = append(s.found, c)
	if c.aicc < s.best.aicc {
		s.best = c
		return true
	}
	return false
}

// allows reports whether o is within the limits.
func (s *search) allows(o order) bool {
	return min(o.P, o.Q, o.SP, o.SQ) >= 0 && max(o.P, o.Q) <= s.most && max(o.SP, o.SQ) <= s.mostSeasonal
}

// resized returns parameters for o that make the model of c where o contains it: a partial autocorrelation of zero adds nothing.
func (c candidate) resized(o order) []float64 {
	x := make([]float64, o.free())
	if len(c.x) == 0 {
		return x
	}
	from, to := blocks(c.o, c.x), blocks(o, x)
	copy(to.ar, from.ar)
	copy(to.sar, from.sar)
	copy(to.ma, from.ma)
	copy(to.sma, from.sma)
	return x
}

// starts returns the first orders to try (Hyndman and Khandakar 2008, section 3.2, step 1), simplest first so that each can start from
// the one before.
func (s *search) starts(base order) []order {
	o := func(p, q, sp, sq int) order {
		n := base
		n.P, n.Q, n.SP, n.SQ = min(p, s.most), min(q, s.most), min(sp, s.mostSeasonal), min(sq, s.mostSeasonal)
		n.Constant = n.D+n.SD <= 1
		return n
	}
	bare := base
	bare.Constant = false
	return []order{bare, o(0, 0, 0, 0), o(1, 0, 1, 0), o(0, 1, 0, 1), o(2, 2, 1, 1)}
}

// moves returns the neighbours of o (Hyndman and Khandakar 2008, section 3.2, step 2) in the order of R's forecast::auto.arima.
func moves(o order) []order {
	var out []order
	for _, d := range [][2]int{{-1, 0}, {0, -1}, {1, 0}, {0, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}} {
		n := o
		n.SP, n.SQ = o.SP+d[0], o.SQ+d[1]
		out = append(out, n)
	}
	for _, d := range [][2]int{{-1, 0}, {0, -1}, {1, 0}, {0, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}} {
		n := o
		n.P, n.Q = o.P+d[0], o.Q+d[1]
		out = append(out, n)
	}
	if o.D+o.SD <= 1 {
		n := o
		n.Constant = !o.Constant
		out = append(out, n)
	}
	return out
}

// run searches stepwise and returns the best model.
func (s *search) run(ctx context.Context, base order) (candidate, error) {
	for _, o := range s.starts(base) {
		if err := ctx.Err(); err != nil {
			return candidate{}, err
		}
		s.consider(o)
	}
	s.settle()
	for improved := true; improved; {
		improved = false
		for _, o := range moves(s.best.o) {
			if err := ctx.Err(); err != nil {
				return candidate{}, err
			}
			if s.consider(o) {
				improved = true
				break
			}
		}
	}
	return s.final(ctx)
}

// settle puts forecasts of the best model in place of missing observations and begins anew from it.
func (s *search) settle() {
	if len(s.h.missing) == 0 || len(s.found) == 0 {
		return
	}
	s.fill(s.best)
	first := s.best
	s.found, s.tried, s.best.aicc = nil, map[order]candidate{}, math.Inf(1)
	s.consider(first.o)
}

// fill puts forecasts of c in place of missing observations.
func (f *fitter) fill(c candidate) {
	f.h.refill(newFilter(c.o, c.o.at(c.x), c.constant))
	f.w = differenced(f.h.y, c.o)
}

// final polishes the best of what was found and returns the best of these whose roots keep their distance from the unit circle.
func (s *search) final(ctx context.Context) (candidate, error) {
	slices.SortStableFunc(s.found, func(a, b candidate) int { return cmp.Compare(a.aicc, b.aicc) })
	best, near := candidate{aicc: math.Inf(1)}, candidate{aicc: math.Inf(1)}
	for i, c := range s.found[:min(len(s.found), mostFinalists)] {
		if err := ctx.Err(); err != nil {
			return candidate{}, err
		}
		if !math.IsInf(best.aicc, 1) && (i >= finalists || c.o.rank() > costly) {
			break
		}
		c = s.polish(c, 0.02, 10)
		if c.aicc < near.aicc {
			near = c
		}
		if c.aicc < best.aicc && c.o.at(c.x).distant() {
			best = c
		}
	}
	if math.IsInf(best.aicc, 1) {
		best = near
	}
	return s.polish(best, 1e-9, 15), nil
}

// cheap is the rank of a model up to which its likelihood costs little.
const cheap = 12

// fixed returns the model of order o. The likelihood of a model can have several maxima: its parameters are looked for from several
// places, and the best few are brought to their maximum.
func fixed(ctx context.Context, h history, o order) (*fitter, candidate, error) {
	f := newFitter(h, o, screenBound)
	best, err := f.from(ctx, o)
	if err == nil && len(h.missing) > 0 {
		f.fill(best)
		best, err = f.from(ctx, o)
	}
	return f, best, err
}

// from returns the best model of order o found from all places.
func (f *fitter) from(ctx context.Context, o order) (candidate, error) {
	var found []candidate
	for _, x := range f.places(o) {
		if err := ctx.Err(); err != nil {
			return candidate{}, err
		}
		found = append(found, f.screen(o, x, 1e-9, 60))
		if o.rank() <= cheap { // where the sum of squares leads away from the likelihood's maximum
			found = append(found, f.screen(o, x, 1e-9, 0))
		}
	}
	better := func(a, b candidate) int { return cmp.Compare(b.logLik, a.logLik) }
	slices.SortStableFunc(found, better)
	most := finalists
	if o.rank() <= cheap {
		most = len(found) / 2
	}
	for i := range found[:min(len(found), most)] {
		if err := ctx.Err(); err != nil {
			return candidate{}, err
		}
		found[i] = f.polish(found[i], 0.02, 40)
	}
	slices.SortStableFunc(found, better)
	return f.polish(found[0], 1e-7, 100), nil
}

// places returns parameters to start from: of the model with only its autoregression and only its moving average, and with all partial
// autocorrelations of either none, positive or negative.
func (f *fitter) places(o order) [][]float64 {
	if o.free() == 0 {
		return [][]float64{nil}
	}
	var out [][]float64
	ar, ma := o, o
	ar.Q, ar.SQ, ma.P, ma.SP = 0, 0, 0, 0
	for _, part := range []order{ar, ma} {
		if part.free() > 0 && part != o {
			out = append(out, f.screen(part, make([]float64, part.free()), 1e-6, 30).resized(o))
		}
	}
	for _, a := range []float64{0, 0.5, -0.5} {
		for _, b := range []float64{0, 0.5, -0.5} {
			x := make([]float64, o.free())
			for i := range x {
				x[i] = b
				if i < o.P+o.SP {
					x[i] = a
				}
			}
			out = append(out, x)
		}
	}
	return out
}
