package ridge

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Window is a ridge regression of all the next steps at once on the latest observations and on what the same steps did one and two
// seasons ago, each as differences from the level at its time. One Gram matrix serves every step, so that it is quick, and several series
// can share one as a prior. Its cost grows with the square of the horizon: beyond about 64 steps Method is the quicker one.
type Window struct {
	// Horizon is the number of steps that coefficients are fitted for; required. Steps beyond it use the last ones.
	Horizon int
	// Seasons are the periods that demand may repeat after, ascending; a day and a week where there are none.
	Seasons []time.Duration
	// Log fits the logarithm of the demand, for a demand whose swings are in proportion to its level.
	Log bool

	priors map[string]*prior // by layout; nil before Pool
}

// prior is the mean of several series' Gram matrices and right-hand sides, each for one window.
type prior struct{ gram, right []float64 }

// Name returns "ridge-window" or "ridge-window-log".
func (w Window) Name() string {
	if w.Log {
		return "ridge-window-log"
	}
	return "ridge-window"
}

// validate refuses what cannot be fitted.
func (w Window) validate(y series.Series) error {
	switch {
	case w.Horizon < 1:
		return fmt.Errorf("ridge: Window.Horizon is %d, want at least 1", w.Horizon)
	case y.Step <= 0:
		return fmt.Errorf("ridge: series %s has step %s", y.Key, y.Step)
	}
	return nil
}

// Fit needs the shortest season once, three horizons and 24 steps; without seasons, three horizons and 72 steps.
func (w Window) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	_, all, err := w.fit(ctx, y, 0)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// FitTwice implements forecast.TwiceFitter: the rows before the cut are summed once.
func (w Window) FitTwice(ctx context.Context, y series.Series, cut int) (before, all forecast.Model, err error) {
	if cut < 1 || cut > y.Len() {
		return nil, nil, fmt.Errorf("ridge: cut at %d of %d observations", cut, y.Len())
	}
	b, a, err := w.fit(ctx, y, cut)
	if err != nil {
		return nil, nil, err
	}
	return b, a, nil
}

// fit returns the models of y[:cut], nil where cut is 0, and of y.
func (w Window) fit(ctx context.Context, y series.Series, cut int) (before, all *windowModel, err error) {
	if err := cmp.Or(w.validate(y), ctx.Err()); err != nil {
		return nil, nil, err
	}
	learnt := y
	if cut > 0 {
		learnt = y.Slice(0, cut)
	}
	l := w.layout(y.Step, learnt.Len())
	if need := l.need(); learnt.Len() < need || learnt.Present() < need/2 {
		return nil, nil, &forecast.TooShortError{Method: w.Name(), Need: need, Have: min(learnt.Len(), 2*learnt.Present())}
	}
	scale := forecast.ScaleOf(learnt.Values)
	d := w.prepare(scale.Scaled(y).Values, learnt.Len(), l)
	if d.before(learnt.Len()) < leastWindows {
		return nil, nil, &forecast.TooShortError{Method: w.Name(), Need: y.Len() + leastWindows, Have: y.Len()}
	}
	s := newSums(d, w.priors[l.String()])
	model := func(n int) *windowModel {
		m := &windowModel{windowState: windowState{
			Settings: w.settings(), Name: w.Name(), Key: y.Key, Unit: y.Unit, Step: y.Step, End: y.TimeAt(n - 1),
			Scale: scale, Log: w.Log, Offset: d.offset, Spread: d.spread, Layout: l, Horizon: l.H,
		}}
		m.Coefficients, m.Errors = s.solve(n)
		m.remember(d.z[:n])
		return m
	}
	if cut > 0 {
		before = model(cut)
	}
	return before, model(y.Len()), nil
}

