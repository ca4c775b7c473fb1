package mstl

import (
	"math"
	"testing"
)

// The references are made by this R program (R 4.2.2, forecast 8.20), which computes the same series as history:
//
//	library(forecast)
//	y <- function(n) { s <- 7; u <- numeric(n); for (i in 1:n) { s <- (16807*s) %% 2147483647; u[i] <- s/2147483647 }
//	  t <- 0:(n-1); 100 + 0.02*t + 20*sin(2*pi*t/24) + 10*cos(2*pi*t/168) + 6*sin(2*pi*t/12+1) + 8*(u-0.5) }
//	show <- function(x) cat(formatC(x, digits=15, format="g"), sep=", ", "\n")
//	at <- c(1,2,13,100,399,500,698,700)
//	x <- y(701); f <- stl(ts(x, frequency=24), s.window=11)$time.series; show(f[at,"seasonal"]); show(f[at,"trend"])
//	x[100] <- x[100]+200; x[390] <- 0
//	f <- stl(ts(x, frequency=24), s.window=11, robust=TRUE)$time.series; show(f[at,"seasonal"]); show(f[at,"trend"])
//	f <- stl(ts(y(49), frequency=24), s.window=11)$time.series; show(f[c(1,2,13,35,49),"seasonal"])
//	x <- y(851); at <- c(1,2,13,100,399,500,848,850)
//	m <- mstl(msts(x, c(24,168))); show(m[at,"Seasonal24"]); show(m[at,"Seasonal168"])
//	m <- mstl(msts(x, c(24,168)), robust=TRUE); show(m[at,"Seasonal24"]); show(m[at,"Seasonal168"])
//	show(stlf(msts(x, c(24,168)), method="naive", h=200)$mean[c(1,2,24,25,100,168,169,200)])
//	show(stlf(msts(x, c(24,168)), method="ets", h=48)$mean[c(1,2,24,48)])
//
// The lengths are odd because the median of an even number of residuals is not quite one in R's stl, whose partial sort expects its two
// places in the other order.

// history returns n hours with a trend, a day, half a day, a week and noise.
func history(n int) []float64 {
	y := make([]float64, n)
	s := int64(7)
	for i := range y {
		s = 16807 * s % 2147483647
		t := float64(i)
		y[i] = 100 + 0.02*t + 20*math.Sin(2*math.Pi*t/24) + 10*math.Cos(2*math.Pi*t/168) + 6*math.Sin(2*math.Pi*t/12+1) +
			8*(float64(s)/2147483647-0.5)
	}
	return y
}

// near fails the test where got at the places, counted from 1, is not want.
func near(t *testing.T, got []float64, places []int, want ...float64) {
	t.Helper()
	for i, k := range places {
		if math.Abs(got[k-1]-want[i]) > 1e-10 {
			t.Errorf("at %d is %.12f, want %.12f", k, got[k-1], want[i])
		}
	}
}

func TestSTLAgainstR(t *testing.T) {
	f := func(y []float64, robust bool) (season, trend []float64) {
		season, trend = make([]float64, len(y)), make([]float64, len(y))
		newSTL(len(y), 24, 11).decompose(y, nil, robust, season, trend)
		return season, trend
	}
	at := []int{1, 2, 13, 100, 399, 500, 698, 700}
	y := history(701)
	season, trend := f(y, false)
	near(t, season, at, 6.54132741792244, 12.2573439949639, 4.70746695180971, 17.7542487199257, -4.87795951814372, -25.4308356534167,
		10.210731732806, 15.5409446674653)
	near(t, trend, at, 110.464563069653, 110.362509601336, 109.129455893272, 93.8019584649145, 101.481588426021, 119.297891324109,
		121.148015290936, 121.00633227431)
	y[99], y[389] = y[99]+200, 0
	season, trend = f(y, true)
	near(t, season, at, 7.58308355590827, 12.5587476012227, 4.77453393094775, 17.0115847223817, -4.79113087764926, -24.8148557484802,
		10.0802084531978, 15.4224486145701)
	near(t, trend, at, 111.469012424478, 111.307133862089, 109.450201262532, 93.8143286788069, 101.529227867255, 119.197349735037,
		121.696945205902, 121.618974428816)
	season, _ = f(history(49), false)
	near(t, season, []int{1, 2, 13, 35, 49}, 5.34143894229496, 13.7250622453566, 5.85229596117362, 8.95672816642682, 5.55668330921726)
}

