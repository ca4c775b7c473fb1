package readback

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/forethought-autoscaler/forethought/exporter"
	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// noon is when a turn is made in these tests, and validity that of its decision.
var noon = time.Date(2026, 3, 2, 12, 0, 10, 0, time.UTC)

const validity = 5 * time.Minute

// store is a Source that holds what exporters exported, as the last scrape of each left it, and evaluates the selectors that a Reader asks
// with as Prometheus does.
type store struct {
	mu      sync.Mutex
	scraped map[string][]sample // by exporter
	err     error               // what Range returns, nil for an answer
	asked   []series.Query
}

type sample struct {
	labels labels.Labels
	value  float64
}

func newStore() *store { return &store{scraped: map[string][]sample{}} }

func (*store) String() string { return "http://store:9090" }

// scrape replaces what the store has of an exporter by what the exporter's collector exports at a time. Added are the labels that the
// store puts to each series, as name, value, name, value.
func (s *store) scrape(t testing.TB, at time.Time, snapshots []pool.Snapshot, added ...string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(exporter.NewCollector(fixed(snapshots), func() time.Time { return at }))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	for _, f := range families {
		for _, m := range f.GetMetric() {
			out = append(out, sample{labelsOf(f.GetName(), m, added), m.GetGauge().GetValue()})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scraped[strings.Join(added, " ")] = out
}

func labelsOf(name string, m *dto.Metric, added []string) labels.Labels {
	b := labels.NewBuilder(labels.FromStrings(append([]string{model.MetricNameLabel, name}, added...)...))
	for _, l := range m.GetLabel() {
		b.Set(l.GetName(), l.GetValue())
	}
	return b.Labels()
}

// change edits what the store has of an exporter; edit returns false for a sample that is lost.
func (s *store) change(edit func(name string, v *sample) bool, added ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.Join(added, " ")
	var left []sample
	for _, v := range s.scraped[key] {
		if edit(v.labels.Get(model.MetricNameLabel), &v) {
			left = append(left, v)
		}
	}
	s.scraped[key] = left
}

// gone is an exporter whose series are stale.
func (s *store) gone(added ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.scraped, strings.Join(added, " "))
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// queries returns what the store was asked.
func (s *store) queries() []series.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *store) Range(ctx context.Context, q series.Query) ([]series.Series, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.err != nil {
		return nil, fmt.Errorf("query_range %q at %s: %w", q.Expr, s, s.err)
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.Expr)
	if err != nil {
		return nil, err
	}
	start, n := q.Grid()
	if n != 1 {
		return nil, fmt.Errorf("%d points asked for", n)
	}
	var out []series.Series
	for key, v := range s.evaluate(expr) {
		out = append(out, series.Series{Key: series.Key(key), Start: start, Step: q.Step, Values: []float64{v}})
	}
	return out, nil
}

// evaluate returns the value of each series by its key.
func (s *store) evaluate(expr parser.Expr) map[string]float64 {
	out := map[string]float64{}
	switch e := expr.(type) {
	case *parser.AggregateExpr:
		for _, v := range s.selected(e.Expr.(*parser.VectorSelector)) {
			out[model.Metric{"fleet": model.LabelValue(v.labels.Get("fleet"))}.String()] = 1
		}
	case *parser.VectorSelector:
		for _, v := range s.selected(e) {
			metric := model.Metric{}
			v.labels.Range(func(l labels.Label) { metric[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
			out[metric.String()] = v.value
		}
	}
	return out
}

func (s *store) selected(e *parser.VectorSelector) []sample {
	var out []sample
	for _, name := range slices.Sorted(maps.Keys(s.scraped)) {
		for _, v := range s.scraped[name] {
			if !slices.ContainsFunc(e.LabelMatchers, func(m *labels.Matcher) bool { return !m.Matches(v.labels.Get(m.Name)) }) {
				out = append(out, v)
			}
		}
	}
	return out
}

// fixed is a pool.Board.
type fixed []pool.Snapshot

func (b fixed) Snapshots() []pool.Snapshot { return b }

func (b fixed) Snapshot(fleet string) (pool.Snapshot, bool) {
	for _, s := range b {
		if s.Fleet == fleet {
			return s, true
		}
	}
	return pool.Snapshot{}, false
}

// clock is a loop.Clock that shows what it is told; Wait is the real clock's, as synctest has it.
type clock struct{ now func() time.Time }

func (c clock) Now() time.Time { return c.now() }

func (c clock) Wait(ctx context.Context, until time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(until.Sub(c.now())):
		return nil
	}
}

// reading is a Reader with what is around it.
type reading struct {
	*Reader
	t     testing.TB
	board *loop.Board
	log   *strings.Builder
	now   time.Time
}

// newReading returns a Reader of a store; change may alter its options.
func newReading(t testing.TB, s series.Source, change func(o *Options)) *reading {
	t.Helper()
	g := &reading{t: t, board: loop.NewBoard(nil), log: &strings.Builder{}, now: noon}
	o := Options{
		Source: s, Board: g.board, Interval: 15 * time.Second, Validity: validity, Clock: clock{func() time.Time { return g.now }},
		Log: slog.New(slog.NewTextHandler(g.log, nil)), Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&o)
	}
	var err error
	if g.Reader, err = New(o); err != nil {
		t.Fatal(err)
	}
	return g
}

// named names the fleets to read back.
func named(fleets ...string) func(o *Options) { return func(o *Options) { o.Fleets = fleets } }

// at makes a read at a time.
func (g *reading) at(now time.Time) {
	g.t.Helper()
	g.now = now
	g.turn(context.Background(), now)
}

// fleet returns what is on the board about a fleet.
func (g *reading) fleet(name string) pool.Snapshot {
	g.t.Helper()
	s, ok := g.board.Snapshot(name)
	if !ok {
		g.t.Fatalf("%s is not on the board", name)
	}
	return s
}

// decided returns a fleet as a turn at noon leaves it, with a fixed pool and a variable one of which the plan and the reactive need are
// given.
func decided(fleet string, mode pool.Mode, plan, reactive [2]int) pool.Snapshot {
	f := forecast.Forecast{Key: series.Key(fleet), Unit: series.Cores, Method: "snaive", Origin: noon.Add(-10 * time.Second), Step: time.Minute}
	var peaks []forecast.Distribution
	for h := range 60 {
		f.Steps = append(f.Steps, distuv.Normal{Mu: 100 + float64(h), Sigma: 7})
		peaks = append(peaks, distuv.Normal{Mu: 105 + float64(h), Sigma: 8})
	}
	d := pool.Decision{
		Fleet: fleet, At: noon, ValidUntil: noon.Add(validity), Mode: mode, Forecast: f, Peaks: peaks, Demand: 97.25, Pending: 2, DemandAt: f.Origin,
		Probability: 0.95, Working: 0.9, Plan: plans(plan), Reactive: plans(reactive),
	}
	return pool.Snapshot{
		Fleet: fleet, Unit: series.Cores, State: pool.Ready, Turn: noon, Horizons: []time.Duration{5 * time.Minute, 30 * time.Minute},
		Probabilities: []float64{0.5, 0.99}, Probability: 0.95, Decision: d,
		Pools: []pool.Pool{
			{Name: "a-fixed", Class: pool.Fixed, LeadTime: 4 * time.Minute, Observed: true, Phases: true, Active: 5, Warming: 1, Warm: 2},
			{Name: "b-spot", Class: pool.Variable, LeadTime: 90*time.Second + 250*time.Millisecond, Observed: true, Active: 3},
		},
	}
}

func plans(n [2]int) pool.Plan {
	return pool.Plan{Targets: []pool.Target{
		{Pool: "a-fixed", Class: pool.Fixed, Instances: n[0]}, {Pool: "b-spot", Class: pool.Variable, Instances: n[1]},
	}}
}

// turned returns a snapshot as a turn made later than noon leaves it.
func turned(s pool.Snapshot, later time.Duration) pool.Snapshot {
	s.Turn = s.Turn.Add(later)
	s.Decision.At, s.Decision.ValidUntil = s.Decision.At.Add(later), s.Decision.ValidUntil.Add(later)
	return s
}

// killed returns a snapshot under the kill switch.
func killed(s pool.Snapshot) pool.Snapshot {
	s.Decision.Killed = true
	return s
}

// asks returns what doors answer about the two pools, -1 for no target.
func asks(s pool.Snapshot) [2]int {
	out := [2]int{-1, -1}
	for i, name := range []string{"a-fixed", "b-spot"} {
		if n, ok := s.Decision.Effective().Instances(name); ok {
			out[i] = n
		}
	}
	return out
}

// wantAsks checks what doors answer at a time; -1 is for no valid decision.
func (g *reading) wantAsks(fleet string, now time.Time, a, b int) {
	g.t.Helper()
	s := g.fleet(fleet)
	got := asks(s)
	if !s.Decision.Valid(now) {
		got = [2]int{-1, -1}
	}
	if want := [2]int{a, b}; got != want {
		g.t.Errorf("doors answer %v, want %v; the fleet is %s: %s", got, want, s.State, s.Reason)
	}
}

// wantReason checks the state of a fleet and parts of its reason.
func (g *reading) wantReason(fleet string, state pool.State, parts ...string) {
	g.t.Helper()
	s := g.fleet(fleet)
	if s.State != state {
		g.t.Errorf("state is %s, want %s; %s", s.State, state, s.Reason)
	}
	for _, p := range parts {
		if !strings.Contains(s.Reason, p) {
			g.t.Errorf("reason %q\nlacks %q", s.Reason, p)
		}
	}
}

var nan = math.NaN()
