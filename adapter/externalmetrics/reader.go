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
}

// MetricNames returns the names of the metrics served, sorted.
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

// reader answers requests for metrics from the board.
type reader struct {
	board pool.Board
	now   func() time.Time
	list  []provider.ExternalMetricInfo
}

var _ provider.ExternalMetricsProvider = (*reader)(nil)

func newReader(board pool.Board, now func() time.Time) *reader {
	r := &reader{board: board, now: now}
	for _, name := range MetricNames() {
		r.list = append(r.list, provider.ExternalMetricInfo{Metric: name})
	}
	return r
}

// ListAllExternalMetrics returns the names, however many fleets there are.
func (r *reader) ListAllExternalMetrics() []provider.ExternalMetricInfo { return r.list }

// GetExternalMetric returns a list of exactly one value, or an API status. The namespace is ignored.
func (r *reader) GetExternalMetric(_ context.Context, _ string, selector labels.Selector, info provider.ExternalMetricInfo,
) (*external_metrics.ExternalMetricValueList, error) {
	m, ok := metricNamed(info.Metric)
	if !ok {
		return nil, notFound("unknown metric %q, want one of %s", info.Metric, strings.Join(MetricNames(), ", "))
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

// snapshot returns the fleet that q chose, with a valid decision.
func (r *reader) snapshot(m metric, q query) (pool.Snapshot, error) {
	if q.fleet == "" {
		return pool.Snapshot{}, badRequest("selector of %s: fleet is required, as in fleet=NAME; fleets: %s", m.name, r.fleets())
	}
	s, ok := r.board.Snapshot(q.fleet)
	if !ok {
		return s, badRequest("selector of %s: unknown fleet %q; fleets: %s", m.name, q.fleet, r.fleets())
	}
	if known := poolNames(s); q.pool != "" && len(known) > 0 && !slices.Contains(known, q.pool) {
		return s, badRequest("selector of %s: fleet %s has no pool %q; pools: %s", m.name, q.fleet, q.pool, listed(known))
	}
	if !s.Decision.Valid(r.now()) {
		return s, noDecision(s)
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

// poolNames returns the pools that the fleet has or that its decision is about.
func poolNames(s pool.Snapshot) []string {
	var names []string
	for _, p := range s.Pools {
		names = append(names, p.Name)
	}
	for _, t := range s.Decision.Effective().Targets {
		if !slices.Contains(names, t.Pool) {
			names = append(names, t.Pool)
		}
	}
	return names
}

// noDecision says that there is no number to answer with, and why.
func noDecision(s pool.Snapshot) error {
	what := "fleet " + s.Fleet + " has no valid decision"
	if !s.Decision.At.IsZero() {
		what += ": the last one was valid until " + s.Decision.ValidUntil.UTC().Format(time.RFC3339)
	}
	if s.Reason != "" {
		what += ": " + s.Reason
	}
	return notFound("%s", what)
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
