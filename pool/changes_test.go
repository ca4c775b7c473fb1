package pool

import (
	"math"
	"testing"
)

// TestChangesFollowTheLevel has a demand that rises by 1 from low levels and by 100 from high ones.
func TestChangesFollowTheLevel(t *testing.T) {
	var y []float64
	for i := range 2000 {
		if i/500%2 == 0 {
			y = append(y, 10+float64(i%2))
		} else {
			y = append(y, 1000+100*float64(i%2))
		}
	}
	c := NewChanges(y)
	f := func(level, p, want float64) {
		t.Helper()
		if got := c.peak(1, 1, level).Quantile(p); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %g the change is %g at %g, want %g", level, got, p, want)
		}
	}
	f(10, 0.9, 1)
	f(5, 0.9, 1)
	f(11, 0.3, -1)
	f(1000, 0.9, 100)
	f(5000, 0.1, -100)
}

func TestChangesOfWindows(t *testing.T) {
	nan := math.NaN()
	f := func(y []float64, from, to int, want float64) {
		t.Helper()
		if got := NewChanges(y).peak(from, to, 1).Quantile(0.999); got != want {
			t.Errorf("the largest change of %v to the steps %d to %d is %g, want %g", y, from, to, got, want)
		}
	}
	f([]float64{1, 2, 3, 9}, 1, 1, 6)
	f([]float64{1, 2, 3, 9}, 1, 3, 8)
	f([]float64{1, 2, 3, 9}, 2, 2, 7)
	f([]float64{1, 2, nan, 9}, 1, 1, 1)
	f([]float64{5, 4, 3}, 1, 2, -1)
	f([]float64{5}, 1, 1, 0)       // nothing came after
	f([]float64{5, nan}, 1, 1, 0)  // nor here
	f([]float64{5, 6, 7}, 0, 0, 1) // a step at least
	if NewChanges(nil) != nil || NewChanges([]float64{nan}) != nil {
		t.Error("a history without observations has changes")
	}
}
