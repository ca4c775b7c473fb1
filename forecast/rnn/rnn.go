// Package rnn turns the histories of one or many demands into forecasts by a recurrent neural network, an LSTM.
//
// The network reads the latest 168 observations, or what whole patches of 24 to 48 steps fit into them, patch by patch: the values as
// differences from the latest level and the differences from each season before, both divided by the window's own spread. What it answers,
// for all horizons at once, are the quantiles of how the demand will differ from a base, and gates by which what other seasons, the mean of
// several and the shifts of level say is mixed in. The base is the mean of the naive and the seasonal naive forecasts, each weighing the
// more the better it did within the window. The network is trained on the pinball loss. So one that has learned nothing forecasts the base,
// and one network serves series of any unit and size.
//
// Learning many series together is what the method is for (forecast.Pooler): one network is trained, and fitting a series then only
// remembers its end. Alone, a series trains a small network of its own within a bounded budget.
//
// The arithmetic is in float32, in one goroutine and in a fixed order, from inputs that are rounded to multiples of 2^-16 of a spread.
package rnn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Method is the LSTM. A zero field other than Horizon stands for what its comment says.
type Method struct {
	// Horizon is the number of steps that the network is trained for; required. Steps beyond it use the last one's outputs, widened.
	Horizon int
	// Seasons are the periods that demand may repeat after, ascending, at most four; a day and a week where there are none. Those of fewer
	// than four steps, and those that a history is too short for, are left out.
	Seasons []time.Duration
	// Calendar adds inputs for the local time and for the occasions that are on. It may be nil.
	Calendar forecast.Calendar
	// Seed decides the first weights and the order of learning.
	Seed uint64
	// Windows is how many windows Fit learns from where there is no pool; 20,480 where it is zero. At horizon 48 a window costs about 0.14 ms
	// of CPU time.
	Windows int
	// PoolWindows is how many windows Pool learns from at most; 256,000 where it is zero. A pool of less history takes four an origin.
	PoolWindows int

	pooled *trained
}

// The budgets that stand for zero, and how many windows a pool takes an origin.
const (
	fitWindows, poolWindows = 160 * batchSize, 2000 * batchSize
	windowsPerOrigin        = 4
)

// mostHistory is how many of the latest observations of a series are learned from: three months of minutes.
const mostHistory = 1 << 17

// Name returns "lstm".
func (m Method) Name() string { return "lstm" }

// seasons returns the seasons to try.
func (m Method) seasons() []time.Duration {
	const day = 24 * time.Hour
	if len(m.Seasons) == 0 {
		return []time.Duration{day, 7 * day}
	}
	return m.Seasons
}

// need returns how many observations Fit needs without a pool: the shortest usable season with what it takes to learn it.
func (m Method) need(step time.Duration) int {
	least, n := patchLength, 0
	for _, length := range m.seasons() {
		if lag := (season{steps: float64(length) / float64(step)}).lag(1); lag >= leastSeason {
			least, n = lag+1, need(lag, m.Horizon)
			break
		}
	}
	// The held-out origins take heldShare of the origins, and the targets of the last one that is learned end before them.
	origins := int(float64(leastOrigins+m.Horizon)/(1-heldShare)) + 2
	return max(n, least+m.Horizon+origins)
}

// Fit remembers the end of y where the method has learned from a pool of the same step, which takes a season of history and next to no
// time. Otherwise it trains a network on y: that needs at least the shortest season, twice the horizon and 64 more observations, and
// takes one to three seconds of CPU time at horizon 48 and the usual number of Windows.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if err := m.check(y); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	know, least := m.pooled, 0
	if know != nil && know.layout.step == y.Step {
		least = know.layout.least()
	} else {
		know, least = nil, m.need(y.Step)
	}
	if have := min(y.Len(), 2*y.Present()); have < least || have == 0 {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: max(least, 1), Have: have}
	}
	clean, scale := prepare(y)
	if clean.Present() == 0 {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: max(least, 1)}
	}
	if know == nil {
		var err error
		if know, err = m.learn(ctx, []series.Series{clean}, cmp.Or(m.Windows, fitWindows)); err != nil {
			return nil, err
		}
	}
	if know == nil {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: y.Len() + leastOrigins, Have: y.Len()}
	}
	return newModel(m, know, clean, scale), nil
}

// Pool returns the method with a network that has learned from all of ys that are long enough; the rest of them it can forecast all the
// same. It costs about 0.14 ms of CPU time a window at horizon 48, 36 s at the usual number of PoolWindows, and less where it
// stops early.
func (m Method) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var clean []series.Series
	for _, y := range ys {
		if err := m.check(y); err != nil {
			return nil, err
		}
		if c, _ := prepare(y); y.Step == ys[0].Step && c.Present() > 0 {
			clean = append(clean, c)
		}
	}
	slices.SortFunc(clean, compare)
	know, err := m.learn(ctx, clean, cmp.Or(m.PoolWindows, poolWindows))
	if err != nil {
		return nil, err
	}
	m.pooled = know
	return m, nil
}

// check refuses what no method could be fitted with.
func (m Method) check(y series.Series) error {
	if m.Horizon < 1 {
		return fmt.Errorf("lstm: Method.Horizon is %d, want at least 1", m.Horizon)
	}
	if y.Step <= 0 {
		return fmt.Errorf("lstm: series %s has step %s", y.Key, y.Step)
	}
	return nil
}

// prepare returns the latest observations of y at their scale, outages missing.
func prepare(y series.Series) (series.Series, forecast.Scale) {
	y = y.Slice(y.Len()-mostHistory, y.Len())
	scale := forecast.ScaleOf(y.Values)
	return forecast.WithoutOutages(scale.Scaled(y)), scale
}

// compare orders series by all that learning sees of them.
func compare(a, b series.Series) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), a.Start.Compare(b.Start), slices.Compare(a.Values, b.Values))
}

// learn trains a network on prepared series. It returns nil where they hold too little.
func (m Method) learn(ctx context.Context, ys []series.Series, windows int) (*trained, error) {
	if len(ys) == 0 {
		return nil, nil
	}
	lengths := make([]int, 0, len(ys))
	for _, y := range ys {
		lengths = append(lengths, y.Len())
	}
	slices.Sort(lengths)
	l := newLayout(m, ys[0].Step, lengths[len(lengths)/2])
	var sources []source
	origins := 0
	for _, y := range ys {
		if s, ok := l.newSource(y.Values, newClock(m.Calendar, y.Start, y.Step, y.Len()+m.Horizon)); ok {
			sources = append(sources, s)
			origins += s.origins(m.Horizon)
		}
	}
	if len(sources) == 0 {
		return nil, nil
	}
	if len(ys) > 1 {
		windows = min(windows, max(fitWindows, windowsPerOrigin*origins))
	}
	t := newTrainer(l, sources, m.Seed)
	if err := t.run(ctx, windows); err != nil {
		return nil, err
	}
	return t.calibrate(), nil
}
