package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb"

	"github.com/forethought-autoscaler/forethought/series"
)

func identity(i int) float64 { return float64(i) }

func TestBackfillIsQueryableAtOnceAndSurvives(t *testing.T) {
	path := t.TempDir()
	const n = 5 * 24 * 60
	check := func(s *Server) {
		t.Helper()
		client := serve(t, s)
		if got := at(t, client, "x", noon); got != n-1 {
			t.Errorf("latest is %v, want %v", got, n-1)
		}
		if got := at(t, client, "count_over_time(x[6d])", noon); got != n {
			t.Errorf("%v samples are stored, want %v", got, n)
		}
		if got := at(t, client, "x offset 3d", noon); got != n-1-3*24*60 {
			t.Errorf("three days before: %v", got)
		}
		if got, ok := s.Latest(); !ok || got.Sub(noon) > time.Millisecond {
			t.Errorf("Latest is %v, %v", got, ok)
		}
	}
	s := open(t, Options{Path: path})
	if _, ok := s.Latest(); ok {
		t.Error("an empty store has a latest sample")
	}
	backfill(t, s, "x", points(n, identity))
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Path: path}))
	if left, err := filepath.Glob(filepath.Join(path, "*tmp*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBackfillOfManySeries(t *testing.T) {
	s := open(t, Options{})
	var hs []History
	for k := range 20 {
		h := points(6*24*60, func(i int) float64 { return float64(i * k) })
		h = h.Slice(1000*(k%3), h.Len()-500*(k%2)) // They begin and end at different times.
		hs = append(hs, History{Labels: map[string]string{"__name__": "x", "fleet": strconv.Itoa(k)}, Series: h})
	}
	if err := s.Backfill(t.Context(), hs); err != nil {
		t.Fatal(err)
	}
	client := serve(t, s)
	for k, h := range hs {
		if got := at(t, client, fmt.Sprintf(`count_over_time(x{fleet="%d"}[7d])`, k), noon); got != float64(h.Series.Len()) {
			t.Errorf("%v samples of series %d, want %d", got, k, h.Series.Len())
		}
		if got := at(t, client, fmt.Sprintf(`x{fleet="%d"}`, k), h.Series.End()); got != h.Series.At(h.Series.End()) {
			t.Errorf("series %d ends with %v", k, got)
		}
	}
}

func TestBackfillThenAppend(t *testing.T) {
	path := t.TempDir()
	s := open(t, Options{Path: path})
	backfill(t, s, "x", points(3*24*60, identity))
	want := []string{"-1:4318", "0:4319"}
	for i := range 10 {
		add(t, s, "x", noon.Add(time.Duration(i+1)*time.Minute), float64(i))
		want = append(want, fmt.Sprintf("%d:%d", i+1, i))
	}
	if err := s.Append(t.Context(), named("x"), noon, 7); err == nil {
		t.Error("a sample as old as the backfill is accepted, and would be forgotten")
	}
	check := func(s *Server) {
		t.Helper()
		if got := samples(t, serve(t, s), "x", noon.Add(-time.Minute), noon.Add(time.Hour)); !slices.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Path: path}))
}

// The demo does this when it is started again: what it appended live is kept, and its history continues after it.
func TestBackfillAgain(t *testing.T) {
	path := t.TempDir()
	long := points(4*24*60, identity)
	short := long.Slice(0, 3*24*60)
	s := open(t, Options{Path: path})
	backfill(t, s, "x", short)
	backfill(t, s, "x", short)
	if n := len(s.db.Blocks()); n != 2 { // Three days and a part of the 54 hours before.
		t.Errorf("%d blocks after the same backfill twice", n)
	}
	live := short.End().Add(90 * time.Second)
	add(t, s, "x", live, -1)
	add(t, s, "other", live.Add(3*time.Hour), 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Path: path})
	backfill(t, s, "x", long)
	backfill(t, s, "new", long)
	add(t, s, "x", noon.Add(time.Minute), 1)
	check := func(s *Server) {
		t.Helper()
		client := serve(t, s)
		// All of the grid but the point one minute after the short history, which lies before the live sample; that; and the last one.
		if got := at(t, client, "count_over_time(x[5d])", noon.Add(time.Minute)); got != 4*24*60-1+1+1 {
			t.Errorf("%v samples of x", got)
		}
		if got := at(t, client, "count_over_time(new[5d])", noon.Add(time.Minute)); got != 4*24*60 {
			t.Errorf("%v samples of new", got)
		}
		if got := at(t, client, "other", live.Add(3*time.Hour)); got != 5 {
			t.Errorf("the live sample of another series is %v", got)
		}
		want := []string{"-1440:4319", "-1438.5:-1", "-1438:4321"}
		if got := samples(t, client, "x", short.End(), short.End().Add(2*time.Minute)); !slices.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
	}
	check(s)
	if err := s.db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Path: path}))
}

func TestBackfillWhileSamplesAreAppended(t *testing.T) {
	path := t.TempDir()
	s := open(t, Options{Path: path})
	appended := make(chan error)
	const n = 500
	go func() {
		for i := range n {
			if err := s.Append(context.Background(), named("live"), noon.Add(time.Duration(i+1)*time.Second), float64(i)); err != nil {
				appended <- err
				return
			}
		}
		appended <- nil
	}()
	backfill(t, s, "x", points(2*24*60, identity))
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	client := serve(t, open(t, Options{Path: path}))
	if got := at(t, client, "count_over_time(live[1h])", noon.Add(time.Hour-time.Second)); got != n {
		t.Errorf("%v live samples of %d", got, n)
	}
	if got := at(t, client, "count_over_time(x[3d])", noon); got != 2*24*60 {
		t.Errorf("%v samples of the history", got)
	}
}

