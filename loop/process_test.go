package loop_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chain is a method whose forecast depends on every bit that its model was fitted to and told, in their order.
type chain struct {
	// shift is how far three observations in a row must be from the mean of the fit for the model to say that the demand drifted; 0 is never.
	shift float64
	// onFit is called in each fit; it may be nil.
	onFit func(ctx context.Context, y series.Series) error
}

func (chain) Name() string { return "chain" }

func (c chain) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	return c.FitWith(ctx, y, nil)
}

func (c chain) FitWith(ctx context.Context, y series.Series, x []series.Series) (forecast.Model, error) {
	if c.onFit != nil {
		if err := c.onFit(ctx, y); err != nil {
			return nil, err
		}
	}
	m := &chainModel{S: chainState{Boundary: y.End(), Origin: y.End(), Step: y.Step, Shift: c.shift, Inputs: len(x)}}
	sum, n := 0.0, 0
	for i, v := range y.Values {
		m.mix(v)
		for _, s := range x {
			if s.Len() != y.Len() || !s.Start.Equal(y.Start) {
				return nil, fmt.Errorf("indicator %s is not on the grid", s.Key)
			}
			m.mix(s.Values[i])
		}
		if !math.IsNaN(v) {
			m.S.Last, sum, n = v, sum+v, n+1
		}
	}
	if n == 0 {
		return nil, &forecast.TooShortError{Method: "chain", Need: 1}
	}
	m.S.Mean = sum / float64(n)
	return m, nil
}

func (c chain) Restore(state []byte) (forecast.Model, error) {
	m := &chainModel{}
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&m.S); err != nil {
		return nil, err
	}
	if m.S.Shift != c.shift {
		return nil, errors.New("other settings")
	}
	return m, nil
}

type chainModel struct{ S chainState }

type chainState struct {
	Boundary, Origin  time.Time
	Step              time.Duration
	Shift, Mean, Last float64
	Hash              uint64
	Inputs, Far       int
	Drifted           bool
}

func (m *chainModel) mix(v float64) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %x", m.S.Hash, math.Float64bits(v))
	m.S.Hash = h.Sum64()
}

func (m *chainModel) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(m.S)
	return b.Bytes(), err
}

func (m *chainModel) Update(y float64) { m.UpdateWith(y, make([]float64, m.S.Inputs)) }

func (m *chainModel) UpdateWith(y float64, x []float64) {
	if len(x) != m.S.Inputs {
		panic(fmt.Sprintf("told %d indicators, want %d", len(x), m.S.Inputs))
	}
	m.S.Origin = m.S.Origin.Add(m.S.Step)
	m.mix(y)
	for _, v := range x {
		m.mix(v)
	}
	if math.IsNaN(y) {
		return
	}
	if m.S.Last = y; m.S.Shift > 0 && math.Abs(y-m.S.Mean) > m.S.Shift {
		m.S.Far++
	} else {
		m.S.Far = 0
	}
	m.S.Drifted = m.S.Drifted || m.S.Far >= 3
}

func (m *chainModel) Drifted() bool { return m.S.Drifted }

func (m *chainModel) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{
		Method: fmt.Sprintf("%x fitted at %s", m.S.Hash, m.S.Boundary.Sub(monday)), Origin: m.S.Origin, Step: m.S.Step, Steps: make([]forecast.Distribution, h),
	}
	for i := range f.Steps {
		f.Steps[i] = forecast.Point(m.S.Last)
	}
	return f
}

// inPlace is a Background without concurrency.
func inPlace(f func()) { f() }

// process is a loop of one fleet, web, with what tests look at.
type process struct {
	loop     *loop.Loop
	board    *loop.Board
	registry *prometheus.Registry
	metrics  *loop.Metrics
	log      *bytes.Buffer
}

// newProcess returns a process that reads src each minute; change alters its options.
func newProcess(t *testing.T, src series.Source, method forecast.Method, change func(*loop.Options)) *process {
	t.Helper()
	p := &process{board: loop.NewBoard([]string{"web"}), registry: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	var err error
	if p.metrics, err = loop.NewMetrics(p.registry); err != nil {
		t.Fatal(err)
	}
	o := loop.Options{
		Source: src, Publisher: p.board, Interval: time.Minute, Clock: wall{}, Metrics: p.metrics,
		Log:   slog.New(slog.NewTextHandler(p.log, nil)),
		Fleet: loop.NewConfigured(src, map[string][]loop.PoolSpec{"web": {{Pool: pool.Pool{Name: "p", Class: pool.Variable, Capacity: 10, LeadTime: time.Minute}}}}),
		Fleets: []loop.FleetOptions{{
			Name: "web", Query: "demand", Unit: series.Cores, Step: 5 * time.Minute, History: 5 * 24 * time.Hour, Method: method, Horizon: 12,
			Horizons: []time.Duration{5 * time.Minute}, Probabilities: []float64{0.5}, Pools: []string{"p"}, Policy: pacedPolicy(), Settings: "1",
		}},
		Background: inPlace,
	}
	if change != nil {
		change(&o)
	}
	if p.loop, err = loop.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.loop.Close)
	return p
}

