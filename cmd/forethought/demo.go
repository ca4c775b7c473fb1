package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"

	"github.com/forethought-autoscaler/forethought/demo"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/embedded"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	options
	input, series, unit, storage string
	seed                         uint64
}

// Where the demo serves if nobody says otherwise.
const (
	demoWeb        = "127.0.0.1:9095"
	demoPrometheus = "127.0.0.1:9096"
	demoExternal   = "127.0.0.1:9097"
)

func demoCommand(cmd *kingpin.CmdClause, logs *promslog.Config) command {
	o := demoOptions{}
	cmd.Flag("input", "A trace to run on instead of the generated organisation: CSV, or CSV compressed with gzip. "+
		"It is moved in time by whole weeks so that its last part lies ahead.").StringVar(&o.input)
	cmd.Flag("series", "The series of the trace; the first one where empty.").StringVar(&o.series)
	cmd.Flag("unit", "The unit of the trace; told from the series' name where empty.").StringVar(&o.unit)
	cmd.Flag("speed", "How many times faster than the clock time passes, 1 to 600.").Default("1").Float64Var(&o.speed)
	cmd.Flag("seed", "Seed of the generated organisation.").Default("1").Uint64Var(&o.seed)
	cmd.Flag("storage.path", "Folder of the demo's data; one that is removed at the end where empty.").StringVar(&o.storage)
	webFlags(cmd, &o.options, demoWeb)
	cmd.Flag("prometheus.listen-address", "Where the embedded Prometheus is served, on loopback; "+demoPrometheus+
		" where empty, or a free port where that of web.listen-address is 0.").StringVar(&o.embeddedAddress)
	cmd.Flag("external-metrics.listen-address", "Where the Kubernetes external metrics API is served, without a cluster and therefore on "+
		"loopback only; "+demoExternal+" where empty, or a free port as above.").StringVar(&o.external)
	return func(ctx context.Context, stdout, stderr io.Writer) error {
		logs.Writer = stderr
		o.log = promslog.New(logs)
		return runDemo(ctx, o, stdout)
	}
}

// runDemo runs the demo until ctx ends. When every fleet has had its first turn, it prints the first screen.
func runDemo(ctx context.Context, o demoOptions, stdout io.Writer) error {
	hangUp := hangUps()
	defer signal.Stop(hangUp)
	a, feed, cleanup, err := newDemo(ctx, o)
	if err != nil {
		return err
	}
	defer cleanup()
	a.reloadOn(hangUp)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if awaitFirstTurns(ctx, a) {
			fmt.Fprint(stdout, firstScreen(a))
		}
	}()
	failed := make(chan error, 1)
	go func() {
		failed <- feed.Run(ctx)
		cancel()
	}()
	err = a.run(ctx)
	cancel()
	return errors.Join(err, <-failed)
}

// newDemo builds the demo's world and an app that runs in it. cleanup ends both.
func newDemo(ctx context.Context, o demoOptions) (a *app, feed *demo.Feed, cleanup func(), err error) {
	if !(o.speed >= 1 && o.speed <= 600) {
		return nil, nil, nil, fmt.Errorf("--speed=%g: want 1 to 600", o.speed)
	}
	if err = o.addresses(); err != nil {
		return nil, nil, nil, err
	}
	clock := demo.NewClock(o.speed)
	o.clock = clock
	world, err := demoWorld(o, clock.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	folder, remove, err := demoFolder(o.storage)
	if err != nil {
		return nil, nil, nil, err
	}
	o.configFile = filepath.Join(folder, "demo.yml")
	if err = os.WriteFile(o.configFile, demoConfig(world, folder), 0o600); err != nil {
		remove()
		return nil, nil, nil, err
	}
	var cluster *demo.Cluster
	o.standing = func(configured loop.Fleet, board *loop.Board) loop.Fleet {
		if cluster == nil {
			cluster = demo.NewCluster(board)
		}
		return cluster.Over(configured)
	}
	o.begin = func(ctx context.Context, store *embedded.Server) error {
		feed = demo.NewFeed(world, demoStore{store}, clock)
		return feed.Begin(ctx)
	}
	if a, err = newApp(ctx, o.options); err != nil {
		remove()
		return nil, nil, nil, err
	}
	return a, feed, func() {
		if err := a.close(); err != nil {
			o.log.Error("demo is not closed", "err", err)
		}
		remove()
	}, nil
}

// addresses fills in those that are not chosen: a free port each where the one of the page is to be free, else the usual ones. What has
// no authentication stays on loopback.
func (o *demoOptions) addresses() error {
	prometheus, external := demoPrometheus, demoExternal
	if strings.HasSuffix(o.webAddress, ":0") {
		prometheus, external = "127.0.0.1:0", "127.0.0.1:0"
	}
	o.embeddedAddress, o.external = cmp.Or(o.embeddedAddress, prometheus), cmp.Or(o.external, external)
	for flag, address := range map[string]string{"prometheus": o.embeddedAddress, "external-metrics": o.external} {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("--%s.listen-address=%s: want an address of loopback, since nothing there asks who reads", flag, address)
		}
	}
	return nil
}

