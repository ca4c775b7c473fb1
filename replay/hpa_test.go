package replay

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// valueTarget is the recommendation for an external metric with a Value target: the ratio of the metric to the target over the replicas
// that are ready.
func valueTarget(usage, target float64, ready int) int {
	ratio := usage / target
	if ready == 0 {
		return int(math.Ceil(ratio))
	}
	return int(math.Ceil(ratio * float64(ready)))
}

func TestAverageValueVectors(t *testing.T) {
	f := func(replicas, wanted int, tolerance float64, want int) {
		t.Helper()
		if got := averageValue(float64(wanted), 1, replicas, tolerance, tolerance); got != want {
			t.Errorf("averageValue(%d) over %d replicas with tolerance %v = %d, want %d", wanted, replicas, tolerance, got, want)
		}
	}
	// The default tolerance blocks a change of up to a tenth, both ends included.
	f(9, 10, 0.1, 10)
	f(10, 11, 0.1, 10)
	f(20, 22, 0.1, 20)
	f(30, 33, 0.1, 30)
	f(100, 110, 0.1, 100)
	f(10, 9, 0.1, 10)
	f(11, 12, 0.1, 11)
	f(22, 24, 0.1, 22)
	f(88, 89, 0.1, 88)
	f(10, 12, 0.1, 12)
	f(10, 8, 0.1, 8)
	// A tolerance of zero blocks nothing.
	f(10, 11, 0, 11)
	f(88, 89, 0, 89)
	f(0, 0, 0, 0)
	f(0, 3, 0.1, 3)
	f(3, 0, 0.1, 0)
	g := func(replicas int, usage, down, up float64, want int) {
		t.Helper()
		if got := averageValue(usage, 100, replicas, down, up); got != want {
			t.Errorf("averageValue(%v/100) over %d replicas with tolerances %v and %v = %d, want %d", usage, replicas, down, up, got, want)
		}
	}
	// The API text: with a target of 100, tolerances of 5 % down and 1 % up scale at less than 95 and at more than 101.
	g(1, 95, 0.05, 0.01, 1)
	g(1, 101, 0.05, 0.01, 1)
	g(2, 189, 0.05, 0.01, 2)
	g(10, 949, 0.05, 0.01, 10)
	g(20, 1899, 0.05, 0.01, 19)
	g(10, 1011, 0.05, 0.01, 11)
}

func TestToleranceZeroIsExact(t *testing.T) {
	pairs := 0
	for n := range 121 {
		for wanted := range 121 {
			h := newPodAutoscaler(HPAZero(), 0, 0, n)
			for now := range 30 {
				h.sync(now, float64(wanted))
			}
			if h.replicas != wanted {
				t.Fatalf("from %d replicas %d are wanted and there are %d", n, wanted, h.replicas)
			}
			if got := averageValue(float64(wanted), 1, n, 0, 0); got != wanted {
				t.Fatalf("averageValue(%d) over %d replicas = %d", wanted, n, got)
			}
			pairs++
		}
	}
	if pairs < 10_000 {
		t.Errorf("only %d pairs", pairs)
	}
}

func TestValueUnderAsksWhileBooting(t *testing.T) {
	// The metric is twice the target and half of the replicas are still booting: Value stays where it is, AverageValue goes on.
	if got := valueTarget(20, 10, 5); got != 10 {
		t.Errorf("Value = %d, want 10", got)
	}
	if got := averageValue(20, 1, 10, 0.1, 0.1); got != 20 {
		t.Errorf("AverageValue = %d, want 20", got)
	}
}

