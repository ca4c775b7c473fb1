package actuator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// because says in words why a decision has a target's field at a value, where wanted is what it would have without the object's bounds.
func because(s pool.Snapshot, t Target, wanted int64, o *object) string {
	d := s.Decision
	parts := []string{demandText(s, t.Pool)}
	if n, known := d.Reactive.Instances(t.Pool); known {
		parts = append(parts, fmt.Sprintf("reactive need %d", n))
	}
	for _, g := range d.Guards { // of the plan, which does not count with the kill switch on
		if !d.Killed && (g.Pool == t.Pool || g.Pool == "") {
			parts = append(parts, guardText(g))
		}
	}
	if text := valueText(d, t); text != "" {
		parts = append(parts, text)
	}
	if wanted < o.low || wanted > o.high {
		parts = append(parts, fmt.Sprintf("%d wanted, and %s may be %d to %d here", wanted, o.name(), o.low, o.high))
	}
	return strings.Join(parts, "; ")
}

// demandText says what the pool's number follows from.
func demandText(s pool.Snapshot, name string) string {
	d := s.Decision
	now := amount(d.Demand+d.Pending, s.Unit)
	z, known := sizing(d, name)
	held := z.Keep
	if z.Previous >= 0 {
		held = min(held, z.Previous)
	}
	switch {
	case d.Killed:
		return "the kill switch is on, so that only the present demand of " + now + " counts"
	case !known || z.Add <= z.Reactive && held <= z.Reactive && z.Warm == 0:
		return "demand " + now
	case z.Add >= held && z.Add >= z.Reactive+z.Warm:
		return fmt.Sprintf("demand %s is expected to peak at %s within %s with probability %s",
			now, figure(z.AddDemand), span(z.LeadTime), probability(d))
	case held >= z.Reactive+z.Warm:
		return fmt.Sprintf("demand %s may be back at %s within %s with probability %s, before which giving up instances does not pay",
			now, figure(z.KeepDemand), span(z.LeadTime+z.Hold), probability(d))
	}
	return fmt.Sprintf("demand %s, with %d to stand by", now, z.Warm)
}

// valueText says which number of the decision was taken, where it is not simply its instances.
func valueText(d pool.Decision, t Target) string {
	n, _ := d.Effective().Instances(t.Pool)
	text := ""
	if t.Value == Spare {
		asked := n
		n, _ = d.Spare(t.Pool)
		text = fmt.Sprintf("spare %d of %d", n, asked)
	}
	if t.PerInstance != 1 {
		text = strings.TrimPrefix(fmt.Sprintf("%s, %d instances with %g replicas each", text, n, t.PerInstance), ", ")
	}
	return text
}

func guardText(g pool.Guard) string {
	if g.From == g.To {
		return fmt.Sprintf("guard %s: %s", g.Name, g.Reason)
	}
	return fmt.Sprintf("guard %s from %d to %d: %s", g.Name, g.From, g.To, g.Reason)
}

func sizing(d pool.Decision, name string) (z pool.Sizing, known bool) {
	for _, z = range d.Sizing {
		if z.Pool == name {
			return z, true
		}
	}
	return pool.Sizing{}, false
}

// probability writes that with which the windows were sized, to five digits.
func probability(d pool.Decision) string {
	p := d.Probability
	if d.Working > 0 {
		p = d.Working
	}
	return strconv.FormatFloat(math.Round(1e5*p)/1e5, 'f', -1, 64)
}

func amount(v float64, u series.Unit) string {
	if u == "" {
		return figure(v)
	}
	return figure(v) + " " + strings.ReplaceAll(string(u), "_", " ")
}

// figure writes a number with four significant digits, and a large one whole.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "unknown"
	case a >= 1000 && a < 1e9:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// span writes a time without the parts that are zero.
func span(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