// demoFolder returns the folder of the demo's data, made if need be, and what removes it if it is a temporary one.
func demoFolder(path string) (folder string, remove func(), err error) {
	if path != "" {
		return path, func() {}, os.MkdirAll(path, 0o750)
	}
	folder, err = os.MkdirTemp("", "forethought-demo-")
	return folder, func() { _ = os.RemoveAll(folder) }, err
}

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// demoWorld returns what the demo runs in: the trace that is asked for, or the generated organisation.
func demoWorld(o demoOptions, now time.Time) (demo.World, error) {
	if o.input == "" {
		return demo.Organisation(now, o.seed), nil
	}
	file, err := trace.Open(o.input)
	if err != nil {
		return demo.World{}, err
	}
	name := o.series
	if name == "" {
		name = file.Names()[0]
	}
	y, err := file.Series(name)
	if err != nil {
		return demo.World{}, err
	}
	if o.unit != "" {
		if _, err := series.ParseUnit(o.unit); err != nil {
			return demo.World{}, fmt.Errorf("--unit: %w", err)
		}
	}
	fleet, _, _ := strings.Cut(filepath.Base(o.input), ".")
	return demo.FromTrace(strings.Trim(notInName.ReplaceAllString(fleet, "-"), "-._"), y, o.unit, now)
}

// demoConfig writes the demo's configuration, which is read as any other is.
func demoConfig(w demo.World, folder string) []byte {
	var b strings.Builder
	step := w.Fleets[0].Step
	fmt.Fprintf(&b, "# The demo's configuration, written when it begins. Until it ends it can be changed and read again: kill -HUP, or POST /-/reload.\n")
	fmt.Fprintf(&b, "embedded: {path: %q, retention: 90d}\nstorage: {path: %q}\n", filepath.Join(folder, "tsdb"), folder)
	fmt.Fprintf(&b, "interval: 1m\nhistory: 28d\nhorizons: [%s]\nprobabilities: [0.5, 0.9, 0.99]\nfleets:\n", strings.Join(demoHorizons(step), ", "))
	for _, f := range w.Fleets {
		fmt.Fprintf(&b, "  - name: %s\n    demand: {query: %q, unit: %s, step: %s}\n", f.Name, f.Query, f.Unit, model.Duration(f.Step))
		if len(f.Exclude) > 0 {
			fmt.Fprintf(&b, "    exclude: ['%s']\n", strings.Join(f.Exclude, "', '"))
		}
		fmt.Fprintf(&b, "    policy: {mode: %s, probability: 0.99, limits: {lift: 5, step_up: 40, step_down: 10}}\n    pools:\n", f.Mode)
		for _, p := range f.Pools {
			fmt.Fprintf(&b, "      - {name: %s, class: %s, capacity: %g, min: %d, max: %d, lead_time: %s, price: {hourly: %g}}\n",
				p.Name, p.Class, p.Capacity, p.Min, p.Max, model.Duration(p.LeadTime), p.HourlyPrice)
		}
	}
	return []byte(b.String())
}

