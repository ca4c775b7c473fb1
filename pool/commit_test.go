package pool_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"github.com/forethought-autoscaler/forethought/pool"
)

func commit(t *testing.T, needed []float64, ratio float64) int {
	t.Helper()
	n, err := pool.Committed(needed, ratio)
	if err != nil {
		t.Fatalf("Committed: %v", err)
	}
	return n
}

func committedCost(t *testing.T, needed []float64, committed int, ratio float64) float64 {
	t.Helper()
	cost, err := pool.CommittedCost(needed, committed, ratio, 2)
	if err != nil {
		t.Fatalf("CommittedCost: %v", err)
	}
	return cost
}

func TestCommit(t *testing.T) {
	f := func(ratio float64, want int, needed ...float64) {
		t.Helper()
		if got := commit(t, needed, ratio); got != want {
			t.Errorf("Committed(%v, %v) = %d, want %d", needed, ratio, got, want)
		}
	}
	f(0.5, 0, 0, 0, 0)
	f(0.5, 7, 7)
	f(0.6, 3, 5, 1, 2, 4, 3)  // 3 is needed in 3 of 5, which is 0.6: worth it exactly
	f(0.61, 2, 5, 1, 2, 4, 3) // in 2.44 of five hours: 2
	f(0.1, 5, 5, 1, 2, 4, 3)
	f(0.9, 1, 5, 1, 2, 4, 3)
	f(0.9, 2, 5, 1.2, 2, 4, 3) // 1.2 needs a second instance
}

// optimum solves min ratio x R + mean(o_t) over R + o_t >= n_t, R >= 0, o_t >= 0, with the simplex method.
func optimum(t *testing.T, needed []float64, ratio float64) float64 {
	t.Helper()
	n := len(needed)
	cost, a := make([]float64, 1+2*n), mat.NewDense(n, 1+2*n, nil)
	cost[0] = ratio
	for i := range n {
		cost[1+i] = 1 / float64(n)
		a.Set(i, 0, 1)
		a.Set(i, 1+i, 1)
		a.Set(i, 1+n+i, -1)
	}
	best, _, err := lp.Simplex(cost, a, needed, 1e-10, nil)
	if err != nil {
		t.Fatalf("simplex of %v: %v", needed, err)
	}
	return 2 * best
}

func TestCommitIsTheOptimum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	some := 0
	for range 60 {
		needed := make([]float64, 5+r.IntN(20))
		for i := range needed {
			needed[i] = float64(r.IntN(30) + 1)
		}
		ratio := 0.05 + 0.9*r.Float64()
		n := commit(t, needed, ratio)
		cost := committedCost(t, needed, n, ratio)
		if best := optimum(t, needed, ratio); math.Abs(cost-best) > 0.005*best {
			t.Errorf("%d committed cost %v, the optimum is %v\n%v at %v", n, cost, best, needed, ratio)
		}
		for other := range 32 {
			if committedCost(t, needed, other, ratio) < cost-1e-9 {
				t.Errorf("%d committed cost less than %d\n%v at %v", other, n, needed, ratio)
			}
		}
		if n > 1 && n < 30 {
			some++
		}
	}
	if some < 40 {
		t.Errorf("only %d of 60 cases commit to a part", some)
	}
}

func TestCommitFallsWithTheRatio(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	needed := make([]float64, 500)
	for i := range needed {
		needed[i] = 40 * r.ExpFloat64()
	}
	last, fell := math.MaxInt, 0
	for ratio := 0.01; ratio < 1; ratio += 0.01 {
		n := commit(t, needed, ratio)
		if n > last {
			t.Fatalf("%d are worth committing to at %v, and %d at a lower ratio", n, ratio, last)
		}
		if n < last {
			fell++
		}
		last = n
	}
	if fell < 30 {
		t.Errorf("the number falls only %d times", fell)
	}
}

func TestCommitRefuses(t *testing.T) {
	f := func(ratio float64, needed ...float64) {
		t.Helper()
		if n, err := pool.Committed(needed, ratio); err == nil {
			t.Errorf("Committed(%v, %v) = %d, want an error", needed, ratio, n)
		}
		if _, err := pool.CommittedCost(needed, 1, ratio, 1); err == nil {
			t.Errorf("CommittedCost(%v, %v) has no error", needed, ratio)
		}
	}
	f(0.5)
	f(0, 1)
	f(1, 1)
	f(math.NaN(), 1)
	f(0.5, 1, math.NaN())
	f(0.5, -1)
	f(0.5, math.Inf(1))
	if _, err := pool.CommittedCost([]float64{1}, -1, 0.5, 1); err == nil {
		t.Error("a negative number of instances has a cost")
	}
}

func TestBreakEven(t *testing.T) {
	if got, err := pool.BreakEven(0.6, 1.2); err != nil || got != 0.5 {
		t.Errorf("BreakEven(0.6, 1.2) = %v, %v, want 0.5", got, err)
	}
	for _, c := range [][2]float64{{1, 1}, {2, 1}, {0, 1}, {-1, 1}, {1, math.Inf(1)}, {math.NaN(), 1}} {
		if got, err := pool.BreakEven(c[0], c[1]); err == nil {
			t.Errorf("BreakEven(%v, %v) = %v, want an error", c[0], c[1], got)
		}
	}
}