func TestDefaultRate(t *testing.T) {
	f := func(h *podAutoscaler, wanted int, want ...int) {
		t.Helper()
		for now, w := range want {
			if got := h.sync(now, float64(wanted)); got != w {
				t.Errorf("tick %d: %d replicas, want %d", now, got, w)
			}
		}
	}
	f(newPodAutoscaler(HPA(), 0, 0, 3), 20, 7, 14, 20)
	f(newPodAutoscaler(HPA(), 0, 0, 0), 20, 4, 8, 16, 20)
	f(newPodAutoscaler(HPA(), 0, 12, 3), 20, 7, 12, 12)
	f(newPodAutoscaler(HPA(), 5, 0, 3), 2, 5, 5)
	// Four pods a minute: nothing more in the minute.
	slow := HPA()
	slow.UpPercent, slow.UpPeriod = 0, time.Minute
	f(newPodAutoscaler(slow, 0, 0, 3), 20, 7, 7, 7, 7, 11, 11, 11, 11, 15)
	// The documentation's example: 4 pods or 10 % a minute, the larger. 10 % of 72 is 7.2, rounded up to 8; below 40 it is the 4 pods.
	down := newPodAutoscaler(Direct(), 0, 0, 80)
	down.down = rules{pods: 4, percent: 10, period: 1}
	f(down, 10, 72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10, 10)
	// What was taken in the period counts for going up again.
	both := newPodAutoscaler(Direct(), 0, 0, 10)
	both.up, both.down = rules{pods: 1, period: 4}, rules{pods: 3, period: 4}
	f(both, 0, 7, 7, 7, 7, 4)
	if got := both.sync(5, 20); got != 8 {
		t.Errorf("up after 3 were taken: %d replicas, want 8", got)
	}
}

func TestStabilisation(t *testing.T) {
	h := newPodAutoscaler(HPAZero(), 0, 0, 10)
	h.sync(0, 10)
	for now := 1; now < 20; now++ {
		if got := h.sync(now, 4); got != 10 {
			t.Fatalf("tick %d: %d replicas before the window is over", now, got)
		}
	}
	if got := h.sync(20, 4); got != 4 {
		t.Errorf("%d replicas when the last high recommendation is five minutes old, want 4", got)
	}
	// Going up waits for the lowest of its window.
	u := newPodAutoscaler(Direct(), 0, 0, 2)
	u.up.window = 3
	u.begin(2)
	got := []int{u.sync(0, 2), u.sync(1, 9), u.sync(2, 7), u.sync(3, 8), u.sync(4, 9)}
	for i, want := range []int{2, 2, 2, 7, 7} {
		if got[i] != want {
			t.Errorf("tick %d: %d replicas, want %d", i, got[i], want)
		}
	}
}

func TestRecentAgainstAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		e := recent{span: r.IntN(8), sign: 1 - 2*r.IntN(2)}
		var all []int
		for now := range 60 {
			all = append(all, r.IntN(10))
			want := all[now]
			for i := max(now-e.span+1, 0); i <= now; i++ {
				if e.sign*all[i] > e.sign*want {
					want = all[i]
				}
			}
			if got := e.push(now, all[now]); got != want {
				t.Fatalf("span %d, sign %d, tick %d: %d, want %d", e.span, e.sign, now, got, want)
			}
		}
	}
}

func TestAutoscalerProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		a := Actuator{
			Tolerance: 0.2 * r.Float64(), DownWindow: time.Duration(r.IntN(10)) * tick, UpPods: r.IntN(4), UpPercent: r.IntN(150),
			UpPeriod: time.Duration(1+r.IntN(6)) * tick,
		}
		lo := r.IntN(4)
		hi := lo + 1 + r.IntN(20)
		h, plain := newPodAutoscaler(a, lo, hi, r.IntN(25)), newPodAutoscaler(Direct(), lo, hi, 0)
		var asked []int
		for now := range 80 {
			wanted := r.IntN(30)
			asked = append(asked, wanted)
			before := h.replicas
			n := h.sync(now, float64(wanted))
			switch {
			case n < lo || n > hi:
				t.Fatalf("%+v: %d replicas are outside %d to %d", a, n, lo, hi)
			case n > before && n > max(wanted, lo):
				t.Fatalf("%+v: up from %d to %d where %d are wanted", a, before, n, wanted)
			case n < before && n < min(wanted, hi):
				t.Fatalf("%+v: down from %d to %d where %d are wanted", a, before, n, wanted)
			case n < before && now >= 1 && asked[now-1] > before && a.DownWindow > tick:
				t.Fatalf("%+v: down from %d to %d one tick after %d were wanted", a, before, n, asked[now-1])
			}
			if got := plain.sync(now, float64(wanted)); got != min(max(wanted, lo), hi) {
				t.Fatalf("without rules: %d replicas, want %d within %d to %d", got, wanted, lo, hi)
			}
		}
	}
}
