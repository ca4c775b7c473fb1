package replay

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestFillerAgainstFill(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	f := func(pools ...pool.Pool) {
		t.Helper()
		m := newFiller(pools)
		for range 5000 {
			load := 400 * r.Float64()
			switch r.IntN(4) {
			case 0:
				load = float64(r.IntN(120)) * 3.3 // a multiple of a capacity
			case 1:
				load = float64(r.IntN(120))*3.3 + 1e-8*(r.Float64()-0.5) // nearly one
			case 2:
				load *= 10000 * r.Float64() * r.Float64()
			}
			want, _ := pool.Fill(pools, load)
			if got := m.fill(load); !slices.Equal(got, want) {
				t.Fatalf("%v for a load of %v, want %v\n%+v", got, load, want, pools)
			}
		}
	}
	fixed := pool.Pool{Name: "fixed", Class: pool.Fixed, Min: 2, Max: 9, Capacity: 3.3, Price: pool.Price{Hourly: 1}}
	spot := pool.Pool{Name: "spot", Class: pool.Variable, Capacity: 7, Price: pool.Price{Hourly: 0.5}}
	f(fixed)
	f(spot)
	f(fixed, spot)
	f(spot, fixed)
	fixed.Price.Commitment = pool.Commitment{Ratio: 0.6, Instances: 5}
	f(spot, fixed)
}