func TestBackfillGapsStayGaps(t *testing.T) {
	nan := math.NaN()
	f := func(values []float64, want ...string) {
		t.Helper()
		s := open(t, Options{})
		h := points(len(values), func(i int) float64 { return values[i] })
		backfill(t, s, "x", h)
		client := serve(t, s)
		if got := samples(t, client, "x", h.Start, noon); !slices.Equal(got, want) {
			t.Errorf("backfill of %v stores %v, want %v", values, got, want)
		}
		for i, v := range values {
			if got := at(t, client, "x", h.TimeAt(i)); got != v && !(math.IsNaN(got) && math.IsNaN(v)) {
				t.Errorf("backfill of %v: query at point %d yields %v", values, i, got)
			}
		}
	}
	f([]float64{1, 2, 3}, "-2:1", "-1:2", "0:3")
	f([]float64{1, nan, 3}, "-2:1", "0:3")
	f([]float64{1, nan, nan, 0, nan}, "-4:1", "-1:0")
	f([]float64{nan, nan, 5}, "0:5")
	f([]float64{nan, nan, nan})
	f([]float64{-2, 0, math.MaxFloat64}, "-2:-2", "-1:0", "0:1.7976931348623157e+308")
}

func TestBackfillRefuses(t *testing.T) {
	s := open(t, Options{})
	good := History{Labels: named("good"), Series: points(3, identity)}
	f := func(want string, hs ...History) {
		t.Helper()
		err := s.Backfill(t.Context(), append([]History{good}, hs...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Backfill: %v, want %q", err, want)
		}
	}
	f("__name__ is \"\"", History{Labels: map[string]string{"a": "b"}, Series: good.Series})
	f("not valid", History{Labels: map[string]string{"__name__": "x", "a": "\xff"}, Series: good.Series})
	f("step is 0s", History{Labels: named("x"), Series: series.Series{Values: []float64{1}}})
	f("given twice", good)
	f("infinite at 2026-03-10T12:00:00Z", History{Labels: named("x"), Series: points(3, func(i int) float64 { return 1 / float64(2-i) })})
	if _, ok := s.Latest(); ok {
		t.Error("a refused backfill stores something")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backfill(ctx, []History{good}); !errors.Is(err, context.Canceled) {
		t.Errorf("Backfill with a cancelled context: %v", err)
	}
	backfill(t, s, "good", good.Series)
	if got := samples(t, serve(t, s), "good", good.Series.Start, noon); len(got) != 3 {
		t.Errorf("after a cancelled backfill another stores %v", got)
	}
}

func TestRetention(t *testing.T) {
	s := open(t, Options{Retention: 10 * day})
	old := points(24*60, identity)
	old.Start = old.Start.Add(-9 * day)
	backfill(t, s, "x", old)
	backfill(t, s, "y", points(60, identity))
	client := serve(t, s)
	if got := at(t, client, "count_over_time(x[10d])", noon); got != 24*60 {
		t.Errorf("within the retention %v samples are kept", got)
	}
	late := points(60, identity)
	late.Start = late.Start.Add(5 * day)
	backfill(t, s, "y", late)
	if got := at(t, client, "count_over_time(x[10d])", noon); !math.IsNaN(got) {
		t.Errorf("beyond the retention %v samples are kept", got)
	}
	if got := at(t, client, "y", noon); got != 59 {
		t.Errorf("within the retention a sample is %v", got)
	}
}

func TestUnfinishedBackfillIsRemovedAndContinued(t *testing.T) {
	path := t.TempDir()
	if err := os.MkdirAll(filepath.Join(path, scratch, "chunks_head"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Path: path})
	if _, err := os.Stat(filepath.Join(path, scratch)); !os.IsNotExist(err) {
		t.Errorf("the scratch folder of a dead process: %v", err)
	}
	backfill(t, s, "x", points(10, identity))
}

func TestRangesAreThoseOfTheDatabase(t *testing.T) {
	s := open(t, Options{})
	backfill(t, s, "x", points(28*24*60, identity))
	blocks := s.db.BlockMetas()
	if len(blocks) > 14 {
		t.Errorf("28 days are in %d blocks", len(blocks))
	}
	if overlaps := tsdb.OverlappingBlocks(blocks); len(overlaps) > 0 {
		t.Errorf("blocks overlap: %s", overlaps)
	}
}

func BenchmarkBackfill(b *testing.B) {
	// 28 days and 62 days at one minute of 20 series.
	for _, days := range []int{28, 62} {
		b.Run(fmt.Sprintf("%dd", days), func(b *testing.B) {
			hs := make([]History, 20)
			for k := range hs {
				hs[k] = History{
					Labels: map[string]string{"__name__": "demand", "fleet": strconv.Itoa(k)},
					Series: points(days*24*60, func(i int) float64 { return 100 + 50*math.Sin(float64(i*(k+1))/1440) }),
				}
			}
			for b.Loop() {
				s, err := Open(Options{Path: b.TempDir(), Retention: 70 * day})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Backfill(b.Context(), hs); err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
