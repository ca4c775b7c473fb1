// Package readback turns the metrics that exporters exported into the decisions that they were made from, so that a process which makes no
// decisions can serve them at its doors.
//
// What it publishes follows from one reading of the store and nothing else, so that two processes which read the same serve the same. A
// decision is believed only whole: its parts must agree with the checksum that was exported beside them. Its validity is the one that was
// exported and never a later one: a store, an exporter or a fleet that is gone leaves the last decision until it runs out, then an error.
package readback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// MaxSeries and MaxBytes are bounds of one answer for the Source of a Reader: a page of fleets, each with some 40 series of each of its
// exporters.
const (
	MaxSeries = 500_000
	MaxBytes  = 512 << 20
)

// Options are what a Reader is made of. All fields but Fleets and Match are required.
type Options struct {
	// Source is the store. Its String method, where it has one, is its name in reasons.
	Source series.Source
	// Board is filled by the Reader alone.
	Board *loop.Board
	// Fleets are those to read back; all that are exported where there are none.
	Fleets []string
	// Match restricts what is read to series with further labels, in PromQL, such as cluster="eu"; empty for no restriction. It is for
	// stores that hold fleets of the same name of several installations, which would be taken for replicas.
	Match string
	// Held reports whether something beside the exporters turns a fleet's kill switch on; nil for nothing. It must not block.
	Held func(fleet string) bool
	// Interval is the time between two reads.
	Interval time.Duration
	// Validity is for how long the exporters' decisions may be used. One that is valid for more than a minute longer is not believed: the
	// clock that it was made by is ahead.
	Validity time.Duration
	// Clock tells what is still valid.
	Clock loop.Clock
	Log   *slog.Logger
	// Registerer is given the Reader's metrics. Readers with the same Registerer share them.
	Registerer prometheus.Registerer
}

func (o Options) validate() error {
	switch {
	case o.Source == nil:
		return errors.New("readback: Source is missing")
	case o.Board == nil:
		return errors.New("readback: Board is missing")
	case o.Interval <= 0:
		return errors.New("readback: Interval is missing")
	case o.Validity <= 0:
		return errors.New("readback: Validity is missing")
	case o.Clock == nil:
		return errors.New("readback: Clock is missing")
	case o.Log == nil:
		return errors.New("readback: Log is missing")
	case o.Registerer == nil:
		return errors.New("readback: Registerer is missing")
	case slices.Contains(o.Fleets, ""):
		return errors.New("readback: Fleets has one without a name")
	}
	return nil
}

// Reader reads decisions back. Run is called once; Alive and Ready are safe for concurrent use with it.
type Reader struct {
	opts    Options
	store   string // the name of the store
	metrics *metrics
	said    said
	// began and ended are when the latest read did, in nanoseconds since the epoch; 0 before.
	began, ended atomic.Int64
	publishing   sync.Mutex // serialises reads with Recheck
}

// New returns a Reader that has read nothing and published nothing.
func New(o Options) (*Reader, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if _, err := newPages(o.Fleets, o.Match, time.Unix(0, 0)); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("readback: register metrics: %w", err)
	}
	r := &Reader{opts: o, store: "the store", metrics: m}
	if named, ok := o.Source.(fmt.Stringer); ok {
		r.store = named.String()
	}
	return r, nil
}

// Announce publishes that every named fleet is starting. It is for the first Reader of a process: one that replaces another leaves what the
// other published until its own first read.
func (r *Reader) Announce(ctx context.Context) error {
	r.opts.Board.SetFleets(r.opts.Fleets)
	for _, fleet := range r.opts.Fleets {
		s := pool.Snapshot{Fleet: fleet, State: pool.Starting, Reason: "nothing was read back from " + r.store + " yet"}
		if err := r.opts.Board.Publish(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Run reads at once and then each interval, until ctx ends. A read that takes longer than the interval leaves reads out.
func (r *Reader) Run(ctx context.Context) error {
	r.metrics.disagreement.Reset()
	for {
		at := r.opts.Clock.Now()
		r.turn(ctx, at)
		left := r.opts.Clock.Now().Sub(at) / r.opts.Interval
		if err := r.opts.Clock.Wait(ctx, at.Add((left+1)*r.opts.Interval)); err != nil {
			return nil //nolint:nilerr // the context ended, which is how Run is stopped
		}
	}
}

// turn makes one read. A store that hangs is given up while the decisions of the read before are still valid.
func (r *Reader) turn(ctx context.Context, at time.Time) {
	r.began.Store(at.UnixNano())
	begin := time.Now()
	bounded, cancel := context.WithTimeout(ctx, r.opts.Validity/2)
	defer cancel()
	err := r.read(bounded, at)
	if ctx.Err() != nil {
		return // stopping: an interrupted read is no failure of the store
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
		r.opts.Log.Error("decisions are not read back", "stage", "read", "err", err)
	}
	r.metrics.reads.WithLabelValues(outcome).Inc()
	r.metrics.duration.Observe(time.Since(begin).Seconds())
	r.ended.Store(r.opts.Clock.Now().UnixNano())
}

// Alive returns an error where reads have stopped: none has begun for three intervals after the longest that one may take.
func (r *Reader) Alive() error {
	began := time.Unix(0, r.began.Load())
	if r.began.Load() == 0 || r.opts.Clock.Now().Sub(began) <= 3*r.opts.Interval+r.opts.Validity/2 {
		return nil // before Run nothing has stopped
	}
	return fmt.Errorf("no read has begun since %s", stamp(began))
}

// Ready returns an error until the first read has ended, whatever it found: from then on a fleet without a decision has a reason.
func (r *Reader) Ready() error {
	if r.ended.Load() == 0 {
		return errors.New("the first read of " + r.store + " has not ended")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// join puts the parts of a sentence that are not empty together.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}
