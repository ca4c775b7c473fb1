package main

import (
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/forecast/ets"
	"github.com/forethought-autoscaler/forethought/forecast/harmonic"
	"github.com/forethought-autoscaler/forethought/forecast/mstl"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
	"github.com/forethought-autoscaler/forethought/forecast/rnn"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/forecast/theta"
	"github.com/forethought-autoscaler/forethought/forecast/tree"
)

// recipe says what methods are made for.
type recipe struct {
	step    time.Duration
	horizon int // steps
	// seasons are those given, ascending; where there are none they are found in each history.
	seasons  []time.Duration
	calendar forecast.Calendar // nil for none
	leading  bool              // whether there are leading indicators
	pooled   bool              // whether several series are learnt from together
}

const (
	day  = 24 * time.Hour
	week = 7 * day
	// mostWindow is the horizon up to which all steps are regressed at once.
	mostWindow = 64
	// methodBudget is the CPU time that the dearer methods may take together, as estimated by costOf.
	methodBudget = 200 * time.Millisecond
)

// auto returns the method that chooses among others.
func (r recipe) auto() forecast.Method {
	if len(r.seasons) > 0 {
		return r.combined(r.seasons)
	}
	return selection.Seasoned{For: func(seasons []time.Duration, _ time.Duration) selection.Auto { return r.combined(seasons) }}
}

// combined returns the choice among the methods that are on by default, for seasons. Methods that never earned a weight are off: they are
// known, and can be asked for by name.
func (r recipe) combined(seasons []time.Duration) selection.Auto {
	auto := selection.Auto{
		Methods:  []forecast.Method{naive.Last{}, naive.Smooth{}},
		Fallback: naive.Last{}, Horizon: r.horizon, Seasons: seasons, Cost: costOf, Budget: methodBudget,
	}
	for _, season := range seasons {
		if season > r.step {
			m := naive.Seasonal{Period: season}
			auto.Methods = append(auto.Methods, m)
			auto.Benchmarks = append([]string{m.Name()}, auto.Benchmarks...) // the longest season first
		}
	}
	auto.Methods = append(auto.Methods,
		theta.Method{Period: leadingSeason(seasons)},
		ridge.Method{Horizon: r.horizon, Seasons: seasons, Log: true},
	)
	if r.horizon <= mostWindow {
		auto.Methods = append(auto.Methods,
			ridge.Window{Horizon: r.horizon, Seasons: seasons},
			ridge.Window{Horizon: r.horizon, Seasons: seasons, Log: true},
		)
	} else {
		auto.Methods = append(auto.Methods, ridge.Method{Horizon: r.horizon, Seasons: seasons})
	}
	auto.Methods = append(auto.Methods, mstl.Method{Seasons: seasons, Remainder: ets.Auto{Signed: true}})
	if r.pooled {
		auto.Methods = append(auto.Methods,
			tree.Boost{Horizon: r.horizon, Seasons: seasons, Calendar: r.calendar},
			rnn.Method{Horizon: r.horizon, Seasons: seasons, Calendar: r.calendar},
		)
	}
	if r.calendar != nil {
		auto.Methods = append(auto.Methods, harmonic.Method{Seasons: seasons, Calendar: r.calendar})
	}
	if !r.pooled && (r.leading || r.calendar != nil) { // the methods that can use them
		auto.Methods = append(auto.Methods, tree.Boost{Horizon: r.horizon, Seasons: seasons, Calendar: r.calendar})
	}
	auto.Methods = append(auto.Methods,
		mstl.Method{Seasons: seasons, Remainder: arima.Auto{Signed: true}},
		arima.Auto{Period: leadingSeason(seasons)},
	)
	return auto
}

// leadingSeason returns the season of methods that take one: the first of six hours or more, as a day, or else the longest.
func leadingSeason(seasons []time.Duration) time.Duration {
	if len(seasons) == 0 {
		return 0
	}
	if i := slices.IndexFunc(seasons, func(s time.Duration) bool { return s >= 6*time.Hour }); i >= 0 {
		return seasons[i]
	}
	return seasons[len(seasons)-1]
}

// costOf estimates the CPU time of a fit of n observations, for the methods that are dear. The figures are those of the methods' own
// benchmarks, rounded up.
func costOf(m forecast.Method, n int) time.Duration {
	switch m := m.(type) {
	case arima.Auto:
		return time.Duration(min(n, 3000)) * 80 * time.Microsecond
	case mstl.Method:
		if _, dear := m.Remainder.(arima.Auto); dear {
			return time.Duration(min(n, 10000)) * 18 * time.Microsecond
		}
	}
	return 0
}

// known returns every method that can be asked for by name, first the one that chooses among others.
func (r recipe) known() []forecast.Method {
	seasons := r.seasons
	if len(seasons) == 0 {
		seasons = []time.Duration{day, week}
	}
	out := []forecast.Method{r.auto()}
	add := func(methods ...forecast.Method) {
		for _, m := range methods {
			if !slices.ContainsFunc(out, func(o forecast.Method) bool { return o.Name() == m.Name() }) {
				out = append(out, m)
			}
		}
	}
	add(r.combined(seasons).Methods...)
	main := leadingSeason(seasons)
	add(
		ets.SES(), ets.DampedHolt(), ets.HoltWinters(main), ets.Auto{Period: main},
		theta.Method{Period: main, Optimised: true},
		mstl.Method{Seasons: seasons, Remainder: ets.Auto{Signed: true}, Robust: true},
		ridge.Method{Horizon: r.horizon, Seasons: seasons},
		ridge.Window{Horizon: r.horizon, Seasons: seasons}, ridge.Window{Horizon: r.horizon, Seasons: seasons, Log: true},
		harmonic.Method{Seasons: seasons, Calendar: r.calendar},
		tree.Boost{Horizon: r.horizon, Seasons: seasons, Calendar: r.calendar},
		tree.QuantileForest{Horizon: r.horizon, Seasons: seasons, Calendar: r.calendar},
		rnn.Method{Horizon: r.horizon, Seasons: seasons, Calendar: r.calendar},
	)
	return out
}
