package loop

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Metrics are the loop's own metrics. One Metrics serves a loop and those that replace it, so that counters go on over a reload.
type Metrics struct {
	turns    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	guards   *prometheus.CounterVec
	invalid  *prometheus.CounterVec
	hidden   *prometheus.CounterVec
	fits     *prometheus.CounterVec
	early    *prometheus.CounterVec
	late     *prometheus.CounterVec
	missed   prometheus.Counter

	fitDuration prometheus.Histogram
}

// NewMetrics registers the metrics of a loop.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_turns_total",
			Help: "Turns made, by outcome: ok, stale (no new demand was read) or failed (no decision).",
		}, []string{"fleet", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "forethought_turn_duration_seconds",
			Help:    "Time that one fleet's turn takes, by stage.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"stage"}),
		guards: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_guard_applied_total",
			Help: "Times that a guard changed a decision, or held a fleet as a whole.",
		}, []string{"fleet", "guard"}),
		invalid: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_demand_invalid_samples_total",
			Help: "Observations of the demand that are negative and count as missing.",
		}, []string{"fleet"}),
		hidden: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_demand_saturated_samples_total",
			Help: "Observations of the demand made while full capacity hid a part of it, so that they are lower bounds.",
		}, []string{"fleet"}),
		fits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_forecast_fits_total",
			Help: "Times that a fleet's forecasting model was fitted anew.",
		}, []string{"fleet"}),
		early: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_forecast_fits_early_total",
			Help: "Fits that came due before their time, since the demand drifted or a leading indicator was new.",
		}, []string{"fleet"}),
		late: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_forecast_fits_late_total",
			Help: "Fits that were not done when their model was to be adopted, so that the former one went on.",
		}, []string{"fleet"}),
		fitDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "forethought_forecast_fit_duration_seconds",
			Help:    "Time that the fit of a fleet's model takes, in a turn or beside the turns.",
			Buckets: []float64{.005, .01, .05, .1, .5, 1, 5, 30, 120},
		}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "forethought_turns_missed_total",
			Help: "Turns left out since the one before took longer than the interval.",
		}),
	}
	for _, c := range []prometheus.Collector{m.turns, m.duration, m.guards, m.invalid, m.hidden, m.fits, m.early, m.late, m.missed, m.fitDuration} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// begin makes a fleet's counters exist at 0, so that their first increase is seen by rate().
func (m *Metrics) begin(fleet string) {
	for _, outcome := range []string{"ok", "stale", "failed"} {
		m.turns.WithLabelValues(fleet, outcome)
	}
	for _, guard := range pool.GuardNames() {
		m.guards.WithLabelValues(fleet, guard)
	}
	m.invalid.WithLabelValues(fleet)
	m.hidden.WithLabelValues(fleet)
	m.fits.WithLabelValues(fleet)
	m.early.WithLabelValues(fleet)
	m.late.WithLabelValues(fleet)
}

func (m *Metrics) stage(name string, begin time.Time) {
	m.duration.WithLabelValues(name).Observe(time.Since(begin).Seconds())
}

// end removes the series of a fleet that is no longer configured.
func (m *Metrics) end(fleet string) {
	for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{m.turns, m.guards, m.invalid, m.hidden, m.fits, m.early, m.late} {
		v.DeletePartialMatch(prometheus.Labels{"fleet": fleet})
	}
}
