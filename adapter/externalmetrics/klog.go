package externalmetrics

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

var klogRouted sync.Once

// routeKlog sends the one log of the Kubernetes libraries to the log, once in the life of the process: they allow setting it only
// before they are in use.
func routeKlog(log *slog.Logger) {
	klogRouted.Do(func() {
		h := klogHandler{log.With("component", "kubernetes").Handler()}
		klog.SetLoggerWithOptions(logr.FromSlogHandler(h), klog.ContextualLogger(true), klog.WriteKlogBuffer(klogWriter(slog.New(h))))
	})
}

// klogFatal is the message with which a Kubernetes library would have ended the process.
type klogFatal string

// klogWriter takes what the libraries write as text, whose first byte is the severity: I, W, E or F. Where they would end the process
// at F, it panics with klogFatal instead.
func klogWriter(log *slog.Logger) func([]byte) {
	return func(line []byte) {
		message := line
		if _, after, ok := bytes.Cut(line, []byte("] ")); ok {
			message = after
		}
		text := string(bytes.TrimSpace(message))
		switch {
		case bytes.HasPrefix(line, []byte("F")):
			panic(klogFatal(text))
		case bytes.HasPrefix(line, []byte("E")):
			log.Error("kubernetes library", "message", text)
		default:
			log.Info("kubernetes library", "message", text)
		}
	}
}

// recoverFatal turns a klogFatal into *err.
func recoverFatal(err *error) {
	switch fatal := recover().(type) {
	case nil:
	case klogFatal:
		*err = fmt.Errorf("external metrics: %s", string(fatal))
	default:
		panic(fatal)
	}
}

// klogHandler lets errors through and makes everything else debug: what these libraries tell an operator of a cluster's API server is
// noise to one of this program. Their verbose levels, which are below Info, are dropped.
type klogHandler struct{ slog.Handler }

// Enabled reports whether a record of klog's level l is written.
func (h klogHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo && h.Handler.Enabled(ctx, quietLevel(l))
}

// Handle writes r at its quiet level.
func (h klogHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = quietLevel(r.Level)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that adds attrs.
func (h klogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return klogHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that groups what follows under name.
func (h klogHandler) WithGroup(name string) slog.Handler {
	return klogHandler{h.Handler.WithGroup(name)}
}

func quietLevel(l slog.Level) slog.Level {
	if l >= slog.LevelError {
		return l
	}
	return slog.LevelDebug
}
