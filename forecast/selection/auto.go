// Package selection turns several forecasting methods into one: it lets each forecast from rolling origins inside the history, weights
// them by how well they did at each horizon, and calibrates the combination's intervals on its own errors.
//
// Nothing about the combination is fixed beforehand but its rules. The methods are fitted on the history up to a cut, rolled through
// what came after it, scored there, and then fitted again on all of it. The widths behind a reported score were not measured on what is
// scored: the window is split into blocks, and each block is scored with the widths of the others. The weights are those of the whole
// window, so that on a short history the combination's reported score is too good by some percent; what is promised is settled later.
package selection

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Auto is a forecast.Method that combines others. Methods, Fallback and Horizon are required.
type Auto struct {
	// Methods are the members to choose from. Their names must differ. A member that can't be fitted takes no part, and
	// Selection's reason says why.
	Methods []forecast.Method
	// Fallback forecasts while the history is too short to compare methods. It must need one observation only.
	Fallback forecast.Method
	// Benchmarks names the members that are the seasonal naive methods, longest season first. The first that the history allows scales
	// the scores; while it allows none the selection is Limited.
	Benchmarks []string
	// Horizon is the number of steps for which errors are measured. Forecasts beyond it widen with the square root of the horizon.
	Horizon int
	// Origins bounds the number of rolling origins; 0 means 256.
	Origins int
	// Seasons are those that Methods look for, ascending; for Selection only.
	Seasons []time.Duration
	// Cost estimates the CPU time of one fit of n observations; nil where none costs anything. Methods take part in their order as long as
	// their costs sum up to no more than Budget, and one that would go beyond it is left out. An estimate and not a clock decides, so that
	// two processes choose the same.
	Cost   func(m forecast.Method, n int) time.Duration
	Budget time.Duration

	// past holds, after Pool, the methods that were pooled on what lay before the cuts, by name.
	past map[string]forecast.Method
	// prior is how well members did on many series, nil before Pool.
	prior *experience
	// fair keeps every member to the end of the rolling origins.
	fair bool
}

// Name returns forecast.Combination.
func (Auto) Name() string { return forecast.Combination }

// validate refuses an Auto that cannot work, by the field's name.
func (a Auto) validate() error {
	switch {
	case len(a.Methods) == 0:
		return errors.New("selection: Auto.Methods is empty")
	case a.Fallback == nil:
		return errors.New("selection: Auto.Fallback is nil")
	case a.Horizon < 1:
		return fmt.Errorf("selection: Auto.Horizon is %d, want at least 1", a.Horizon)
	case a.Origins < 0 || a.Origins > math.MaxUint16:
		return fmt.Errorf("selection: Auto.Origins is %d, want 0 to %d", a.Origins, math.MaxUint16)
	}
	seen := map[string]bool{}
	for _, m := range a.Methods {
		if seen[m.Name()] {
			return fmt.Errorf("selection: Auto.Methods holds %q twice", m.Name())
		}
		seen[m.Name()] = true
	}
	return nil
}

const (
	defaultOrigins = 256
	// The window in which methods are compared is the last third of the history, 14 days at most.
	windowShare = 3
	windowMost  = 14 * 24 * time.Hour
	// windowLeast is the number of steps below which nothing can be compared.
	windowLeast = 12
)

// Fit returns a *forecast.TooShortError only where y holds no observation at all.
func (a Auto) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return a.FitWith(ctx, y, nil)
}

// FitWith implements forecast.Informed. Every method that can use the leading indicators x takes part once without and once with them, so
// that they count only where they were of use.
func (a Auto) FitWith(ctx context.Context, y series.Series, x []series.Series) (forecast.Model, error) {
	if err := a.validate(); err != nil {
		return nil, err
	}
	if y.Present() == 0 {
		return nil, &forecast.TooShortError{Method: a.Name(), Need: 1, Have: 0}
	}
	if y.Step <= 0 {
		return nil, fmt.Errorf("selection: series %s has step %s", y.Key, y.Step)
	}
	x = slices.Clone(x)
	for _, s := range x {
		if s.Len() != y.Len() || !s.Start.Equal(y.Start) || s.Step != y.Step {
			return nil, fmt.Errorf("selection: leading indicator %s is not on the grid of %s", s.Key, y.Key)
		}
	}
	scale := forecast.ScaleOf(y.Values)
	first := firstOf(y)
	y = forecast.WithoutOutages(scale.Scaled(y.Slice(first, y.Len())))
	for i, s := range x {
		x[i] = s.Slice(first, s.Len())
	}
	r, err := a.roll(ctx, y, x)
	if err != nil {
		return nil, err
	}
	return a.fitCombination(ctx, y, scale, r)
}

// fitCombination weights, calibrates and fits again the members of r that have a weight. Where there is
// none, the fallback forecasts.
func (a Auto) fitCombination(ctx context.Context, y series.Series, scale forecast.Scale, r *rolling) (forecast.Model, error) {
	if len(r.members) == 0 {
		return a.fitFallback(ctx, y, scale, r)
	}
	w := weigh(r, a.prior)
	m := newModel(y, scale)
	m.settings, m.weights = a.settings(), w
	m.calibration = calibrate(r, combine(r, w))
	m.selection = a.explain(y, scale, r, w, m.calibration)
	for i, candidate := range r.members {
		m.methods = append(m.methods, candidate.name())
		fitted := r.fitted[i]
		if w.uses(i) && fitted == nil {
			var err error
			fitted, err = candidate.fit(ctx, y, 0, y.Len())
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil { // for example more features than gaps leave room for
				return a.fitCombination(ctx, y, scale, r.without(i, err))
			}
		}
		if w.uses(i) {
			m.members = append(m.members, fitted)
		} else {
			m.members = append(m.members, nil)
		}
	}
	m.name = m.selection.Method
	m.track()
	return m, nil
}

// fitFallback fits the fallback and nothing else.
func (a Auto) fitFallback(ctx context.Context, y series.Series, scale forecast.Scale, r *rolling) (forecast.Model, error) {
	fitted, err := a.Fallback.Fit(ctx, y)
	if err != nil {
		return nil, fmt.Errorf("fit %s as the fallback for %s: %w", a.Fallback.Name(), y.Key, err)
	}
	m := newModel(y, scale)
	m.settings, m.members, m.methods = a.settings(), []forecast.Model{fitted}, []string{a.Fallback.Name()}
	m.weights, m.name = single(), a.Fallback.Name()
	m.selection = a.explain(y, scale, r, m.weights, nil)
	return m, nil
}

// firstOf returns the index of the first observation; what lies before it is no history.
func firstOf(y series.Series) int {
	return max(0, slices.IndexFunc(y.Values, func(v float64) bool { return !math.IsNaN(v) }))
}
