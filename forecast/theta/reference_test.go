package theta_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/forecast/theta"
	"github.com/forethought-autoscaler/forethought/series"
)

// uniform returns n numbers in (0, 1) that R and python compute alike: Park and Miller's generator from 7.
func uniform(n int) []float64 {
	out := make([]float64, n)
	x := 7
	for i := range out {
		x = 16807 * x % 2147483647
		out[i] = float64(x) / 2147483647
	}
	return out
}

// quarters is a trend with a season of four steps and noise.
func quarters() series.Series {
	y := uniform(60)
	for i, u := range y {
		y[i] = (100+0.5*float64(i))*[]float64{1.2, 0.9, 0.8, 1.1}[i%4] + 16*(u-0.5)
	}
	return series.Series{Key: "quarters", Start: start, Step: 6 * time.Hour, Values: y}
}

// walk is a random walk with drift.
func walk() series.Series {
	y := uniform(60)
	level := 80.0
	for i, u := range y {
		level += 5 * (u - 0.4)
		y[i] = level
	}
	return series.Series{Key: "walk", Start: start, Step: time.Hour, Values: y}
}

// agrees checks the mean and the deviation of steps 1, 2, 5 and 10.
func agrees(t *testing.T, m forecast.Method, y series.Series, mean, deviation [4]float64, tolerance float64) {
	t.Helper()
	steps := methodtest.Fit(t, m, y).Forecast(10).Steps
	for i, h := range [4]int{1, 2, 5, 10} {
		c := steps[h-1].Quantile(0.5)
		sd := (steps[h-1].Quantile(0.975) - c) / forecast.NormalQuantile(0.975)
		if math.Abs(c-mean[i]) > tolerance*mean[i] || math.Abs(sd-deviation[i]) > 10*tolerance*deviation[i] {
			t.Errorf("%s of %s: step %d is %.10g with deviation %.10g, want %.10g and %.10g", m.Name(), y.Key, h, c, sd, mean[i], deviation[i])
		}
	}
}

// The values were made by
//
//	library(forecast) # 8.20
//	u <- numeric(60); x <- 7; for (i in 1:60) { x <- (16807*x) %% 2147483647; u[i] <- x/2147483647 }
//	y <- ts((100+0.5*(0:59))*rep(c(1.2,.9,.8,1.1),15) + 16*(u-.5), frequency=4) # then y <- ts(cumsum(u-.4)*5+80)
//	f <- thetaf(y, h=10); i <- c(1,2,5,10)
//	print(f$mean[i], 12); print(((f$upper[,2]-f$mean)/qnorm(.975))[i], 12)
//
// The tolerance is that of R's optimiser, which ends where -2 log L changes by a hundred-millionth.
func TestThetaAsInR(t *testing.T) {
	agrees(t, theta.Method{Period: 24 * time.Hour}, quarters(),
		[4]float64{157.837807424, 115.372411669, 159.001103006, 117.069918511},
		[4]float64{4.90484737515, 5.14904790648, 5.82049774955, 6.79367550751}, 1e-5)
	agrees(t, theta.Method{}, walk(),
		[4]float64{115.518821529, 115.865261546, 116.904581599, 118.636781686},
		[4]float64{1.45348786912, 2.05543947483, 3.24983765467, 4.59591851828}, 1e-5)
}

// The values were made by a program that repeats the paper's recursions literally, minimises the errors from the third on by scipy's
// Nelder-Mead search over level, alpha and theta from fifteen starts, and finds variances by adding one to each observation in turn:
//
//	def recurse(y, l0, a, th, h):
//	    n, l, e, out = len(y), l0, [], []
//	    for t in range(1, n+h+1):
//	        mu = y[0] if t == 1 else l + (1-1/th)*((1-a)**(t-1)*A + (1-(1-a)**t)/a*B)
//	        v = y[t-1] if t <= n else mu
//	        (e if t <= n else out).append(v-mu if t <= n else mu)
//	        if t == 1: A, B, mb = v, 0., v
//	        else: B = ((t-2)*B + 6*(v-mb)/t)/(t+1); mb = ((t-1)*mb + v)/t; A = mb - B*(t+1)/2
//	        l = a*v + (1-a)*l
//	    return e, out
//	minimize(lambda p: sum(x*x for x in recurse(z, *p, 0)[0][2:]), [z[0]/2, a0, th0], method='Nelder-Mead',
//	         options=dict(xatol=1e-10, fatol=1e-12)) # .1 <= a <= .99, th >= 1; z = y over R's decompose(y, "multiplicative")
func TestDynamicAsInThePaper(t *testing.T) {
	agrees(t, theta.Method{Period: 24 * time.Hour, Optimised: true}, quarters(),
		[4]float64{157.4115163, 114.9739153, 158.0876671, 115.9367017},
		[4]float64{4.603983571, 4.818289158, 5.416502244, 6.308145236}, 1e-7)
	agrees(t, theta.Method{Optimised: true}, walk(),
		[4]float64{115.6622167, 116.1409614, 117.5378129, 119.7557602},
		[4]float64{1.32859587, 1.870598534, 2.959120851, 4.224295916}, 1e-7)
}
