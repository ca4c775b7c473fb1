package arima

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
)

func TestProduct(t *testing.T) {
	f := func(l lags, want ...float64) {
		t.Helper()
		got := make([]float64, len(want))
		l.dense(got)
		if !floats.EqualApprox(got, want, 1e-15) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	f(product([]float64{0.5}, []float64{0.2}, 4, -1), 0.5, 0, 0, 0.2, -0.1)
	f(product([]float64{0.5}, []float64{0.2}, 4, 1), 0.5, 0, 0, 0.2, 0.1)
	f(product([]float64{0.5, 0.25}, []float64{0.2}, 2, 1), 0.5, 0.45, 0.1, 0.05) // the factors share lag 2
	f(differencing(order{D: 2}), 2, -1)
	f(differencing(order{D: 1, SD: 1, M: 4}), 1, 0, 0, 1, -1)
}

// Differencing and the polynomial that undoes it belong together.
func TestDifferencing(t *testing.T) {
	f := func(o order) {
		t.Helper()
		y := hourly(60)
		w, l := differenced(y, o), differencing(o)
		for i, v := range w {
			at := i + o.lost()
			for j, lag := range l.At {
				v += l.By[j] * y[at-lag]
			}
			if math.Abs(v-y[at]) > 1e-9 {
				t.Fatalf("%v: observation %d is %v, want %v", o, at, v, y[at])
			}
		}
	}
	f(order{})
	f(order{D: 1})
	f(order{D: 2})
	f(order{SD: 1, M: 24})
	f(order{D: 1, SD: 1, M: 12})
}

func TestPartialAutocorrelationsThereAndBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for p := range 7 {
		x, a, jac := make([]float64, p), make([]float64, p), make([]float64, p*p)
		for i := range x {
			x[i] = 1.98*rng.Float64() - 0.99
		}
		stationary(x, a, jac)
		table := newSquare(p)
		if !partials(a, table) {
			t.Fatalf("%v from %v is not stationary", a, x)
		}
		for k := range p {
			if math.Abs(table[k][k]-x[k]) > 1e-6 {
				t.Errorf("partial autocorrelation %d of %v is %v, want %v", k+1, a, table[k][k], x[k])
			}
		}
		other := make([]float64, p)
		for j := range p {
			moved := slices.Clone(x)
			moved[j] += 1e-7
			stationary(moved, other, nil)
			for i := range p {
				if slope := (other[i] - a[i]) / 1e-7; math.Abs(slope-jac[i*p+j]) > 1e-5 {
					t.Errorf("derivative of %d by %d is %v, want %v", i, j, jac[i*p+j], slope)
				}
			}
		}
	}
	if partials([]float64{1.2}, newSquare(1)) || partials([]float64{0.5, 0.6}, newSquare(2)) {
		t.Error("an explosive autoregression passes for stationary")
	}
}

func TestRootsKeepTheirDistance(t *testing.T) {
	f := func(c coefficients, want bool) {
		t.Helper()
		if c.distant() != want {
			t.Errorf("%+v: distant is %v, want %v", c, !want, want)
		}
	}
	f(coefficients{}, true)
	f(coefficients{ar: []float64{0.98}}, true)
	f(coefficients{ar: []float64{0.995}}, false)
	f(coefficients{ma: []float64{-0.98}}, true)
	f(coefficients{ma: []float64{-0.995}}, false)
	f(coefficients{ar: []float64{0, 0.97}}, true) // roots at 1.015
	f(coefficients{ar: []float64{0, 0.99}}, false)
	f(coefficients{sma: []float64{-0.98}}, true)
	f(coefficients{sma: []float64{-0.999}}, false)
}

// The Gauss-Newton matrix and the gradient are those of the errors' numerical derivatives.
func TestDerivativesOfTheSumOfSquares(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	f := func(o order) {
		t.Helper()
		w := remainder(150)
		s := newSquares(o, w, &workspace{n: len(w)})
		x := random(rng, o)
		if o.Constant {
			x = append(x, 0.1)
		}
		s.sum(x)
		e := slices.Clone(s.e)
		columns := make([][]float64, len(x))
		for i := range x {
			moved := slices.Clone(x)
			moved[i] += 1e-7
			s.sum(moved)
			columns[i] = slices.Clone(s.e)
			floats.Sub(columns[i], e)
			floats.Scale(1e7, columns[i])
		}
		s.sum(x)
		h, g := s.normal(x)
		for i, a := range columns {
			if want := floats.Dot(a, e); math.Abs(g[i]-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("%v: gradient %d is %v, want %v", o, i, g[i], want)
			}
			for j, b := range columns {
				if want := floats.Dot(a, b); math.Abs(h[i][j]-want) > 1e-3*(1+math.Abs(want)) {
					t.Errorf("%v: matrix at %d, %d is %v, want %v", o, i, j, h[i][j], want)
				}
			}
		}
	}
	f(order{P: 1, Constant: true})
	f(order{Q: 3})
	f(order{P: 2, Q: 2, Constant: true})
	f(order{P: 2, Q: 1, SP: 2, SQ: 1, M: 4, Constant: true})
	f(order{P: 4, Q: 4, SP: 1, SQ: 2, M: 7})
}

