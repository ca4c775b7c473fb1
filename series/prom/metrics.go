package prom

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the counters of every Source that shares a Registerer.
type metrics struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	samples  prometheus.Counter
	infinite prometheus.Counter
	gaps     prometheus.Counter
	retries  prometheus.Counter
	warnings prometheus.Counter
	offset   *prometheus.GaugeVec // without labels: it has no value before the first answer
}

// newMetrics returns the metrics registered with reg, or those that an earlier Source has registered there.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	r := registrar{reg: reg}
	m := &metrics{
		requests: register(&r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_source_requests_total",
			Help: "Requests made to the history's HTTP API, by status code; \"none\" where no answer came.",
		}, []string{"code"})),
		duration: register(&r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "forethought_source_request_duration_seconds",
			Help:                            "Time from sending a request to the history's HTTP API to the last byte of its answer.",
			Buckets:                         []float64{0.01, 0.1, 1, 10, 60},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		})),
		samples:  counter(&r, "forethought_source_samples_total", "Samples with a finite value that were read from the history."),
		infinite: counter(&r, "forethought_source_samples_infinite_total", "Samples with an infinite value, which are taken as missing."),
		gaps:     counter(&r, "forethought_source_gaps_total", "Grid points of the series read that came without a value."),
		retries:  counter(&r, "forethought_source_retries_total", "Requests to the history's HTTP API that repeat a failed one."),
		warnings: counter(&r, "forethought_source_warnings_total", "Warnings and infos that came with answers of the history's HTTP API."),
		offset: register(&r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forethought_source_clock_offset_seconds",
			Help: "How far the clock of the history's HTTP API is ahead of ours, by the header Date of its latest answer.",
		}, nil)),
	}
	return m, r.err
}

func counter(r *registrar, name, help string) prometheus.Counter {
	return register(r, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

// registrar registers collectors up to the first error.
type registrar struct {
	reg prometheus.Registerer
	err error
}

// register returns c registered, or the equal collector that already is.
func register[C prometheus.Collector](r *registrar, c C) C {
	if r.reg == nil || r.err != nil {
		return c
	}
	err := r.reg.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	r.err = err
	return c
}
