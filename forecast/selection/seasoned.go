package selection

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// Seasoned is the forecast.Method that finds out which seasons a history has and combines the methods for these.
type Seasoned struct {
	// For returns the methods for seasons, ascending, and a step. It is required, and sets the Auto's Seasons to what it is given.
	For func(seasons []time.Duration, step time.Duration) Auto

	pooled map[string]Auto // by seasons, after Pool
}

const (
	day  = 24 * time.Hour
	week = 7 * day
	// longSeason is the length from which on a season that was found stands for the calendar.
	longSeason = 6 * time.Hour
)

// SeasonsOf returns the seasons to try on y: those that forecast.Seasons finds, and those of the calendar, which may show late. A day is
// tried where no season of six hours or more was found, and a week beside a day.
func SeasonsOf(y series.Series) []time.Duration {
	found := forecast.Seasons(y)
	if !slices.ContainsFunc(found, func(s time.Duration) bool { return s >= longSeason }) {
		found = append(found, day)
	}
	if slices.Contains(found, day) && !slices.Contains(found, week) {
		found = append(found, week)
	}
	return slices.DeleteFunc(found, func(s time.Duration) bool { return s < 2*y.Step })
}

// Name returns forecast.Combination.
func (Seasoned) Name() string { return forecast.Combination }

// auto returns the methods for y.
func (s Seasoned) auto(y series.Series) (Auto, error) {
	if y.Step <= 0 {
		return Auto{}, fmt.Errorf("selection: series %s has step %s", y.Key, y.Step)
	}
	seasons := SeasonsOf(y)
	if a, ok := s.pooled[poolKey(seasons, y.Step)]; ok {
		return a, nil
	}
	return s.For(seasons, y.Step), nil
}

func poolKey(seasons []time.Duration, step time.Duration) string { return fmt.Sprint(seasons, step) }

// Fit is that of the Auto for y's seasons.
func (s Seasoned) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return s.FitWith(ctx, y, nil)
}

// FitWith implements forecast.Informed.
func (s Seasoned) FitWith(ctx context.Context, y series.Series, x []series.Series) (forecast.Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := s.auto(y)
	if err != nil {
		return nil, err
	}
	return a.FitWith(ctx, y, x)
}

// Pool implements forecast.Pooler. Series of the same seasons learn from each other.
func (s Seasoned) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	groups := map[string][]series.Series{}
	var order []string
	autos := map[string]Auto{}
	for _, y := range ys {
		if y.Step <= 0 || y.Present() == 0 {
			continue
		}
		seasons := SeasonsOf(y)
		key := poolKey(seasons, y.Step)
		if groups[key] == nil {
			order = append(order, key)
			autos[key] = s.For(seasons, y.Step)
		}
		groups[key] = append(groups[key], y)
	}
	s.pooled = map[string]Auto{}
	for _, key := range order {
		if len(groups[key]) < 2 {
			continue
		}
		m, err := autos[key].Pool(ctx, groups[key])
		if err != nil {
			return nil, err
		}
		s.pooled[key] = m.(Auto)
	}
	return s, nil
}

// Restore implements forecast.Keeper.
func (s Seasoned) Restore(state []byte) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore %s: %w", s.Name(), err)
	}
	return s.For(k.Seasons, k.Step).Restore(state)
}
