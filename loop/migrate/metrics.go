package migrate

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// How a migration ended, or that a proposed one was not begun.
const (
	migrated = "migrated"
	undone   = "undone"
	refused  = "refused"
)

type metrics struct {
	total      *prometheus.CounterVec
	inProgress *prometheus.GaugeVec
	duration   *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_migrations_total",
			Help: "Nodes that were moved between pools (migrated) or brought back (undone), and proposed moves that were not begun (refused, once a turn).",
		}, []string{"fleet", "from", "to", "outcome"}),
		inProgress: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forethought_migrations_in_progress",
			Help: "Nodes that are on their way between two pools. Only the leader has it.",
		}, []string{"fleet"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "forethought_migration_duration_seconds",
			Help:    "Time from cordoning a node until it is uncordoned, by outcome: migrated or undone.",
			Buckets: []float64{5, 15, 30, 60, 120, 300, 600, 1800, 3600},
		}, []string{"outcome"}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.total, m.inProgress, m.duration} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// begin makes a fleet's counters exist at 0, so that their first increase is seen by rate().
func (m *metrics) begin(f *fleet) {
	for _, from := range f.Pools {
		for _, to := range f.Pools {
			if from.Name == to.Name {
				continue
			}
			for _, outcome := range []string{migrated, undone, refused} {
				m.total.WithLabelValues(f.name, from.Name, to.Name, outcome)
			}
		}
	}
}

// end removes the series of a fleet.
func (m *metrics) end(fleet string) {
	m.total.DeletePartialMatch(prometheus.Labels{"fleet": fleet})
	m.inProgress.DeletePartialMatch(prometheus.Labels{"fleet": fleet})
}

func (m *metrics) count(p pair, outcome string) {
	m.total.WithLabelValues(p.fleet, p.from, p.to, outcome).Inc()
}
