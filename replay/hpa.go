package replay

import (
	"math"
	"slices"
	"time"
)

// tick is the resolution of the simulated cluster: the pod autoscaler's default sync period.
const tick = 15 * time.Second

// minuteTicks is how many ticks a minute has.
const minuteTicks = int(time.Minute / tick)

// ticks returns d in ticks, rounded up.
func ticks(d time.Duration) int { return int((d + tick - 1) / tick) }

// rules are one direction of a pod autoscaler's behavior: the tolerance, the stabilisation window, and what one period may change, the
// larger of a number of pods and a percentage (selectPolicy Max); both zero for no bound. Window and period are in ticks.
type rules struct {
	tolerance     float64
	window        int
	pods, percent int
	period        int
}

// bounded reports whether r bounds the change in a period.
func (r rules) bounded() bool { return r.pods > 0 || r.percent > 0 }

// podAutoscaler is the arithmetic of the horizontal pod autoscaler for one external metric with an AverageValue target, as the Kubernetes
// documentation and the autoscaling/v2 API text describe it: a recommendation, its stabilisation, a bound on the change, the limits.
// A maximum of 0 is no limit. With zero rules it does what the metric says.
type podAutoscaler struct {
	up, down         rules
	minimum, maximum int
	replicas         int
	lowest, highest  recent
	added, taken     []change
}

// change is a number of replicas added or taken at a tick.
type change struct{ at, n int }

// newPodAutoscaler returns an autoscaler of a workload that has the given replicas at tick 0.
func newPodAutoscaler(a Actuator, minimum, maximum, replicas int) *podAutoscaler {
	h := &podAutoscaler{
		up:      rules{tolerance: a.Tolerance, pods: a.UpPods, percent: a.UpPercent, period: ticks(a.UpPeriod)},
		down:    rules{tolerance: a.Tolerance, window: ticks(a.DownWindow)},
		minimum: minimum, maximum: maximum,
	}
	h.begin(replicas)
	return h
}

// begin makes replicas the present number and the first recommendation.
func (h *podAutoscaler) begin(replicas int) {
	h.replicas = h.limited(replicas)
	h.lowest = recent{span: h.up.window, sign: -1}
	h.highest = recent{span: h.down.window, sign: 1}
	h.lowest.push(0, h.replicas)
	h.highest.push(0, h.replicas)
}

// sync is one look, at a tick, at a metric of which one is wanted per replica. It returns the replicas from now on.
func (h *podAutoscaler) sync(now int, metric float64) int {
	desired := h.stabilised(now, averageValue(metric, 1, h.replicas, h.down.tolerance, h.up.tolerance))
	next := h.limited(h.paced(now, desired))
	h.record(now, next-h.replicas)
	h.replicas = next
	return next
}

// averageValue is the recommendation for an external metric with an AverageValue target: ceil(usage/target), unless the usage per present
// replica is within the tolerance of the target. It does not depend on how many replicas are ready.
func averageValue(usage, target float64, replicas int, down, up float64) int {
	ratio := usage / (target * float64(replicas))
	if ratio >= 1-down && ratio <= 1+up {
		return replicas
	}
	return int(math.Ceil(usage / target))
}

// stabilised returns the safest of the recommendations in the windows: at most the highest of the window for going down, at least the
// lowest of the window for going up, and else the present number.
func (h *podAutoscaler) stabilised(now, recommendation int) int {
	least := h.lowest.push(now, recommendation)
	most := h.highest.push(now, recommendation)
	return min(max(h.replicas, least), most)
}

// paced bounds the change from the present number of replicas by the scaling policies, each of which holds for its period: it counts from
// the replicas at the start of the period, so that changes already made in the period are used up.
func (h *podAutoscaler) paced(now, desired int) int {
	switch {
	case desired > h.replicas && h.up.bounded():
		base := h.replicas - sum(h.added, now-h.up.period) + sum(h.taken, now-h.up.period)
		limit := max(base+h.up.pods, ceilOf(float64(base)*(1+float64(h.up.percent)/100)))
		return min(desired, max(limit, h.replicas))
	case desired < h.replicas && h.down.bounded():
		base := h.replicas + sum(h.taken, now-h.down.period) - sum(h.added, now-h.down.period)
		limit := min(base-h.down.pods, int(float64(base)*(1-float64(h.down.percent)/100)))
		return max(desired, min(limit, h.replicas))
	}
	return desired
}

// limited clamps n to the limits.
func (h *podAutoscaler) limited(n int) int {
	if h.maximum > 0 {
		n = min(n, h.maximum)
	}
	return max(n, h.minimum)
}

// record remembers a change for as long as a policy counts it.
func (h *podAutoscaler) record(now, n int) {
	if n == 0 || !h.up.bounded() && !h.down.bounded() {
		return
	}
	if n > 0 {
		h.added = append(h.added, change{at: now, n: n})
	} else {
		h.taken = append(h.taken, change{at: now, n: -n})
	}
	old := func(c change) bool { return c.at <= now-max(h.up.period, h.down.period) }
	h.added, h.taken = slices.DeleteFunc(h.added, old), slices.DeleteFunc(h.taken, old)
}

// sum adds up the changes made after a tick.
func sum(changes []change, after int) int {
	n := 0
	for _, c := range changes {
		if c.at > after {
			n += c.n
		}
	}
	return n
}

func ceilOf(v float64) int { return int(math.Ceil(v)) }

// recent is the highest (sign 1) or lowest (sign -1) of the numbers of the last span ticks, the newest always among them. It holds those
// that can still become it, in order.
type recent struct {
	span, sign int
	kept       []change
}

// push adds the number of a tick and returns the highest or lowest of the window.
func (r *recent) push(now, v int) int {
	if r.span == 0 {
		return v
	}
	n := len(r.kept)
	for n > 0 && r.sign*r.kept[n-1].n <= r.sign*v {
		n--
	}
	r.kept = append(r.kept[:n], change{at: now, n: v})
	old := 0
	for r.kept[old].at <= now-r.span && old < len(r.kept)-1 {
		old++
	}
	r.kept = slices.Delete(r.kept, 0, old)
	return r.kept[0].n
}
