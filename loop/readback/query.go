package readback

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// prefix is that of every metric that is read back, and what the rest of its name is.
const (
	prefix = "forethought_"

	nameValidUntil  = "decision_valid_until_timestamp_seconds"
	nameChecksum    = "decision_checksum"
	nameState       = "fleet_state"
	nameMode        = "fleet_mode_info"
	nameKilled      = "fleet_kill_switch"
	nameProbability = "fleet_probability"
	nameDemand      = "demand"
	namePending     = "demand_pending"
	nameForecast    = "demand_forecast"
	namePeak        = "demand_forecast_peak"
	nameOrigin      = "forecast_origin_timestamp_seconds"
	nameDesired     = "pool_instances_desired"
	namePlanned     = "pool_instances_planned"
	nameReactive    = "pool_instances_reactive"
	nameInstances   = "pool_instances"
	nameLeadTime    = "pool_lead_time_seconds"
)

var names = []string{
	nameValidUntil, nameChecksum, nameState, nameMode, nameKilled, nameProbability, nameDemand, namePending, nameForecast, namePeak, nameOrigin,
	nameDesired, namePlanned, nameReactive, nameInstances, nameLeadTime,
}

// A page is what one query asks for: at most pageFleets fleets, whose names take up at most pageText bytes. VictoriaMetrics takes queries of
// up to 16 KiB (its flag -search.maxQueryLen).
const (
	pageFleets = 500
	pageText   = 12 << 10
)

// page is one query for everything that is read back of some fleets.
type page struct {
	fleets []string
	expr   string
}

// newPages returns the queries for everything that is read back of the fleets at a time. It returns an error where match cannot stand in
// a selector.
func newPages(fleets []string, match string, at time.Time) ([]page, error) {
	if strings.ContainsAny(match, "{}\n") {
		return nil, fmt.Errorf(`readback: Match is %q, want label matchers without braces, such as cluster="eu"`, match)
	}
	var out []page
	for rest := fleets; len(rest) > 0; {
		n, text := 0, 0
		for n < len(rest) && n < pageFleets && (n == 0 || text+len(quoted(rest[n])) <= pageText) {
			text += len(quoted(rest[n])) + len("|")
			n++
		}
		out = append(out, newPage(rest[:n], match, at))
		rest = rest[n:]
	}
	return out, nil
}

func newPage(fleets []string, match string, at time.Time) page {
	alternatives := make([]string, len(fleets))
	for i, f := range fleets {
		alternatives[i] = quoted(f)
	}
	matchers := fmt.Sprintf(`__name__=~"%s(?:%s)",fleet=~"%s"`, prefix, strings.Join(names, "|"), strings.Join(alternatives, "|"))
	return page{fleets: fleets, expr: selector(matchers, match, at)}
}

// quoted returns a name for an alternative of a regular expression inside a PromQL string.
func quoted(name string) string {
	text := strconv.Quote(regexp.QuoteMeta(name))
	return text[1 : len(text)-1]
}

// selector returns the series as they stand at a time, whenever the query is evaluated.
func selector(matchers, match string, at time.Time) string {
	if match != "" {
		matchers += "," + match
	}
	return fmt.Sprintf("{%s} @ %s", matchers, strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64))
}

// ask evaluates an expression that says itself at which time. Therefore it is asked for at a whole minute: at the points of a finer grid,
// VictoriaMetrics leaves the last 30 seconds out (its flags -search.latencyOffset and -search.maxStepForPointsAdjustment).
func (r *Reader) ask(ctx context.Context, expr string, at time.Time) ([]series.Series, error) {
	minute := series.Align(at, time.Minute)
	found, err := r.opts.Source.Range(ctx, series.Query{Expr: expr, Start: minute, End: minute, Step: time.Minute})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.store, withoutQuery(err, expr))
	}
	return found, nil
}

// withoutQuery returns the outermost error of a chain that does not repeat a query, which may name hundreds of fleets.
func withoutQuery(err error, expr string) error {
	for strings.Contains(err.Error(), strconv.Quote(expr)) && errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

// exported returns every fleet that any exporter exports, sorted.
func (r *Reader) exported(ctx context.Context, at time.Time) ([]string, error) {
	expr := "group by (fleet) (" + selector(fmt.Sprintf("__name__=%q", prefix+nameState), r.opts.Match, at) + ")"
	found, err := r.ask(ctx, expr, at)
	if err != nil {
		return nil, fmt.Errorf("find the fleets that are exported: %w", err)
	}
	var out []string
	parser := newKeys()
	for _, s := range found {
		if k, ok := parser.parse(string(s.Key)); ok && k.fleet != "" && s.Present() > 0 {
			out = append(out, k.fleet)
		}
	}
	slices.Sort(out)
	return out, nil
}
