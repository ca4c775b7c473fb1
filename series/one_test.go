package series_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// canned is a Source with one answer.
type canned struct {
	series []series.Series
	err    error
}

func (c canned) Range(context.Context, series.Query) ([]series.Series, error) { return c.series, c.err }

// labelled returns a series as a source returns it.
func labelled(key series.Key, values ...float64) series.Series {
	return series.Series{Key: key, Start: at(0), Step: time.Minute, Values: values}
}

var demand = series.Query{Key: "web", Unit: series.Cores, Expr: "sum(x)", Start: at(0), End: at(120), Step: time.Minute}

func TestOneNamesTheSeriesAfterTheQuery(t *testing.T) {
	got, err := series.One(context.Background(), canned{series: []series.Series{labelled(`{pool="a"}`, 1, math.NaN(), 3)}}, demand)
	if err != nil {
		t.Fatal(err)
	}
	if got.Key != "web" || got.Unit != series.Cores || !sameAll(got.Values, []float64{1, math.NaN(), 3}) {
		t.Errorf("One = %+v", got)
	}
}

func TestOneTakesInfiniteAsMissing(t *testing.T) {
	got, err := series.One(context.Background(), canned{series: []series.Series{labelled("x", math.Inf(1), math.Inf(-1), 3)}}, demand)
	if err != nil || !sameAll(got.Values, []float64{math.NaN(), math.NaN(), 3}) {
		t.Errorf("One = %v, %v", got.Values, err)
	}
}

func TestOneErrors(t *testing.T) {
	f := func(src canned, want error, text string) {
		t.Helper()
		_, err := series.One(context.Background(), src, demand)
		if !errors.Is(err, want) {
			t.Errorf("One = %v, want %v", err, want)
		} else if err.Error() != text {
			t.Errorf("One = %q, want %q", err, text)
		}
	}
	down := errors.New("connection refused")
	f(canned{}, series.ErrNoSeries, "query returned no series: sum(x)")
	f(canned{series: []series.Series{labelled("x", math.NaN(), math.NaN())}}, series.ErrOnlyMissing,
		"query returned only missing values (NaN, infinite or negative): sum(x)")
	f(canned{series: []series.Series{labelled("x", math.Inf(1))}}, series.ErrOnlyMissing, "query returned only missing values (NaN, infinite or negative): sum(x)")
	f(canned{series: []series.Series{labelled("x")}}, series.ErrOnlyMissing, "query returned only missing values (NaN, infinite or negative): sum(x)")
	f(canned{err: down}, down, "connection refused")
}

func TestOneOfSeveralNamesThem(t *testing.T) {
	f := func(n int, want string) {
		t.Helper()
		var src canned
		for i := range n {
			src.series = append(src.series, labelled(series.Key(`{pool="`+string(rune('a'+i))+`"}`), 1))
		}
		_, err := series.One(context.Background(), src, demand)
		var many *series.ManyError
		if !errors.As(err, &many) || len(many.Labels) != n || many.Expr != demand.Expr {
			t.Fatalf("One = %v, want a ManyError of %d series", err, n)
		}
		if err.Error() != want {
			t.Errorf("error is\n%s, want\n%s", err, want)
		}
	}
	f(2, `query "sum(x)" returned 2 series, want one: {pool="a"}, {pool="b"}; aggregate it, for example with sum(...)`)
	f(7, `query "sum(x)" returned 7 series, want one: {pool="a"}, {pool="b"}, {pool="c"}, {pool="d"}, {pool="e"} and 2 more;`+
		` aggregate it, for example with sum(...)`)
}

func TestOnePassesAPartialErrorOn(t *testing.T) {
	why := errors.New("502: Bad Gateway")
	partial := &series.PartialError{Missing: []series.Interval{{Start: at(0), End: at(60)}}, Err: why}
	f := func(src canned, present int) {
		t.Helper()
		got, err := series.One(context.Background(), src, demand)
		var as *series.PartialError
		if !errors.As(err, &as) || !errors.Is(err, why) {
			t.Errorf("One = %v, want the PartialError", err)
		}
		if got.Present() != present {
			t.Errorf("One returned %v, want %d values", got.Values, present)
		}
	}
	f(canned{series: []series.Series{labelled("x", math.NaN(), 1, 2)}, err: partial}, 2)
	f(canned{series: []series.Series{labelled("x", math.NaN())}, err: partial}, 0) // the failure says more than ErrOnlyMissing
	f(canned{err: partial}, 0)
	const text = "read only a part: 1 sub-ranges missing, first 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z: 502: Bad Gateway"
	if partial.Error() != text {
		t.Errorf("error is %q, want %q", partial, text)
	}
	if got := (&series.PartialError{Err: why}).Error(); got != "read only a part: 502: Bad Gateway" {
		t.Errorf("error without intervals is %q", got)
	}
}
