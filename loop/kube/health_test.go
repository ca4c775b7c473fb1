package kube

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What was read is trusted while a watch tells each change, and for two minutes after it was last known to be all.
func TestHealth(t *testing.T) {
	listing := func(h *health) { h.opened(true) }
	open := func(h *health) { h.opened(false) }
	failed := func(h *health) { h.failed(errors.New("refused")) }
	f := func(wantMinutes int, steps ...func(*health)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m, err := newMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			h := m.health("pods", slog.New(slog.DiscardHandler))
			for _, step := range steps {
				step(h)
				time.Sleep(time.Minute)
			}
			minutes := 0
			for ; h.broken() == nil && minutes < 60; minutes++ {
				time.Sleep(time.Minute)
			}
			if minutes != wantMinutes {
				t.Errorf("trusted for %d minutes more, want %d", minutes, wantMinutes)
			}
		})
	}
	const always = 60
	f(0)
	f(0, listing)
	f(0, failed)
	f(always, listing, (*health).replaced)                                       // a watch that told first what there is
	f(2, (*health).replaced)                                                     // a list
	f(always, (*health).replaced, open)                                          // and then a watch
	f(always, (*health).replaced, open, (*health).closed, open)                  // which is renewed
	f(2, (*health).replaced, open, (*health).closed)                             // or not
	f(1, (*health).replaced, open, (*health).closed, failed)                     // since it fails
	f(always, (*health).replaced, open, (*health).closed, failed, open)          // for a while
	f(1, (*health).replaced, open, (*health).closed, listing)                    // what is told again is not yet all
	f(0, (*health).replaced, open, (*health).closed, listing, (*health).closed)  // and may never be
	f(2, listing, (*health).replaced, (*health).closed)                          // the first watch ends
	f(always, (*health).replaced, open, failed)                                  // a failure of another attempt
	f(2, (*health).replaced, open, (*health).closed, failed, (*health).replaced) // a list works where watches do not
}
