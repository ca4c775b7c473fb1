package kube

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of a Watcher.
type metrics struct {
	leads  *prometheus.HistogramVec
	errors *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		leads: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "forethought_node_lead_time_seconds",
			Help: "Time from a node's creation until it is ready for pods (ready), and until the first pod that counts runs there, " +
				"less what the node stood idle (pod).",
			Buckets:                         []float64{5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"fleet", "pool", "stage"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_kubernetes_watch_errors_total",
			Help: "Lists and watches of the cluster's objects that failed.",
		}, []string{"resource"}),
	}
	for _, c := range []prometheus.Collector{m.leads, m.errors} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// health returns the health of the stream of a resource.
func (m *metrics) health(resource string, log *slog.Logger) *health {
	return &health{resource: resource, log: log, errors: m.errors.WithLabelValues(resource)}
}

// begin makes a pool's series exist, so that their first increase is seen by increase().
func (m *metrics) begin(p *nodePool) {
	for _, stage := range []string{stageReady, stagePod} {
		m.leads.WithLabelValues(p.fleet, p.name, stage)
	}
}

// end removes the series of a pool that is no longer configured.
func (m *metrics) end(p *nodePool) {
	m.leads.DeletePartialMatch(prometheus.Labels{"fleet": p.fleet, "pool": p.name})
}

// observe returns what takes note of the lead times of a pool's nodes.
func (m *metrics) observe(p *nodePool) func(stage string, took time.Duration) {
	return func(stage string, took time.Duration) {
		m.leads.WithLabelValues(p.fleet, p.name, stage).Observe(took.Seconds())
	}
}
