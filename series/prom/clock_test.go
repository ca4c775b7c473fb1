package prom

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/forethought-autoscaler/forethought/series"
)

func TestTheServersClockIsComparedWithOurs(t *testing.T) {
	f := func(date string, known bool, want float64) {
		t.Helper()
		m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
			w.Header()["Date"] = nil
			if date != "" {
				w.Header().Set("Date", date)
			}
			return false
		}})
		reg := prometheus.NewRegistry()
		at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		src, err := New(Options{URL: m.URL, Registerer: reg, Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		q := series.Query{Expr: "up", Start: at.Add(-time.Minute), End: at, Step: time.Minute}
		if _, err = src.Range(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		n, err := testutil.GatherAndCount(reg, "forethought_source_clock_offset_seconds")
		if err != nil || (n == 1) != known {
			t.Fatalf("%q: %d values of the offset, %v", date, n, err)
		}
		if got := testutil.ToFloat64(src.metrics.offset.WithLabelValues()); known && math.Abs(got-want) > 0.01 {
			t.Errorf("%q: offset %v, want %v", date, got, want)
		}
	}
	f("Mon, 02 Mar 2026 09:00:00 GMT", true, 0.5)
	f("Mon, 02 Mar 2026 09:01:30 GMT", true, 90.5)
	f("Mon, 02 Mar 2026 08:59:00 GMT", true, -59.5)
	f("", false, 0)
	f("yesterday", false, 0)
}

// An answer out of a cache is of an earlier time, and one that says no may be from something else than the server.
func TestOnlyTheServersOwnAnswersTellItsClock(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	status, age := http.StatusOK, ""
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
		w.Header().Set("Date", at.Add(-time.Hour).Format(http.TimeFormat))
		if age != "" {
			w.Header().Set("Age", age)
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			return true
		}
		return false
	}})
	src, err := New(Options{URL: m.URL, Now: func() time.Time { return at }, MaxClockOffset: 30 * time.Second, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	q := series.Query{Expr: "up", Start: at.Add(-time.Minute), End: at, Step: time.Minute}
	age = "3600"
	if _, err = src.Range(t.Context(), q); err != nil || src.Skewed() != nil {
		t.Errorf("a cached answer: %v, skewed %v", err, src.Skewed())
	}
	age, status = "", http.StatusServiceUnavailable
	if _, err = src.Range(t.Context(), q); err == nil || src.Skewed() != nil {
		t.Errorf("an answer that says no: %v, skewed %v", err, src.Skewed())
	}
	status = http.StatusOK
	if _, err = src.Range(t.Context(), q); err == nil || src.Skewed() == nil {
		t.Errorf("the server's own answer: %v, skewed %v", err, src.Skewed())
	}
}

func TestAServerWithAnotherClockIsRefused(t *testing.T) {
	date := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	m := serve(t, &mock{intro: func(w http.ResponseWriter, _ *http.Request, _ asked) bool {
		w.Header().Set("Date", date.Format(http.TimeFormat))
		return false
	}})
	var at time.Time
	src, err := New(Options{URL: m.URL, Now: func() time.Time { return at }, MaxClockOffset: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	f := func(ours time.Duration, want string) {
		t.Helper()
		at = date.Add(ours)
		_, err := src.Range(t.Context(), series.Query{Expr: "up", Start: at.Add(-time.Minute), End: at, Step: time.Minute})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ours is moved by %s: %v, want %q", ours, err, want)
		}
		if skewed := src.Skewed(); (skewed == nil) != (want == "") {
			t.Errorf("ours is moved by %s: the source says %v", ours, skewed)
		}
	}
	f(90*time.Second, "our clock is 1m29s ahead of that of "+m.URL+"; allowed: at most 30s")
	f(-90*time.Second, "our clock is 1m30s behind that of "+m.URL)
	f(30*time.Second, "")
	f(-30*time.Second, "")
	f(31*time.Second, "") // the date is cut to a second
	f(32*time.Second, "ahead of")
	f(-31*time.Second, "behind")
	f(0, "")
}
