package accuracy_test

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/ridge"
	"github.com/forethought-autoscaler/forethought/forecast/selection"
	"github.com/forethought-autoscaler/forethought/series"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// members returns the methods that the product combines by default.
func members(horizon int) []forecast.Method {
	return []forecast.Method{
		naive.Last{},
		naive.Smooth{},
		naive.Seasonal{Period: day},
		naive.Seasonal{Period: week},
		ridge.Method{Horizon: horizon},
		ridge.Method{Horizon: horizon, Log: true},
	}
}

// auto returns the product's default selection.
func auto(horizon int) selection.Auto {
	return selection.Auto{
		Methods: members(horizon), Fallback: naive.Last{}, Benchmarks: []string{"snaive-week", "snaive-day"}, Horizon: horizon,
	}
}

// readTrace reads column col of a gzipped CSV file of demand.
func readTrace(t testing.TB, file, col string) series.Series {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set")
	}
	f, err := os.Open(filepath.Join(dir, "demand", file))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c := -1
	for i, h := range records[0] {
		if h == col {
			c = i
		}
	}
	if c < 0 {
		t.Fatalf("%s has no column %s", file, col)
	}
	y := series.Series{Key: series.Key(strings.TrimSuffix(file, ".csv.gz") + ":" + col)}
	t0, _ := strconv.ParseInt(records[1][0], 10, 64)
	t1, _ := strconv.ParseInt(records[2][0], 10, 64)
	y.Start, y.Step = time.Unix(t0, 0).UTC(), time.Duration(t1-t0)*time.Second
	for _, r := range records[1:] {
		v, err := strconv.ParseFloat(r[c], 64)
		if err != nil {
			v = math.NaN()
		}
		y.Values = append(y.Values, v)
	}
	return y
}

// TestAutoOnTraces holds the selection to the benchmarks on real demand, in few origins for speed.
func TestAutoOnTraces(t *testing.T) {
	f := func(file, column string) {
		t.Helper()
		y := readTrace(t, file, column)
		h := int((2*time.Hour + y.Step - 1) / y.Step)
		rows, err := accuracy.Evaluate(t.Context(), y, accuracy.Options{
			Methods: append(members(h), auto(h)), Last: "last", Seasonal: []string{"snaive-day", "snaive-week"},
			Horizons: []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour}, Origins: 16, Refit: 9 * day,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Method != "auto" {
				continue
			}
			if r.Scaled > 1.05 || r.SkillVsLast < -0.1 || r.Coverage80 < 0.6 {
				t.Errorf("%s up to %s: scaled %.3f, skill against last %.3f, coverage %.3f", y.Key, r.Horizon, r.Scaled, r.SkillVsLast, r.Coverage80)
			}
		}
	}
	f("azurevm_2019_5m.csv.gz", "cpu_usage")
	f("nab_nyctaxi_30m.csv.gz", "passengers")
	f("ipsc_nodes_5m.csv.gz", "cpu_total")
}

// In the trace of NASA's web server 3.4 days were not collected and the server was off for a hurricane from 1 to 3 August 1995. Neither
// the days after nor the week after is forecast at zero.
func TestNASAOutage(t *testing.T) {
	y := readTrace(t, "nasa_http_1m.csv.gz", "requests")
	f := func(at time.Time) {
		t.Helper()
		n := y.Index(at)
		model, err := auto(120).Fit(t.Context(), y.Slice(n-28*1440, n))
		if err != nil {
			t.Fatal(err)
		}
		var said, came float64
		for k, d := range model.Forecast(120).Steps {
			said += d.Quantile(0.5)
			came += y.Values[n+k]
		}
		if said < 0.6*came || said > 1.7*came {
			t.Errorf("at %s: medians sum up to %.0f, and %.0f came", at, said, came)
		}
	}
	for _, d := range []int{4, 9} {
		f(time.Date(1995, 8, d, 14, 0, 0, 0, time.UTC))
	}
}
