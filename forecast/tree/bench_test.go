package tree_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/tree"
	"github.com/forethought-autoscaler/forethought/series"
)

// fiveMinutes is n steps of five minutes with a season of a day and one of a week.
func fiveMinutes(n int) series.Series {
	return generate(n, 5*time.Minute, 4, func(i int) float64 {
		return 60 + 40*math.Sin(2*math.Pi*float64(i)/288) + 10*math.Cos(2*math.Pi*float64(i)/2016)
	})
}

// fleet is n series of hours, as many as those of the M4 competition.
func fleet(n int) []series.Series {
	out := make([]series.Series, n)
	for k := range out {
		out[k] = generate(900, time.Hour, 1+float64(k%7), func(i int) float64 {
			return 60 + float64(k) + 40*math.Sin(2*math.Pi*float64(i+k)/24) + 10*math.Cos(2*math.Pi*float64(i)/168)
		})
	}
	return out
}

// Three weeks at five minutes.
func BenchmarkBoostFit(b *testing.B) {
	y := fiveMinutes(6048)
	for b.Loop() {
		if _, err := (tree.Boost{Horizon: 24}).Fit(b.Context(), y); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkForestFit(b *testing.B) {
	y := fiveMinutes(6048)
	for b.Loop() {
		if _, err := (tree.QuantileForest{Horizon: 24}).Fit(b.Context(), y); err != nil {
			b.Fatal(err)
		}
	}
}

// Forecasts of 48 steps by what was learned from a pool of 414 series.
func BenchmarkPooledForecast(b *testing.B) {
	ys := fleet(414)
	model, err := pool(b, tree.Boost{Horizon: 48}, ys...).Fit(b.Context(), ys[0])
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		model.Forecast(48)
	}
}

// The size of the tabular comparison with scikit-learn and XGBoost.
func BenchmarkRegressor(b *testing.B) {
	g := lcg(1)
	const rows = 149000
	x, y := make([][]float64, rows), make([]float64, rows)
	for i := range x {
		v := make([]float64, 20)
		for j := range v {
			v[j] = g.next()
		}
		x[i] = v
		y[i] = 10*math.Sin(math.Pi*v[0]*v[1]) + 20*(v[2]-0.5)*(v[2]-0.5) + 10*v[3] + 5*v[4] + 2*g.next()
	}
	for b.Loop() {
		if _, err := (tree.Regressor{Probability: 0.5, Trees: 300, Leaves: 63, Rate: 0.07}).Fit(b.Context(), x, y); err != nil {
			b.Fatal(err)
		}
	}
}
