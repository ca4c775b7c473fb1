package externalmetrics

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

func TestKlogWriter(t *testing.T) {
	var out bytes.Buffer
	base := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	write := klogWriter(slog.New(klogHandler{base}))
	f := func(line, want string) {
		t.Helper()
		out.Reset()
		write([]byte(line))
		if got := out.String(); got != want {
			t.Errorf("%q is logged as %q, want %q", line, got, want)
		}
	}
	f("I1123 08:00:00.000000       1 secure.go:1] serving\n", "level=DEBUG msg=\"kubernetes library\" message=serving\n")
	f("W1123 08:00:00.000000       1 authn.go:1] disabled\n", "level=DEBUG msg=\"kubernetes library\" message=disabled\n")
	f("E1123 08:00:00.000000       1 authn.go:1] a[0] is wrong\n", "level=ERROR msg=\"kubernetes library\" message=\"a[0] is wrong\"\n")
	f("odd", "level=DEBUG msg=\"kubernetes library\" message=odd\n")

	structured := logr.FromSlogHandler(klogHandler{base})
	g := func(log func(), want string) {
		t.Helper()
		out.Reset()
		log()
		if got := out.String(); got != want {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
	g(func() { structured.Info("started", "port", 1) }, "level=DEBUG msg=started port=1\n")
	g(func() { structured.WithValues("a", 1).V(4).Info("detail") }, "")
	g(func() { structured.Error(errors.New("torn"), "read") }, "level=ERROR msg=read err=torn\n")
}

func TestFatalIsAnError(t *testing.T) {
	end := func() (err error) {
		defer recoverFatal(&err)
		klogWriter(slog.New(slog.DiscardHandler))([]byte("F1123 08:00:00.000000       1 config.go:1] no port\n"))
		return nil
	}
	if err := end(); err == nil || !strings.Contains(err.Error(), "no port") {
		t.Errorf("a fatal message = %v, want an error with it", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("recoverFatal swallowed a panic of another kind")
		}
	}()
	var err error
	defer recoverFatal(&err)
	panic("another kind")
}
