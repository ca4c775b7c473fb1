package arima_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/series"
)

// sparse returns y without a share of its values, in runs of one to four, as it is where a target is scraped badly.
func sparse(y series.Series, share float64) series.Series {
	missing := int(share * float64(len(y.Values)))
	for i, u := range noise(len(y.Values)) {
		if at := int((u + 0.5) * float64(len(y.Values)-6)); missing > 0 && at > 1 {
			for k := range min(1+i%4, missing) {
				if !math.IsNaN(y.Values[at+k]) {
					y.Values[at+k] = math.NaN()
					missing--
				}
			}
		}
	}
	return y
}

// BenchmarkGaps shows what missing observations cost.
func BenchmarkGaps(b *testing.B) {
	f := func(name string, m forecast.Method, values func(n int) series.Series) {
		for _, n := range []int{850, 1250, 3000} {
			for _, share := range []float64{0, 0.01, 0.05, 0.084} {
				b.Run(fmt.Sprintf("%s/%d/%v", name, n, share), func(b *testing.B) { benchmark(b, m, sparse(values(n), share)) })
			}
		}
	}
	f("seasonal", arima.Auto{Period: day}, hourly)
	f("remainder", arima.Auto{Signed: true}, rough)
}

// rough returns n values around zero that an autoregression of two lags and a moving average of two make.
func rough(n int) series.Series {
	y, e := hourly(n), noise(n)
	for i := range e {
		y.Values[i] = e[i]
		if i > 1 {
			y.Values[i] += 1.3*y.Values[i-1] - 0.5*y.Values[i-2] - 0.6*e[i-1] + 0.3*e[i-2]
		}
	}
	return y
}
