package theta_test

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/naive"
	"github.com/forethought-autoscaler/forethought/forecast/theta"
	"github.com/forethought-autoscaler/forethought/series"
)

// m4 returns every stride-th series of the training part of M4 hourly.
func m4(t *testing.T, stride int) []series.Series {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set")
	}
	f, err := os.Open(filepath.Join(dir, "m4", "hourly_train.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.ReuseRecord = true
	var all []series.Series
	if _, err := r.Read(); err != nil { // the header
		t.Fatal(err)
	}
	for row, err := r.Read(); err == nil; row, err = r.Read() {
		if n := len(all); n == 0 || string(all[n-1].Key) != row[0] {
			all = append(all, series.Series{Key: series.Key(append([]byte(nil), row[0]...)), Start: start, Step: time.Hour})
		}
		v, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		last := &all[len(all)-1]
		last.Values = append(last.Values, v)
	}
	var out []series.Series
	for i := 0; i < len(all); i += stride {
		out = append(out, all[i])
	}
	return out
}

// mase returns the mean absolute scaled error (FPP3, section 5.8) of the medians over the last 48 hours of y, on which m is not fitted.
func mase(t *testing.T, m forecast.Method, y series.Series) float64 {
	t.Helper()
	const h, season = 48, 24
	n := y.Len() - h
	var scale, sum float64
	for i := season; i < n; i++ {
		scale += math.Abs(y.Values[i]-y.Values[i-season]) / float64(n-season)
	}
	for k, d := range methodtest.Fit(t, m, y.Slice(0, n)).Forecast(h).Steps {
		sum += math.Abs(y.Values[n+k]-d.Quantile(0.5)) / h
	}
	return sum / scale
}

// On the end of the training part, Theta is better than the last value by far.
func TestM4(t *testing.T) {
	const stride = 23
	all := m4(t, stride)
	mean := func(m forecast.Method) float64 {
		var sum float64
		for _, y := range all {
			sum += mase(t, m, y) / float64(len(all))
		}
		t.Logf("MASE of %s: %.3f", m.Name(), sum)
		return sum
	}
	mean(naive.Seasonal{Period: day})
	last := mean(naive.Last{})
	for _, optimised := range []bool{false, true} {
		if e := mean(theta.Method{Period: day, Optimised: optimised}); e > 0.5*last {
			t.Errorf("MASE %.3f, of the last value %.3f", e, last)
		}
	}
}
