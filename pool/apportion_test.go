package pool

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func TestApportion(t *testing.T) {
	f := func(total int, shares []float64, want ...int) {
		t.Helper()
		if got := Apportion(total, shares); !slices.Equal(got, want) {
			t.Errorf("Apportion(%d, %v) = %v, want %v", total, shares, got, want)
		}
	}
	f(10, []float64{0.5, 0.3, 0.2}, 5, 3, 2)
	f(11, []float64{0.5, 0.3, 0.2}, 6, 3, 2) // remainders 0.5, 0.3, 0.2
	f(7, []float64{0.5, 0.5}, 4, 3)          // the earlier of two equal ones
	f(7, []float64{1, 1}, 4, 3)
	f(3, []float64{0.1, 0.2, 0.7}, 0, 1, 2) // remainders 0.3, 0.6, 0.1
	f(10, []float64{0.1, 0.2, 0.7}, 1, 2, 7)
	f(5, []float64{0, 1, math.NaN(), -1, math.Inf(1)}, 0, 5, 0, 0, 0)
	f(4, []float64{0, 0}, 2, 2)
	f(3, []float64{math.MaxFloat64, math.MaxFloat64}, 2, 1)
	f(0, []float64{1, 2}, 0, 0)
	f(-3, []float64{1, 2}, 0, 0)
	f(3, nil)
}

func randomShares(r *rand.Rand) []float64 {
	shares := make([]float64, 1+r.IntN(6))
	for i := range shares {
		shares[i] = math.Exp(3 * r.NormFloat64())
		if r.IntN(5) == 0 {
			shares[i] = float64(r.IntN(3))
		}
	}
	shares[0] += 0.01
	return shares
}

func TestApportionKeepsQuota(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 5000 {
		shares, total := randomShares(r), r.IntN(2000)
		sum := 0.0
		for _, s := range shares {
			sum += s
		}
		given := Apportion(total, shares)
		for i, n := range given {
			if quota := shares[i] / sum * float64(total); float64(n) < math.Floor(quota+1e-6) || float64(n) > math.Ceil(quota-1e-6) {
				t.Fatalf("Apportion(%d, %v) gives %d to %d, whose quota is %v", total, shares, n, i, quota)
			}
		}
		if got := sumOf(given); got != total {
			t.Fatalf("Apportion(%d, %v) adds up to %d", total, shares, got)
		}
	}
}

func sumOf(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestSeatsGrow checks what the largest remainder lacks: one instance more takes none from a pool; and that the quota holds all the same.
func TestSeatsGrow(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	paradoxes := 0
	for range 200 {
		shares := randomShares(r)
		w := newSeats(shares)
		weights := make([]float64, len(w))
		for i, v := range w {
			weights[i] = float64(v)
		}
		last, now := make([]int, len(w)), make([]int, len(w))
		var hamilton []int
		for _, base := range []int{0, seatings - 20} {
			w.at(base, last)
			for n := base + 1; n < base+60; n++ {
				w.at(n, now)
				for i := range now {
					quota := weights[i] / seatings * float64(n)
					if now[i] < last[i] || float64(now[i]) < math.Floor(quota-1e-9) || float64(now[i]) > math.Ceil(quota+1e-9) {
						t.Fatalf("%d seats of %v: %v after %v, quota of %d is %v", n, shares, now, last, i, quota)
					}
				}
				if sumOf(now) != n {
					t.Fatalf("%d seats of %v: %v", n, shares, now)
				}
				next := Apportion(n, shares)
				for i := range hamilton {
					if n > base+1 && next[i] < hamilton[i] {
						paradoxes++
					}
				}
				hamilton = next
				copy(last, now)
			}
		}
	}
	if paradoxes == 0 {
		t.Error("the largest remainder takes nothing from a pool in any of these cases, which then show nothing")
	}
}

func TestSeatsAreTheSharesAfterARound(t *testing.T) {
	got := make([]int, 3)
	newSeats([]float64{0.5, 0.3, 0.2}).at(3*seatings, got)
	if want := []int{3 * seatings / 2, 9 * seatings / 10, 3 * seatings / 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
