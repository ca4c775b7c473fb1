package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// batch forecasts every series of a file.
type batch struct {
	input, output, method string
	horizon               int
	seasons, probs        string

	periods       []int
	probabilities []float64
}

func forecastCommand(cmd *kingpin.CmdClause) command {
	b := &batch{}
	cmd.Flag("input", "CSV, or CSV compressed with gzip: long (series,timestamp,value) or wide (timestamp and one column a series); blank is missing.").
		Required().StringVar(&b.input)
	cmd.Flag("horizon", "Number of steps to forecast.").Required().IntVar(&b.horizon)
	cmd.Flag("season", "Steps in a season, several separated by commas; a day and a week where empty.").StringVar(&b.seasons)
	cmd.Flag("probabilities", "Probabilities of the quantiles to write.").Default("0.05,0.5,0.95").StringVar(&b.probs)
	cmd.Flag("method", "auto, which chooses by rolling-origin score, or the name of one method.").Default("auto").StringVar(&b.method)
	cmd.Flag("output", "CSV to write: series,timestamp,step,method,mean and one column a quantile; - is standard output.").Required().StringVar(&b.output)
	return b.run
}

func (b *batch) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := b.validate(); err != nil {
		return err
	}
	file, err := trace.Open(b.input)
	if err != nil {
		return err
	}
	forecasts, err := b.forecastAll(ctx, file, stderr)
	if err != nil {
		return err
	}
	if b.output == "-" {
		return b.write(stdout, file, forecasts)
	}
	out, err := os.Create(b.output)
	if err != nil {
		return err
	}
	return errors.Join(b.write(out, file, forecasts), out.Close())
}

func (b *batch) validate() error {
	if b.horizon < 1 {
		return fmt.Errorf("--horizon=%d: want at least 1 step", b.horizon)
	}
	for _, word := range splitList(b.seasons) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 2 {
			return fmt.Errorf("--season=%s: %q is not a number of steps, at least 2", b.seasons, word)
		}
		b.periods = append(b.periods, n)
	}
	slices.Sort(b.periods)
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

// methodFor returns the method asked for, for series of a step.
func (b *batch) methodFor(step time.Duration) (forecast.Method, error) {
	var seasons []time.Duration
	for _, n := range b.periods {
		seasons = append(seasons, time.Duration(n)*step)
	}
	auto := methodOf(step, b.horizon, seasons)
	if b.method == auto.Name() {
		return auto, nil
	}
	names := []string{auto.Name()}
	for _, m := range auto.Methods {
		if m.Name() == b.method {
			return m, nil
		}
		names = append(names, m.Name())
	}
	return nil, fmt.Errorf("--method=%s: unknown method, want one of %s", b.method, strings.Join(names, ", "))
}

// forecastAll forecasts on all processors, in the order of the file, and says on progress how far it is.
func (b *batch) forecastAll(ctx context.Context, file *trace.File, progress io.Writer) ([]forecast.Forecast, error) {
	names := file.Names()
	y, err := file.Series(names[0])
	if err != nil {
		return nil, err
	}
	if _, err = b.methodFor(y.Step); err != nil { // names of seasonal methods follow from the step
		return nil, err
	}
	out := make([]forecast.Forecast, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i], errs[i] = b.forecastOne(ctx, file, name)
			mu.Lock()
			defer mu.Unlock()
			if done++; len(names) > 1 && (done == len(names) || done%max(1, len(names)/20) == 0) {
				fmt.Fprintf(progress, "forecast %d of %d series\n", done, len(names))
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

func (b *batch) forecastOne(ctx context.Context, file *trace.File, name string) (forecast.Forecast, error) {
	y, err := file.Series(name)
	if err != nil {
		return forecast.Forecast{}, err
	}
	m, err := b.methodFor(y.Step)
	if err != nil {
		return forecast.Forecast{}, err
	}
	model, err := m.Fit(ctx, y)
	if err != nil {
		var short *forecast.TooShortError
		if errors.As(err, &short) && short.Have == 0 {
			return forecast.Forecast{}, fmt.Errorf("%s: series %s: every observation is missing", b.input, name)
		}
		return forecast.Forecast{}, fmt.Errorf("%s: series %s: %w", b.input, name, err)
	}
	f := model.Forecast(b.horizon)
	f.Key = series.Key(name)
	return f, nil
}

// write writes the forecasts; timestamps are Unix seconds at the distances that those of the input have.
func (b *batch) write(w io.Writer, file *trace.File, forecasts []forecast.Forecast) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "series,timestamp,step,method,mean")
	for _, p := range b.probabilities {
		fmt.Fprintf(out, ",q%s", strconv.FormatFloat(p, 'g', -1, 64))
	}
	fmt.Fprintln(out)
	for _, f := range forecasts {
		offset, err := file.Offset(string(f.Key))
		if err != nil {
			return err
		}
		for i, d := range f.Steps {
			at := f.TimeAt(i + 1).Add(offset)
			fmt.Fprintf(out, "%s,%s,%d,%s,%s", quoteCSV(string(f.Key)), unixSeconds(at), i+1, f.Method, number(forecast.Mean(d)))
			for _, p := range b.probabilities {
				fmt.Fprintf(out, ",%s", number(d.Quantile(p)))
			}
			fmt.Fprintln(out)
		}
	}
	return out.Flush()
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
