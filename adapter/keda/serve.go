package keda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	// beat is how often open streams look at the board, and certificateBeats how many beats lie between two looks at the files of the
	// certificates.
	beat, certificateBeats = time.Second, 10
	// grace is how long the calls in flight may take to end when the server stops. Answers come from memory and streams end at once.
	grace = 5 * time.Second
	// maxMessage bounds a message in bytes: that of a ScaledObject's trigger is a few hundred.
	maxMessage, maxHeaders = 64 << 10, 16 << 10
	// maxStreams bounds the calls of one connection at a time. KEDA's operator sends all of its calls through one connection for each address,
	// two streams for each external-push trigger among them, and a call beyond the bound waits until another one ends.
	maxStreams = 10000
	// handshakeTimeout bounds what a connection may take until it can be used.
	handshakeTimeout = 10 * time.Second
	// Connections end after connectionAge, so that clients spread over the addresses that are there then. The streams of one end by
	// themselves before connectionGrace is over, in the way that a client takes for an orderly end.
	connectionAge, connectionGrace = 30 * time.Minute, 16 * time.Minute
	// After silence, a client is asked whether it is there, and given up where it does not answer. Clients may ask as often as leastPing.
	silence, answerWithin, leastPing = time.Minute, 20 * time.Second, 10 * time.Second
)

// serverOptions returns the limits, credentials and interceptors of the server.
func serverOptions(c *certificates, m *metrics, log *slog.Logger) []grpc.ServerOption {
	creds := insecure.NewCredentials()
	if c != nil {
		creds = c.credentials()
	}
	return []grpc.ServerOption{
		grpc.Creds(creds),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionGrace, Time: silence, Timeout: answerWithin,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.UnaryInterceptor(m.unary(log)),
		grpc.StreamInterceptor(m.stream(log)),
	}
}

// Run serves until ctx is done, ends the open streams, lets the calls in flight end and then returns nil; it returns an error where the
// server stops before that. It closes the listener and can be called once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(s.listener) }()
	ticker := time.NewTicker(s.beat)
	defer ticker.Stop()
	for beats := 1; ; beats++ {
		select {
		case <-ticker.C:
			s.pulse.beat()
			if s.certificates != nil && beats%certificateBeats == 0 {
				s.certificates.refresh()
			}
		case <-ctx.Done():
			s.stop()
			if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("stop serving KEDA on %s: %w", s.Addr(), err)
			}
			return nil
		case err := <-served:
			s.stop()
			return fmt.Errorf("serve KEDA on %s: %w", s.Addr(), err)
		}
	}
}

// stop ends streams, waits for other calls until the grace is over, and then ends those too.
func (s *Server) stop() {
	s.health.Shutdown()
	s.pulse.stop()
	late := time.AfterFunc(s.grace, s.grpc.Stop)
	defer late.Stop()
	s.grpc.GracefulStop()
}