// Pool implements forecast.Pooler: what the next window owes to the latest and to the seasonal ones, on average over the series, each of
// which counts alike. A series' own coefficients are then shrunk towards it, as much as its held-out windows ask for.
func (w Window) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	ordered := slices.Clone(ys)
	slices.SortStableFunc(ordered, func(a, b series.Series) int {
		return cmp.Or(strings.Compare(string(a.Key), string(b.Key)), a.Start.Compare(b.Start), slices.Compare(a.Values, b.Values))
	})
	count := map[string]float64{}
	w.priors = map[string]*prior{}
	for _, y := range ordered {
		if err := cmp.Or(w.validate(y), ctx.Err()); err != nil {
			return nil, err
		}
		l := w.layout(y.Step, y.Len())
		if y.Present() < l.need() {
			continue
		}
		d := w.prepare(forecast.ScaleOf(y.Values).Scaled(y).Values, y.Len(), l)
		if len(d.at) < leastWindows {
			continue
		}
		id := l.String()
		if w.priors[id] == nil {
			w.priors[id] = &prior{gram: make([]float64, l.P*l.P), right: make([]float64, l.P*l.H)}
		}
		count[id]++
		d.winsorise(poolLimit)
		w.priors[id].add(d)
	}
	for id, p := range w.priors {
		p.scale(1 / count[id])
		if count[id] < 2 {
			delete(w.priors, id) // a series' own windows are no prior
		}
	}
	return w, nil
}

// add adds the mean window of d.
func (p *prior) add(d *windows) {
	g, b := make([]float64, len(p.gram)), make([]float64, len(p.right))
	d.sum(0, len(d.at), g, b)
	n := float64(len(d.at))
	for i, v := range g {
		p.gram[i] += v / n
	}
	for i, v := range b {
		p.right[i] += v / n
	}
}

// scale multiplies by f.
func (p *prior) scale(f float64) {
	for i := range p.gram {
		p.gram[i] *= f
	}
	for i := range p.right {
		p.right[i] *= f
	}
}

// settings identifies models of the same method.
func (w Window) settings() string {
	return fmt.Sprintf("%s 2 %d %v", w.Name(), w.Horizon, w.Seasons)
}

// windowSeasons are the periods tried where none are given.
var windowSeasons = []time.Duration{24 * time.Hour, 7 * 24 * time.Hour}

// windowLayout says which features a window regression has.
type windowLayout struct {
	// H is the horizon, Latest the number of latest observations and Shifts the lags of the seasonal windows, in steps. P is the number of
	// features, the constant included.
	H, Latest, P int
	Shifts       []int
	// Season is the shortest one in steps, 0 without.
	Season int
}

// String identifies the layout.
func (l windowLayout) String() string { return fmt.Sprint(l.H, l.Latest, l.Shifts) }

const (
	// mostLatest bounds the number of latest observations that are features.
	mostLatest = 24
	// leastWindows is the number of windows below which nothing is fitted.
	leastWindows = 24
)

// layout chooses the features for a history of n steps: each season's window one lag back, as many seasons as lie beyond the horizon, and
// that of the second longest season (the day, of a day and a week) two lags.
func (w Window) layout(step time.Duration, n int) windowLayout {
	seasons := w.Seasons
	if len(seasons) == 0 {
		seasons = windowSeasons
	}
	l := windowLayout{H: w.Horizon, Latest: mostLatest}
	add := func(shift int) {
		if shift+l.Latest+3*l.H < n && !slices.Contains(l.Shifts, shift) {
			l.Shifts = append(l.Shifts, shift)
		}
	}
	for i, s := range seasons {
		steps := float64(s) / float64(step)
		if steps < leastSeason {
			continue
		}
		if l.Season == 0 {
			l.Season = int(math.Round(steps))
			l.Latest = min(l.Season, mostLatest)
		}
		k := math.Ceil(float64(l.H) / steps)
		add(int(math.Round(k * steps)))
		if i == max(0, len(seasons)-2) {
			add(int(math.Round((k + 1) * steps)))
		}
	}
	slices.Sort(l.Shifts)
	l.P = l.Latest + len(l.Shifts)*(1+l.H)
	return l
}

// deepest returns the number of observations before an origin that its features reach back.
func (l windowLayout) deepest() int {
	if len(l.Shifts) == 0 {
		return l.Latest
	}
	return max(l.Latest, l.Shifts[len(l.Shifts)-1]+1)
}

// need returns the number of observations that a fit needs. With seasons, it is what the shortest one asks for.
func (l windowLayout) need() int {
	if l.Season == 0 {
		return 3*l.H + 3*mostLatest
	}
	k := (l.H + l.Season - 1) / l.Season
	return max(k*l.Season+l.Latest+3*l.H+1, 2*l.Season)
}
