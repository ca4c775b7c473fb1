package pool_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

func TestFractile(t *testing.T) {
	f := func(short, idle, want float64) {
		t.Helper()
		if got, err := pool.Fractile(short, idle); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("Fractile(%v, %v) = %v, %v, want %v", short, idle, got, err, want)
		}
	}
	f(9, 1, 0.9)
	f(19, 1, 0.95)
	f(99, 1, 0.99)
	f(999, 1, 0.999)
	f(0.5, 0.5, 0.5)
	f(1e-3, 1, 1e-3/1.001)
	f(1e300, 1e300, 0.5) // a sum of the two would overflow
	bad := func(short, idle float64) {
		t.Helper()
		if got, err := pool.Fractile(short, idle); err == nil {
			t.Errorf("Fractile(%v, %v) = %v, want an error", short, idle, got)
		}
	}
	bad(0, 1)
	bad(1, 0)
	bad(-1, 1)
	bad(math.NaN(), 1)
	bad(1, math.Inf(1))
	bad(1e20, 1) // 1 in floating point
}

// newsvendorCost is what n instances and what they leave unserved cost in the mean.
func newsvendorCost(d []float64, capacity, price, shortage float64, n int) float64 {
	var unmet float64
	for _, v := range d {
		unmet += max(v-float64(n)*capacity, 0)
	}
	return price*float64(n) + shortage*unmet/float64(len(d))
}

func TestNewsvendorIsTheMinimum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	interior := 0
	for range 1000 {
		d := make([]float64, 1+r.IntN(60))
		for i := range d {
			d[i] = 100 * r.ExpFloat64()
		}
		sample := forecast.NewSample(d)
		capacity, price := 1+30*r.Float64(), 0.1+r.Float64()
		shortage := price / capacity * math.Exp(6*r.Float64()-1)
		n, err := pool.Newsvendor(sample, capacity, price, shortage)
		if err != nil || n < 0 {
			t.Fatalf("Newsvendor = %d, %v", n, err)
		}
		cost := newsvendorCost(d, capacity, price, shortage, n)
		for _, other := range []int{n - 1, n + 1} {
			if other >= 0 && newsvendorCost(d, capacity, price, shortage, other) < cost-1e-9 {
				t.Fatalf("%d instances cost less than %d\n%v capacity %v price %v shortage %v", other, n, d, capacity, price, shortage)
			}
		}
		if n > 0 && float64(n)*capacity < sample[len(sample)-1] {
			interior++
		}
	}
	if interior < 300 {
		t.Errorf("only %d of 1000 cases have their minimum inside", interior)
	}
}

func TestNewsvendor(t *testing.T) {
	f := func(capacity, price, shortage float64, want int, d ...float64) {
		t.Helper()
		if got, err := pool.Newsvendor(d, capacity, price, shortage); err != nil || got != want {
			t.Errorf("Newsvendor(%v, %v, %v, %v) = %d, %v, want %d", d, capacity, price, shortage, got, err, want)
		}
	}
	f(10, 1, 1, 0, 0, 0, 0)
	f(10, 1, 1, 3, 30)
	f(10, 1, 0.2, 4, 35)  // the fourth serves 5 of its 10 for 1, which is worth 1
	f(10, 1, 0.19, 3, 35) // and 0.95 here
	f(10, 1, 0.09, 0, 35) // no instance is worth its price
	f(10, 1, 0.39, 1, 10, 10, 10, 20)
	f(10, 1, 0.41, 2, 10, 10, 10, 20)
	for _, d := range []forecast.Sample{nil, {math.NaN()}, {-1}, {1, math.Inf(1)}} {
		if _, err := pool.Newsvendor(d, 10, 1, 1); err == nil {
			t.Errorf("a sample of %v is taken", d)
		}
	}
	for _, v := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, a := pool.Newsvendor(forecast.Sample{1}, v, 1, 1)
		_, b := pool.Newsvendor(forecast.Sample{1}, 1, v, 1)
		_, c := pool.Newsvendor(forecast.Sample{1}, 1, 1, v)
		if a == nil || b == nil || c == nil {
			t.Errorf("%v is taken for a capacity (%v), price (%v) or shortage (%v)", v, a, b, c)
		}
	}
}
