package pool_test

import (
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestEffectivePrice(t *testing.T) {
	f := func(p pool.Price, want float64) {
		t.Helper()
		if got := p.Effective(100, 0.5, 6*time.Minute); math.Abs(got-want) > 1e-12 {
			t.Errorf("%+v costs %v an hour, want %v", p, got, want)
		}
	}
	f(pool.Price{Hourly: 2}, 2)
	f(pool.Price{Hourly: 2, InterruptionsPerHour: 0.1}, 2+0.1*0.5*100*0.1)
	f(pool.Price{Hourly: 2, InterruptionsPerHour: 0.1, Restart: 30 * time.Minute}, 2+0.1*(0.5*2+0.5*100*0.1))
	f(pool.Price{InterruptionsPerHour: 0.1}, 0) // an unknown price stays unknown
}

// binomial returns P(Binomial(n, p) >= k) by summing its terms.
func binomial(n, k int, p float64) float64 {
	var sum float64
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

func TestHeadroomIsTheSmallest(t *testing.T) {
	f := func(need int, survival, probability float64) {
		t.Helper()
		n, err := pool.Headroom(need, survival, probability)
		if err != nil {
			t.Fatalf("Headroom: %v", err)
		}
		if binomial(n, need, survival) < probability || n > need && binomial(n-1, need, survival) >= probability {
			t.Errorf("Headroom(%d, %v, %v) = %d: %v are enough with it, %v with one less", need, survival, probability, n,
				binomial(n, need, survival), binomial(n-1, need, survival))
		}
	}
	for _, need := range []int{1, 2, 3, 7, 20, 100, 500} {
		for _, survival := range []float64{0.5, 0.9, 0.99, 0.9999} {
			for _, probability := range []float64{0.5, 0.9, 0.99, 0.9999} {
				f(need, survival, probability)
			}
		}
	}
	for need, want := range []int{0, 1, 2} {
		if n, err := pool.Headroom(need, 1, 0.99); err != nil || n != want {
			t.Errorf("Headroom(%d) = %d, %v without interruptions", need, n, err)
		}
	}
}

func TestHeadroomRefuses(t *testing.T) {
	f := func(need int, survival, probability float64) {
		t.Helper()
		if n, err := pool.Headroom(need, survival, probability); err == nil {
			t.Errorf("Headroom(%d, %v, %v) = %d, want an error", need, survival, probability, n)
		}
	}
	f(-1, 0.9, 0.9)
	f(1, 0, 0.9)
	f(1, 1.1, 0.9)
	f(1, math.NaN(), 0.9)
	f(1, 0.9, 0)
	f(1, 0.9, 1)
	f(1000, 1e-9, 0.9) // would need more instances than can be counted
}
