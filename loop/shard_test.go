package loop

import (
	"fmt"
	"math"
	"testing"
)

// TestShardsStay compares with shards computed once: another release must not move a fleet.
func TestShardsStay(t *testing.T) {
	f := func(fleet string, shards ...int) { // those with 1, 2, 3, 4 and 10 in all
		t.Helper()
		for k, n := range []int{1, 2, 3, 4, 10} {
			if got := shardOf(fleet, n); got != shards[k] {
				t.Errorf("%q is in shard %d of %d, want %d", fleet, got, n, shards[k])
			}
		}
	}
	f("", 0, 1, 1, 1, 1)
	f("web", 0, 0, 0, 0, 8)
	f("batch", 0, 0, 0, 3, 7)
	f("fleet-0001", 0, 1, 1, 1, 1)
	f("fleet-0002", 0, 0, 0, 3, 5)
}

func TestInShard(t *testing.T) {
	f := func(fleet string, i, n int, want bool) {
		t.Helper()
		if got := InShard(fleet, i, n); got != want {
			t.Errorf("InShard(%q, %d, %d) is %t", fleet, i, n, got)
		}
	}
	f("web", 0, 1, true)
	f("web", 1, 1, false)
	f("web", -1, 1, false)
	f("web", 0, 0, false)
	f("web", 0, -1, false)
	f("web", -1, 0, false)
	f("web", -1, -1, false)
	for n := 1; n < 20; n++ {
		in := 0
		for i := range n {
			if InShard("web", i, n) {
				in++
			}
		}
		if in != 1 {
			t.Errorf("web is in %d of %d shards", in, n)
		}
	}
}

// TestShardsAreBalanced allows five standard deviations of a binomial.
func TestShardsAreBalanced(t *testing.T) {
	const fleets = 10_000
	for _, pattern := range []string{"fleet-%04d", "team-%d/web", "%d"} {
		for _, n := range []int{2, 3, 7, 16} {
			counts := make([]int, n)
			for k := range fleets {
				counts[shardOf(fmt.Sprintf(pattern, k), n)]++
			}
			mean := float64(fleets) / float64(n)
			for i, c := range counts {
				if off := math.Abs(float64(c) - mean); off > 5*math.Sqrt(mean) {
					t.Errorf("%s: shard %d of %d has %d fleets, want about %.0f", pattern, i, n, c, mean)
				}
			}
		}
	}
}

// TestOneShardMoreMovesFewFleets says that fleets move to the new shard only.
func TestOneShardMoreMovesFewFleets(t *testing.T) {
	const fleets = 10_000
	for n := 1; n < 12; n++ {
		moved := 0
		for k := range fleets {
			name := fmt.Sprintf("fleet-%04d", k)
			before, after := shardOf(name, n), shardOf(name, n+1)
			if before == after {
				continue
			}
			moved++
			if after != n {
				t.Fatalf("%s goes from shard %d of %d to %d, which is not new", name, before, n, after)
			}
		}
		if want := float64(fleets) / float64(n+1); math.Abs(float64(moved)-want) > 5*math.Sqrt(want) {
			t.Errorf("from %d shards to %d: %d fleets move, want about %.0f", n, n+1, moved, want)
		}
	}
}
