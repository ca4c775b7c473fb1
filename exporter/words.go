package exporter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// figure writes a number for people: four significant digits, whole from a thousand on, with SI prefixes from a million on.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "unknown"
	case a >= 1e15:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case a >= 1e12:
		return figure(v/1e12) + "T"
	case a >= 1e9:
		return figure(v/1e9) + "G"
	case a >= 1e6:
		return figure(v/1e6) + "M"
	case a >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a > 0 && a < 0.001:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := 3
	for a := math.Abs(v); a >= 1 && digits > 0; a /= 10 {
		digits--
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// unitText writes a unit for people.
func unitText(u series.Unit) string {
	if u == series.GPUs {
		return "GPUs"
	}
	return strings.ReplaceAll(string(u), "_", " ")
}

// amount writes a demand with its unit.
func amount(v float64, u series.Unit) string {
	v = demand(v)
	if math.IsNaN(v) {
		return "unknown"
	}
	return figure(v) + " " + unitText(u)
}

// instances writes a count of instances.
func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}

// isPaced reports whether windows are sized with another probability than the one asked for.
func isPaced(d pool.Decision) bool { return d.Working > 0 && d.Working != d.Probability }

// workingText writes the probability that windows are sized with, to five digits.
func workingText(d pool.Decision) string {
	if !isPaced(d) {
		return probabilityText(d.Probability)
	}
	return probabilityText(math.Round(1e5*d.Working) / 1e5)
}

// typesText writes counts of instances by type, those left out that there are none of.
func typesText(types []pool.TypeTarget) string {
	var parts []string
	for _, t := range types {
		if t.Instances > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", t.Type, t.Instances))
		}
	}
	return strings.Join(parts, ", ")
}

// costText writes what a plan costs, and what it saves against as much capacity on demand, as far as these are known.
func costText(s pool.Snapshot, p pool.Plan) string {
	cost, onDemand := hourlyCost(s, p), onDemandCost(s, p)
	if math.IsNaN(cost) {
		return ""
	}
	text := figure(cost) + " an hour"
	if !(onDemand > 0) || math.Abs(cost-onDemand) <= 1e-9*onDemand {
		return text
	}
	word := "less"
	if cost > onDemand {
		word = "more"
	}
	return fmt.Sprintf("%s, %s %% %s than the %s of as much capacity on demand", text, figure(100*math.Abs(cost-onDemand)/onDemand), word, figure(onDemand))
}

// span writes a duration for people, to the second.
func span(d time.Duration) string { return horizonText(max(d, 0).Round(time.Second)) }

// clock writes t in UTC, without the date where that is the day of now.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05 UTC")
	}
	return t.Format("2006-01-02 15:04:05 UTC")
}

// since writes t and how long ago or ahead of now it is.
func since(t, now time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	if t.After(now) {
		return fmt.Sprintf("%s (in %s)", clock(t, now), span(t.Sub(now)))
	}
	return fmt.Sprintf("%s (%s ago)", clock(t, now), span(now.Sub(t)))
}

// noDecision says in one sentence why a fleet has no valid decision.
func noDecision(s pool.Snapshot, now time.Time) string {
	text := fmt.Sprintf("no decision yet, it is %s", s.State)
	if d := s.Decision; !d.At.IsZero() {
		text = fmt.Sprintf("the last decision ran out at %s, it is %s", since(d.ValidUntil, now), s.State)
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// sentence ends text with a full stop and begins it with a capital.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}
