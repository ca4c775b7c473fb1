package externalmetrics

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

// otherMetric is the label of requests for metrics that do not exist.
const otherMetric = "other"

// requests counts what was asked for and how it was answered.
type requests struct{ total *prometheus.CounterVec }

func newRequests(r prometheus.Registerer) (*requests, error) {
	q := &requests{total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "forethought_externalmetrics_requests_total",
		Help: "Requests for the value of an external metric, by metric, with other for every unknown one, and HTTP status code.",
	}, []string{"metric", "code"})}
	if err := r.Register(q.total); err != nil {
		return nil, fmt.Errorf("external metrics: %w", err)
	}
	return q, nil
}

// count counts the requests for values that next answers, those refused by authentication and authorisation included. Discovery,
// OpenAPI and probes are not counted.
func (q *requests) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metric, ok := requestedMetric(r.URL.Path)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		a := &answered{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(responsewriter.WrapForHTTP1Or2(a), r)
		q.total.WithLabelValues(metric, strconv.Itoa(a.code)).Inc()
	})
}

// requestedMetric returns the metric that a path asks for; ok is false for a path that asks for none.
func requestedMetric(path string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(path, Path+"/namespaces/")
	if !ok {
		return "", false
	}
	_, name, _ = strings.Cut(rest, "/")
	if _, known := metricNamed(name); !known {
		return otherMetric, true
	}
	return name, true
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
