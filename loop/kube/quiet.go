package kube

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
)

// quiet returns a log for the Kubernetes libraries in which everything is debug: what an operator must know is logged by this package once,
// where they log each try.
func quiet(log *slog.Logger) logr.Logger { return logr.FromSlogHandler(quietHandler{log.Handler()}) }

// quietHandler makes every record debug and drops the verbose levels of klog, which are below Info.
type quietHandler struct{ slog.Handler }

// Enabled reports whether a record of klog's level l is written.
func (h quietHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo && h.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle writes r as debug.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.Handler.Enabled(ctx, slog.LevelDebug) {
		return nil // errors come without having asked
	}
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that adds attrs.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that groups what follows under name.
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
