package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/replay"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// replayed says what would have happened on a history.
type replayed struct {
	histories
	decisions, report string
	outputs           []string
	actuators         []string
	targets           []float64
	train, validation float64
	boot              float64
	progress          bool
}

func replayCommand(cmd *kingpin.CmdClause, logs *promslog.Config) command {
	r := &replayed{}
	cmd.Flag("input", inputHelp+" Its load is what the fleet would have served; without it the demand of --fleet is read from its Prometheus.").
		StringVar(&r.input)
	cmd.Flag("series", "Name of the series of --input; the first where empty.").StringsVar(&r.names)
	cmd.Flag("step", stepHelp).DurationVar(&r.step)
	cmd.Flag("config.file", "The configuration with the fleet's pools and policy. Without it one pool is assumed that is 40 instances large at "+
		"the peak and starts one in four minutes.").StringVar(&r.configFile)
	cmd.Flag("fleet", "The fleet of the configuration; the only one where empty.").StringVar(&r.fleet)
	cmd.Flag("start", "From when on the demand of --fleet is read: RFC 3339 or Unix seconds; the configured history before --end where empty.").
		StringVar(&r.start)
	cmd.Flag("end", "Until when it is read; until now where empty.").StringVar(&r.end)
	cmd.Flag("decisions", "CSV to write: timestamp,fleet,pool,instances,reactive,guards, a row for every turn and pool, as mode act would have "+
		"decided with the configuration as it is. Alone it leaves out the comparison.").StringVar(&r.decisions)
	cmd.Flag("report", "HTML page to write: what Forethought would have cost and missed beside other policies.").StringVar(&r.report)
	cmd.Flag("output", "CSV to write with every policy, setting and actuator.").StringsVar(&r.outputs)
	cmd.Flag("actuator", "What lies between a plan and an instance: direct, hpa with the defaults of Kubernetes, or hpa-zero with a tolerance of "+
		"zero; repeatable, the first is the one of the report's worst day. Direct where empty, and all three with --report.").StringsVar(&r.actuators)
	cmd.Flag("target", "Share of minutes with a shortage for which each policy's setting is chosen on the validation part; repeatable. 0.01 where "+
		"empty, and 0.001 beside it with --report.").Float64ListVar(&r.targets)
	cmd.Flag("train", "First part of the load, which is only learnt from.").Default("0.5").Float64Var(&r.train)
	cmd.Flag("validation", "Part after it, on which settings are chosen. The rest is the test part.").Default("0.25").Float64Var(&r.validation)
	cmd.Flag("boot-spread", "Standard deviation of boot times over their mean.").Default("0").Float64Var(&r.boot)
	cmd.Flag("progress", "Say how far it is even where standard error is no terminal.").BoolVar(&r.progress)
	return func(ctx context.Context, stdout, stderr io.Writer) error {
		logs.Writer = stderr
		r.log = promslog.New(logs)
		return r.run(ctx, stdout, stderr)
	}
}

func (r *replayed) run(ctx context.Context, stdout, stderr io.Writer) error {
	s, err := r.prepare(ctx, stderr)
	if err != nil {
		return err
	}
	if r.decisions != "" {
		if err = s.decide(ctx, r.decisions, stdout); err != nil {
			return err
		}
		if r.report == "" && len(r.outputs) == 0 {
			return nil
		}
	}
	c, err := r.compare(ctx, stderr, s)
	if err != nil {
		return err
	}
	if err = c.WriteText(stdout); err != nil {
		return err
	}
	if err = s.writeCommitments(stdout); err != nil {
		return err
	}
	for _, path := range r.outputs {
		if err = writeFile(path, c.WriteCSV); err != nil {
			return err
		}
	}
	if r.report == "" {
		return nil
	}
	return writeFile(r.report, func(w io.Writer) error { return writeReplayReport(w, c, s.about) })
}

