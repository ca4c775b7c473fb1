package pool_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

// probabilities returns P(D = j) for j below n by the recurrences of the two distributions.
func probabilities(c pool.Claims, n int) []float64 {
	p := make([]float64, max(n, 1))
	p[0] = math.Exp(-c.Mean)
	for j := 1; j < n && c.Dispersion <= 1; j++ {
		p[j] = p[j-1] * c.Mean / float64(j)
	}
	if c.Dispersion > 1 {
		size := c.Mean / (c.Dispersion - 1)
		p[0] = math.Pow(c.Dispersion, -size)
		for j := 1; j < n; j++ {
			p[j] = p[j-1] * (size + float64(j-1)) / float64(j) * (1 - 1/c.Dispersion)
		}
	}
	return p
}

func TestWarmStock(t *testing.T) {
	f := func(mean, dispersion, hitRate float64, want int) {
		t.Helper()
		c := pool.Claims{Mean: mean, Dispersion: dispersion}
		got, err := c.WarmStock(hitRate)
		if err != nil || got != want {
			t.Errorf("%+v at %v: %d, %v, want %d", c, hitRate, got, err, want)
		}
	}
	f(4, 1, 0.95, 9)  // P(D <= 8) = 0.9786, P(D <= 7) = 0.9489
	f(4, 1, 0.99, 10) // P(D <= 9) = 0.9919
	f(4, 0.5, 0.99, 10)
	f(4, 1+1e-12, 0.99, 10)
	f(0, 1, 0.99, 0)
	f(1e-9, 1, 0.99, 1) // a claim that hardly ever comes needs one
	f(1, 2, 0.499, 1)   // the geometric distribution: P(D = 0) = 1/2
	f(1, 2, 0.501, 2)   // and P(D <= 1) = 3/4
	f(1, 2, 0.751, 3)
	f(1e6, 1, 0.99, 1002328)
	for _, mean := range []float64{0.01, 0.7, 4, 30, 200} {
		for _, dispersion := range []float64{1, 1.3, 4, 50} {
			for _, rate := range []float64{0.3, 0.9, 0.99, 0.9999} {
				c, sum, want := pool.Claims{Mean: mean, Dispersion: dispersion}, 0.0, 0
				for _, p := range probabilities(c, 20000) {
					want++
					if sum += p; sum >= rate {
						break
					}
				}
				f(mean, dispersion, rate, want)
			}
		}
	}
}

func TestIdle(t *testing.T) {
	for _, c := range []pool.Claims{{4, 1}, {0.3, 1}, {4, 3}, {20, 12}, {0, 1}} {
		for stock := range 30 {
			want := 0.0
			for j, p := range probabilities(c, 30) {
				want += max(float64(stock-j), 0) * p
			}
			if got, err := c.Idle(stock); err != nil || math.Abs(got-want) > 1e-9 {
				t.Errorf("%+v: of %d stand idle %v, %v, want %v", c, stock, got, err, want)
			}
		}
	}
}

func TestClaimsRefuse(t *testing.T) {
	f := func(c pool.Claims, rate float64) {
		t.Helper()
		if n, err := c.WarmStock(rate); err == nil {
			t.Errorf("%+v at %v: %d, want an error", c, rate, n)
		}
	}
	f(pool.Claims{Mean: 1, Dispersion: 1}, 0)
	f(pool.Claims{Mean: 1, Dispersion: 1}, 1)
	f(pool.Claims{Mean: 1, Dispersion: 1}, math.NaN())
	f(pool.Claims{Mean: -1, Dispersion: 1}, 0.9)
	f(pool.Claims{Mean: math.NaN(), Dispersion: 1}, 0.9)
	f(pool.Claims{Mean: 1, Dispersion: math.Inf(1)}, 0.9)
	f(pool.Claims{Mean: 1e12, Dispersion: 1}, 0.9)
	if _, err := (pool.Claims{Mean: -1}).Idle(1); err == nil {
		t.Error("negative claims leave instances idle")
	}
}

// TestWarmStockMeetsItsRate claims from a base stock at random and counts the hits.
func TestWarmStockMeetsItsRate(t *testing.T) {
	const rate, lead = 0.8, 5.0 // claims a minute, minutes
	c := pool.Claims{Mean: rate * lead, Dispersion: 1}
	stock, err := c.WarmStock(0.95)
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for _, p := range probabilities(c, stock) {
		want += p
	}
	r := rand.New(rand.NewPCG(4, 4))
	ready := make([]float64, stock) // when the next of the stock stands by, the earliest first
	now, hits := 0.0, 0
	const claims = 200_000
	for i := range claims {
		now += r.ExpFloat64() / rate
		if ready[i%stock] <= now {
			hits++
		}
		ready[i%stock] = now + lead // each claim starts another, whether it waits or not
	}
	if got := float64(hits) / claims; math.Abs(got-want) > 0.003 {
		t.Errorf("%v of the claims find one standing by, want %v", got, want)
	}
}
