package embedded

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/grafana/regexp"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/notifications"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// noOrigin matches no Origin header: a page of another site that a browser shows may not read the metrics through it. Grafana asks from
// its own server and needs no permission.
var noOrigin = regexp.MustCompile(`^$`)

// newAPI makes Prometheus's API over the store. The function is one call because the constructor takes everything by position: the
// comments name what a reader could not tell from the value.
func (s *Server) newAPI() *apiv1.API {
	registry := features.NewRegistry()
	registry.Enable(features.Prometheus, "embedded_in_forethought")
	retrieve := retriever{s}
	return apiv1.NewAPI(
		s.engine,
		s.db,
		nil, nil, // No appenders: remote write and OTLP are off.
		s.db,
		func(context.Context) apiv1.ScrapePoolsRetriever { return retrieve },
		func(context.Context) apiv1.TargetRetriever { return retrieve },
		func(context.Context) apiv1.AlertmanagerRetriever { return retrieve },
		func() config.Config { return *s.config },
		map[string]string{}, // flags
		apiv1.GlobalURLOptions{ListenAddress: "localhost:0", Host: "localhost", Scheme: "http"},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, // Handler says whether the store is ready.
		stats{s},
		s.opts.Path,
		false, // The admin API, which deletes, is off.
		false, // The experimental search API is off.
		0,     // its limit
		s.log,
		func(context.Context) apiv1.RulesRetriever { return retrieve },
		s.opts.MaxSamples, s.opts.MaxQueries, 1<<20, // Remote read: samples and requests as for queries, and bytes in a frame as in Prometheus.
		false, // This is not an agent.
		noOrigin,
		s.runtimeInfo,
		buildInfo(),
		func() []notifications.Notification { return []notifications.Notification{} },
		func() (<-chan notifications.Notification, func(), bool) { return nil, nil, false },
		s.registry,
		s.registry,
		nil,                 // The statistics of a query are rendered as in Prometheus.
		false,               // Remote write is off,
		nil,                 // accepts no message,
		false, false, false, // and so is OTLP with its two options.
		false, // No zero samples at start timestamps.
		s.opts.LookbackDelta,
		false, // No type and unit labels.
		false, // No metadata in the log.
		nil,   // The status codes of errors are Prometheus's.
		registry,
		apiv1.OpenAPIOptions{Version: PrometheusVersion},
		s.parser,
	)
}

// Handler returns Prometheus's HTTP API under /api/v1, without what writes or deletes, and the probes /-/healthy and /-/ready. After
// Close everything answers 503.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) newHandler() http.Handler {
	router := route.New()
	s.newAPI().Register(router)
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", http.StripPrefix("/api/v1", s.atOurTime(router)))
	for path, why := range map[string]string{"/api/v1/admin/": errReadOnly.Error(), "/api/v1/search/": "the search API is off"} {
		// Prometheus's API answers 500 where these are off.
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, why, http.StatusForbidden) })
	}
	for _, probe := range []string{"/-/healthy", "/-/ready"} {
		mux.HandleFunc(probe, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "The embedded Prometheus is up.") })
	}
	return s.whileOpen(mux)
}

// whileOpen refuses requests after Close, which waits for those that run, and ends these when Close begins.
func (s *Server) whileOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done, err := s.begin()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer done()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// atOurTime gives an instant query without a time that of the Server's clock; Prometheus's API would take the wall's.
func (s *Server) atOurTime(next http.Handler) http.Handler {
	if s.opts.Now == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/query" && r.FormValue("time") == "" {
			r.Form.Set("time", strconv.FormatFloat(float64(s.now().UnixMilli())/1000, 'f', 3, 64))
		}
		next.ServeHTTP(w, r)
	})
}
