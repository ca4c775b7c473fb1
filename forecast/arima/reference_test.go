package arima_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

// The references are R's, with y <- hourly(200) and r <- remainder(200):
// f <- forecast(Arima(x, order, seasonal, include.mean or include.drift, method="ML", optim.control=list(reltol=1e-14, maxit=500)),
// h=48, level=80); k <- c(1,10,25,48); f$mean[k]; ((f$upper-f$mean)/qnorm(0.9))[k].
func TestForecastsAgreeWithR(t *testing.T) {
	f := func(m forecast.Method, y series.Series, tolerance float64, want [4]float64, deviation [4]float64) {
		t.Helper()
		steps := methodtest.Fit(t, m, y).Forecast(48).Steps
		for i, k := range []int{1, 10, 25, 48} {
			d := steps[k-1]
			mean, sd := d.Quantile(0.5), d.Quantile(0.5+0.3413447460685429)-d.Quantile(0.5)
			if math.Abs(mean-want[i]) > tolerance*deviation[i] || math.Abs(sd-deviation[i]) > tolerance*deviation[i] {
				t.Errorf("%s step %d: mean %.7f and deviation %.7f, want %.7f and %.7f", m.Name(), k, mean, sd, want[i], deviation[i])
			}
		}
	}
	r, y := remainder(200), hourly(200)
	f(arima.Method{P: 1, Q: 1, Constant: true, Signed: true}, r, 1e-4,
		[4]float64{0.6526102, 0.0704818, -0.0023378, -0.0043323}, [4]float64{0.2895913, 0.4764450, 0.4784136, 0.4784150})
	f(arima.Method{P: 2, D: 1, Constant: true, Signed: true}, r, 1e-3,
		[4]float64{0.8485891, 0.8760761, 0.9751868, 1.1271350}, [4]float64{0.2989674, 0.7664026, 1.1836434, 1.6274524})
	f(arima.Method{P: 1, Q: 1, SeasonalD: 1, SeasonalQ: 1, Period: day, Constant: true}, y, 1e-3,
		[4]float64{122.0021143, 63.1571508, 120.4185731, 120.4160831}, [4]float64{1.2937547, 1.7979436, 1.8077032, 1.8161631})
	f(arima.Method{P: 1, SeasonalP: 1, SeasonalD: 1, Period: day}, y, 1e-3,
		[4]float64{121.3178034, 62.4133868, 119.4596086, 121.4081705}, [4]float64{1.4327497, 1.9573598, 2.0565472, 2.1384838})
	for _, i := range []int{20, 57, 58, 59, 130, 131, 199} {
		r.Values[i-1], y.Values[i-1] = math.NaN(), math.NaN()
	}
	f(arima.Method{P: 1, Q: 1, Constant: true, Signed: true}, r, 1e-4,
		[4]float64{0.6515902, 0.0745650, -0.0030001, -0.0053788}, [4]float64{0.2876201, 0.4765455, 0.4788153, 0.4788173})
	f(arima.Method{D: 1, Q: 2, Signed: true}, r, 1e-3,
		[4]float64{0.8154206, 0.8123486, 0.8123486, 0.8123486}, [4]float64{0.2965774, 0.7087922, 1.0719638, 1.4631282})
	f(arima.Method{P: 1, SeasonalD: 1, SeasonalQ: 1, Period: 24 * time.Hour}, y, 1e-3,
		[4]float64{122.0340436, 63.1301127, 120.2963852, 120.1845396}, [4]float64{1.2745881, 1.7547429, 1.7592194, 1.7500599})
}
