package arima

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The series of the references, in R:
//
//	noise <- function(n) { x <- 1; u <- numeric(n); for (i in 1:n) { x <- (16807*x) %% 2147483647; u[i] <- x/2147483647 - 0.5 }; u }
//	remainder <- function(n) as.numeric(filter(noise(n), 0.8, "recursive"))
//	hourly <- function(n) { t <- 0:(n-1); v <- filter(4*noise(n), 0.7, "recursive")
//	  as.numeric(100 + 30*sin(2*pi*t/24) + 10*cos(2*pi*t/12) + v) }
//	y <- hourly(200); r <- remainder(200); ctl <- list(reltol=1e-14, maxit=500)
func noise(n int) []float64 {
	out, x := make([]float64, n), int64(1)
	for i := range out {
		x = 16807 * x % 2147483647
		out[i] = float64(x)/2147483647 - 0.5
	}
	return out
}

func recursive(n int, by, times float64) []float64 {
	out := noise(n)
	var v float64
	for i, e := range out {
		v = by*v + times*e
		out[i] = v
	}
	return out
}

func remainder(n int) []float64 { return recursive(n, 0.8, 1) }

func hourly(n int) []float64 {
	out := recursive(n, 0.7, 4)
	for i := range out {
		t := float64(i)
		out[i] += 100 + 30*math.Sin(2*math.Pi*t/24) + 10*math.Cos(2*math.Pi*t/12)
	}
	return out
}

// without returns y with the observations missing that R counts as these.
func without(y []float64, at ...int) []float64 {
	y = slices.Clone(y)
	for _, i := range at {
		y[i-1] = math.NaN()
	}
	return y
}

// both returns the likelihood by least squares and by the filter.
func both(o order, c coefficients, h history) (value, value) {
	w := differenced(h.y, o)
	a, _ := newExact(o, h, w, &workspace{n: len(w)}).at(c)
	b, _ := (&filtered{o: o, h: h}).at(c)
	return a, b
}

// The reference values are those that R's forecast::Arima(x, order, seasonal, include.mean or include.drift, method="ML",
// optim.control=ctl) gives with its coefficients. R starts from a variance of 1e6 where a differenced series starts from nothing known,
// which changes the likelihood by some 1e-4; where that matters R was given the differenced series.
func TestLikelihoodAgreesWithR(t *testing.T) {
	f := func(y []float64, o order, c coefficients, constant, want, tolerance float64) {
		t.Helper()
		exact, filter := both(o, c, newHistory(slices.Clone(y), o.M))
		for _, v := range []value{exact, filter} {
			if math.Abs(v.logLik-want) > tolerance {
				t.Errorf("%v: log-likelihood %.9f, want %.9f", o, v.logLik, want)
			}
			if math.Abs(v.constant-constant) > 1e-5 {
				t.Errorf("%v: constant %.7f, want %.7f", o, v.constant, constant)
			}
		}
	}
	r, y := remainder(200), hourly(200)
	gaps := []int{20, 57, 58, 59, 130, 131, 199}
	// Arima(r, c(1,0,1))
	arma := coefficients{ar: []float64{0.7855361959}, ma: []float64{0.0282053239}}
	f(r, order{P: 1, Q: 1, Constant: true}, arma, -0.0043400297, -34.921682149, 1e-6)
	// Arima(r, c(2,1,1), include.drift=TRUE)
	drift := coefficients{ar: []float64{-0.1434663941, -0.1823159556}, ma: []float64{0.0399882128}}
	f(r, order{P: 2, D: 1, Q: 1, Constant: true}, drift, 0.0066071126, -40.614376647, 1e-5)
	// Arima(ts(diff(y,24),frequency=24), c(1,0,1), seasonal=c(0,0,1))
	season := coefficients{ar: []float64{0.6598294107}, ma: []float64{0.0655211293}, sma: []float64{-0.8379989061}}
	f(differenced(y, order{SD: 1, M: 24}), order{P: 1, Q: 1, SQ: 1, M: 24, Constant: true}, season, 0.0314612839, -305.539087571, 1e-6)
	// Arima(n, c(1,0,1)), n being r without the observations in gaps
	arma = coefficients{ar: []float64{0.7913449151}, ma: []float64{0.0224825378}}
	f(without(r, gaps...), order{P: 1, Q: 1, Constant: true}, arma, -0.0053897514, -33.632207617, 1e-6)
	// Arima(n, c(0,1,2))
	f(without(r, gaps...), order{D: 1, Q: 2}, coefficients{ma: []float64{-0.1078689072, -0.1902856709}}, 0, -39.200394548, 1e-5)
	// Arima(ts(z,frequency=24), c(1,0,0), seasonal=c(0,1,1)), z being y without the observations in gaps
	f(without(y, gaps...), order{P: 1, SD: 1, SQ: 1, M: 24}, coefficients{ar: []float64{0.6927248199}, sma: []float64{-0.9296332874}}, 0,
		-294.298655071, 2e-3)
	// e <- r; e[c(seq(2,200,2),41,43,45)] <- NA; arima(e, c(1,0,0), include.mean=FALSE, fixed=0.7, transform.pars=FALSE)
	every := []int{41, 43, 45}
	for i := 2; i <= 200; i += 2 {
		every = append(every, i)
	}
	half := without(r, every...)[:199]
	f(half, order{P: 1}, coefficients{ar: []float64{0.7}}, 0, -43.145081019, 1e-6)
	f(half, order{P: 1}, coefficients{ar: []float64{-0.4}}, 0, -54.916900998, 1e-6)
	f(half, order{P: 1, D: 1, Q: 1}, coefficients{ar: []float64{0.5}, ma: []float64{-0.6}}, 0, -49.574733708, 1e-4)
}

