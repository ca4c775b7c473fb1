package main

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/forethought-autoscaler/forethought/replay"
)

// stance is what a replay says about mode act.
type stance string

// Supported where Forethought met its target and is at least as good as today in both cost and shortage; Open where it met the target
// and trades one for the other, missed it behind a pod autoscaler, or where a simpler policy did too for clearly less; Refused otherwise; Silent where it was not replayed.
const (
	stanceSupported stance = "good"
	stanceOpen      stance = "open"
	stanceRefused   stance = "bad"
	stanceSilent    stance = "none"
)

// clearlyCheaper is how much of the subject's cost a simpler policy may take at most to speak against it.
const clearlyCheaper = 0.95

// replayVerdict is what stands on top of the page.
type replayVerdict struct {
	Stance          stance
	Head, Why, Next string
	Facts           []string
	Against         []replayAgainst
}

// replayAgainst is one policy beside the subject.
type replayAgainst struct{ Chip, Class, Text string }

// verdict is about the first target and the first actuator.
func (r *replayReport) verdict() replayVerdict {
	subject, ok := r.chosen(r.Subject)
	if !ok {
		return replayVerdict{Stance: stanceSilent, Head: "No verdict", Why: "Forethought was not among the policies, so this replay says " +
			"nothing about mode act."}
	}
	now, there := r.now(subject.Target)
	v := replayVerdict{Facts: r.facts(subject), Against: r.comparisons(subject), Next: r.next(subject)}
	v.Stance, v.Why = r.stance(subject, now, there)
	v.Head = headOf(v.Stance, r.o.Mode)
	return v
}

// now returns what runs today: behind the default actuator of Kubernetes, or behind the first where that was not replayed.
func (r *replayReport) now(target float64) (replay.Choice, bool) {
	if x, ok := r.Chosen(today, replay.HPA().Name, target); ok {
		return x, true
	}
	return r.Chosen(today, r.Actuators[0], target)
}

// next says how the mode is changed and how that is undone.
func (r *replayReport) next(subject replay.Choice) string {
	if r.o.Fleet == "" {
		return ""
	}
	return fmt.Sprintf("Mode act is written as policy: {mode: act, probability: %v} of fleet %s. Mode shadow undoes it, and at once does "+
		"POST /api/v1/fleets/%s/kill where "+
		"--web.enable-admin-api is set.", subject.Run.Setting, r.o.Fleet, url.PathEscape(r.o.Fleet))
}

func headOf(s stance, mode string) string {
	acting := mode == "act"
	switch {
	case s == stanceSupported && acting:
		return "Stay in mode act: this replay supports it."
	case s == stanceSupported:
		return "This replay supports mode act."
	case s == stanceOpen:
		return "Yours to weigh: this replay neither supports nor refuses mode act."
	case acting:
		return "Go back to shadow: this replay does not support mode act."
	}
	return "Stay in shadow."
}

// stance judges the subject beside what runs today, where that was replayed, and says why.
func (r *replayReport) stance(subject, now replay.Choice, there bool) (stance, string) {
	test := subject.Run.Test
	switch {
	case !subject.OnValidation:
		return stanceRefused, fmt.Sprintf("No setting of %s left at most %s of the validation minutes short.", r.Subject, fine(subject.Target))
	case !subject.OnTest:
		return stanceRefused, fmt.Sprintf("%s left %s of the test minutes short, where at most %s was "+
			"wanted.", capital(r.Subject), fine(test.Share()), fine(subject.Target))
	case !there:
		return stanceOpen, "It met its target, but what runs today was not replayed beside it."
	}
	cost, short := r.cost(test)-r.cost(now.Run.Test), test.Violations-now.Run.Test.Violations
	name := today + " behind actuator " + now.Run.Actuator
	switch {
	case cost >= 0 && short >= 0 && (cost > 0 || short > 0):
		return stanceRefused, fmt.Sprintf("It met its target, but against %s it saves nothing and is short no less often.", name)
	case cost > 0:
		return stanceOpen, fmt.Sprintf("It met its target and is short less often than %s, in %d minutes instead of %d, and costs %s more.",
			name, test.Violations, now.Run.Test.Violations, fine(r.cost(test)/r.cost(now.Run.Test)-1))
	case short > 0:
		return stanceOpen, fmt.Sprintf("It met its target and costs %s less than %s, and is short more often, in %d minutes instead of %d.",
			fine(1-r.cost(test)/r.cost(now.Run.Test)), name, test.Violations, now.Run.Test.Violations)
	}
	if x, ok := r.Chosen(r.Subject, replay.HPAZero().Name, subject.Target); ok && !x.OnTest {
		return stanceOpen, fmt.Sprintf("It met its target and is no worse than %s, but behind a pod autoscaler with a tolerance of zero it left %s of the "+
			"minutes short.", name, fine(x.Run.Test.Share()))
	}
	if rival, ok := r.rival(subject); ok {
		return stanceOpen, fmt.Sprintf("It met its target and is no worse than %s, but %s, a simpler policy, met the target too for %s less.",
			name, rival.Run.Policy, fine(1-r.cost(rival.Run.Test)/r.cost(test)))
	}
	return stanceSupported, fmt.Sprintf("It met its target on test, and against %s neither its cost nor its short minutes are worse.", name)
}

