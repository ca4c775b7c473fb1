package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// batch forecasts every series of a file.
type batch struct {
	input, output, method string
	horizon, seasons      string
	probs                 string
	step                  time.Duration
	progress, alone       bool

	ahead         length
	periods       []length
	probabilities []float64
}

func forecastCommand(cmd *kingpin.CmdClause) command {
	b := &batch{}
	cmd.Flag("input", inputHelp).Required().StringVar(&b.input)
	cmd.Flag("step", stepHelp).DurationVar(&b.step)
	cmd.Flag("horizon", "How far to forecast: a number of steps, or a duration such as 2h.").Required().StringVar(&b.horizon)
	cmd.Flag("season", seasonHelp).StringVar(&b.seasons)
	cmd.Flag("probabilities", "Probabilities of the quantiles to write.").Default("0.05,0.5,0.95").StringVar(&b.probs)
	cmd.Flag("method", "auto, which chooses by rolling-origin score, or the name of one method; a wrong name lists those there are.").
		Default("auto").StringVar(&b.method)
	cmd.Flag("alone", "Forecast each series from its own history only. Otherwise 20 series or more of a file are also learnt from together, up "+
		"to a time that lies not after the end of the series that is forecast.").BoolVar(&b.alone)
	cmd.Flag("output", "CSV to write: series,timestamp,step,method,mean and one column a quantile; the mean is that of the middle half of "+
		"the distribution, which a rare spike does not move; - is standard output.").Required().StringVar(&b.output)
	cmd.Flag("progress", "Say how far it is even where standard error is no terminal.").BoolVar(&b.progress)
	return b.run
}

func (b *batch) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := b.validate(); err != nil {
		return err
	}
	file, err := trace.Options{Step: b.step}.Open(b.input)
	if err != nil {
		return err
	}
	all, err := seriesOf(file)
	if err != nil {
		return err
	}
	methods, err := b.methods(ctx, stderr, all)
	if err != nil {
		return err
	}
	warnNegative(stderr, b.input, all)
	if b.output == "-" {
		return b.forecastAll(ctx, stdout, stderr, file, all, methods)
	}
	out, err := os.Create(b.output)
	if err != nil {
		return err
	}
	err = errors.Join(b.forecastAll(ctx, out, stderr, file, all, methods), out.Close())
	if errors.Is(err, errInterrupted) {
		err = errors.Join(err, os.Remove(b.output)) // a part of it might be taken for the whole
	}
	return err
}

var (
	// errInterrupted says that a batch was ended before it was done.
	errInterrupted   = errors.New("interrupted")
	errNoObservation = errors.New("every observation is missing")
)

