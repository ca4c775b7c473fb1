// Package externalmetrics turns the snapshots on a pool.Board into the Kubernetes external metrics API,
// external.metrics.k8s.io/v1beta1, from which a HorizontalPodAutoscaler reads its numbers.
//
// Two rules hold for every answer about our own metrics. It has exactly one item, since a HorizontalPodAutoscaler adds the items up. And it
// comes from memory: no fit and no query runs for a reader, and a number that is no longer valid is an error, never a number, on which a
// HorizontalPodAutoscaler keeps the replicas that it has.
//
// The metrics, and the keys by which a label selector chooses among their values:
//
//	forethought_pool_instances_desired   fleet, pool                      instances of the pool, or of all pools of the fleet together
//	forethought_pool_instances_spare     fleet, pool                      the same, less those that the present demand needs
//	forethought_demand                   fleet                            latest observation of the demand, in the fleet's unit
//	forethought_demand_forecast          fleet, horizon, probability      demand one horizon after the origin of the forecast
//	forethought_demand_forecast_peak     fleet, horizon, probability      largest demand from the origin to the horizon
//
// Only fleet is required. A silent selector gets the fleet's own probability, and of the fleet's configured horizons the shortest one
// that covers the longest lead time of its pools, or the longest one where none does. Selectors with =, == and in (...) of one value
// are understood. Everything else is refused with status 400 and a message that lists what is allowed. An unknown metric and a fleet
// without a valid decision are answered with 404. The namespace of a request is ignored: every one gets the same answer.
//
// The desired instances are those that the decision lets autoscalers have, which in mode shadow and with the kill switch on is the
// reactive need, and nothing is spare. Both forecasts then answer with the present demand. The plan that mode shadow only shows is not
// served here, so that no autoscaler can act on it by mistake.
//
// Beside our own metrics a server answers for Rules, which are plain PromQL, with as many items as a selector over the labels of their
// series matches; and what neither knows it forwards to a Delegate, the one path that does not answer from memory.
package externalmetrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Path is where the API is below a server's address.
const Path = "/apis/external.metrics.k8s.io/v1beta1"

// Options says what a Server serves and to whom. Every field up to Listener is required.
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
	// Rules are served beside our own metrics. The caller runs them.
	Rules *Rules
	// Delegate is asked for what is neither ours nor a rule.
	Delegate *Delegate
	// Owner watches who owns the APIService.
	Owner *Owner
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
	}
	if o.Cluster == nil {
		return errors.Join(checkLoopback(o.Listener.Addr()), o.validateBeside())
	}
	return errors.Join(o.Cluster.validate(), o.validateBeside())
}

// validateBeside checks what a server does beside serving our own metrics.
func (o Options) validateBeside() error {
	if o.Delegate != nil {
		if err := o.Delegate.validate(); err != nil {
			return err
		}
	}
	if o.Owner != nil {
		return o.Owner.validate()
	}
	return nil
}

// Server serves the external metrics API. It is safe for concurrent use.
type Server struct {
	url     string
	handler http.Handler
	run     func(context.Context) error
	parts   *parts
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
	r := &registrations{Registerer: o.Registerer}
	s, err := build(o, r)
	if err != nil {
		r.undo()
		return nil, err
	}
	return s, nil
}

// parts are what a server is made of in either mode.
type parts struct {
	requests  *requests
	reader    *reader
	delegate  *delegate   // nil without one
	discovery *discovery  // nil without a delegate
	watch     *ownerWatch // nil where the owner is not watched
	// certificate returns the serving certificate; nil without TLS.
	certificate func() []byte
}

func build(o Options, r *registrations) (s *Server, err error) {
	defer recoverFatal(&err)
	p, err := newParts(o, r)
	if err != nil {
		return nil, err
	}
	if o.Cluster != nil {
		s, err = newCluster(o, p)
	} else {
		s, err = newLoopback(o, p)
	}
	if err != nil {
		return nil, err
	}
	s.parts = p
	return s, nil
}

func newParts(o Options, r *registrations) (*parts, error) {
	p := &parts{reader: newReader(o.Board, o.Now)}
	p.reader.rules = o.Rules
	var err error
	if p.requests, err = newRequests(r, o.Rules); err != nil {
		return nil, err
	}
	if o.Delegate != nil {
		if p.delegate, err = newDelegate(*o.Delegate, r, p.reader.owns); err != nil {
			return nil, err
		}
		p.discovery = newDiscovery(p.delegate, p.reader, o.Log)
		p.reader.others = p.discovery.names
	}
	if o.Owner != nil {
		if p.watch, err = newOwnerWatch(*o.Owner, p.served, o.Log, r); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// served returns the certificate that is served, nil without TLS.
func (p *parts) served() []byte {
	if p.certificate == nil {
		return nil
	}
	return p.certificate()
}

// forward lets the delegate answer what next has no metric for.
func (p *parts) forward(next http.Handler) http.Handler {
	if p.delegate == nil {
		return next
	}
	return p.discovery.answer(p.delegate.forward(next))
}

// background returns what runs beside serving.
func (p *parts) background() []func(context.Context) {
	var all []func(context.Context)
	if p.discovery != nil {
		all = append(all, p.discovery.run)
	}
	if p.watch != nil {
		all = append(all, p.watch.run)
	}
	return all
}

// URL returns the address of the API with its group and version at the end.
func (s *Server) URL() string { return s.url + Path }

// Handler returns what the server answers with, whether it runs or not. In loopback mode it refuses requests that come from another
// machine or that name another host than this one, whatever server it is put behind.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until ctx is done, lets the requests in flight end and then returns nil; it returns an error where the server stops
// before that. It closes the listener and can be called once.
func (s *Server) Run(ctx context.Context) error {
	beside, stop := context.WithCancel(ctx)
	var g sync.WaitGroup
	for _, f := range s.parts.background() {
		g.Go(func() { f(beside) })
	}
	defer g.Wait()
	defer stop()
	return s.run(ctx)
}