// writeFile lets write fill a file that takes the place of path when it is whole. What was there before stays where it fails.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // renamed unless something failed
	if err = errors.Join(f.Chmod(0o644), write(f), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writable refuses paths at which no file can be made, before anything is computed.
func writable(paths ...string) error {
	for _, path := range paths {
		if path == "" {
			continue
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return fmt.Errorf("%s: there is no folder to write it to", path)
		}
	}
	return nil
}

// situation is what is replayed: a load, what it runs on, and the fleet as the loop is given it.
type situation struct {
	load     replay.Load
	offset   time.Duration // by which the load's times were moved back
	site     replay.Site
	fleet    loop.FleetOptions
	interval time.Duration
	config   []byte // nil where there is no file
	about    replayReportOptions
}

// assumedPool is the pool of a load without a configuration, as large as makes its peak in training 40 instances.
func assumedPool(l replay.Load, train int) (pool.Pool, error) {
	known := slices.DeleteFunc(slices.Clone(l.Values[:min(train, len(l.Values))]), math.IsNaN)
	if len(known) == 0 {
		return pool.Pool{}, fmt.Errorf("%s: %w in the training part", l.Name, series.ErrOnlyMissing)
	}
	slices.Sort(known)
	peak := known[int(0.999*float64(len(known)-1))]
	if peak <= 0 {
		return pool.Pool{}, fmt.Errorf("%s: the load is 0 in the training part, from which the size of an instance is taken; give a --config.file", l.Name)
	}
	return pool.Pool{Name: "instances", Class: pool.Variable, Capacity: peak / 40, LeadTime: 4 * time.Minute}, nil
}

// validate refuses what makes no sense together.
func (r *replayed) validate() error {
	switch {
	case r.input == "" && r.configFile == "":
		return errors.New("want --input, or --config.file with the --fleet whose demand is read, or both")
	case r.input == "" && (len(r.names) > 0 || r.step != 0):
		return errors.New("--series and --step are for --input")
	case r.input != "" && (r.start != "" || r.end != ""):
		return errors.New("--start and --end are for a demand that is read from Prometheus")
	case r.fleet != "" && r.configFile == "":
		return errors.New("--fleet: want the --config.file that it is in")
	case len(r.names) > 1:
		return errors.New("--series: a replay is of one series")
	}
	if err := r.numbers(); err != nil {
		return err
	}
	r.complete()
	for _, name := range r.actuators {
		if _, ok := actuatorNamed(name); !ok {
			return fmt.Errorf("--actuator=%s: want direct, hpa or hpa-zero", name)
		}
	}
	return writable(append([]string{r.decisions, r.report}, r.outputs...)...)
}

// numbers refuses numbers out of their range.
func (r *replayed) numbers() error {
	if !(r.boot >= 0 && r.boot <= 1) {
		return fmt.Errorf("--boot-spread=%g: want 0 to 1", r.boot)
	}
	for _, target := range r.targets {
		if !(target > 0 && target < 1) {
			return fmt.Errorf("--target=%g: want a share of minutes between 0 and 1", target)
		}
	}
	return nil
}

// complete fills in what was not said.
func (r *replayed) complete() {
	actuators, targets := []string{"direct"}, []float64{0.01}
	if r.report != "" {
		actuators, targets = append(actuators, "hpa-zero", "hpa"), append(targets, 0.001)
	}
	if len(r.actuators) == 0 {
		r.actuators = actuators
	}
	if len(r.targets) == 0 {
		r.targets = targets
	}
}

// prepare reads what is replayed.
func (r *replayed) prepare(ctx context.Context, stderr io.Writer) (*situation, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	s := &situation{}
	if r.configFile != "" {
		if err := r.configured(s); err != nil {
			return nil, err
		}
	}
	y, err := r.history(ctx, stderr, s)
	if err != nil {
		return nil, err
	}
	if s.load, err = replay.LoadOf(y); err != nil {
		return nil, err
	}
	if r.configFile == "" {
		if err := r.assume(s); err != nil {
			return nil, err
		}
	}
	s.site.BootSpread, s.site.MinimumBill = r.boot, time.Minute
	if err := s.longEnough(); err != nil {
		return nil, err
	}
	s.reduce(y.Step)
	s.about = r.describe(s)
	return s, nil
}

// longEnough refuses a load on which no instance could be planned.
func (s *situation) longEnough() error {
	span := time.Duration(len(s.load.Values)) * time.Minute
	for _, p := range s.site.Pools {
		if 2*p.LeadTime > span {
			return fmt.Errorf("%s: pool %s: a lead time of %s is more than half of the load's %s, which is too short to plan on", s.load.Name, p.Name,
				model.Duration(p.LeadTime), model.Duration(span))
		}
	}
	return nil
}

// configured takes the fleet of the configuration.
func (r *replayed) configured(s *situation) error {
	var err error
	if s.config, err = os.ReadFile(r.configFile); err != nil {
		return err
	}
	c, err := config.Load(r.configFile, checks())
	if err != nil {
		return err
	}
	names := fleetNames(c)
	i := slices.Index(names, r.fleet)
	switch {
	case r.fleet == "" && len(names) == 1:
		i, r.fleet = 0, names[0]
	case r.fleet == "":
		return fmt.Errorf("%s: want --fleet, one of %s", r.configFile, strings.Join(names, ", "))
	case i < 0:
		return fmt.Errorf("%s: no fleet is called %q, there are %s", r.configFile, r.fleet, strings.Join(names, ", "))
	}
	if s.fleet, err = fleetOptions(c, c.Fleets[i]); err != nil {
		return err
	}
	s.interval = time.Duration(c.Interval)
	for _, spec := range poolSpecs(c)[r.fleet] {
		s.site.Pools = append(s.site.Pools, spec.Pool)
	}
	return nil
}

// assume makes up the fleet of a load without a configuration.
func (r *replayed) assume(s *situation) error {
	p, err := assumedPool(s.load, int(r.train*float64(len(s.load.Values))))
	if err != nil {
		return err
	}
	s.site.Pools, s.interval = []pool.Pool{p}, time.Minute
	s.fleet = loop.FleetOptions{
		Name: s.load.Name, Query: "load", Unit: s.load.Unit, Step: time.Minute, History: 28 * day, Pools: []string{p.Name},
		Policy: pool.Policy{
			Mode: pool.Shadow, Probability: assumedProbability, Paced: true, Interval: time.Minute, Validity: 5 * time.Minute,
			StaleAfter: 5 * time.Minute, Hold: 30 * time.Minute,
		},
	}
	return nil
}

// reduce leaves of the fleet what a replay has: its demand, on a grid no finer than the load's own, forecast as far as decisions look.
func (s *situation) reduce(step time.Duration) {
	f := &s.fleet
	f.Step = max(f.Step, step)
	f.Pending, f.Saturated, f.Failing, f.Shapes, f.Exclude, f.Leading = "", "", "", "", nil, nil
	f.Classify, f.Migration = nil, nil
	reach := pool.Reach(s.site.Pools, f.Policy) + 2*s.interval + f.Step
	f.Horizon = int(math.Ceil(float64(reach) / float64(f.Step)))
	f.Method = recipe{step: f.Step, horizon: f.Horizon, calendar: f.Calendar}.auto()
}

// history returns the load, and notes by how much its times were moved.
func (r *replayed) history(ctx context.Context, stderr io.Writer, s *situation) (series.Series, error) {
	if r.input == "" {
		return r.readFleet(ctx, stderr, time.Now())
	}
	file, err := trace.Options{Step: r.step}.Open(r.input)
	if err != nil {
		return series.Series{}, err
	}
	name := file.Names()[0]
	if len(r.names) > 0 {
		name = r.names[0]
	}
	y, err := file.Series(name)
	if err != nil {
		return y, err
	}
	if s.offset, err = file.Offset(name); err != nil {
		return y, err
	}
	if y.Present() == 0 {
		return y, fmt.Errorf("%s: series %s: %w", r.input, name, series.ErrOnlyMissing)
	}
	y.Unit = s.fleet.Unit
	warnNegative(stderr, r.input, []series.Series{y})
	y = y.Clone()
	for i, v := range y.Values {
		y.Values[i] = max(v, 0) // NaN stays
	}
	if y.Step < time.Minute {
		fmt.Fprintf(stderr, "%s: the load is judged by its means over a minute; what is higher for less than that is not seen\n", r.input)
	}
	return fromFirst(y), nil
}

// describe says on the report what is replayed.
func (r *replayed) describe(s *situation) replayReportOptions {
	from := "the demand of fleet " + s.fleet.Name + " in the Prometheus of " + filepath.Base(r.configFile)
	if r.input != "" {
		from = filepath.Base(r.input) + ", series " + s.load.Name
	}
	priced := false
	for _, p := range s.site.Pools {
		priced = priced || p.Price.Hourly > 0
	}
	o := replayReportOptions{
		Site: s.site, Interval: s.interval, Step: s.load.Step,
		Title: "Replay of " + s.load.Name, Source: from, Fleet: s.fleet.Name, Version: version, Priced: priced, Mode: string(s.fleet.Policy.Mode),
		Probability: s.fleet.Policy.Probability,
	}
	for _, name := range r.actuators {
		a, _ := actuatorNamed(name)
		o.Actuators = append(o.Actuators, a)
	}
	if s.config != nil {
		o.Config = fmt.Sprintf("%x", sha256.Sum256(s.config))
	}
	return o
}

// probabilities are the settings that Forethought is tried with: the configured one, and others around it.
func probabilities(configured float64) []float64 {
	out := []float64{0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999}
	nearest := 0
	for i, p := range out {
		if math.Abs(math.Log((1-p)/(1-configured))) < math.Abs(math.Log((1-out[nearest])/(1-configured))) {
			nearest = i
		}
	}
	out[nearest] = configured
	return out
}

// policy returns the program as a policy.
func (s *situation) policy() replay.Forethought {
	return replay.Forethought{Fleet: s.fleet, Interval: s.interval, Probabilities: probabilities(s.fleet.Policy.Probability)}
}

func (r *replayed) compare(ctx context.Context, stderr io.Writer, s *situation) (*replay.Comparison, error) {
	parts, err := replay.Split(s.load, r.train, r.validation)
	if err != nil {
		return nil, err
	}
	o := replay.Options{
		Load: s.load, Site: s.site, Parts: parts, Policies: append([]replay.Policy{s.policy()}, replay.Baselines(parts.Train.To)...),
		Targets: r.targets, Subject: s.policy().Name(), WorstDay: r.report != "", Workers: runtime.GOMAXPROCS(0), Config: s.config,
	}
	for _, name := range r.actuators {
		a, _ := actuatorNamed(name)
		o.Actuators = append(o.Actuators, a)
	}
	shown := newProgress(stderr, r.progress, "replayed days", 0)
	o.Progress = func(done, total int) { shown.set(done/(24*60), total/(24*60)) }
	defer shown.end()
	c, err := replay.Compare(ctx, o)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	return c, err
}

func actuatorNamed(name string) (replay.Actuator, bool) {
	for _, a := range []replay.Actuator{replay.Direct(), replay.HPA(), replay.HPAZero()} {
		if a.Name == name {
			return a, true
		}
	}
	return replay.Actuator{}, false
}
