package externalmetrics

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDemandQuantity(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		q, err := demandQuantity(v)
		if got := q.String(); err != nil || got != want {
			t.Errorf("demandQuantity(%v) = %s, %v, want %s", v, got, err, want)
		}
	}
	f(0, "0")
	f(math.Copysign(0, -1), "0")
	f(5e-324, "1m")
	f(0.0001, "1m")
	f(0.057, "57m") // 0.057 * 1000 is 57.00000000000001
	f(0.0571, "58m")
	f(1.1, "1100m")
	f(2.003, "2003m")
	f(12, "12")
	f(1000, "1k")
	f(1024.5, "1024500m")
	f(math.MaxInt32, "2147483647")
	f(9.1e15, "9100T")
	f(9.2e15, "9200T")
	f(9.3e15+2, "9300000000000002")
	f(9e18, "9E")
}

func TestDemandQuantityRefuses(t *testing.T) {
	f := func(v float64) {
		t.Helper()
		if q, err := demandQuantity(v); err == nil {
			t.Errorf("demandQuantity(%v) = %s, want an error", v, q.String())
		}
	}
	f(math.NaN())
	f(math.Inf(1))
	f(math.Inf(-1))
	f(-1e-9)
	f(math.MaxFloat64)
	f(float64(1 << 63))
}

// A quantity is never below the demand, up to a round-off, and less than a thousandth above it.
func TestDemandQuantityRoundsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		v := math.Exp(random.Float64()*40 - 10)
		q, err := demandQuantity(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.AsApproximateFloat64(); got < v*(1-1e-15) || got > v*(1+1e-15)+0.001 {
			t.Fatalf("demandQuantity(%v) = %v", v, got)
		}
	}
}
