package actuator

import (
	"github.com/prometheus/client_golang/prometheus"
)

// outcome is what came of a look at a target. The set is closed: an outcome is a metric label.
type outcome string

// The outcomes. Where nothing was read, since the process ceased to lead, there is none.
const (
	written   outcome = "written"
	unchanged outcome = "unchanged" // the object has what is wanted
	dryRun    outcome = "dry_run"   // the API server would take the change, and the target says to leave it at that
	shadow    outcome = "shadow"
	expired   outcome = "expired"  // no decision is valid
	conflict  outcome = "conflict" // somebody else owns the field
	refused   outcome = "refused"  // writing would be wrong here
	missing   outcome = "missing"  // there is no such object
	failed    outcome = "failed"   // the API server does not take the change, or does not answer
)

func outcomes() []outcome {
	return []outcome{written, unchanged, dryRun, shadow, expired, conflict, refused, missing, failed}
}

// metrics are the actuators' own.
type metrics struct {
	writes   *prometheus.CounterVec
	replicas *prometheus.GaugeVec
	// labels are those of the targets, and shown those that have replicas. Each is used by one goroutine at a time.
	labels, shown map[[3]string]bool
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	labels := []string{"fleet", "pool", "actuator"}
	m := &metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_actuator_writes_total",
			Help: "Looks at an object that follows a pool, by what came of it.",
		}, append(labels, "outcome")),
		replicas: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forethought_actuator_replicas",
			Help: "Replicas that the objects which follow a pool were last given, or found to have as wanted; " +
				"absent where this replica does not lead.",
		}, labels),
		labels: map[[3]string]bool{},
	}
	for _, c := range []prometheus.Collector{m.writes, m.replicas} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func labelsOf(t Target) [3]string { return [3]string{t.Fleet, t.Pool, string(t.Kind)} }

// begin makes a target's counters exist at 0, so that their first increase is seen by rate().
func (m *metrics) begin(t Target) {
	for _, o := range outcomes() {
		m.writes.WithLabelValues(t.Fleet, t.Pool, string(t.Kind), string(o))
	}
}

// keep removes the series of targets that are not among tasks.
func (m *metrics) keep(tasks []*task) {
	now := map[[3]string]bool{}
	for _, t := range tasks {
		now[labelsOf(t.Target)] = true
	}
	for l := range m.labels {
		if !now[l] {
			m.writes.DeletePartialMatch(prometheus.Labels{"fleet": l[0], "pool": l[1], "actuator": l[2]})
		}
	}
	m.labels = now
}

// show publishes what the objects have: their sum where a pool has several of one kind.
func (m *metrics) show(tasks []*task) {
	sums := map[[3]string]int64{}
	for _, t := range tasks {
		if t.known {
			sums[labelsOf(t.Target)] += t.written
		}
	}
	for l := range m.shown {
		if _, still := sums[l]; !still {
			m.replicas.DeleteLabelValues(l[:]...)
		}
	}
	m.shown = map[[3]string]bool{}
	for l, n := range sums {
		m.replicas.WithLabelValues(l[:]...).Set(float64(n))
		m.shown[l] = true
	}
}