func (b *batch) validate() (err error) {
	if b.ahead, err = parseLength(b.horizon); err != nil {
		return fmt.Errorf("--horizon=%s: %w", b.horizon, err)
	}
	if b.periods, err = parseSeasons(b.seasons); err != nil {
		return err
	}
	for _, word := range splitList(b.probs) {
		p, err := strconv.ParseFloat(word, 64)
		if err != nil || !(p > 0 && p < 1) {
			return fmt.Errorf("--probabilities=%s: %q is not a probability between 0 and 1", b.probs, word)
		}
		b.probabilities = append(b.probabilities, p)
	}
	if len(b.probabilities) == 0 {
		return errors.New("--probabilities=: want at least one")
	}
	return nil
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// seriesOf returns every series of a file, in its order.
func seriesOf(file *trace.File) ([]series.Series, error) {
	var all []series.Series
	for _, name := range file.Names() {
		y, err := file.Series(name)
		if err != nil {
			return nil, err
		}
		all = append(all, y)
	}
	return all, nil
}

// methods returns the methods for the series of each step of the file.
func (b *batch) methods(ctx context.Context, stderr io.Writer, all []series.Series) (map[time.Duration]fileMethods, error) {
	groups := map[time.Duration][]series.Series{}
	for _, y := range all {
		groups[y.Step] = append(groups[y.Step], y)
	}
	methods := map[time.Duration]fileMethods{}
	for _, step := range slices.Sorted(maps.Keys(groups)) {
		group := groups[step]
		done := tellPooling(stderr, len(group))
		r := recipe{step: step, horizon: b.ahead.steps(step), seasons: spans(b.periods, step)}
		m, err := poolMethods(ctx, group, b.method, r, b.alone)
		done()
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
		if err != nil {
			return nil, err
		}
		methods[step] = m
	}
	return methods, nil
}

func methodNames(methods []forecast.Method) string {
	names := make([]string, 0, len(methods))
	for _, m := range methods {
		names = append(names, m.Name())
	}
	return strings.Join(names, ", ")
}

// warnNegative says once how many observations are below zero. Every method takes them as zero.
func warnNegative(stderr io.Writer, input string, all []series.Series) {
	count, in, first := 0, 0, ""
	for _, y := range all {
		before := count
		for i, v := range y.Values {
			if v < 0 {
				if count++; first == "" {
					first = fmt.Sprintf("%g at %s in series %s", v, y.TimeAt(i).Format(time.RFC3339), y.Key)
				}
			}
		}
		if count > before {
			in++
		}
	}
	if count > 0 {
		fmt.Fprintf(stderr, "%s: %d negative observations in %d series are taken as 0, since no demand is below it; the first is %s\n", input, count, in, first)
	}
}

// forecastAll forecasts on all processors and writes to w in the order of the file. A series that can't be forecast keeps none of the
// others from being written.
func (b *batch) forecastAll(ctx context.Context, w, stderr io.Writer, file *trace.File, all []series.Series,
	methods map[time.Duration]fileMethods,
) error {
	type result struct {
		rows []byte
		err  error
	}
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "series,timestamp,step,method,mean")
	for _, p := range b.probabilities {
		fmt.Fprintf(out, ",q%s", strconv.FormatFloat(p, 'g', -1, 64))
	}
	fmt.Fprintln(out)
	shown := newProgress(stderr, b.progress, "forecast", len(all))
	var errs []error
	inOrder(len(all), runtime.GOMAXPROCS(0), func(i int) result {
		defer shown.add()
		rows, err := b.forecastOne(ctx, file, all[i], methods[all[i].Step].of(all[i]))
		return result{rows, err}
	}, func(_ int, r result) {
		if r.err != nil {
			errs = append(errs, r.err)
			return
		}
		_, _ = out.Write(r.rows) // Flush returns the error
	})
	shown.end()
	if ctx.Err() != nil {
		return errInterrupted
	}
	return errors.Join(out.Flush(), seriesErrors(errs, len(all), "have no forecast"))
}

// mostErrors bounds how many series an error lists.
const mostErrors = 20

// seriesErrors joins the errors of single series of a file of n, nil where there is none.
func seriesErrors(errs []error, n int, what string) error {
	if len(errs) == 0 {
		return nil
	}
	shown := errs[:min(len(errs), mostErrors)]
	if n == 1 {
		return shown[0]
	}
	return errors.Join(append(slices.Clone(shown), fmt.Errorf("%d of %d series %s", len(errs), n, what))...)
}

// forecastOne fits a method to one series and returns its rows of the output.
func (b *batch) forecastOne(ctx context.Context, file *trace.File, y series.Series, m forecast.Method) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if y.Present() == 0 {
		return nil, fmt.Errorf("%s: series %s: %w", b.input, y.Key, errNoObservation)
	}
	offset, err := file.Offset(string(y.Key))
	if err != nil {
		return nil, err
	}
	model, err := m.Fit(ctx, y)
	if err != nil {
		return nil, fmt.Errorf("%s: series %s: %w", b.input, y.Key, err)
	}
	f := model.Forecast(b.ahead.steps(y.Step))
	f.Key = y.Key
	return b.rows(f, offset), nil
}

// rows writes one forecast; timestamps are Unix seconds at the distances that those of the input have.
func (b *batch) rows(f forecast.Forecast, offset time.Duration) []byte {
	var out []byte
	name := quoteCSV(string(f.Key))
	for i, d := range f.Steps {
		out = append(out, name...)
		out = append(append(out, ','), unixSeconds(f.TimeAt(i+1).Add(offset))...)
		out = strconv.AppendInt(append(out, ','), int64(i+1), 10)
		out = append(append(out, ','), f.Method...)
		out = append(append(out, ','), number(forecast.Midmean(d))...)
		for _, p := range b.probabilities {
			out = append(append(out, ','), number(d.Quantile(p))...)
		}
		out = append(out, '\n')
	}
	return out
}

func unixSeconds(t time.Time) string {
	return strconv.FormatFloat(math.Round(float64(t.UnixNano())/1e6)/1e3, 'f', -1, 64)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 10, 64) }

func quoteCSV(s string) string {
	if strings.ContainsAny(s, "\",\r\n") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
