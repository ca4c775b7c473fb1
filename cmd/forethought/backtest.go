package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/series"
)

// backtest says how good methods would have been on a history.
type backtest struct {
	histories
	horizons, methods, outputs []string
	seasons                    string
	share                      float64
	origins                    int
	refit                      model.Duration
	progress                   bool

	ahead, periods []length
}

func backtestCommand(cmd *kingpin.CmdClause, logs *promslog.Config) command {
	b := &backtest{}
	b.flags(cmd)
	var refit string
	cmd.Flag("horizon", "End of a range of distances ahead, as a duration or in steps; repeatable. 5m, 30m and 2h where empty, or the nearest "+
		"that the step allows; those of the configuration with --fleet.").StringsVar(&b.horizons)
	cmd.Flag("season", seasonHelp).StringVar(&b.seasons)
	cmd.Flag("method", "Name of a method; repeatable. Those that the program chooses from, and auto, which is its choice, where empty; "+
		"all adds those that it does not choose from by default.").StringsVar(&b.methods)
	cmd.Flag("origins", "How many times each method forecasts.").Default("40").IntVar(&b.origins)
	cmd.Flag("refit", "How old a fit may grow before the method is fitted anew.").Default("1d").StringVar(&refit)
	cmd.Flag("share", "Last part of the history that is forecast, between 0 and 1.").Default("0.3").Float64Var(&b.share)
	cmd.Flag("output", "File to write: .csv for every number, .html for a report with plots; repeatable.").StringsVar(&b.outputs)
	cmd.Flag("progress", "Say how far it is even where standard error is no terminal.").BoolVar(&b.progress)
	return func(ctx context.Context, stdout, stderr io.Writer) (err error) {
		if b.refit, err = model.ParseDuration(refit); err != nil || b.refit <= 0 {
			return fmt.Errorf("--refit=%s: want a duration above 0, such as 6h or 1d", refit)
		}
		logs.Writer = stderr
		b.log = promslog.New(logs)
		return b.run(ctx, stdout, stderr)
	}
}

func (b *backtest) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := b.validate(); err != nil {
		return err
	}
	all, err := b.read(ctx, stderr)
	if err != nil {
		return err
	}
	trials := make([]*trial, 0, len(all))
	for _, y := range all {
		t, err := b.prepare(y)
		if err != nil {
			return err
		}
		trials = append(trials, t)
	}
	b.evaluate(ctx, stderr, trials)
	if ctx.Err() != nil {
		return errInterrupted
	}
	var errs []error
	var good []*trial
	for _, t := range trials {
		if t.err != nil {
			errs = append(errs, fmt.Errorf("%s: series %s: %w", b.place(), t.y.Key, t.err))
			continue
		}
		good = append(good, t)
	}
	if len(good) > 0 {
		if err := b.report(stdout, good); err != nil {
			return err
		}
	}
	return seriesErrors(errs, len(trials), "could not be evaluated")
}

func (b *backtest) validate() (err error) {
	switch {
	case b.origins < 1:
		return fmt.Errorf("--origins=%d: want at least 1", b.origins)
	case !(b.share > 0 && b.share < 1):
		return fmt.Errorf("--share=%g: want more than 0 and less than 1", b.share)
	}
	for _, path := range b.outputs {
		if ext := filepath.Ext(path); ext != ".csv" && ext != ".html" {
			return fmt.Errorf("--output=%s: want a name that ends in .csv or .html", path)
		}
	}
	for _, word := range b.horizons {
		for _, one := range splitList(word) {
			var l length
			if l, err = parseLength(one); err != nil {
				return fmt.Errorf("--horizon=%s: %w", word, err)
			}
			b.ahead = append(b.ahead, l)
		}
	}
	if b.periods, err = parseSeasons(b.seasons); err != nil {
		return err
	}
	return b.histories.validate()
}

// trial is one series with what is evaluated on it, and what came out.
type trial struct {
	y       series.Series
	options accuracy.Options
	auto    forecast.Method // nil where it is not evaluated

	rows    []accuracy.Row
	skipped []string // methods without rows, and why
	err     error    // nothing could be evaluated
	// chosen is what the program would choose now, nil where it was not asked. trails are what auto said about the end of the series.
	chosen *forecast.Selection
	trails []accuracy.Trail
}

// prepare says what is evaluated on y.
func (b *backtest) prepare(y series.Series) (*trial, error) {
	horizons := spans(b.ahead, y.Step)
	if len(horizons) == 0 {
		horizons = b.configured
	}
	if len(horizons) == 0 {
		for _, h := range demoHorizons(y.Step) {
			d, err := model.ParseDuration(h)
			if err != nil {
				return nil, err
			}
			horizons = append(horizons, time.Duration(d))
		}
	}
	seasons := spans(b.periods, y.Step)
	steps := int((horizons[len(horizons)-1] + y.Step - 1) / y.Step)
	r := recipe{step: y.Step, horizon: steps, seasons: seasons}
	if len(seasons) == 0 {
		seasons = selection.SeasonsOf(y)
	}
	auto, on := r.auto(), r.combined(seasons)
	r.seasons = seasons
	known := r.known()[1:] // all but the choice, which finds the seasons for itself
	methods, err := chooseMethods(b.methods, append([]forecast.Method{auto}, on.Methods...), append([]forecast.Method{auto}, known...))
	if err != nil {
		return nil, err
	}
	season := 24 * time.Hour
	if len(seasons) > 0 {
		season = seasons[0]
	}
	t := &trial{y: y, options: accuracy.Options{
		Methods: methods, Last: "last", Seasonal: on.Benchmarks, Horizons: horizons, Share: b.share, Origins: b.origins,
		Refit: time.Duration(b.refit), Season: season,
	}}
	if slices.ContainsFunc(methods, func(m forecast.Method) bool { return m.Name() == auto.Name() }) {
		t.auto = auto
	}
	if y.Present() == 0 {
		t.err = errNoObservation
	}
	return t, nil
}

// chooseMethods returns the methods of the given names: those on by default for no name, and every known one for all.
func chooseMethods(names []string, on, known []forecast.Method) ([]forecast.Method, error) {
	if len(names) == 0 {
		return on, nil
	}
	var out []forecast.Method
	add := func(m forecast.Method) {
		if !slices.ContainsFunc(out, func(o forecast.Method) bool { return o.Name() == m.Name() }) {
			out = append(out, m)
		}
	}
	for _, word := range names {
		for _, name := range splitList(word) {
			i := slices.IndexFunc(known, func(m forecast.Method) bool { return m.Name() == name })
			switch {
			case name == "all":
				for _, m := range slices.Concat(on, known) {
					add(m)
				}
			case i < 0:
				return nil, fmt.Errorf("--method=%s: unknown method, want all, or some of %s", name, methodNames(known))
			default:
				add(known[i])
			}
		}
	}
	return out, nil
}

// report prints the tables and writes the files.
func (b *backtest) report(stdout io.Writer, trials []*trial) error {
	if err := writeText(stdout, trials); err != nil {
		return err
	}
	for _, path := range b.outputs {
		write := b.writeHTML
		if filepath.Ext(path) == ".csv" {
			write = writeRows
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err = errors.Join(write(f, trials), f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}
