// Package arima turns a history into forecasts by seasonal ARIMA models: Method by one of a given order, Auto by one whose order is
// chosen as Hyndman and Khandakar (2008) choose it.
//
// Auto differences over a season where the season is strong and at lag one until a KPSS test is content, then looks for the orders with
// the lowest AICc stepwise. Each order is screened at the minimum of its conditional sum of squares, with the exact likelihood there; the
// best few are brought to the maximum of the exact likelihood. It differs from R's forecast::auto.arima in two points: the screening
// uses the exact likelihood where R uses an approximation, and the roots of the seasonal polynomials are kept from the unit circle as
// polynomials in B^m, where R asks for the distance in B and so refuses a season that changes slowly.
//
// Missing observations stay missing: the likelihood is that of the observations there are, and the forecast's intervals widen by what a
// gap leaves unknown.
//
// Limits keep the cost bounded. Of a long history only the latest 3000 observations or 14 seasons are used, whichever is more. The exact
// likelihood has an unknown for each step of the longest seasonal lag and for each missing observation: up to 110 of them, which with P
// and Q up to 2 is a season of 52 steps. Beyond that, and where a long history has missing observations, Auto lets P and Q be at most 1.
// Where this does not help, as for a season above 105 steps or with very many missing observations, the conditional sum of squares takes
// the likelihood's place, unless the model is small enough for the Kalman filter. A filter of more than 100 elements keeps only the 24
// main directions of what a gap leaves unknown.
package arima

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// mostHistory and mostSeasons are how many observations, or seasons, a model is fitted to.
	mostHistory = 3000
	mostSeasons = 14
	// longestSeason is the longest season in steps, that of R's stats::arima.
	longestSeason = 350
	// leastHistory is the number of observations below which no order is chosen.
	leastHistory = 10
	// highest bounds the orders of Method.
	highest = 10
)

// Method is the ARIMA model of one order. A season that is shorter than two steps is left out.
type Method struct {
	// P, D and Q are the orders of the autoregression, of differencing and of the moving average, at most 10, 2 and 10.
	P, D, Q int
	// SeasonalP, SeasonalD and SeasonalQ are those of the season, at most 2, 1 and 2; Period must be set for them.
	SeasonalP, SeasonalD, SeasonalQ int
	// Period is the season, for example 24 hours; rounded to whole steps, of which it has 350 at most. Zero is no season.
	Period time.Duration
	// Constant adds a mean or, where the series is differenced, a drift.
	Constant bool
	// Signed says that values may be negative, as those of a remainder are: they are not taken for zero, and neither are quantiles.
	Signed bool
}

// Auto is the ARIMA model whose order is chosen automatically.
type Auto struct {
	// Period is the season, for example 24 hours, rounded to whole steps. Zero is no season. A season that is shorter than two steps is left
	// out, and so is one of more than 350 steps and one that the history does not hold twice.
	Period time.Duration
	// Signed says that values may be negative, as those of a remainder are: they are not taken for zero, and neither are quantiles.
	Signed bool
}

// Name returns the order, for example "arima(1,1,1)" or "arima(2,0,0)(0,1,1)".
func (m Method) Name() string {
	name := fmt.Sprintf("arima(%d,%d,%d)", m.P, m.D, m.Q)
	if m.SeasonalP+m.SeasonalD+m.SeasonalQ > 0 {
		name += fmt.Sprintf("(%d,%d,%d)", m.SeasonalP, m.SeasonalD, m.SeasonalQ)
	}
	return name
}

// Name returns "arima".
func (Auto) Name() string { return "arima" }

func (m Method) settings() string {
	return fmt.Sprintf("%s %s %t %t", m.Name(), m.Period, m.Constant, m.Signed)
}

func (a Auto) settings() string { return fmt.Sprintf("arima auto %s %t", a.Period, a.Signed) }

// Restore implements forecast.Keeper.
func (m Method) Restore(state []byte) (forecast.Model, error) {
	return restore(state, m.Name(), m.settings())
}

// Restore implements forecast.Keeper.
func (a Auto) Restore(state []byte) (forecast.Model, error) {
	return restore(state, a.Name(), a.settings())
}

// Fit needs as many observations as differencing and the autoregression look back and some more for each coefficient, in all at least 8
// after differencing.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	in, err := read(y, m.Period, m.Signed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	o := order{P: m.P, D: m.D, Q: m.Q, M: in.m, Constant: m.Constant}
	if in.m > 0 {
		o.SP, o.SD, o.SQ = m.SeasonalP, m.SeasonalD, m.SeasonalQ
	}
	need := o.lost() + max(o.ar()+o.count()+3, o.rank()+1, 8)
	if in.present() < need {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: need, Have: in.present()}
	}
	if err = in.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	f, c, err := fixed(ctx, in.history, o)
	if err != nil {
		return nil, err
	}
	return in.model(f, c, m.Name(), m.settings()), nil
}