// random returns parameters of a stationary and invertible model.
func random(rng *rand.Rand, o order) []float64 {
	x := make([]float64, o.free())
	for i := range x {
		x[i] = 1.8*rng.Float64() - 0.9
	}
	return x
}

// textbook returns the log-likelihood of a stationary model at unit innovation variance by the Kalman filter as books have it (Durbin and
// Koopman 2012, section 4.3, in the form of Harvey 1989, section 3.3): dense matrices, and the first covariance by iteration.
func textbook(w []float64, o order, c coefficients) (sum, logDet float64) {
	n := max(o.ar(), o.ma()+1)
	phi, load := make([]float64, n), make([]float64, n)
	product(c.ar, c.sar, o.M, -1).dense(phi)
	product(c.ma, c.sma, o.M, 1).dense(load[1:])
	load[0] = 1
	step := func(p square) square { // TpT' + load load'
		out := newSquare(n)
		at := func(i, j int) float64 {
			if i < n && j < n {
				return p[i][j]
			}
			return 0
		}
		for i := range n {
			for j := range n {
				out[i][j] = at(i+1, j+1) + phi[i]*at(0, j+1) + phi[j]*at(i+1, 0) + phi[i]*phi[j]*p[0][0] + load[i]*load[j]
			}
		}
		return out
	}
	p, a := newSquare(n), make([]float64, n)
	for range 5000 {
		p = step(p)
	}
	for _, y := range w {
		v, f := y-a[0], p[0][0]
		sum, logDet = sum+v*v/f, logDet+math.Log(f)
		first := slices.Clone(p[0])
		for i := range n {
			a[i] += first[i] * v / f
			for j := range n {
				p[i][j] -= first[i] * first[j] / f
			}
		}
		next := make([]float64, n)
		for i := range n {
			next[i] = phi[i] * a[0]
			if i+1 < n {
				next[i] += a[i+1]
			}
		}
		a, p = next, step(p)
	}
	return sum, logDet
}

