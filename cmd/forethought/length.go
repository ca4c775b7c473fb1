package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

// What the flags say that several commands have.
const (
	inputHelp = "CSV, or CSV compressed with gzip: long (series,timestamp,value) or wide (timestamp and one column a series); blank is missing."
	stepHelp  = "Distance of the observations of --input; told from the timestamps where empty. A series of one observation needs it."

	seasonHelp = "Season, in steps or as a duration such as 1d, several separated by commas; found in each history where empty."
)

// length is a distance in time: a number of steps, or a duration.
type length struct {
	n int
	d time.Duration
}

// parseLength reads a number of steps or a duration in Prometheus' form, above zero.
func parseLength(s string) (length, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 {
			return length{}, fmt.Errorf("want at least 1 step")
		}
		return length{n: n}, nil
	}
	d, err := model.ParseDuration(s)
	if err != nil || d <= 0 {
		return length{}, fmt.Errorf("%q is not a number of steps, nor a duration such as 30m or 1d", s)
	}
	return length{d: time.Duration(d)}, nil
}

// parseSeasons reads the flag --season, shortest first.
func parseSeasons(s string) ([]length, error) {
	var out []length
	for _, word := range splitList(s) {
		l, err := parseLength(word)
		if err == nil && l.n == 1 {
			err = fmt.Errorf("a season has at least 2 steps")
		}
		if err != nil {
			return nil, fmt.Errorf("--season=%s: %w", s, err)
		}
		out = append(out, l)
	}
	return out, nil
}

// steps returns the length in steps, rounded up.
func (l length) steps(step time.Duration) int {
	if l.n > 0 {
		return l.n
	}
	return int((l.d + step - 1) / step)
}

// span returns the length as a duration.
func (l length) span(step time.Duration) time.Duration {
	if l.n > 0 {
		return time.Duration(l.n) * step
	}
	return l.d
}

// spans returns lengths as durations, ascending, each once.
func spans(all []length, step time.Duration) []time.Duration {
	var out []time.Duration
	for _, l := range all {
		out = append(out, l.span(step))
	}
	slices.SortFunc(out, cmp.Compare)
	return slices.Compact(out)
}
