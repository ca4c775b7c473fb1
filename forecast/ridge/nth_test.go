package ridge

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	f := func(n, values int) {
		t.Helper()
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(rng.IntN(values))
		}
		want := slices.Sorted(slices.Values(x))
		for k := range want {
			if got := nth(slices.Clone(x), k); got != want[k] {
				t.Fatalf("%d of %v is %v, want %v", k, x, got, want[k])
			}
		}
	}
	f(1, 1)
	f(2, 2)
	f(7, 1)
	f(100, 3)
	f(101, 1000)
}
