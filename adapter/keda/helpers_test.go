package keda

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// at is when the decisions of these tests are made.
var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// board is a pool.Board whose snapshots a test replaces.
type board struct {
	all atomic.Pointer[[]pool.Snapshot]
}

func boardOf(all ...pool.Snapshot) *board {
	b := &board{}
	b.set(all...)
	return b
}

func (b *board) set(all ...pool.Snapshot)   { b.all.Store(&all) }
func (b *board) Snapshots() []pool.Snapshot { return *b.all.Load() }

func (b *board) Snapshot(fleet string) (pool.Snapshot, bool) {
	for _, s := range *b.all.Load() {
		if s.Fleet == fleet {
			return s, true
		}
	}
	return pool.Snapshot{}, false
}

// snapshot returns a fleet in mode act with a decision made at the time at: 7 fixed and 3 variable instances where 4 and 1 are needed
// now, and a forecast of one minute's steps to two hours. Step h is uniform on [100h, 100h+100], and its peak 1000 above that.
func snapshot(fleet string) pool.Snapshot {
	d := pool.Decision{
		Fleet: fleet, At: at, ValidUntil: at.Add(5 * time.Minute), Mode: pool.Act, Demand: 12.0625, Pending: 2, Probability: 0.95,
		Reactive: planOf(fleet, 4, 1), Plan: planOf(fleet, 7, 3),
		Forecast: forecast.Forecast{Key: series.Key(fleet), Unit: series.Cores, Method: "test", Origin: at, Step: time.Minute},
	}
	for h := 1; h <= 120; h++ {
		low := 100 * float64(h)
		d.Forecast.Steps = append(d.Forecast.Steps, uniform{low, low + 100})
		d.Peaks = append(d.Peaks, uniform{low + 1000, low + 1100})
	}
	return pool.Snapshot{
		Fleet: fleet, Unit: series.Cores, State: pool.Ready, Turn: at,
		Horizons: []time.Duration{2 * time.Hour, 5 * time.Minute, 30 * time.Minute}, Probabilities: []float64{0.5, 0.9}, Probability: 0.95,
		Pools: []pool.Pool{
			{Name: fleet + "-fixed", Class: pool.Fixed, Capacity: 1, LeadTime: 4 * time.Minute},
			{Name: fleet + "-spot", Class: pool.Variable, Capacity: 1, LeadTime: 6 * time.Minute},
		},
		Decision: d,
	}
}

func planOf(fleet string, fixed, variable int) pool.Plan {
	return pool.Plan{Targets: []pool.Target{
		{Pool: fleet + "-fixed", Class: pool.Fixed, Instances: fixed}, {Pool: fleet + "-spot", Class: pool.Variable, Instances: variable},
	}}
}

// planned returns a fleet with that many instances planned.
func planned(fleet string, fixed, variable int) pool.Snapshot {
	s := snapshot(fleet)
	s.Decision.Plan = planOf(fleet, fixed, variable)
	return s
}

type uniform struct{ low, high float64 }

func (u uniform) Quantile(p float64) float64 { return u.low + p*(u.high-u.low) }

// clock is a time that a test sets.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(now time.Time) *clock {
	c := &clock{}
	c.set(now)
	return c
}

func (c *clock) set(now time.Time) { c.at.Store(&now) }
func (c *clock) now() time.Time    { return *c.at.Load() }

// ref is a ScaledObject with a trigger of that metadata, given as key, value, key, value.
func ref(metadata ...string) *pb.ScaledObjectRef {
	r := &pb.ScaledObjectRef{Name: "so", Namespace: "default", ScalerMetadata: map[string]string{}}
	for i := 0; i < len(metadata); i += 2 {
		r.ScalerMetadata[metadata[i]] = metadata[i+1]
	}
	return r
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func optionsFor(t testing.TB, b pool.Board) Options {
	t.Helper()
	return Options{
		Board: b, Now: func() time.Time { return at.Add(time.Minute) }, Log: slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(), Listener: listen(t),
	}
}

// start runs a server, with quick beats, until the test ends or stop is called, and checks that it ends without an error.
func start(t testing.TB, o Options) (s *Server, stop func()) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.beat = time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if stopErr := <-done; stopErr != nil {
			t.Errorf("Run: %v", stopErr)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// dial returns a connection that the test closes.
func dial(t testing.TB, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	if len(options) == 0 {
		options = []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	}
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func client(t testing.TB, s *Server) pb.ExternalScalerClient {
	t.Helper()
	return pb.NewExternalScalerClient(dial(t, s.Addr()))
}
