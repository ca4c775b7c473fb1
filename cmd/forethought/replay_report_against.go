package main

import (
	"fmt"

	"github.com/forethought-autoscaler/forethought/replay"
)

// against compares the test parts of two runs.
func (r *replayReport) against(subject, other replay.Choice, name string) replayAgainst {
	a, b := subject.Run.Test, other.Run.Test
	cost, short := r.cost(a)-r.cost(b), a.Violations-b.Violations
	out := replayAgainst{Text: fmt.Sprintf("Against %s: %s, and %s.%s", name, r.costText(a, b), shortText(a, b), r.equalText(subject, other))}
	if !other.OnTest {
		out.Text += fmt.Sprintf(" It missed the target, with %s of the minutes short.", fine(b.Share()))
	}
	switch {
	case cost <= 0 && short <= 0 && (cost < 0 || short < 0):
		out.Chip, out.Class = "better", "best"
	case cost >= 0 && short >= 0 && (cost > 0 || short > 0):
		out.Chip, out.Class = "worse", "worse"
	case cost == 0 && short == 0:
		out.Chip, out.Class = "equal", "even"
	default:
		out.Chip, out.Class = "trade", "even"
	}
	return out
}

// costText says how much more or less a costs than b.
func (r *replayReport) costText(a, b replay.Outcome) string {
	text := fmt.Sprintf("%s instance-hours (%s against %s)", moreOrFewer(a.InstanceHours, b.InstanceHours, "fewer"),
		orDash(a.InstanceHours), orDash(b.InstanceHours))
	if r.o.Priced {
		text += fmt.Sprintf(", %s money (%s against %s in %d days)", moreOrFewer(a.Money, b.Money, "less"),
			r.money(monthly(a.Money, r.Parts.Test)), r.money(monthly(b.Money, r.Parts.Test)), month)
	}
	return text
}

// moreOrFewer says how much a is above or below b; less is the word for below.
func moreOrFewer(a, b float64, less string) string {
	switch change := a/b - 1; {
	case !finite(change):
		return "not comparable"
	case change < 0:
		return fine(-change) + " " + less
	case change > 0:
		return fine(change) + " more"
	}
	return "as many"
}

// shortText says how often both are short.
func shortText(a, b replay.Outcome) string {
	text := fmt.Sprintf("short in %s instead of %d", minutesText(a.Violations), b.Violations)
	switch {
	case a.Violations == b.Violations:
		return fmt.Sprintf("short in as many minutes, %d", a.Violations)
	case a.Violations == 0 || b.Violations == 0:
		return text
	case a.Violations < b.Violations:
		return text + fmt.Sprintf(", %.3g times fewer", float64(b.Violations)/float64(a.Violations))
	}
	return text + fmt.Sprintf(", %.3g times as many", float64(a.Violations)/float64(b.Violations))
}

// equalText says how both compare where the other policy is set so that it is short as often.
func (r *replayReport) equalText(subject, other replay.Choice) string {
	if other.Run.Actuator != subject.Run.Actuator || len(r.Of(other.Run.Policy, other.Run.Actuator)) < 2 {
		return "" // one setting alone can't be made equal
	}
	for _, e := range r.Equals {
		if e.Policy != other.Run.Policy || e.Actuator != other.Run.Actuator || e.Target != subject.Target {
			continue
		}
		switch {
		case e.Match == replay.Unreached || !finite(e.Ratio):
			return " None of its settings is short as seldom."
		case e.Match == replay.AtMost:
			return fmt.Sprintf(" At equal shortage Forethought needs %s times its instance-hours at least: its leanest setting is short less "+
				"often.", ratioText(e.Ratio))
		}
		return fmt.Sprintf(" At equal shortage Forethought needs %s times its instance-hours.", ratioText(e.Ratio))
	}
	return ""
}
