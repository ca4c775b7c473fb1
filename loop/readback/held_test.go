package readback

import (
	"context"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// TestHeld holds fleets by a switch beside the exporters: at once when it is set, with the next read when it is let go.
func TestHeld(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{
		decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1}), decided("batch", pool.Act, [2]int{7, 2}, [2]int{4, 1}),
	})
	on := false
	g := newReading(t, s, func(o *Options) { o.Held = func(fleet string) bool { return on && fleet == "web" } })
	g.at(noon)
	g.wantAsks("web", noon, 9, 3)
	on = true
	if err := g.Recheck(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.wantAsks("web", noon, 5, 1)
	g.wantAsks("batch", noon, 7, 2)
	g.at(noon.Add(time.Second))
	g.wantAsks("web", noon, 5, 1)
	on = false
	if err := g.Recheck(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.wantAsks("web", noon, 5, 1)
	g.at(noon.Add(2 * time.Second))
	g.wantAsks("web", noon, 9, 3)
}
