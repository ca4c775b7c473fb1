package externalmetrics

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/forethought-autoscaler/forethought/pool"
)

// maxListed is how many fleets or pools an error lists.
const maxListed = 10

// metric is one name of the API.
type metric struct {
	name string
	// keys are those that a selector may have, fleet among them.
	keys []string
	// read returns the one value for q, and adds to chosen the labels that it resolved. The snapshot's decision is valid.
	read func(q query, s pool.Snapshot, chosen map[string]string) (resource.Quantity, error)
}

// metrics lists every metric, sorted by name. Their names are those of the gauges on /metrics.
var metrics = [...]metric{
	{"forethought_demand", []string{keyFleet}, readDemand},
	{"forethought_demand_forecast", []string{keyFleet, keyHorizon, keyProbability}, readForecast},
	{"forethought_demand_forecast_peak", []string{keyFleet, keyHorizon, keyProbability}, readPeak},
	{"forethought_pool_instances_desired", []string{keyFleet, keyPool}, readInstances},
	{"forethought_pool_instances_spare", []string{keyFleet, keyPool}, readSpare},
}

// MetricNames returns the names of our own metrics, sorted: those that are not rules.
func MetricNames() []string {
	names := make([]string, 0, len(metrics))
	for _, m := range metrics {
		names = append(names, m.name)
	}
	return names
}

func metricNamed(name string) (m metric, ok bool) {
	for _, m = range metrics {
		if m.name == name {
			return m, true
		}
	}
	return metric{}, false
}

// reader answers requests for our metrics from the board, and for rules from their results.
type reader struct {
	board pool.Board
	now   func() time.Time
	rules *Rules // nil without any
	// others lists what another adapter serves, which is in the discovery and nowhere else; nil without one.
	others func() []string
}

var _ provider.ExternalMetricsProvider = (*reader)(nil)

func newReader(board pool.Board, now func() time.Time) *reader {
	return &reader{board: board, now: now}
}

// owns reports whether the name is that of one of our metrics or of a rule.
func (r *reader) owns(name string) bool {
	_, ok := metricNamed(name)
	return ok || r.rules.has(name)
}

// own returns the names that this server answers for by itself: our metrics, then the rules.
func (r *reader) own() []string { return append(MetricNames(), r.rules.names()...) }

// ListAllExternalMetrics returns every name, however many fleets there are: our own first, then those of the other adapter that are not
// among them.
func (r *reader) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	names := r.own()
	if r.others != nil {
		for _, name := range r.others() {
			if !r.owns(name) {
				names = append(names, name)
			}
		}
	}
	list := make([]provider.ExternalMetricInfo, 0, len(names))
	for _, name := range names {
		list = append(list, provider.ExternalMetricInfo{Metric: name})
	}
	return list
}

// GetExternalMetric returns a list of exactly one value for our own metrics, whatever the namespace, and one of at least one value for a
// rule; or an API status.
func (r *reader) GetExternalMetric(_ context.Context, namespace string, selector labels.Selector, info provider.ExternalMetricInfo,
) (*external_metrics.ExternalMetricValueList, error) {
	m, ok := metricNamed(info.Metric)
	if !ok {
		if list, known, err := r.rules.read(info.Metric, namespace, selector); known {
			return list, err
		}
		return nil, r.unknown(info.Metric)
	}
	q, err := parseQuery(m, selector)
	if err != nil {
		return nil, err
	}
	s, err := r.snapshot(m, q)
	if err != nil {
		return nil, err
	}
	chosen := map[string]string{keyFleet: q.fleet}
	value, err := m.read(q, s, chosen)
	if err != nil {
		return nil, err
	}
	return &external_metrics.ExternalMetricValueList{Items: []external_metrics.ExternalMetricValue{{
		MetricName: m.name, MetricLabels: chosen, Timestamp: metav1.NewTime(s.Decision.At), Value: value,
	}}}, nil
}

// unknown says that there is no metric of that name.
func (r *reader) unknown(name string) error {
	want := strings.Join(MetricNames(), ", ")
	if rules := r.rules.names(); len(rules) > 0 {
		want += ", or one of the rules: " + listed(rules)
	}
	return notFound("unknown metric %q, want one of %s", name, want)
}

// snapshot returns the fleet that q chose, with a valid decision.
func (r *reader) snapshot(m metric, q query) (pool.Snapshot, error) {
	if q.fleet == "" {
		return pool.Snapshot{}, badRequest("selector of %s: fleet is required, as in fleet=NAME; fleets: %s", m.name, r.fleets())
	}
	s, ok := r.board.Snapshot(q.fleet)
	if !ok {
		return s, badRequest("selector of %s: unknown fleet %q; fleets: %s", m.name, q.fleet, r.fleets())
	}
	if known := s.PoolNames(); q.pool != "" && len(known) > 0 && !slices.Contains(known, q.pool) {
		return s, badRequest("selector of %s: fleet %s has no pool %q; pools: %s", m.name, q.fleet, q.pool, listed(known))
	}
	if !s.Decision.Valid(r.now()) {
		return s, notFound("%s", s.NoDecision())
	}
	return s, nil
}

func (r *reader) fleets() string {
	var names []string
	for _, s := range r.board.Snapshots() {
		names = append(names, s.Fleet)
	}
	return listed(names)
}

func badRequest(format string, args ...any) error {
	return apierrors.NewBadRequest(fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: fmt.Sprintf(format, args...),
	}}
}

// listed joins names, at most maxListed of them.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
