package loop

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

var none = math.NaN()

func TestWaits(t *testing.T) {
	f := func(asked, ready []float64, want ...int) {
		t.Helper()
		if got := waits(asked, ready); !slices.Equal(got, want) {
			t.Errorf("asked %v, ready %v: waits %v, want %v", asked, ready, got, want)
		}
	}
	f([]float64{2, 4, 4, 4}, []float64{2, 2, 2, 4}, 2, 2)
	f([]float64{2, 3, 4, 4, 4}, []float64{2, 2, 2, 3, 4}, 2, 2)                              // first asked for, first ready
	f([]float64{2, 5, 5, 5}, []float64{2, 2, 4, 4}, 1, 1)                                    // the third is not ready yet
	f([]float64{2, 5, 3, 3}, []float64{2, 2, 2, 5}, 2)                                       // what is withdrawn does not count, even if it comes
	f([]float64{2, 5, 1, 5, 5}, []float64{2, 2, 2, 2, 5}, 1, 1, 1)                           // and is waited for anew once it is asked for anew
	f([]float64{5, 5, 5, 5}, []float64{5, 3, 3, 5})                                          // lost instances
	f([]float64{3, 5, 5, 5}, []float64{2, 2, 4, 5}, 1, 2)                                    // the first look does not say since when
	f([]float64{1, 3, 3, 3}, []float64{4, 4, 4, 4})                                          // there are more than asked for
	f([]float64{2, none, 4, 4, 4}, []float64{2, 2, 2, 2, 4})                                 // asked for within a gap
	f([]float64{2, 2, 4, 4, 4}, []float64{2, none, 2, 2, 4})                                 //
	f([]float64{2, 4, 4, 4, 5, 5}, []float64{2, 2, none, 4, 4, 5}, 1)                        // ready within one; the next is not
	f([]float64{2, 4, 4, 4, 4}, []float64{2, 2, none, 2, 4}, 3, 3)                           // one inside which nothing changed
	f([]float64{2, 4, 4}, []float64{2, 4, 4})                                                // there as soon as anybody sees that they are asked for
	f([]float64{-1, 4, math.Inf(1)}, []float64{2, -3, 2})                                    // no counts
	f(nil, nil)                                                                              //
	f([]float64{0, 1e12, 1e12}, []float64{0, 0, 1e12}, slices.Repeat([]int{1}, leadMost)...) // no more than count
}

func TestLeadOf(t *testing.T) {
	f := func(waits []int, want time.Duration) {
		t.Helper()
		if got := leadOf(waits); got != want {
			t.Errorf("of %d waits %s, want %s", len(waits), got, want)
		}
	}
	f(nil, 0)
	f(slices.Repeat([]int{8}, 9), 0)
	f(slices.Repeat([]int{8}, 10), 4*time.Minute)
	f([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 5*time.Minute)
	f(append(slices.Repeat([]int{4}, 95), 9, 9, 9, 9, 9), 2*time.Minute) // five in a hundred may take longer
	f(append(slices.Repeat([]int{4}, 94), 9, 9, 9, 9, 9, 9), 4*time.Minute+30*time.Second)
	f(append(slices.Repeat([]int{50}, 50), slices.Repeat([]int{2}, 100)...), time.Minute) // only the latest count
	f(slices.Repeat([]int{0}, 10), leadStep)
}

func TestCorrected(t *testing.T) {
	const day = 24
	// values are by hour of one hidden observation, the last, and of the days before it, the latest first.
	f := func(span time.Duration, want, v float64, days ...float64) {
		t.Helper()
		y := series.Series{Step: time.Hour, Values: slices.Repeat([]float64{1000}, len(days)*day+1)}
		last := y.Len() - 1
		y.Values[last] = v
		for k, earlier := range days {
			y.Values[last-(k+1)*day] = earlier
		}
		hidden := make([]bool, y.Len())
		hidden[last] = true
		got := (&history{}).corrected(y, hidden, last, span)
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("of %v after %v %v is learnt, want %v", v, days, got, want)
		}
		if whole := (&history{hidden: hidden}).uncensor(y, 0, span).Values[last]; whole != got && !math.IsNaN(whole) {
			t.Errorf("in a lesson %v is learnt, want %v", whole, got)
		}
		if v != y.Values[last] && !math.IsNaN(v) {
			t.Error("the observation itself is changed")
		}
	}
	const week = 7 * 24 * time.Hour
	f(week, 50, 50)                                 // nothing to compare with
	f(week, 50, 50, 40)                             // more than expected
	f(week, 50, 50, 50)                             // as much
	f(week, none, 50, 51)                           // less
	f(week, none, 50, 40, 40, 40, 40, 40, 40, 51)   // less than a week ago
	f(week, 50, 50, 40, 40, 40, 40, 40, 40, 40, 51) // further back nothing counts
	f(2*24*time.Hour, 50, 50, 40, 40, 51)           // nor behind the span
	f(week, 50, 50, none, 40)                       // a gap says nothing
	f(week, none, none, 40)                         // and stays one
	f(week, 50, 50, 50+1e-12)                       // rounding
	if got := (&history{}).corrected(series.Series{Step: time.Hour, Values: []float64{5}}, nil, 0, week); got != 5 {
		t.Errorf("of an observation that is no bound %v is learnt", got)
	}
}

func TestShapeOf(t *testing.T) {
	f := func(key string, want pool.Shape) {
		t.Helper()
		if got, err := shapeOf(series.Key(key)); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", key, got, err, want)
		}
	}
	f(`{cpu="4",memory="8GiB"}`, pool.Shape{CPU: 4, Memory: 8 << 30})
	f(`{cpu="500m", gpu="1", job="a,b=\"}"}`, pool.Shape{CPU: 0.5, GPU: 1})
	f(`batch_jobs{memory="1e9"}`, pool.Shape{Memory: 1e9})
	f(`{memory="2Ti"}`, pool.Shape{Memory: 2 << 40})
	wrong := func(key string) {
		t.Helper()
		if got, err := shapeOf(series.Key(key)); err == nil {
			t.Errorf("%s is taken for %+v", key, got)
		}
	}
	wrong(`{}`)
	wrong(``)
	wrong(`{job="a"}`)
	wrong(`{cpu="-1"}`)
	wrong(`{cpu="NaN"}`)
	wrong(`{cpu="Inf"}`)
	wrong(`{memory="64 gigs"}`)
	wrong(`{cpu=4}`)
	wrong(`{cpu="4"`[:7])
}
