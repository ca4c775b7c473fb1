package loop_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/series"
)

// models is a ModelStore in memory.
type models struct {
	boundary    time.Time
	fingerprint string
	state       []byte
	saves       int
	fail        error
}

func (m *models) Save(_ string, boundary time.Time, fingerprint string, state []byte) error {
	if m.fail != nil {
		return m.fail
	}
	m.boundary, m.fingerprint, m.state = boundary, fingerprint, state
	m.saves++
	return nil
}

func (m *models) Load(_, fingerprint string) (boundary time.Time, state []byte, err error) {
	if m.fail != nil || m.fingerprint != fingerprint {
		return time.Time{}, nil, m.fail
	}
	return m.boundary, m.state, nil
}

// counted is a chain that counts its fits.
func counted(shift float64) (chain, *atomic.Int32) {
	n := new(atomic.Int32)
	return chain{shift: shift, onFit: func(context.Context, series.Series) error {
		n.Add(1)
		return nil
	}}, n
}

// TestAKeptModelIsRestored restarts a process now and then: it fits nothing where the kept model is the current one, and publishes what the
// one before would have.
func TestAKeptModelIsRestored(t *testing.T) {
	src := demandOnly(jumpy)
	src.series["lead"] = map[string]func(time.Time) float64{`{}`: wiggle}
	store := &models{}
	change := func(o *loop.Options) { o.Models, o.Fleets[0].Leading = store, []string{"lead"} }
	method, fits := counted(60)
	a := newProcess(t, src, method, change)
	restored, fitted := 0, 0
	for k := range 30 * 60 {
		at := monday.Add(time.Duration(k)*time.Minute + turnAt)
		s := src.turn(a, at)
		if k%17 != 0 || s.Decision.At.Before(at) {
			continue
		}
		before, copied := fits.Load(), *store
		b := newProcess(t, src, method, func(o *loop.Options) {
			change(o)
			o.Models = &copied
		})
		if got, want := published(src.turn(b, at)), published(s); got != want {
			t.Fatalf("at %s a process that has run says\n%s\nand one that is restarted\n%s", at.Sub(monday), want, got)
		}
		if fits.Load() == before {
			restored++
		} else {
			fitted++
		}
	}
	if restored < 4*fitted || fitted == 0 {
		t.Errorf("%d times the model is restored and %d times fitted", restored, fitted)
	}
	if store.saves < 8 {
		t.Errorf("%d models are kept", store.saves)
	}
}

// brokenKeeper refuses or panics where the kept model is to be used.
type brokenKeeper struct {
	chain
	restore func() (forecast.Model, error)
}

func (b brokenKeeper) Restore([]byte) (forecast.Model, error) { return b.restore() }

func TestAKeptModelThatCannotBeUsedIsFittedAnew(t *testing.T) {
	f := func(want string, restart func(store *models, o *loop.Options, method chain)) {
		t.Helper()
		src, store := demandOnly(wiggle), &models{}
		method, fits := counted(0)
		src.turn(newProcess(t, src, method, func(o *loop.Options) { o.Models = store }), monday.Add(turnAt))
		if fits.Load() != 1 || store.saves != 1 {
			t.Fatalf("%d fits, %d models kept", fits.Load(), store.saves)
		}
		p := newProcess(t, src, method, func(o *loop.Options) {
			o.Models = store
			restart(store, o, method)
		})
		for m := range 3 {
			src.turn(p, monday.Add(time.Duration(m)*time.Minute+turnAt))
		}
		if fits.Load() != 2 || !strings.Contains(p.log.String(), want) {
			t.Errorf("%d fits, want one more; log %q, want %q in it", fits.Load(), p.log.String(), want)
		}
	}
	f("disk error", func(s *models, _ *loop.Options, _ chain) { s.fail = errors.New("disk error") })
	f("decode the model of web: EOF", func(s *models, _ *loop.Options, _ chain) { s.state = nil })
	f("other settings", func(_ *models, o *loop.Options, m chain) {
		m.shift = 500
		o.Fleets[0].Method = m
	})
	f("restore chain of web panics: nil map", func(_ *models, o *loop.Options, m chain) {
		o.Fleets[0].Method = brokenKeeper{m, func() (forecast.Model, error) { panic("nil map") }}
	})
	f("", func(s *models, _ *loop.Options, _ chain) { s.boundary = s.boundary.Add(-6 * time.Hour) })
	f("", func(s *models, _ *loop.Options, _ chain) { s.boundary = s.boundary.Add(1000 * time.Hour) })
	f("", func(_ *models, o *loop.Options, _ chain) { o.Fleets[0].Settings = "2" })
	f("", func(_ *models, o *loop.Options, _ chain) {
		o.Fleets[0].Query, o.Fleets[0].Exclude = "demand", []string{"outage"}
	})
	f("", func(_ *models, o *loop.Options, _ chain) { o.Fleets[0].Horizon++ })
	f("", func(_ *models, o *loop.Options, _ chain) { o.Fleets[0].History += time.Hour })
	f("leading indicators, not the same", func(s *models, o *loop.Options, _ chain) {
		o.Fleets[0].Leading = []string{"demand"}
		s.fingerprint = ""
		o.Models = anyFingerprint{s}
	})
}

// anyFingerprint loads what is kept whatever its fingerprint.
type anyFingerprint struct{ *models }

func (m anyFingerprint) Load(string, string) (time.Time, []byte, error) {
	return m.boundary, m.state, nil
}

// TestAKeptModelThatPanicsIsNotComeBackTo lets the first forecast of a restored model panic.
func TestAKeptModelThatPanicsIsNotComeBackTo(t *testing.T) {
	src, store := demandOnly(wiggle), &models{}
	method, fits := counted(0)
	keep := func(o *loop.Options) { o.Models = store }
	src.turn(newProcess(t, src, method, keep), monday.Add(turnAt))
	p := newProcess(t, src, brokenKeeper{method, func() (forecast.Model, error) { return nil, nil }}, keep)
	if s := src.turn(p, monday.Add(turnAt)); !strings.Contains(s.Reason, "turn of web panics") {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if s := src.turn(p, monday.Add(time.Minute+turnAt)); s.Reason != "" || fits.Load() != 2 {
		t.Errorf("after %d fits the fleet is %s: %s", fits.Load(), s.State, s.Reason)
	}
}

func TestAModelThatCannotBeKeptForecasts(t *testing.T) {
	src := demandOnly(wiggle)
	p := newProcess(t, src, chain{}, func(o *loop.Options) { o.Models = &models{fail: errors.New("no space left on device")} })
	if s := src.turn(p, monday.Add(turnAt)); s.Reason != "" || !strings.Contains(p.log.String(), "no space left on device") {
		t.Errorf("%s: %s; log %s", s.State, s.Reason, p.log)
	}
	q := newProcess(t, src, flat{}, func(o *loop.Options) { o.Models = &models{} })
	if s := src.turn(q, monday.Add(turnAt)); s.Reason != "" {
		t.Errorf("a method that keeps nothing: %s", s.Reason)
	}
}
