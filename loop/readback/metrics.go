package readback

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// The reasons for which a decision that an exporter exported is left out.
const (
	expired    = "expired"
	ahead      = "ahead"
	incomplete = "incomplete"
)

type metrics struct {
	reads        *prometheus.CounterVec
	duration     prometheus.Histogram
	ignored      *prometheus.CounterVec
	disagreement *prometheus.GaugeVec
}

// newMetrics registers the metrics of a Reader, or returns those that are registered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m, errs := &metrics{}, [4]error{}
	m.reads, errs[0] = register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "forethought_readback_reads_total",
		Help: "Times that exported decisions were read back, by outcome: ok, or failed where the store did not answer for all fleets.",
	}, []string{"outcome"}))
	m.duration, errs[1] = register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "forethought_readback_read_duration_seconds",
		Help:    "Time that it takes to read the decisions of all fleets back.",
		Buckets: []float64{.005, .01, .05, .1, .5, 1, 5, 10, 30, 60},
	}))
	m.ignored, errs[2] = register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "forethought_readback_ignored_total",
		Help: "Exported decisions that a read left out: expired, ahead (valid for longer than decisions are) or incomplete (not all of one decision).",
	}, []string{"reason"}))
	m.disagreement, errs[3] = register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "forethought_readback_disagreement",
		Help: "1 while exporters of the fleet export different decisions of the same turn, so that the largest number of each pool is taken, 0 otherwise.",
	}, []string{"fleet"}))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	for _, outcome := range []string{"ok", "failed"} {
		m.reads.WithLabelValues(outcome)
	}
	for _, reason := range []string{expired, ahead, incomplete} {
		m.ignored.WithLabelValues(reason)
	}
	return m, nil
}

// register returns c registered, or the equal collector that already is.
func register[C prometheus.Collector](r prometheus.Registerer, c C) (C, error) {
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	return c, err
}
