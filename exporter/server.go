// Package exporter turns the snapshots on a pool.Board into plain HTTP: /metrics, the JSON API under /api/v1, probes, and a page for people.
//
// Every read is answered from the snapshot in memory: no fit and no query runs for a reader. A decision that is no longer valid is
// reported as missing, never as a number, and a missing number is absent from /metrics and null in JSON, never 0.
package exporter

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Link is a place worth opening that this server does not serve itself.
type Link struct {
	// Name is what the page calls it, URL where it is, and What one line about what is there.
	Name, URL, What string
}

// Options says what a Server serves. Board, Gatherer, Now and Log are required.
type Options struct {
	Board    pool.Board
	Gatherer prometheus.Gatherer
	// Now tells the time by which decisions are valid.
	Now func() time.Time
	Log *slog.Logger
	// Links are shown on the page.
	Links []Link
	// Version is shown on the page; it may be empty.
	Version string

	// Healthy returns why the process should be restarted, nil where it should not. Without it, a server that answers is healthy.
	Healthy func() error
	// Ready returns why the process should get no traffic, nil where it should. Without it, the server is ready while every fleet has
	// a valid decision.
	Ready func() error
	// Reload reads the configuration again; an error leaves the old one in place. Without it, reloading is refused.
	Reload func() error
	// Kill switches the kill switch of one fleet. Without it, the admin API is off.
	Kill func(fleet string, on bool) error
}

func (o Options) validate() error {
	switch {
	case o.Board == nil:
		return errors.New("exporter: Options.Board is missing")
	case o.Gatherer == nil:
		return errors.New("exporter: Options.Gatherer is missing")
	case o.Now == nil:
		return errors.New("exporter: Options.Now is missing")
	case o.Log == nil:
		return errors.New("exporter: Options.Log is missing")
	}
	return nil
}

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	o      Options
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	page   page
}

// New returns a Server, or an error that names the required option that is missing.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	pg, err := newPage()
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), page: pg}
	if s.o.Healthy == nil {
		s.o.Healthy = func() error { return nil }
	}
	if s.o.Ready == nil {
		s.o.Ready = s.allValid
	}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		// One metric that cannot be made does not take the others from the reader.
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(s.o.Log.Handler(), slog.LevelError),
	}))
	s.mux.HandleFunc("GET /-/healthy", s.probe("healthy", s.o.Healthy))
	s.mux.HandleFunc("GET /-/ready", s.probe("ready", s.o.Ready))
	s.mux.HandleFunc("POST /-/reload", s.reload)
	s.mux.HandleFunc("PUT /-/reload", s.reload)

	s.mux.HandleFunc("/api/v1/fleets", s.api(http.MethodGet, s.listFleets))
	s.mux.HandleFunc("/api/v1/fleets/{name}/forecast", s.api(http.MethodGet, s.forecast))
	s.mux.HandleFunc("/api/v1/fleets/{name}/explain", s.api(http.MethodGet, s.explain))
	s.mux.HandleFunc("/api/v1/fleets/{name}/kill", s.api(http.MethodPost, s.kill(true)))
	s.mux.HandleFunc("/api/v1/fleets/{name}/resume", s.api(http.MethodPost, s.kill(false)))
	s.mux.HandleFunc("/api/", s.api("", func(r *http.Request) (any, *apiError) {
		return nil, notFound("no such path %q, see /api/v1/fleets", r.URL.Path)
	}))

	s.mux.HandleFunc("GET /{$}", s.servePage)
	s.mux.HandleFunc("GET /static/{file}", s.page.serveFile)
}

// policy lets the page load nothing but what this server serves and run no script from elsewhere or within the page.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	s.mux.ServeHTTP(w, r)
}
