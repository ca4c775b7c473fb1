package series

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// ErrNoSeries says that a query ran and matched nothing.
var ErrNoSeries = errors.New("query returned no series")

// ErrOnlyMissing says that a query matched a series without one usable observation in the range.
var ErrOnlyMissing = errors.New("query returned only missing values (NaN, infinite or negative)")

// ManyError says that a query that must describe one demand returned several series.
type ManyError struct {
	Expr string
	// Labels holds each series as the source prints it, for example {pool="a"}.
	Labels []string
}

// Error names the series, at most five of them.
func (e *ManyError) Error() string {
	shown := e.Labels
	rest := ""
	if len(shown) > 5 {
		rest = fmt.Sprintf(" and %d more", len(shown)-5)
		shown = shown[:5]
	}
	return fmt.Sprintf("query %q returned %d series, want one: %s%s; aggregate it, for example with sum(...)",
		e.Expr, len(e.Labels), strings.Join(shown, ", "), rest)
}

// PartialError says that parts of a range could not be read; the values returned beside it are NaN there.
type PartialError struct {
	// Missing lists the unread sub-ranges, in order.
	Missing []Interval
	// Err is the first failure.
	Err error
}

// Interval is a closed time range.
type Interval struct{ Start, End time.Time }

// Error says how much is missing and why.
func (e *PartialError) Error() string {
	if len(e.Missing) == 0 {
		return fmt.Sprintf("read only a part: %v", e.Err)
	}
	return fmt.Sprintf("read only a part: %d sub-ranges missing, first %s to %s: %v", len(e.Missing),
		e.Missing[0].Start.UTC().Format(time.RFC3339), e.Missing[0].End.UTC().Format(time.RFC3339), e.Err)
}

// Unwrap returns the first failure.
func (e *PartialError) Unwrap() error { return e.Err }

// One reads the single series that q must yield. It returns ErrNoSeries, ErrOnlyMissing or a *ManyError, wrapped with the query, where
// q yields something else. A *PartialError is returned together with what could be read.
func One(ctx context.Context, src Source, q Query) (Series, error) {
	all, err := src.Range(ctx, q)
	var partial *PartialError
	if err != nil && !errors.As(err, &partial) {
		return Series{}, err
	}
	switch {
	case len(all) == 0 && err != nil:
		return Series{}, err
	case len(all) == 0:
		return Series{}, fmt.Errorf("%w: %s", ErrNoSeries, q.Expr)
	case len(all) > 1:
		labels := make([]string, 0, len(all))
		for _, s := range all {
			labels = append(labels, string(s.Key))
		}
		return Series{}, &ManyError{Expr: q.Expr, Labels: labels}
	}
	s := all[0]
	s.Key, s.Unit = q.Key, q.Unit
	for i, v := range s.Values {
		if math.IsInf(v, 0) {
			s.Values[i] = math.NaN()
		}
	}
	if s.Present() == 0 && err == nil {
		return s, fmt.Errorf("%w: %s", ErrOnlyMissing, q.Expr)
	}
	return s, err
}
