package kube

import (
	"errors"
	"log/slog"
	"testing"
)

func TestQuiet(t *testing.T) {
	f := func(level slog.Level, want int) {
		t.Helper()
		l := &logs{}
		q := quiet(slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))).WithName("client").WithValues("a", 1)
		q.Error(errors.New("refused"), "error")
		q.Info("info")
		q.V(4).Info("verbose")
		if got := l.count("level=DEBUG"); got != want || l.count("level=") != want {
			t.Errorf("got %d debug lines, want %d:\n%s", got, want, l)
		}
	}
	f(slog.LevelDebug, 2) // the error and the information
	f(slog.LevelInfo, 0)
}
