package keda

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// metrics counts what was asked for and how it was answered. Those of TLS are nil in loopback mode.
type metrics struct {
	requests   *prometheus.CounterVec
	streams    *prometheus.GaugeVec
	reloads    *prometheus.CounterVec
	handshakes prometheus.Counter
}

func newMetrics(withTLS bool) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_keda_requests_total",
			Help: "Calls of KEDA's external scaler protocol that have ended, by method and gRPC code.",
		}, []string{"method", "code"}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forethought_keda_streams",
			Help: "Open streams of KEDA's external scaler protocol, by method.",
		}, []string{"method"}),
	}
	for _, s := range pb.ExternalScaler_ServiceDesc.Streams {
		m.streams.WithLabelValues(s.StreamName)
	}
	if !withTLS {
		return m
	}
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "forethought_keda_certificate_reloads_total",
		Help: "Times that changed certificates of the KEDA door were read, by outcome: ok or failed; the former ones serve on after a failure.",
	}, []string{"outcome"})
	for _, outcome := range []string{reloadOK, reloadFailed} {
		m.reloads.WithLabelValues(outcome)
	}
	m.handshakes = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "forethought_keda_failed_handshakes_total",
		Help: "Connections to the KEDA door that were refused in the TLS handshake, such as for a client certificate of another authority.",
	})
	return m
}

// register registers all or, where it returns an error, none.
func (m *metrics) register(r prometheus.Registerer) error {
	all := []prometheus.Collector{m.requests, m.streams}
	if m.reloads != nil {
		all = append(all, m.reloads, m.handshakes)
	}
	for i, c := range all {
		if err := r.Register(c); err != nil {
			for _, done := range all[:i] {
				r.Unregister(done)
			}
			return fmt.Errorf("keda: %w", err)
		}
	}
	return nil
}

// unary counts calls, and keeps a fault in one of them from ending the process.
func (m *metrics) unary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, r any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
		defer m.count(info.FullMethod, &err)
		defer recovered(log, info.FullMethod, &err)
		return next(ctx, r)
	}
}

// stream is unary for streams, of which it counts the open ones too.
func (m *metrics) stream(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
		if method, ours := methodOf(info.FullMethod); ours {
			open := m.streams.WithLabelValues(method)
			open.Inc()
			defer open.Dec()
		}
		defer m.count(info.FullMethod, &err)
		defer recovered(log, info.FullMethod, &err)
		return next(server, stream)
	}
}

func (m *metrics) count(fullMethod string, err *error) {
	if method, ours := methodOf(fullMethod); ours {
		m.requests.WithLabelValues(method, status.Code(*err).String()).Inc()
	}
}

// methodOf returns the name of a method of the scaler's service; ours is false for those of other services, health and reflection.
func methodOf(fullMethod string) (name string, ours bool) {
	return strings.CutPrefix(fullMethod, "/"+pb.ExternalScaler_ServiceDesc.ServiceName+"/")
}

// recovered turns a panic into an error of the call.
func recovered(log *slog.Logger, fullMethod string, err *error) {
	if fault := recover(); fault != nil {
		log.Error("call panicked", "method", fullMethod, "panic", fault, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the scaler has a fault, which its log describes")
	}
}
