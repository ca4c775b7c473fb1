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

	pooled *Auto // after Pool, for the seasons that most series have
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
		slices.Sort(found)
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
	a := s.For(SeasonsOf(y), y.Step)
	if s.pooled != nil {
		a = a.borrow(*s.pooled)
	}
	return a, nil
}

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

// Pool implements forecast.Pooler. The series, which share a step, are pooled with the seasons that most of them have; one with other
// seasons borrows what was learnt and keeps its own seasons.
func (s Seasoned) Pool(ctx context.Context, ys []series.Series) (forecast.Method, error) {
	var common []time.Duration
	var step time.Duration
	count := map[string]int{}
	for _, y := range byKey(ys) {
		if y.Step <= 0 || y.Present() == 0 {
			continue
		}
		step = y.Step
		seasons := SeasonsOf(y)
		key := fmt.Sprint(seasons)
		count[key]++
		if count[key] > count[fmt.Sprint(common)] || common == nil {
			common = seasons
		}
	}
	if step == 0 {
		return s, nil
	}
	m, err := s.For(common, step).Pool(ctx, ys)
	if err != nil {
		return nil, err
	}
	a := m.(Auto)
	s.pooled = &a
	return s, nil
}

// borrow returns a with the methods that b pooled, and b's experience.
func (a Auto) borrow(b Auto) Auto {
	a.Methods = slices.Clone(a.Methods)
	for i, m := range a.Methods {
		if _, ok := b.past[m.Name()]; !ok {
			continue
		}
		for _, pooled := range b.Methods {
			if pooled.Name() == m.Name() {
				a.Methods[i] = pooled
			}
		}
	}
	a.past, a.prior = b.past, b.prior
	return a
}

// Restore implements forecast.Keeper.
func (s Seasoned) Restore(state []byte) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore %s: %w", s.Name(), err)
	}
	return s.For(k.Seasons, k.Step).Restore(state)
}
