package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/prom"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// histories says where a command reads histories: series of a file, or the demand of a configured fleet from its Prometheus.
type histories struct {
	input             string
	names             []string
	step              time.Duration
	configFile, fleet string
	start, end        string
	log               *slog.Logger

	// configured are the horizons of the configuration, set by read.
	configured []time.Duration
}

func (h *histories) flags(cmd *kingpin.CmdClause) {
	cmd.Flag("input", inputHelp+" Or give --config.file and --fleet.").StringVar(&h.input)
	cmd.Flag("series", "Name of a series of --input; repeatable; all of them where empty.").StringsVar(&h.names)
	cmd.Flag("step", stepHelp).DurationVar(&h.step)
	cmd.Flag("config.file", "The configuration, for --fleet.").StringVar(&h.configFile)
	cmd.Flag("fleet", "A fleet of the configuration, whose demand is read from its Prometheus without its excluded windows.").StringVar(&h.fleet)
	cmd.Flag("start", "From when on the demand of --fleet is read: RFC 3339 or Unix seconds; the configured history before --end where empty.").
		StringVar(&h.start)
	cmd.Flag("end", "Until when it is read; until now where empty.").StringVar(&h.end)
}

func (h *histories) validate() error {
	file, fleet := h.input != "", h.configFile != "" || h.fleet != ""
	switch {
	case file == fleet:
		return errors.New("want --input, or --config.file and --fleet")
	case fleet && (h.configFile == "" || h.fleet == ""):
		return errors.New("--config.file and --fleet belong together")
	case fleet && (len(h.names) > 0 || h.step != 0):
		return errors.New("--series and --step are for --input")
	case file && (h.start != "" || h.end != ""):
		return errors.New("--start and --end are for --fleet")
	}
	return nil
}

// place names where the histories are from.
func (h *histories) place() string { return cmp.Or(h.input, h.configFile) }

// read returns the histories, each from its first observation on. What was odd about them is said on stderr.
func (h *histories) read(ctx context.Context, stderr io.Writer) ([]series.Series, error) {
	if h.fleet != "" {
		y, err := h.readFleet(ctx, stderr, time.Now())
		if err != nil {
			return nil, err
		}
		return []series.Series{y}, nil
	}
	file, err := trace.Options{Step: h.step}.Open(h.input)
	if err != nil {
		return nil, err
	}
	names := h.names
	if len(names) == 0 {
		names = file.Names()
	}
	all := make([]series.Series, 0, len(names))
	for _, name := range names {
		y, err := file.Series(name)
		if err != nil {
			return nil, err
		}
		all = append(all, fromFirst(y))
	}
	warnNegative(stderr, h.input, all)
	return all, nil
}

// fromFirst returns y from its first observation on.
func fromFirst(y series.Series) series.Series {
	return y.Slice(slices.IndexFunc(y.Values, func(v float64) bool { return !math.IsNaN(v) }), y.Len())
}

// readFleet reads the demand of the fleet as serve would learn it.
func (h *histories) readFleet(ctx context.Context, stderr io.Writer, now time.Time) (y series.Series, err error) {
	c, err := config.Load(h.configFile, checks())
	if err != nil {
		return y, err
	}
	i := slices.Index(fleetNames(c), h.fleet)
	if i < 0 {
		return y, fmt.Errorf("%s: no fleet is called %q, there are %s", h.configFile, h.fleet, strings.Join(fleetNames(c), ", "))
	}
	f, err := fleetOptions(c, c.Fleets[i])
	if err != nil {
		return y, err
	}
	h.configured = slices.Sorted(slices.Values(f.Horizons))
	q := series.Query{Key: series.Key(f.Name), Unit: f.Unit, Expr: f.Query, Step: f.Step}
	if q.Start, q.End, err = h.span(now, f.History); err != nil {
		return y, err
	}
	source, err := h.source(c)
	if err != nil {
		return y, err
	}
	defer source.Close()
	y, err = series.One(ctx, source, q)
	if _, partial := errors.AsType[*series.PartialError](err); partial && y.Present() > 0 {
		fmt.Fprintf(stderr, "demand of %s: %v\n", f.Name, err)
	} else if err != nil {
		return y, fmt.Errorf("read demand of %s: %w", f.Name, err)
	}
	if err = exclude(ctx, source, q, f, y); err != nil {
		return y, fmt.Errorf("read excluded windows of %s: %w", f.Name, err)
	}
	if y.Present() == 0 {
		return y, fmt.Errorf("read demand of %s: %w, or all of it is excluded", f.Name, series.ErrOnlyMissing)
	}
	return fromFirst(y), nil
}

// span returns the times between which a fleet's demand is read.
func (h *histories) span(now time.Time, history time.Duration) (start, end time.Time, err error) {
	if end, err = parseTime("--end", h.end, now); err != nil {
		return start, end, err
	}
	if start, err = parseTime("--start", h.start, end.Add(-history)); err != nil {
		return start, end, err
	}
	if !start.Before(end) {
		err = fmt.Errorf("--start: %s is not before the end, %s", start.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	return start, end, err
}

// source returns the Prometheus of the configuration. An embedded one is asked where a running forethought serves it.
func (h *histories) source(c *config.Config) (*prom.Source, error) {
	o := prom.Options{Log: h.log, UserAgent: "forethought/" + version}
	if c.Embedded != nil {
		o.URL = "http://" + c.Embedded.ListenAddress
	} else {
		o.URL, o.HTTP, o.Timeout = c.Prometheus.URL, c.Prometheus.HTTPConfig, time.Duration(c.Prometheus.Timeout)
		o.MaxPoints, o.Concurrency = c.Prometheus.MaxPoints, c.Prometheus.Concurrency
	}
	return prom.New(o)
}

// exclude makes missing, in y on q's grid, what is below zero, what the fleet's calendar excludes, and what was observed while one of its
// excluding expressions had a value other than 0: no method learns from it, and none is judged by it.
func exclude(ctx context.Context, source series.Source, q series.Query, f loop.FleetOptions, y series.Series) error {
	for i, v := range y.Values {
		if v < 0 || f.Excluded != nil && f.Excluded(y.TimeAt(i)) {
			y.Values[i] = math.NaN()
		}
	}
	for _, expr := range f.Exclude {
		q.Expr = expr
		windows, err := source.Range(ctx, q)
		if err != nil {
			return err
		}
		for _, w := range windows {
			for i, v := range w.Values {
				if v != 0 && !math.IsNaN(v) {
					y.Values[i] = math.NaN()
				}
			}
		}
	}
	return nil
}

// parseTime reads a time as promtool does: RFC 3339 or Unix seconds.
func parseTime(flag, s string, otherwise time.Time) (time.Time, error) {
	if s == "" {
		return otherwise.UTC(), nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1e11 {
		return time.UnixMilli(int64(f * 1000)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%s=%s: want a time such as 2026-01-31T08:00:00Z, or Unix seconds", flag, s)
	}
	return t.UTC(), nil
}
