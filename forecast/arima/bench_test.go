package arima_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/series"
)

func benchmark(b *testing.B, m forecast.Method, y series.Series) {
	for b.Loop() {
		if _, err := m.Fit(b.Context(), y); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAutoSeasonal(b *testing.B)  { benchmark(b, arima.Auto{Period: day}, hourly(850)) }
func BenchmarkAutoRemainder(b *testing.B) { benchmark(b, arima.Auto{Signed: true}, remainder(850)) }

func BenchmarkAutoFiveMinutes(b *testing.B) { benchmark(b, arima.Auto{Period: day}, fiveMinutes(6048)) }
func BenchmarkAutoWithGaps(b *testing.B)    { benchmark(b, arima.Auto{Period: day}, gappy(850)) }

// fiveMinutes returns n steps of five minutes with a daily season.
func fiveMinutes(n int) series.Series {
	y := hourly(n)
	y.Step = 5 * time.Minute
	for i := range y.Values {
		y.Values[i] += 20 * math.Sin(2*math.Pi*float64(i)/288)
	}
	return y
}

// gappy returns n hours of which one in fifty is missing.
func gappy(n int) series.Series {
	y := hourly(n)
	for i := 20; i < n-5; i += 50 {
		y.Values[i] = math.NaN()
	}
	return y
}

func BenchmarkUpdateAndForecast(b *testing.B) {
	y := hourly(850)
	m, err := arima.Auto{Period: day}.Fit(b.Context(), y)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		m.Update(y.Values[i%850])
		m.Forecast(24)
		i++
	}
}