func (p *process) turn(at time.Time) pool.Snapshot {
	p.loop.Turn(context.Background(), at)
	s, _ := p.board.Snapshot("web")
	return s
}

// fittedAt returns the boundary of the model that forecasts.
func fittedAt(t *testing.T, s pool.Snapshot) time.Duration {
	t.Helper()
	_, text, ok := strings.Cut(s.Decision.Forecast.Method, " fitted at ")
	d, err := time.ParseDuration(text)
	if !ok || err != nil {
		t.Fatalf("the forecast is made by %q, %s: %s", s.Decision.Forecast.Method, s.State, s.Reason)
	}
	return d
}

// published is what a turn publishes, in full but for what was forecast by the process before.
func published(s pool.Snapshot) string {
	s.ForNow = nil
	return fmt.Sprintf("%+v", s)
}

func (p *process) counter(t *testing.T, name string) float64 {
	t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// world is a source whose clock is set by the test: nothing after now is known. Values are those of functions, NaN for none.
type world struct {
	mu     sync.Mutex
	now    time.Time
	series map[string]map[string]func(time.Time) float64
	broken map[string]error
	asked  map[string]int // grid points asked for by query
	plans  []scraped      // of the turns made, each once
}

func (w *world) Range(_ context.Context, q series.Query) ([]series.Series, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked == nil {
		w.asked = map[string]int{}
	}
	start, n := q.Grid()
	w.asked[q.Expr] += n
	if err := w.broken[q.Expr]; err != nil {
		return nil, err
	}
	var out []series.Series
	for key, value := range w.series[q.Expr] {
		y := series.Series{Key: series.Key(key), Start: start, Step: q.Step, Values: make([]float64, n)}
		for i := range y.Values {
			y.Values[i] = math.NaN()
			if at := y.TimeAt(i); !at.After(w.now) {
				y.Values[i] = value(at)
			}
		}
		if y.Present() > 0 {
			out = append(out, y)
		}
	}
	return out, nil
}

// turn makes a turn and stores what it plans as a scrape that comes after it does.
func (w *world) turn(p *process, at time.Time) pool.Snapshot {
	w.mu.Lock()
	w.now = at
	w.mu.Unlock()
	s := p.turn(at)
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.plans); n == 0 || w.plans[n-1].at.Before(at) {
		w.plans = append(w.plans, scraped{at, float64(s.Decision.Plan.Total()), s.Decision.Working})
	}
	return s
}

// scraped is the size of a plan made at a time, and the probability that it was sized with.
type scraped struct {
	at   time.Time
	n, p float64
}

// planned returns the size of the latest plan made before a time, and working its probability, as a scrape finds them.
func (w *world) planned(at time.Time) float64 { return w.scrape(at).n }
func (w *world) working(at time.Time) float64 { return w.scrape(at).p }

func (w *world) scrape(at time.Time) scraped {
	for _, p := range slices.Backward(w.plans) {
		if p.at.Before(at) {
			return p
		}
	}
	return scraped{n: math.NaN(), p: math.NaN()}
}

// demandOnly is a world of one demand.
func demandOnly(f func(time.Time) float64) *world {
	w := &world{}
	w.series = map[string]map[string]func(time.Time) float64{
		"demand": {"{}": f}, `max(forethought_pool_instances_planned{fleet="web",pool="p"})`: {"{}": w.planned},
		`max(forethought_plan_probability{fleet="web"})`: {"{}": w.working},
	}
	return w
}

func wiggle(at time.Time) float64 {
	return 100 + 10*math.Sin(2*math.Pi*at.Sub(monday).Hours()/24) + float64(at.Unix()/300%7)
}

// jumpy has a new level every few hours, a hole, and a time zone of zeros.
func jumpy(at time.Time) float64 {
	h := at.Sub(monday).Hours()
	switch {
	case h > 9 && h < 9.7:
		return math.NaN()
	case h > 3:
		return wiggle(at) + 200*math.Mod(math.Floor((h+1)/3.7)*0.618, 1)
	}
	return wiggle(at)
}

func pacedPolicy() pool.Policy {
	p := defaultPolicy()
	p.Paced = true
	return p
}

const turnAt = 10 * time.Second // past the minute

// TestSeveralProcessesAgree compares a process that runs for days with ones that begin at some time in them: on a demand that drifts, on
// indicators that come and go, and on a history that grows from nothing. The same bytes must be published.
// TestAProcessThatBeginsGoesOnAsTheOther begins the second while the first has a refit under way.
// TestARefitNeverBlocksATurn lets a refit take as long as the test likes.
// TestRefitsAtOnceAreBounded lets the refits of many fleets come due together.
