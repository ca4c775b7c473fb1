package workload_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/tree"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/pool/workload"
	"github.com/forethought-autoscaler/forethought/series"
)

// forest is the learner of the tests: the project's own random forest.
func forest(ctx context.Context, rows [][]float64, class []int) (workload.Voter, error) {
	return tree.Classifier{Trees: 80, LeastRows: 3, Bins: 32, Seed: 1}.Fit(ctx, rows, class)
}

// learned is fitted once for all tests.
var learned = sync.OnceValues(func() (*workload.Classifier, error) { return workload.Learn(context.Background(), forest) })

func classifier(t *testing.T) *workload.Classifier {
	t.Helper()
	c, err := learned()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAccuracyOnOtherDemands(t *testing.T) {
	c := classifier(t)
	right, unknown, total := map[pool.Pattern]int{}, 0, 0
	for pattern, draw := range kinds {
		for seed := range uint64(60) {
			rng := rand.New(rand.NewPCG(seed, 99))
			step := []time.Duration{time.Minute, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}[seed%5]
			longest := map[bool]float64{true: 4, false: 28}[step < 5*time.Minute]
			a := c.Classify(draw(rng, step, days(2.1+(longest-2.1)*rng.Float64(), step)), workload.UnknownProfile())
			total++
			switch a.Pattern {
			case pattern:
				right[pattern]++
			case pool.UnknownPattern:
				unknown++
				t.Logf("%s seed %d: %s %+v", pattern, seed, a.PatternReason, a.Features)
			default:
				t.Logf("%s seed %d: %.2f %s %+v", pattern, seed, a.PatternVotes, a.PatternReason, a.Features)
			}
		}
	}
	sum := 0
	for _, n := range right {
		sum += n
	}
	t.Logf("right: %v of 60 each, %d unknown; in all %.3f", right, unknown, float64(sum)/float64(total))
	if sum*10 < total*9 {
		t.Errorf("right in %d of %d, want nine tenths", sum, total)
	}
	for pattern, n := range right {
		if n < 48 {
			t.Errorf("%s: right in %d of 60", pattern, n)
		}
	}
}

// diurnal is a steady demand.
func diurnal(n float64) series.Series {
	rng := rand.New(rand.NewPCG(5, 5))
	return history(5*time.Minute, days(n, 5*time.Minute), func(_ int, hour float64) float64 {
		return 100 * (1.5 + math.Sin(2*math.Pi*hour/24) + 0.05*rng.NormFloat64())
	})
}

func TestClassifyReasons(t *testing.T) {
	c := classifier(t)
	f := func(y series.Series, want pool.Pattern, words ...string) {
		t.Helper()
		a := c.Classify(y, workload.UnknownProfile())
		if a.Pattern != want || a.PatternVotes < 0.5 || a.PatternVotes > 1 || len(a.Features) == 0 {
			t.Errorf("got %q, %v of the votes, because %s; want %q", a.Pattern, a.PatternVotes, a.PatternReason, want)
		}
		for _, w := range words {
			if !strings.Contains(a.PatternReason, w) {
				t.Errorf("the reason %q does not say %q", a.PatternReason, w)
			}
		}
		t.Log(a.PatternVotes, a.PatternReason)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	f(diurnal(14), pool.Steady, "steady: ")
	f(history(time.Hour, 24*14, func(int, float64) float64 { return 7 }), pool.Steady, "steady: ")
	f(history(time.Hour, 24*30, func(i int, _ float64) float64 { return 10 + float64(i)/20 + rng.Float64() }), pool.Growing,
		"growing: ", "it rose by 1")
	f(history(time.Minute, days(3, time.Minute), func(i int, _ float64) float64 {
		if i%600 < 5 {
			return 200
		}
		return 1 + 2*rng.Float64()
	}), pool.Bursty, "bursty: ")
	f(history(5*time.Minute, days(10, 5*time.Minute), func(_ int, hour float64) float64 {
		if of := math.Mod(hour, 24); of > 2 && of < 6 {
			return 64
		}
		return 0
	}), pool.Batch, "batch: ")
}

func TestClassifyUnknown(t *testing.T) {
	c := classifier(t)
	f := func(y series.Series, reason string) {
		t.Helper()
		a := c.Classify(y, workload.UnknownProfile())
		if a.Pattern != pool.UnknownPattern || a.PatternReason != reason || a.PatternVotes != 0 || a.Features != nil {
			t.Errorf("got %+v, want unknown because %s", a, reason)
		}
	}
	f(series.Series{}, "unknown: there is no history")
	f(diurnal(1.9), "unknown: the history covers 1.9 days and 2 are needed")
	f(series.Series{Start: monday, Step: time.Hour, Values: make([]float64, 100)}, "unknown: there was no demand at all")
	f(history(3*time.Hour, 100, func(int, float64) float64 { return 1 }), "unknown: the step of 3h0m0s is longer than 2h0m0s")
	gappy := diurnal(8)
	for i := range gappy.Values {
		if i%10 > 0 {
			gappy.Values[i] = math.NaN()
		}
	}
	f(gappy, "unknown: the history holds observations of 0.8 days and 1 are needed")
	f(history(time.Hour, 100, func(int, float64) float64 { return math.NaN() }), "unknown: there is no history")
}

// constant votes the same whatever the row.
type constant []float64

func (c constant) Probabilities([]float64) []float64 { return c }

func TestClassifyUndecided(t *testing.T) {
	c, err := workload.Learn(context.Background(), func(_ context.Context, _ [][]float64, class []int) (workload.Voter, error) {
		if len(class) > 0 && class[len(class)-1] == 3 {
			return constant{0.2, 0.45, 0, 0.35}, nil
		}
		return constant{0.4, 0.4, 0.2}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a := c.Classify(diurnal(3), workload.Profile{CPU: 1, Memory: 1, GPU: 1})
	if want := "unknown: 45 % of the votes say bursty and 35 % say batch, and 50 % are needed"; a.Pattern != "" || a.PatternReason != want || a.PatternVotes != 0.45 {
		t.Errorf("got %+v, want %s", a, want)
	}
	if want := "unknown: 40 % of the votes say cpu and 40 % say memory, and 50 % are needed"; a.Bound != "" || a.BoundReason != want {
		t.Errorf("got %+v, want %s", a, want)
	}
}

// byPeak votes by the fourth feature of a demand, the peak over the mean, and by the second of a profile, the share of memory.
type byPeak struct{}

func (byPeak) Probabilities(row []float64) []float64 {
	switch {
	case len(row) == 3 && row[1] > 0.25:
		return []float64{0.1, 0.2, 0.7}
	case len(row) == 3:
		return []float64{0.7, 0.2, 0.1}
	case row[3] > 3:
		return []float64{0.1, 0.9, 0, 0}
	}
	return []float64{0.9, 0.1, 0, 0}
}

func TestReasonSaysWhatDecided(t *testing.T) {
	c, err := workload.Learn(context.Background(), func(context.Context, [][]float64, []int) (workload.Voter, error) { return byPeak{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	a := c.Classify(diurnal(14), workload.Profile{CPU: 4, Memory: 3, GPU: 3})
	if want := "steady: its peak is 1.7 times its mean"; a.PatternReason != want {
		t.Errorf("got %q, want %q", a.PatternReason, want)
	}
	if want := "gpu-bound: 30 % of its shape is gpu and 30 % of its shape is memory"; a.BoundReason != want {
		t.Errorf("got %q, want %q", a.BoundReason, want)
	}
}

func TestLearnReturnsError(t *testing.T) {
	broken := errors.New("broken")
	_, err := workload.Learn(context.Background(), func(context.Context, [][]float64, []int) (workload.Voter, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "learn patterns of demand: ") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := workload.Learn(ctx, forest); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it canceled", err)
	}
}

func TestClassifyBound(t *testing.T) {
	c := classifier(t)
	nan := math.NaN()
	f := func(p workload.Profile, want workload.Bound, reason string) {
		t.Helper()
		a := c.Classify(series.Series{}, p)
		if a.Bound != want || !strings.HasPrefix(a.BoundReason, reason) || (want != "") != (a.BoundVotes >= 0.5) {
			t.Errorf("%+v: got %q, %v of the votes: %s; want %q: %s", p, a.Bound, a.BoundVotes, a.BoundReason, want, reason)
		}
	}
	f(workload.Profile{CPU: 0.8, Memory: 0.2, GPU: nan}, workload.CPU, "cpu-bound: 80 % of its shape is cpu")
	f(workload.Profile{CPU: 0.1, Memory: 0.3, GPU: nan}, workload.Memory, "memory-bound: 75 % of its shape is memory")
	f(workload.Profile{CPU: 0.1, Memory: 0.15, GPU: 1}, workload.GPU, "gpu-bound: 80 % of its shape is gpu")
	f(workload.Profile{CPU: 100, Memory: 20, GPU: 0}, workload.CPU, "cpu-bound: ")
	f(workload.Profile{CPU: nan, Memory: nan, GPU: nan}, "", "unknown: nothing is known")
	f(workload.Profile{}, "", "unknown: nothing is known")
	f(workload.Profile{CPU: -1, Memory: math.Inf(1), GPU: nan}, "", "unknown: nothing is known")
	right := 0
	const n = 300
	rng := rand.New(rand.NewPCG(3, 3))
	for range n {
		v := []float64{0.8 * rng.Float64(), 0.8 * rng.Float64(), 0.8 * rng.Float64()}
		k := rng.IntN(3)
		v[k] = 1
		if c.Classify(series.Series{}, workload.Profile{CPU: v[0], Memory: v[1], GPU: v[2]}).Bound == []workload.Bound{"cpu", "memory", "gpu"}[k] {
			right++
		}
	}
	t.Logf("bound right in %d of %d", right, n)
	if right*10 < n*9 {
		t.Errorf("bound right in %d of %d", right, n)
	}
}

func TestProfileOf(t *testing.T) {
	jobs := []pool.Jobs{{Shape: pool.Shape{CPU: 1, Memory: 8}, Count: 3}, {Shape: pool.Shape{CPU: 2, Memory: 8}, Count: 1}}
	if p := workload.ProfileOf(jobs, pool.Shape{CPU: 10, Memory: 16}); p.CPU != 0.125 || p.Memory != 0.5 || !math.IsNaN(p.GPU) {
		t.Errorf("got %+v", p)
	}
	if p := workload.ProfileOf(nil, pool.Shape{CPU: 10}); !math.IsNaN(p.CPU) {
		t.Errorf("without jobs: %+v", p)
	}
}