// rival returns the cheapest other policy that met the subject's target on both parts for clearly less.
func (r *replayReport) rival(subject replay.Choice) (best replay.Choice, ok bool) {
	most := clearlyCheaper * r.cost(subject.Run.Test)
	for _, x := range r.Choices {
		same := x.Target == subject.Target && x.Run.Actuator == subject.Run.Actuator
		if same && x.Run.Policy != r.Subject && x.OnValidation && x.OnTest && r.cost(x.Run.Test) < most {
			best, ok, most = x, true, r.cost(x.Run.Test)
		}
	}
	return best, ok
}

// cost is money where prices are known, and instance-hours otherwise.
func (r *replayReport) cost(o replay.Outcome) float64 {
	if r.o.Priced {
		return o.Money
	}
	return o.InstanceHours
}

// facts says what the subject came to.
func (r *replayReport) facts(subject replay.Choice) []string {
	test, actuator := subject.Run.Test, subject.Run.Actuator
	out := []string{
		fmt.Sprintf("On test, behind actuator %s, it was short in %s of %d (%s) where at most %s was wanted: %s. The longest shortage took "+
			"%s; %s of the load was not served.",
			actuator, minutesText(test.Violations), test.Minutes, fine(test.Share()), fine(subject.Target), metText(subject.OnTest),
			minutesText(test.WorstRun),
			fine(test.Unmet/test.Offered)),
		fmt.Sprintf("It used %s instance-hours, %s times the least that whoever knew the future would need.%s",
			orDash(test.InstanceHours), ratioText(test.InstanceHours/r.Oracles[0].Test.Physical.InstanceHours), r.bill(test)),
	}
	if !test.WorstDay.IsZero() && test.Violations > 0 {
		out = append(out, fmt.Sprintf("Its worst day was %s, with %s of the minutes "+
			"short.", test.WorstDay.UTC().Format("Monday 2 January 2006"), fine(test.Worst)))
	}
	out = append(out, r.settingFact(subject))
	return append(out, r.otherFacts(subject)...)
}

func metText(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// bill says what a part of the test's length costs, where prices are known.
func (r *replayReport) bill(o replay.Outcome) string {
	if !r.o.Priced {
		return ""
	}
	return fmt.Sprintf(" That costs %s, or %s in %d days.", r.money(o.Money), r.money(monthly(o.Money, r.Parts.Test)), month)
}

// settingFact says what was chosen, and what the configured setting would have come to where that is another.
func (r *replayReport) settingFact(subject replay.Choice) string {
	text := fmt.Sprintf("Chosen on validation: probability %v, with %s of its minutes "+
		"short.", subject.Run.Setting, fine(subject.Run.Validation.Share()))
	if r.o.Probability == 0 || r.o.Probability == subject.Run.Setting {
		return text
	}
	runs := r.Of(r.Subject, subject.Run.Actuator)
	i := slices.IndexFunc(runs, func(run replay.Run) bool { return run.Setting == r.o.Probability })
	if i < 0 {
		return text + fmt.Sprintf(" The configured one, %v, was not replayed.", r.o.Probability)
	}
	test := runs[i].Test
	return text + fmt.Sprintf(" The configuration has %v, which would have left %s of the test minutes short with %s instance-hours: "+
		"what is said here holds for %v only.",
		r.o.Probability, fine(test.Share()), orDash(test.InstanceHours), subject.Run.Setting)
}

// otherFacts says what the subject came to for the other targets behind the same actuator, and for the first behind the others.
func (r *replayReport) otherFacts(subject replay.Choice) []string {
	var out []string
	for _, x := range r.Choices {
		if x.Run.Policy != r.Subject || (x.Run.Actuator == subject.Run.Actuator) == (x.Target == subject.Target) {
			continue
		}
		where := "behind actuator " + x.Run.Actuator
		if x.Run.Actuator == subject.Run.Actuator {
			where = fmt.Sprintf("for a target of %s", fine(x.Target))
		}
		out = append(out, fmt.Sprintf("%s it was short in %s of the test minutes (%s) with %s instance-hours, at probability %v.",
			capital(where), fine(x.Run.Test.Share()), metText(x.OnTest), orDash(x.Run.Test.InstanceHours), x.Run.Setting))
	}
	return out
}

// comparisons sets the subject beside every other policy, what runs today and the tuned forecasts first.
func (r *replayReport) comparisons(subject replay.Choice) []replayAgainst {
	order := []string{today, "static-peak", "seasonal-naive|reactive", "holt-winters|reactive"}
	for _, name := range r.names() {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	var out []replayAgainst
	for _, name := range order {
		other, ok := r.chosen(name)
		if !ok || name == r.Subject {
			continue
		}
		out = append(out, r.against(subject, other, name))
		if name == today {
			out = append(out, r.asDeployed(subject)...)
		}
	}
	return out
}

// asDeployed compares with what runs today behind the default actuator of Kubernetes, where the subject is behind another.
func (r *replayReport) asDeployed(subject replay.Choice) []replayAgainst {
	usual := replay.HPA().Name
	other, ok := r.Chosen(today, usual, subject.Target)
	if !ok || usual == subject.Run.Actuator {
		return nil
	}
	return []replayAgainst{r.against(subject, other, today+" behind actuator "+usual+", as many run it")}
}