// The references are urca::ur.kpss(x, type="mu", use.lag=trunc(3*sqrt(length(x))/13))@teststat and forecast::ndiffs(x) in R.
func TestDifferencesAgreeWithR(t *testing.T) {
	f := func(y []float64, statistic float64, d int) {
		t.Helper()
		if got := kpss(y); math.Abs(got-statistic) > 1e-9 {
			t.Errorf("statistic %.10f, want %.10f", got, statistic)
		}
		if got := differences(y); got != d {
			t.Errorf("differenced %d times, want %d", got, d)
		}
	}
	r := remainder(200)
	sum := floats.CumSum(make([]float64, 200), r)
	f(hourly(200), 0.0307051733, 0)
	f(r, 0.2028142949, 0)
	f(sum, 1.0383176833, 1)
	if d := differences(floats.CumSum(make([]float64, 200), sum)); d != 2 {
		t.Errorf("differenced %d times, want 2", d)
	}
}

// The references are s <- forecast::mstl(ts(y, frequency=m)) in R: 1 - var(s[,4])/var(s[,3]+s[,4]), and s[c(1,2,100,200),3]. R interpolates
// between every tenth value of its smooths, hence the tolerance.
func TestStrengthAgreesWithR(t *testing.T) {
	f := func(y []float64, m int, strength float64, want ...float64) {
		t.Helper()
		seasonal, rest := decompose(y, m)
		both := floats.AddTo(make([]float64, len(y)), seasonal, rest)
		if got := 1 - variance(rest)/variance(both); math.Abs(got-strength) > 0.03 {
			t.Errorf("strength %.4f, want %.4f", got, strength)
		}
		for i, at := range []int{0, 1, 99, 199} {
			if math.Abs(seasonal[at]-want[i]) > 0.05*math.Sqrt(variance(both)) {
				t.Errorf("season at %d is %.4f, want %.4f", at, seasonal[at], want[i])
			}
		}
	}
	y, r := hourly(200), remainder(200)
	f(y, 24, 0.9969232348, 9.964290, 16.459864, 20.876273, 19.942632)
	f(r, 24, 0.2258192265, 0.019634, 0.028570, -0.075440, -0.118104)
	f(y, 12, 0.3629724328, 7.115584, 6.454695, 0.105385, -9.682734)
	f(floats.AddScaledTo(make([]float64, 200), y, 20, r), 24, 0.8719652809, 10.356971, 17.031265, 19.367483, 17.580552)
}

func variance(x []float64) float64 {
	mean := floats.Sum(x) / float64(len(x))
	var s float64
	for _, v := range x {
		s += (v - mean) * (v - mean)
	}
	return s
}

// Compressing keeps the covariance.
func TestCompress(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	f := &filter{State: make([]float64, 5)}
	covariance := func() square {
		s := newSquare(5)
		for _, c := range f.Columns {
			for i := range s {
				floats.AddScaled(s[i], c[i], c)
			}
		}
		return s
	}
	for range 12 {
		c := make([]float64, 5)
		for i := range 4 {
			c[i] = rng.NormFloat64()
		}
		f.Columns = append(f.Columns, c)
	}
	want := covariance()
	f.compress()
	if len(f.Columns) != 4 {
		t.Errorf("%d columns are kept of rank 4", len(f.Columns))
	}
	for i, row := range covariance() {
		if !floats.EqualApprox(row, want[i], 1e-9) {
			t.Errorf("covariance %v, want %v", row, want[i])
		}
	}
}

func BenchmarkSumOfSquares(b *testing.B) {
	w := remainder(960)
	o := order{P: 2, Q: 2}
	s := newSquares(o, w, &workspace{n: len(w)})
	x := []float64{0.5, -0.2, 0.4, 0.1}
	for b.Loop() {
		s.sum(x)
	}
}

func BenchmarkExactLikelihood(b *testing.B) {
	h := newHistory(hourly(850), 24)
	o := order{P: 2, Q: 2, SD: 1, SQ: 1, M: 24}
	f := newFitter(h, o, bound)
	l, c := f.likelihood(o), o.at([]float64{0.5, -0.2, 0.4, 0.1, 0.6})
	for b.Loop() {
		l.at(c)
	}
}