// validate returns an error where a field is outside its limits.
func (m Method) validate() error {
	for _, field := range []struct {
		name        string
		value, most int
	}{
		{"P", m.P, highest},
		{"D", m.D, mostDifferences},
		{"Q", m.Q, highest},
		{"SeasonalP", m.SeasonalP, mostSeasonal},
		{"SeasonalD", m.SeasonalD, 1},
		{"SeasonalQ", m.SeasonalQ, mostSeasonal},
	} {
		if field.value < 0 || field.value > field.most {
			return fmt.Errorf("arima: Method.%s is %d, want 0 to %d", field.name, field.value, field.most)
		}
	}
	if m.SeasonalP+m.SeasonalD+m.SeasonalQ > 0 && m.Period <= 0 {
		return fmt.Errorf("arima: Method.Period is %s, want a season for the seasonal orders", m.Period)
	}
	return nil
}

// Fit needs 10 observations. A season is left out where there are not two of it, or where it has more than 350 steps.
func (a Auto) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	in, err := read(y, a.season(y.Step), a.Signed)
	if err != nil {
		return nil, fmt.Errorf("arima: %w", err)
	}
	if in.present() < leastHistory {
		return nil, &forecast.TooShortError{Method: a.Name(), Need: leastHistory, Have: in.present()}
	}
	if in.present() <= 2*in.m {
		in.m = 0
	}
	if err = ctx.Err(); err != nil {
		return nil, err
	}
	s := newSearch(in.history, in.base())
	c, err := s.run(ctx, in.base())
	if err != nil {
		return nil, err
	}
	return in.model(s.fitter, c, a.Name(), a.settings()), nil
}

// season returns the period, or none where it is longer than can be fitted.
func (a Auto) season(step time.Duration) time.Duration {
	if step > 0 && math.Round(float64(a.Period)/float64(step)) > longestSeason {
		return 0
	}
	return a.Period
}

// base returns how often the history is to be differenced.
func (h history) base() order {
	o := order{M: h.m}
	if h.m > 0 {
		o.SD = seasonalDifferences(h.y, h.m)
	}
	o.D = differences(differenced(h.y, o))
	return o
}

// input is a series as it is fitted.
type input struct {
	history
	y     series.Series
	units units
	gap   int // how many of the latest observations are missing
}

// read takes the part of y that is fitted.
func read(y series.Series, period time.Duration, signed bool) (input, error) {
	in := input{y: y}
	if y.Step <= 0 {
		return in, fmt.Errorf("series %s has step %s", y.Key, y.Step)
	}
	if period < 0 {
		return in, fmt.Errorf("the period is %s, want none or a positive one", period)
	}
	if steps := math.Round(float64(period) / float64(y.Step)); steps >= 2 {
		in.m = int(steps)
	}
	values := y.Values
	keep := max(mostHistory, mostSeasons*in.m)
	for len(values) > 0 && (math.IsNaN(values[len(values)-1]) || math.IsInf(values[len(values)-1], 0)) {
		values = values[:len(values)-1]
		in.gap++
	}
	from := max(len(values)-keep, 0)
	in.units = unitsOf(values[from:], signed)
	scaled := series.Series{Key: y.Key, Start: y.TimeAt(from), Step: y.Step, Values: make([]float64, len(values)-from)}
	for i, v := range values[from:] {
		scaled.Values[i] = in.units.rounded(v)
	}
	if !signed {
		scaled = forecast.WithoutOutages(scaled)
	}
	values = scaled.Values
	for len(values) > 0 && math.IsNaN(values[0]) {
		values = values[1:]
	}
	in.history = newHistory(values, in.m)
	if in.gap > keep { // beyond that a gap is as long as any other, and only its place in the season counts
		in.gap = keep + (in.gap-keep)%max(in.m, 1)
	}
	return in, nil
}

// check returns an error where the season is too long.
func (in input) check() error {
	if in.m > longestSeason {
		return fmt.Errorf("series %s has %d steps in a season, at most %d can be fitted", in.y.Key, in.m, longestSeason)
	}
	return nil
}

// model returns c as a model at the end of the series.
func (in input) model(f *fitter, c candidate, name, settings string) forecast.Model {
	m := &model{
		Version: stateVersion, Settings: settings, Method: name, Key: in.y.Key, Unit: in.y.Unit, Step: in.y.Step, End: in.y.End(),
		Units: in.units, Order: c.o, Filter: f.state(c), Deviation: f.deviation(c),
	}
	for range in.gap {
		m.Filter.miss()
	}
	return m
}