func TestLikelihoodIsThatOfTheTextbook(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	f := func(o order) {
		t.Helper()
		w := remainder(90)
		c := o.at(random(rng, o))
		sum, logDet := textbook(w, o, c)
		exact, filter := both(o, c, newHistory(slices.Clone(w), o.M))
		for _, v := range []value{exact, filter} {
			if math.Abs(v.sum-sum) > 1e-8*sum || math.Abs(v.logDet-logDet) > 1e-8*(1+math.Abs(logDet)) {
				t.Errorf("%v: sum %v and determinant %v, want %v and %v", o, v.sum, v.logDet, sum, logDet)
			}
		}
	}
	for range 5 {
		f(order{})
		f(order{P: 1})
		f(order{Q: 2})
		f(order{P: 3, Q: 1})
		f(order{P: 2, Q: 4})
		f(order{SP: 1, M: 4})
		f(order{P: 2, Q: 1, SP: 1, SQ: 1, M: 4})
		f(order{P: 5, Q: 5, SP: 2, SQ: 2, M: 3})
		f(order{Q: 1, SP: 1, SQ: 2, M: 12})
	}
}

// With missing observations the two ways agree with each other, up to what a start from a variance of 1e6 costs, and they do not depend
// on what stands in for the missing ones.
func TestLikelihoodOfWhatIsThere(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	f := func(o order, tolerance float64) {
		t.Helper()
		c, h := o.at(random(rng, o)), newHistory(without(remainder(120), 2, 20, 21, 22, 50, 80, 81, 119), o.M)
		a, b := both(o, c, h)
		if a.used != b.used || math.Abs(a.logLik-b.logLik) > tolerance || math.Abs(a.constant-b.constant) > tolerance {
			t.Errorf("%v: %+v by least squares, %+v by the filter", o, a, b)
		}
		for _, at := range h.missing {
			h.y[at] = 7
		}
		if again, _ := both(o, c, h); math.Abs(again.logLik-a.logLik) > 1e-8*math.Abs(a.logLik) {
			t.Errorf("%v: likelihood %v with other stand-ins, want %v", o, again.logLik, a.logLik)
		}
	}
	f(order{P: 1, Constant: true}, 1e-8)
	f(order{P: 2, Q: 2}, 1e-8)
	f(order{P: 1, Q: 1, SP: 1, SQ: 1, M: 4, Constant: true}, 1e-8)
	f(order{P: 1, D: 1, Q: 1, Constant: true}, 1e-3)
	f(order{Q: 1, SD: 1, SQ: 1, M: 4}, 1e-2)
}

// The state that the least squares give is the one that the filter arrives at, and so is its uncertainty.
func TestStateAfterTheHistory(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	f := func(o order) {
		t.Helper()
		x := random(rng, o)
		h := newHistory(remainder(60), o.M)
		fit := newFitter(h, o, bound)
		c := candidate{o: o, x: x}
		c.value, _ = fit.likelihood(o).at(o.at(x))
		other, _ := startFilter(o, o.at(x), c.constant, h.y[0])
		other.run(h, 0)
		at := func(f *filter) *model { return &model{Filter: f, Deviation: 1, Units: units{Largest: 1}} }
		a, b := at(fit.state(c)), at(other)
		mean, deviation := a.ahead(20)
		wantMean, wantDeviation := b.ahead(20)
		for k := range mean {
			if math.Abs(mean[k]-wantMean[k]) > 1e-4 || math.Abs(deviation[k]-wantDeviation[k]) > 1e-4*wantDeviation[k] {
				t.Fatalf("%v: step %d has mean %v and deviation %v, want %v and %v", o, k+1, mean[k], deviation[k], wantMean[k], wantDeviation[k])
			}
		}
	}
	for range 3 {
		f(order{})
		f(order{D: 1, Constant: true})
		f(order{P: 2, Q: 1, Constant: true})
		f(order{P: 1, D: 1, Q: 1, SP: 1, SD: 1, SQ: 1, M: 4})
		f(order{Q: 1, SD: 1, SQ: 2, M: 12})
	}
}
