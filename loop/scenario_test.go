package loop_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

var rewrite = flag.Bool("rewrite", false, "accept the output of the scenarios in testdata")

// monday is minute 0 of every scenario.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// TestScenarios runs the scripts in testdata. A script is lines of commands, and after a line of dashes what they print:
//
//	load                         series follow, one a line and indented: a query and its values by minute in PromQL's test
//	                             notation (100x3 is four times 100, 5+1x3 is 5 6 7 8, _x9 is ten missing ones)
//	policy KEY=VALUE...          changes the policy from the next start on
//	moves KEY=VALUE...           lets moves between pools be proposed from the next start on
//	start                        begins a process
//	turn DURATION                makes the turn due at that time after minute 0
//	fail TEXT                    lets every read fail with TEXT; heal ends that
//	kill on|off                  sets the kill switch
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(data), "----\n")
			got := runScenario(t, script)
			if *rewrite {
				if err := os.WriteFile(file, []byte(script+"----\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s prints\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}

func runScenario(t *testing.T, script string) string {
	t.Helper()
	s := &scenario{source: &source{values: map[string][]float64{}}, policy: defaultPolicy()}
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		if name, values, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(line, "  ") {
			s.source.values[name] = append(s.source.values[name], parseValues(t, values)...)
			continue
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			s.command(t, strings.Fields(line))
		}
	}
	return s.out.String()
}

type scenario struct {
	source *source
	policy pool.Policy
	moves  *loop.Migration
	loop   *loop.Loop
	board  *loop.Board
	out    strings.Builder
	held   bool // a kill switch outside is on
}

func defaultPolicy() pool.Policy {
	return pool.Policy{
		Mode: pool.Act, Probability: 0.99, Interval: time.Minute, Validity: 5 * time.Minute,
		StaleAfter: 5 * time.Minute, Hold: 10 * time.Minute,
	}
}

func (s *scenario) command(t *testing.T, words []string) {
	t.Helper()
	switch words[0] {
	case "load":
	case "policy":
		s.setPolicy(t, words[1:])
	case "moves":
		s.setMoves(t, words[1:])
	case "start":
		s.start(t)
	case "turn":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		s.turn(monday.Add(d))
	case "fail":
		s.source.err = errors.New(strings.Join(words[1:], " "))
	case "heal":
		s.source.err = nil
	case "kill":
		if err := s.loop.Kill(context.Background(), "web", words[1] == "on"); err != nil {
			t.Fatal(err)
		}
		s.print("kill " + words[1])
	case "label":
		s.held = words[1] == "on"
		if err := s.loop.Recheck(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.print("label " + words[1])
	default:
		t.Fatalf("unknown command %q", words[0])
	}
}

func (s *scenario) setPolicy(t *testing.T, settings []string) {
	t.Helper()
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		n, err := strconv.Atoi(value)
		switch {
		case key == "mode":
			s.policy.Mode = pool.Mode(value)
		case err != nil:
			t.Fatal(err)
		case key == "step_down":
			s.policy.Limits.StepDown = n
		case key == "step_up":
			s.policy.Limits.StepUp = n
		default:
			t.Fatalf("unknown policy %q", key)
		}
	}
}

// setMoves reads the instances an hour, and times in minutes.
func (s *scenario) setMoves(t *testing.T, settings []string) {
	t.Helper()
	s.moves = &loop.Migration{}
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil:
			t.Fatal(err)
		case key == "per_hour":
			s.moves.Policy.PerHour = n
		case key == "cool_down":
			s.moves.Policy.Cooldown = time.Duration(n) * time.Minute
		case key == "drain":
			s.moves.Drain = time.Duration(n) * time.Minute
		default:
			t.Fatalf("unknown setting %q", key)
		}
	}
}