func TestMSTLAgainstR(t *testing.T) {
	at := []int{1, 2, 13, 100, 399, 500, 848, 850}
	f := func(robust bool, day, week []float64) {
		t.Helper()
		seasons, err := decompose(t.Context(), history(851), []int{24, 168}, robust)
		if err != nil {
			t.Fatal(err)
		}
		near(t, seasons[0], at, day...)
		near(t, seasons[1], at, week...)
	}
	f(false,
		[]float64{
			6.67164266645151, 12.4238879919361, 4.85947896507131, 17.8237049862247, -4.92863829337597, -25.2179764243475,
			13.6148809846303, 11.46776869542,
		},
		[]float64{
			9.72981590736557, 10.235454195074, 8.25180469973277, -8.90863007433467, -6.44820279256529, 9.69782028471978,
			10.300986489504, 10.3247638251968,
		})
	f(true,
		[]float64{
			7.50619615605928, 12.8388641238843, 5.03826456977089, 17.5374726688044, -4.49420283934411, -24.8857421267877,
			13.6375047256781, 11.9711893204444,
		},
		[]float64{
			11.2506042701358, 10.5356001605462, 8.12373668997007, -8.63558348243841, -5.85171233522814, 9.21814426418732,
			10.2450378269726, 9.99958205524831,
		})
}

// What weighs nothing has no influence, and weights of one are those of no weights.
func TestMaskedObservationsHaveNoInfluence(t *testing.T) {
	const n, period = 700, 24
	y := history(n)
	ones, mask := make([]float64, n), make([]float64, n)
	for i := range y {
		ones[i] = 1
		if i%17 != 3 && (i < 300 || i > 330) {
			mask[i] = 1
		}
	}
	f := func(y, w []float64, robust bool) []float64 {
		season, trend := make([]float64, n), make([]float64, n)
		newSTL(n, period, 11).decompose(y, w, robust, season, trend)
		return append(season, trend...)
	}
	same := func(a, b []float64) {
		t.Helper()
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-9 {
				t.Fatalf("component %d is %v, want %v", i, b[i], a[i])
			}
		}
	}
	same(f(y, nil, false), f(y, ones, false))
	same(f(y, nil, true), f(y, ones, true))
	junk := make([]float64, n)
	for i, v := range y {
		junk[i] = v
		if mask[i] == 0 {
			junk[i] = -1e4
		}
	}
	same(f(y, mask, false), f(junk, mask, false))
	same(f(y, mask, true), f(junk, mask, true))
	whole, masked := f(y, nil, false), f(y, mask, false)
	for i, v := range whole[:n] {
		if math.Abs(v-masked[i]) > 4 {
			t.Errorf("season at %d is %v with gaps, %v without", i, masked[i], v)
		}
	}
}

// A loess of degree one reproduces a line, whatever the weights, and one of degree zero a constant.
func TestLoessReproducesPolynomials(t *testing.T) {
	f := func(n, window, degree int, slope float64, w []float64) {
		t.Helper()
		y, wy, out := make([]float64, n), make([]float64, len(w)), make([]float64, n)
		for i := range y {
			y[i] = 3 + slope*float64(i)
		}
		multiply(w, y, wy)
		l := newLoess(n, window, degree)
		l.smooth(y, w, wy, out)
		for i := range y {
			if math.Abs(out[i]-y[i]) > 1e-9 {
				t.Errorf("n %d, window %d: at %d is %v, want %v", n, window, i, out[i], y[i])
			}
		}
	}
	w := make([]float64, 100)
	for i := range w {
		w[i] = float64(i % 3)
	}
	for _, window := range []int{3, 5, 11, 25, 99, 101, 351} {
		f(100, window, 1, 0.5, nil)
		f(100, window, 0, 0, nil)
		f(100, max(window, 7), 1, 0.5, w)
		f(2, window, 0, 0, nil)
	}
}

func TestMedian(t *testing.T) {
	f := func(want float64, v ...float64) {
		t.Helper()
		if got := median(v); got != want {
			t.Errorf("median %v, want %v", got, want)
		}
	}
	f(3, 3)
	f(2, 3, 1)
	f(3, 5, 3, 1)
	f(2, 2, 2, 2, 2)
	f(4.5, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
	f(5, 1, 9, 9, 9, 1, 5, 1)
}

func TestFill(t *testing.T) {
	f := func(y, mask []float64, want ...float64) {
		t.Helper()
		fill(y, mask)
		for i := range y {
			if y[i] != want[i] {
				t.Errorf("fill gives %v, want %v", y, want)
			}
		}
	}
	nan := math.NaN()
	f([]float64{1, 2}, nil, 1, 2)
	f([]float64{1, nan, nan, 4}, []float64{1, 0, 0, 1}, 1, 2, 3, 4)
	f([]float64{nan, nan, 5, nan, 7, nan}, []float64{0, 0, 1, 0, 1, 0}, 5, 5, 5, 6, 7, 7)
}

func BenchmarkDecompose(b *testing.B) {
	f := func(name string, n int, periods []int, missing, robust bool) {
		b.Run(name, func(b *testing.B) {
			y := history(n)
			if missing {
				y[n/2] = math.NaN()
			}
			for b.Loop() {
				if _, err := decompose(b.Context(), y, periods, robust); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("850", 850, []int{24, 168}, false, false)
	f("6048", 6048, []int{288, 2016}, false, false)
	f("6048 missing", 6048, []int{288, 2016}, true, false)
	f("6048 robust", 6048, []int{288, 2016}, false, true)
	f("40320", 40320, []int{1440, 10080}, false, false)
}
