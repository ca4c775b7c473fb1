package externalmetrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// newLoopback returns a Server in loopback mode.
func newLoopback(o Options, p *parts) (*Server, error) {
	address := o.Listener.Addr().String()
	c := newConfig(p)
	c.ExternalAddress = address
	api, err := newAPIServer(c, p.reader)
	if err != nil {
		return nil, err
	}
	prepared := api.PrepareRun()
	handler := onlyLoopback(prepared.Handler)
	run := func(ctx context.Context) error {
		defer prepared.Destroy()
		return serve(ctx, o.Listener, handler, o.Log)
	}
	return &Server{url: "http://" + address, handler: handler, run: run}, nil
}

// serve answers plain HTTP on ln until ctx is done.
func serve(ctx context.Context, ln net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: requestTimeout,
		IdleTimeout:       90 * time.Second, // that of net/http's own client
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(ln) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve external metrics on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	err := errors.Join(server.Shutdown(grace), unlessClosed(<-stopped))
	if err != nil {
		return fmt.Errorf("stop serving external metrics on %s: %w", ln.Addr(), err)
	}
	return nil
}

// checkLoopback refuses an address that processes of other machines can reach.
func checkLoopback(a net.Addr) error {
	if at, err := netip.ParseAddrPort(a.String()); err == nil && at.Addr().Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("external metrics: refusing to serve without authentication on %s: loopback mode wants an IP address in "+
		"127.0.0.0/8 or ::1; on any other address a cluster must say who may read", a)
}

// onlyLoopback refuses requests from other machines, and requests under a name that is not this machine's: the latter come from a
// page in a browser whose own name was made to point here.
func onlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() {
			http.Error(w, "without authentication, only processes of the same machine are answered", http.StatusForbidden)
			return
		}
		if !loopbackHost(r.Host) {
			http.Error(w, "without authentication, the host must be a loopback address or localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopbackHost reports whether the host of a request, with or without a port, is a loopback address or localhost.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// unlessClosed drops the error with which a server says that it was stopped.
func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
