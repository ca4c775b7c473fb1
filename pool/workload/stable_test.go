package workload_test

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool/workload"
)

func TestScaleDoesNotMatter(t *testing.T) {
	c := classifier(t)
	for pattern, draw := range kinds {
		y := draw(rand.New(rand.NewPCG(8, 8)), 10*time.Minute, days(9, 10*time.Minute))
		want := c.Classify(y, workload.UnknownProfile())
		for _, scale := range []float64{1.0 / 1024, 4096} { // powers of two change no rounding
			scaled := y.Clone()
			for i := range scaled.Values {
				scaled.Values[i] *= scale
			}
			if got := c.Classify(scaled, workload.UnknownProfile()); !reflect.DeepEqual(got, want) {
				t.Errorf("%s times %v: %+v, want %+v", pattern, scale, got, want)
			}
		}
	}
}

func TestGapsHardlyMatter(t *testing.T) {
	c := classifier(t)
	rng := rand.New(rand.NewPCG(9, 9))
	same := 0
	const n = 10
	for _, draw := range kinds {
		for seed := range uint64(n) {
			y := draw(rand.New(rand.NewPCG(seed, 8)), 10*time.Minute, days(9, 10*time.Minute))
			want := c.Classify(y, workload.UnknownProfile())
			for i := range y.Values {
				if rng.IntN(10) == 0 {
					y.Values[i] = []float64{math.NaN(), math.Inf(1), -1}[rng.IntN(3)]
				}
			}
			a, b := rng.IntN(1000), 30+rng.IntN(40)
			for i := a; i < a+b; i++ {
				y.Values[i] = math.NaN()
			}
			got := c.Classify(y, workload.UnknownProfile())
			if got.Pattern == want.Pattern {
				same++
			}
			for _, f := range got.Features {
				if math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
					t.Errorf("feature %+v", f)
				}
			}
		}
	}
	if same < n*len(kinds)*9/10 {
		t.Errorf("the same pattern with a sixth missing in %d of %d", same, n*len(kinds))
	}
}

func TestSameEveryTime(t *testing.T) {
	other, err := workload.Learn(context.Background(), forest)
	if err != nil {
		t.Fatal(err)
	}
	p := workload.Profile{CPU: 1, Memory: 2, GPU: 3}
	if a, b := classifier(t).Classify(diurnal(5), p), other.Classify(diurnal(5), p); !reflect.DeepEqual(a, b) {
		t.Errorf("learned twice: %+v and %+v", a, b)
	}
}

func BenchmarkLearn(b *testing.B) {
	for b.Loop() {
		if _, err := workload.Learn(context.Background(), forest); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClassify4WeeksOf1Minute(b *testing.B) {
	c, err := learned()
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	y := history(time.Minute, 28*1440, func(int, float64) float64 { return 1 + rng.Float64() })
	for b.Loop() {
		c.Classify(y, workload.UnknownProfile())
	}
}
