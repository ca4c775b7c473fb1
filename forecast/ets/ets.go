// Package ets turns a history into forecasts by exponential smoothing: a level, a slope and a season that each follow the errors of the
// forecast at their own pace, as an innovations state space model (Hyndman, Koehler, Ord and Snyder 2008; FPP3, chapter 8).
//
// Parameters and initial states maximise the likelihood inside the bounds of R's ets. A missing observation moves no state: the model
// goes on as it was and its intervals widen; over a gap of more than one step the slope fades, since it says nothing of what comes after
// a long gap. No quantile is larger than ten times the largest observation of which the model was told, and no median of Auto larger
// than twice that. The quantile at 0.995 is at least a thousandth of it, for a demand that was there may come back. Multiplicative errors and seasons describe a demand in proportion to its level and need
// every observation to be above zero; on other histories the additive shape takes their place. Of a long history the latest 2500
// observations or eight seasons, whichever is more, are fitted on; outages (forecast.Outages) count as missing.
package ets

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Method is exponential smoothing of a given shape. The zero Method is simple exponential smoothing.
//
// An additive error with a multiplicative season, whose variance is infinite (FPP3, section 8.3), is taken as multiplicative in both.
type Method struct {
	Error  Error
	Trend  Trend
	Season Season
	// Period is the length of the season, rounded to whole steps; a Period below two steps is no season. With more than 24 steps a
	// season's initial states are those of a classical decomposition and only the other parameters are estimated.
	Period time.Duration
	// Signed accepts observations below zero and forecasts such: the remainder or the deseasonalised part of a demand. The distributions
	// are then normal and not cut at zero, the shape is additive, and no run of zeros is taken for an outage.
	Signed bool
}

// SES returns simple exponential smoothing: a level and nothing else (FPP3, section 8.1).
func SES() Method { return Method{} }

// DampedHolt returns Holt's method with a damped trend (FPP3, section 8.2).
func DampedHolt() Method { return Method{Trend: DampedTrend} }

// HoltWinters returns Holt and Winters' method with a season that is added to the level (FPP3, section 8.3).
func HoltWinters(period time.Duration) Method {
	return Method{Trend: AdditiveTrend, Season: AdditiveSeason, Period: period}
}

// Auto chooses the shape by Akaike's corrected information criterion among the fifteen that R's ets considers by default, six of them
// without a season. Shapes with a multiplicative error take part where their errors are small: a variance below 0.1 for one step, and
// below one, relative to the square of the level, after 200 steps. With larger ones their variance explodes.
type Auto struct {
	// Period is the length of the season, rounded to whole steps. Without one, with fewer than two seasons of history, and with more than
	// 24 steps a season, which has too many states to estimate, the shapes have no season.
	Period time.Duration
	// Signed is as in Method.
	Signed bool
}

// Name returns "ses", "holt", "holt-damped", "holt-winters" or, for other shapes, one like "ets-MAdM".
func (m Method) Name() string {
	switch m.shape() {
	case shape{}:
		return "ses"
	case shape{Trend: AdditiveTrend}:
		return "holt"
	case shape{Trend: DampedTrend}:
		return "holt-damped"
	case shape{Trend: AdditiveTrend, Season: AdditiveSeason}:
		return "holt-winters"
	}
	return "ets-" + m.shape().String()
}

// Name returns "ets".
func (Auto) Name() string { return "ets" }

// shape returns the shape asked for.
func (m Method) shape() shape {
	s := shape{m.Error, m.Trend, m.Season}
	switch {
	case m.Signed:
		return s.additive()
	case s.Season == MultiplicativeSeason:
		s.Error = MultiplicativeError
	}
	return s
}

// Fit needs three observations more than there are parameters, and two seasons where there is a season.
func (m Method) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	sh, period := m.shape(), steps(m.Period, y.Step)
	if sh.Season == NoSeason || period == 1 {
		sh.Season, period = NoSeason, 1
	}
	h := newHistory(y, period, m.Signed)
	need := max(sh.count(period)+3, 2*period)
	if h.present < need {
		return nil, &forecast.TooShortError{Method: m.Name(), Need: need, Have: h.present}
	}
	if !h.positive {
		sh = sh.additive()
	}
	var c *candidate
	for _, try := range []shape{sh, sh.additive(), {}} {
		var err error
		if c, err = h.fit(ctx, try, period, nil, 2); err != nil {
			return nil, err
		}
		if c != nil {
			break
		}
	}
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	return newModel(m.Name(), m.settings(), y, h, c, mostQuantile), nil
}

// fit estimates one shape roughly, from the usual guesses and the given points.
func (h history) fit(ctx context.Context, sh shape, m int, points []point, runs int) (*candidate, error) {
	if sh.Season == NoSeason {
		m = 1
	}
	first := newStart(h.y, sh.Season, sh.Trend != NoTrend, m)
	for _, p := range guesses(sh, m) {
		p.start = first
		points = append(points, p)
	}
	return estimate(ctx, newLikelihood(newTape(h.y, m), sh, h.unit, first.season, m <= longest), points, runs)
}

// Fit needs five observations.
func (a Auto) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	m := steps(a.Period, y.Step)
	h := newHistory(y, m, a.Signed)
	if need := (shape{}).count(1) + 3; h.present < need {
		return nil, &forecast.TooShortError{Method: a.Name(), Need: need, Have: h.present}
	}
	seasonal := m > 1 && m <= longest && len(h.y) >= 2*m
	all, err := h.fitAll(ctx, candidates(seasonal, h.positive && !a.Signed), m)
	if err != nil {
		return nil, err
	}
	best, err := closest(ctx, all)
	if err != nil {
		return nil, err
	}
	return newModel(a.Name(), a.settings(), y, h, best, mostMedian), nil
}

// fitAll estimates the shapes that the history is long enough for. Each starts from the guesses and from where the shapes before it with
// the same season ended.
func (h history) fitAll(ctx context.Context, shapes []shape, m int) ([]*candidate, error) {
	var all []*candidate
	var points []point
	for i, sh := range shapes {
		if h.present < sh.count(m)+3 {
			continue
		}
		if i > 0 && sh.Season != shapes[i-1].Season {
			points = points[:0]
		}
		runs := 2
		if sh.Season != NoSeason && len(points) > 0 {
			runs = 1
		}
		c, err := h.fit(ctx, sh, m, points, runs)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		all = append(all, c)
		points = append(points, c.k.unpack(c.x, point{beta: 0.1, gamma: 0.05, phi: 0.95}))
	}
	return all, nil
}

// settled is how many of the candidates are settled closely before the best is chosen, if their criterion is within near of the best.
const (
	settled = 3
	near    = 1.0
)

// closest returns the candidate with the smallest criterion, settled.
func closest(ctx context.Context, all []*candidate) (*candidate, error) {
	if slices.ContainsFunc(all, (*candidate).tame) {
		all = slices.DeleteFunc(all, func(c *candidate) bool { return !c.tame() })
	}
	byCriterion := func(a, b *candidate) int { return cmp.Compare(a.aicc(), b.aicc()) }
	slices.SortStableFunc(all, byCriterion)
	limit := all[0].aicc() + near
	final := all[:min(settled, len(all))]
	for i, c := range final {
		if i > 0 && c.aicc() > limit {
			final = final[:i]
			break
		}
		if err := c.settle(ctx); err != nil {
			return nil, err
		}
	}
	return slices.MinFunc(final, byCriterion), nil
}
