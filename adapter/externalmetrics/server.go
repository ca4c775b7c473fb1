// Package externalmetrics turns the snapshots on a pool.Board into the Kubernetes external metrics API,
// external.metrics.k8s.io/v1beta1, from which a HorizontalPodAutoscaler reads its numbers.
//
// Two rules hold for every answer. It has exactly one item, since a HorizontalPodAutoscaler adds the items up. And it comes from the
// snapshot in memory: no fit and no query runs for a reader, and a decision that is no longer valid is an error, never a number, on
// which a HorizontalPodAutoscaler keeps the replicas that it has.
//
// The metrics, and the keys by which a label selector chooses among their values:
//
//	forethought_pool_instances_desired   fleet, pool                      instances of the pool, or of all pools of the fleet together
//	forethought_demand                   fleet                            latest observation of the demand, in the fleet's unit
//	forethought_demand_forecast          fleet, horizon, probability      demand one horizon after the origin of the forecast
//	forethought_demand_forecast_peak     fleet, horizon, probability      largest demand from the origin to the horizon
//
// Only fleet is required. A silent selector gets the fleet's own probability, and of the fleet's configured horizons the shortest one
// that covers the longest lead time of its pools, or the longest one where none does. Selectors with =, == and in (...) of one value
// are understood. Everything else is refused with status 400 and a message that lists what is allowed. An unknown metric and a fleet
// without a valid decision are answered with 404. The namespace of a request is ignored: every one gets the same answer.
//
// While a fleet is in mode shadow or its kill switch is on, both forecasts answer with the present demand, for the same reason. The
// desired instances are those that the decision lets autoscalers have, which in mode shadow and with the kill switch on is the
// reactive need. The plan that mode shadow only shows is not served here, so that no autoscaler can act on it by mistake.
package externalmetrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Path is where the API is below a server's address.
const Path = "/apis/external.metrics.k8s.io/v1beta1"

// Options says what a Server serves and to whom. Every field but Cluster is required.
type Options struct {
	Board pool.Board
	// Now tells the time by which decisions are valid.
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Listener is where to serve. A Server takes it over; where New returns an error it stays the caller's.
	Listener net.Listener
	// Cluster is how the cluster's API server decides who may read. Without it, the server is in loopback mode: plain HTTP, no
	// authentication and no authorisation, for processes of the same machine only. New then refuses a Listener on any other address
	// than one of 127.0.0.0/8 or ::1.
	Cluster *Cluster
}

func (o Options) validate() error {
	switch {
	case o.Board == nil:
		return errors.New("external metrics: Options.Board is missing")
	case o.Now == nil:
		return errors.New("external metrics: Options.Now is missing")
	case o.Log == nil:
		return errors.New("external metrics: Options.Log is missing")
	case o.Registerer == nil:
		return errors.New("external metrics: Options.Registerer is missing")
	case o.Listener == nil:
		return errors.New("external metrics: Options.Listener is missing")
	case o.Cluster != nil:
		return o.Cluster.validate()
	}
	return checkLoopback(o.Listener.Addr())
}

// Server serves the external metrics API. It is safe for concurrent use.
type Server struct {
	url     string
	handler http.Handler
	run     func(context.Context) error
}

// New returns a Server that Run starts. With Options.Cluster it reads, from the cluster, whose client certificates and whose
// forwarded identities to believe, and returns an error where it cannot. Any number of servers can live in one process.
//
// The Kubernetes libraries have one log for the whole process, which the first New sends to its Options.Log: errors as errors and
// everything else as debug.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	routeKlog(o.Log)
	requests, err := newRequests(o.Registerer)
	if err != nil {
		return nil, err
	}
	s, err := build(o, requests)
	if err != nil {
		o.Registerer.Unregister(requests.total)
		return nil, err
	}
	return s, nil
}

func build(o Options, requests *requests) (s *Server, err error) {
	defer recoverFatal(&err)
	if o.Cluster != nil {
		return newCluster(o, requests)
	}
	return newLoopback(o, requests)
}

// URL returns the address of the API with its group and version at the end.
func (s *Server) URL() string { return s.url + Path }

// Handler returns what the server answers with, whether it runs or not. In loopback mode it refuses requests that come from another
// machine or that name another host than this one, whatever server it is put behind.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx is done, lets the requests in flight end and then returns nil; it returns an error where the server stops
// before that. It closes the listener and can be called once.
func (s *Server) Run(ctx context.Context) error { return s.run(ctx) }