func (s *scenario) start(t *testing.T) {
	t.Helper()
	metrics, err := loop.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s.board = loop.NewBoard([]string{"web"})
	pending := ""
	if s.source.values["pending"] != nil {
		pending = "pending"
	}
	failing := ""
	if s.source.values["failing"] != nil {
		failing = "failing"
	}
	pools := loop.NewConfigured(s.source, map[string][]loop.PoolSpec{"web": {
		{
			Pool:           pool.Pool{Name: "fixed", Class: pool.Fixed, Min: 1, Max: 4, Capacity: 10, LeadTime: 4 * time.Minute, Shape: pool.Shape{CPU: 10}},
			InstancesQuery: "fixed_instances",
		},
		{
			Pool:           pool.Pool{Name: "spot", Class: pool.Variable, Capacity: 10, LeadTime: 4 * time.Minute, Shape: pool.Shape{CPU: 10}},
			InstancesQuery: "spot_instances", WarmQuery: "spot_warm", WarmingQuery: "spot_warming",
		},
	}})
	s.loop, err = loop.New(loop.Options{
		Source: s.source, Fleet: pools, Publisher: s.board, Interval: time.Minute, Metrics: metrics,
		Clock: wall{}, Log: slog.New(slog.DiscardHandler), Background: inPlace,
		Held: func(string) bool { return s.held },
		Fleets: []loop.FleetOptions{{
			Name: "web", Query: "demand", Unit: series.Cores, Step: time.Minute, Pending: pending, Exclude: []string{"outage"}, Failing: failing,
			History: 24 * time.Hour, Method: flat{}, Horizon: 30, Horizons: []time.Duration{5 * time.Minute},
			Probabilities: []float64{0.5}, Pools: []string{"fixed", "spot"}, Policy: s.policy, Migration: s.moves,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err = s.loop.Announce(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.print("start")
}

func (s *scenario) turn(at time.Time) {
	s.loop.Turn(context.Background(), at)
	snap, _ := s.board.Snapshot("web")
	for _, target := range snap.Decision.Plan.Targets { // as a scrape of ourselves would store it
		s.source.set(fmt.Sprintf("max(forethought_pool_instances_planned{fleet=\"web\",pool=%q})", target.Pool),
			at, float64(target.Instances))
	}
	s.print("turn " + at.Sub(monday).String())
}

func (s *scenario) print(what string) {
	snap, _ := s.board.Snapshot("web")
	d := snap.Decision
	fmt.Fprintf(&s.out, "%s: %s: %s\n", what, snap.State, snap.Reason)
	if d.At.IsZero() {
		return
	}
	fmt.Fprintf(&s.out, "  demand %g at %s, pending %g, valid until %s; reactive %s, plan %s, doors %s\n", d.Demand,
		d.DemandAt.Sub(monday), d.Pending, d.ValidUntil.Sub(monday), targets(d.Reactive), targets(d.Plan), targets(d.Effective()))
	for _, g := range d.Guards {
		fmt.Fprintf(&s.out, "  guard %s %s %d -> %d: %s\n", g.Name, g.Pool, g.From, g.To, g.Reason)
	}
	for _, m := range d.Plan.Moves {
		fmt.Fprintf(&s.out, "  move %d from %s to %s: %s\n", m.Instances, m.From, m.To, m.Reason)
	}
	for _, u := range d.Plan.Unmoved {
		fmt.Fprintf(&s.out, "  not %d from %s to %s: %s\n", u.Instances, u.From, u.To, u.Reason)
	}
	for _, n := range snap.ForNow {
		fmt.Fprintf(&s.out, "  said %s ago for now: %g\n", n.Horizon, n.Value)
	}
}

func targets(p pool.Plan) string {
	var out []string
	for _, t := range p.Targets {
		out = append(out, strconv.Itoa(t.Instances))
	}
	return strings.Join(out, "+")
}

// source answers queries by name with values by minute.
type source struct {
	values map[string][]float64
	err    error
	// reads counts the grid points asked for of the demand.
	reads int
}

func (s *source) Range(_ context.Context, q series.Query) ([]series.Series, error) {
	if s.err != nil {
		return nil, s.err
	}
	start, n := q.Grid()
	if q.Expr == "demand" {
		s.reads += n
	}
	values, ok := s.values[q.Expr]
	if !ok {
		return nil, nil
	}
	y := series.Series{Key: series.Key(q.Expr), Start: start, Step: q.Step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = math.NaN()
		if m := y.TimeAt(i).Sub(monday); m >= 0 && int(m/time.Minute) < len(values) {
			y.Values[i] = values[int(m/time.Minute)]
		}
	}
	if y.Present() == 0 {
		return nil, nil // Prometheus leaves out a series without a sample in the range
	}
	return []series.Series{y}, nil
}

func (s *source) set(expr string, at time.Time, v float64) {
	m := int(at.Sub(monday) / time.Minute)
	for len(s.values[expr]) <= m {
		s.values[expr] = append(s.values[expr], v)
	}
	s.values[expr][m] = v
}

func parseValues(t *testing.T, text string) []float64 {
	t.Helper()
	var out []float64
	for word := range strings.FieldsSeq(text) {
		base, times, repeated := strings.Cut(word, "x")
		base, slope, _ := strings.Cut(base, "+")
		n := 0
		v, by := math.NaN(), 0.0
		var err error
		if repeated {
			n, err = strconv.Atoi(times)
		}
		if err == nil && base != "_" {
			v, err = strconv.ParseFloat(base, 64)
		}
		if err == nil && slope != "" {
			by, err = strconv.ParseFloat(slope, 64)
		}
		if err != nil {
			t.Fatalf("values %q: %v", word, err)
		}
		for i := range n + 1 {
			out = append(out, v+float64(i)*by)
		}
	}
	return out
}

// flat is a method whose forecast is the last observation, for certain.
type flat struct{}

func (flat) Name() string { return "flat" }

func (flat) Fit(_ context.Context, y series.Series) (forecast.Model, error) {
	_, v, ok := y.Last()
	if !ok {
		return nil, &forecast.TooShortError{Method: "flat", Need: 1}
	}
	return &flatModel{v: v, origin: y.End(), step: y.Step}, nil
}

type flatModel struct {
	v      float64
	origin time.Time
	step   time.Duration
}

func (m *flatModel) Update(y float64) {
	m.origin = m.origin.Add(m.step)
	if !math.IsNaN(y) {
		m.v = y
	}
}

func (m *flatModel) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Method: "flat", Origin: m.origin, Step: m.step, Steps: make([]forecast.Distribution, h)}
	for i := range f.Steps {
		f.Steps[i] = forecast.Point(m.v)
	}
	return f
}

func (m *flatModel) Simulate(h, n int, _ uint64) [][]float64 {
	paths := make([][]float64, n)
	for i := range paths {
		paths[i] = make([]float64, h)
		for k := range paths[i] {
			paths[i][k] = m.v
		}
	}
	return paths
}
