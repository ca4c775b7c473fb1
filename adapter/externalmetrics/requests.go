package externalmetrics

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

const (
	// ruleMetric is the label of requests for plain PromQL rules, of which there may be many.
	ruleMetric = "rule"
	// otherMetric is the label of requests for metrics that are not ours.
	otherMetric = "other"
)

// requests counts what was asked for and how it was answered.
type requests struct {
	total *prometheus.CounterVec
	rules *Rules
}

func newRequests(r *registrations, rules *Rules) (*requests, error) {
	q := &requests{rules: rules, total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "forethought_externalmetrics_requests_total",
		Help: "Requests for the value of an external metric, by HTTP status code and metric, with rule for every rule and other for every one " +
			"that is not ours.",
	}, []string{"metric", "code"})}
	return q, r.register(q.total)
}

// count counts the requests for values that next answers, those refused by authentication and authorisation included. Discovery,
// OpenAPI and probes are not counted.
func (q *requests) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metric, ok := q.requested(r.URL.Path)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		a := &answered{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(responsewriter.WrapForHTTP1Or2(a), r)
		q.total.WithLabelValues(metric, strconv.Itoa(a.code)).Inc()
	})
}

// requested returns the label of the metric that a path asks for; ok is false for a path that asks for none.
func (q *requests) requested(path string) (metric string, ok bool) {
	rest, ok := strings.CutPrefix(path, Path+"/namespaces/")
	if !ok {
		return "", false
	}
	_, name, _ := strings.Cut(rest, "/")
	if _, known := metricNamed(name); known {
		return name, true
	}
	if q.rules.has(name) {
		return ruleMetric, true
	}
	return otherMetric, true
}

// answered remembers the status code of an answer.
type answered struct {
	http.ResponseWriter
	code int
}

// WriteHeader remembers the code.
func (a *answered) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap returns the writer inside, for http.ResponseController and for the generic API server.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