// demoHorizons are three horizons that are whole multiples of a step: 5m, 30m and 2h where it allows them.
func demoHorizons(step time.Duration) []string {
	out := make([]string, 0, 3)
	at := time.Duration(0)
	for _, h := range []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour} {
		steps := max((h+step-1)/step, at/step+1)
		at = steps * step
		out = append(out, model.Duration(at).String())
	}
	return out
}

// demoStore lets the world's signals into the embedded Prometheus.
type demoStore struct{ *embedded.Server }

func (s demoStore) Backfill(ctx context.Context, signals []demo.Signal) error {
	histories := make([]embedded.History, 0, len(signals))
	for _, signal := range signals {
		histories = append(histories, embedded.History{Labels: signal.Labels, Series: signal.Series})
	}
	return s.Server.Backfill(ctx, histories)
}

// awaitFirstTurns waits until every fleet has had a turn and returns false where ctx ends before that.
func awaitFirstTurns(ctx context.Context, a *app) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for a.ready() != nil {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// firstScreen says in a few lines what is forecast, what is planned and why, and where to look.
func firstScreen(a *app) string {
	var b strings.Builder
	for _, s := range a.board.Snapshots() {
		writeFleet(&b, s)
	}
	base := "http://" + a.web.Addr().String()
	fmt.Fprintf(&b, "page: %s/\n", base)
	fmt.Fprintf(&b, "metrics: %s/metrics\n", base)
	if a.external != nil {
		fmt.Fprintf(&b, "external metrics: %s\n", a.external.URL())
	}
	fmt.Fprintf(&b, "prometheus: http://%s\n", a.storeListener.Addr())
	return b.String()
}

func writeFleet(b *strings.Builder, s pool.Snapshot) {
	d := s.Decision
	if d.At.IsZero() {
		fmt.Fprintf(b, "%s: %s: %s\n", s.Fleet, s.State, s.Reason)
		return
	}
	fmt.Fprintf(b, "%s: %s %s now; likely, and at most with probability %g:", s.Fleet, amount(d.Demand), s.Unit, s.Probability)
	for _, h := range s.Horizons {
		mid, err := d.DemandAhead(h, 0.5)
		top, topErr := d.DemandAhead(h, s.Probability)
		if errors.Join(err, topErr) == nil {
			fmt.Fprintf(b, " in %s %s, %s;", model.Duration(h), amount(mid), amount(top))
		}
	}
	fmt.Fprintf(b, " by %s\n  plan, mode %s:", d.Forecast.Method, d.Mode)
	for _, t := range d.Plan.Targets {
		fmt.Fprintf(b, " %s %d,", t.Pool, t.Instances)
	}
	fmt.Fprintf(b, " %d instances; the demand now needs %d; doors answer %d\n", d.Plan.Total(), d.Reactive.Total(), d.Effective().Total())
	fmt.Fprintf(b, "  why: %s\n", why(d))
}

// amount prints a demand with four digits at least, and never with an exponent.
func amount(v float64) string {
	digits := 0
	if v > 0 && v < 1000 {
		digits = max(0, 3-int(math.Floor(math.Log10(v))))
	}
	return strconv.FormatFloat(v, 'f', min(digits, 6), 64)
}

// why says in one sentence which window the plan follows.
func why(d pool.Decision) string {
	var longest pool.Sizing
	for _, z := range d.Sizing {
		if z.AddDemand >= longest.AddDemand {
			longest = z
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "demand may reach %s when an instance asked for now is ready, in %s; and %s in the %s before one let go pays off",
		amount(longest.AddDemand), model.Duration(longest.LeadTime), amount(longest.KeepDemand), model.Duration(longest.LeadTime+longest.Hold))
	for _, g := range d.Guards {
		fmt.Fprintf(&text, "; %s: %s", g.Name, g.Reason)
	}
	return text.String()
}
