// Package keda turns the snapshots on a pool.Board into a KEDA external and external-push scaler: the gRPC service that KEDA's operator
// asks for the numbers of a ScaledObject.
//
// Two rules hold for every answer. It comes from the snapshot in memory: no fit and no query runs for a reader. And a decision that is no
// longer valid is an error, never a number and never "not active", on which KEDA would scale to zero: the HorizontalPodAutoscaler of the
// ScaledObject keeps the replicas that it has, and KEDA's fallback counts the failure.
//
// A trigger's metadata chooses the value. Only fleet is required:
//
//	fleet            name of the fleet
//	value            instances (default), spare, demand, demandForecast or demandForecastPeak
//	pool             of instances and spare: one pool; without it all pools of the fleet together
//	horizon          of the forecasts: how far ahead, such as 30m
//	probability      of the forecasts: that with which the demand is not exceeded
//	target           value per replica; 1 for instances and spare, required for the others
//	activationValue  the trigger is active while the value is above it; 0 by default
//
// A key with FromEnv at its end, whose value KEDA takes from the environment of the scaled container, is the same key. Keys that are meant
// for KEDA itself are passed over. Everything else is refused as InvalidArgument with a message that lists what is allowed.
//
// While a fleet is in mode shadow or its kill switch is on, instances are the reactive need, spare is 0, and both forecasts are the present
// demand, so that no autoscaler acts on a plan that is only shown.
package keda

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Options says what a Server serves and to whom. Every field but TLS and Reflection is required.
type Options struct {
	Board pool.Board
	// Now tells the time by which decisions are valid.
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Listener is where to serve. A Server takes it over; where New returns an error it stays the caller's.
	Listener net.Listener
	// TLS is how the server and its clients prove who they are. Without it, the server is in loopback mode: plain text and no
	// authentication, for processes of the same machine only. New then refuses a Listener on any other address than one of 127.0.0.0/8 or
	// ::1.
	TLS *TLS
	// Reflection lets clients ask which services there are.
	Reflection bool
}

func (o Options) validate() error {
	switch {
	case o.Board == nil:
		return errors.New("keda: Options.Board is missing")
	case o.Now == nil:
		return errors.New("keda: Options.Now is missing")
	case o.Log == nil:
		return errors.New("keda: Options.Log is missing")
	case o.Registerer == nil:
		return errors.New("keda: Options.Registerer is missing")
	case o.Listener == nil:
		return errors.New("keda: Options.Listener is missing")
	case o.TLS != nil:
		return o.TLS.validate()
	}
	return checkLoopback(o.Listener.Addr())
}

// checkLoopback refuses an address that processes of other machines can reach.
func checkLoopback(a net.Addr) error {
	if at, err := netip.ParseAddrPort(a.String()); err == nil && at.Addr().Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("keda: refusing to serve without TLS on %s: loopback mode wants an IP address in 127.0.0.0/8 or ::1; on any other "+
		"address clients must prove who they are with certificates", a)
}

// Server serves KEDA's external scaler protocol, and gRPC's health protocol beside it. It is safe for concurrent use.
type Server struct {
	listener     net.Listener
	grpc         *grpc.Server
	health       *health.Server
	pulse        *pulse
	certificates *certificates // nil in loopback mode
	beat, grace  time.Duration
}

// New returns a Server that Run starts. It returns an error where an option is missing or the certificates of Options.TLS cannot be read.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{listener: o.Listener, health: health.NewServer(), pulse: newPulse(), beat: beat, grace: grace}
	m := newMetrics(o.TLS != nil)
	if o.TLS != nil {
		var err error
		if s.certificates, err = newCertificates(*o.TLS, o.Log, m); err != nil {
			return nil, err
		}
	}
	if err := m.register(o.Registerer); err != nil {
		return nil, err
	}
	s.grpc = grpc.NewServer(serverOptions(s.certificates, m, o.Log)...)
	pb.RegisterExternalScalerServer(s.grpc, &scaler{board: o.Board, now: o.Now, pulse: s.pulse})
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	s.health.SetServingStatus(pb.ExternalScaler_ServiceDesc.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	if o.Reflection {
		reflection.Register(s.grpc)
	}
	return s, nil
}

// Addr returns the address that the server listens on, as HOST:PORT.
func (s *Server) Addr() string { return s.listener.Addr().String() }
