package replay

import (
	"cmp"
	"math"
	"slices"
)

// Run is one policy with one setting behind one actuator, scored on the part for choosing and on the part for judging.
type Run struct {
	Policy           string
	Setting          float64
	Actuator         string
	Validation, Test Outcome
}

// Share returns the share of the scored minutes with a shortage, NaN where none was scored.
func (o Outcome) Share() float64 { return float64(o.Violations) / float64(o.Minutes) }

// Choice is the setting of a policy that the validation part chooses for a target.
type Choice struct {
	// Target is the share of violation minutes that was aimed at.
	Target float64
	Run    Run
	// OnValidation and OnTest say whether the target was met, on validation with a margin of a tenth of it. Where no setting does so, Run is
	// the one with the fewest violations there.
	OnValidation, OnTest bool
}

// choiceMargin is the share of the target that a setting may use up on validation, so that it meets the target afterwards too: settings
// that just meet it on one part miss it on the next as often as not.
const choiceMargin = 0.9

// choose returns the choice among the runs of one policy behind one actuator: of those that meet the target with a margin on validation
// the one with the fewest instance-hours, then the least money, then the leanest setting. The test part has no say.
func choose(runs []Run, target float64) Choice {
	best := slices.MinFunc(runs, func(a, b Run) int {
		av, bv := over(a.Validation, choiceMargin*target), over(b.Validation, choiceMargin*target)
		return cmp.Or(cmp.Compare(av, bv), cmp.Compare(a.Validation.InstanceHours, b.Validation.InstanceHours),
			cmp.Compare(a.Validation.Money, b.Validation.Money))
	})
	return Choice{
		Target: target, Run: best,
		OnValidation: best.Validation.meets(choiceMargin * target), OnTest: best.Test.meets(target),
	}
}

// over returns the violation minutes of an outcome that does not meet a target, and 0 of one that does.
func over(o Outcome, target float64) int {
	if o.meets(target) {
		return 0
	}
	return o.Violations
}

// meets reports whether at most that share of the scored minutes had a shortage; never where none was scored.
func (o Outcome) meets(target float64) bool {
	return o.Minutes > 0 && float64(o.Violations) <= target*float64(o.Minutes)
}

// Point is one run on a frontier.
type Point struct {
	Setting float64
	// Violations is the share of violation minutes, and Hours the instance-hours.
	Violations, Hours float64
}

// Frontier returns the runs that no other one beats both in violations and in instance-hours on the test part, the leanest first.
func Frontier(runs []Run) []Point {
	points := make([]Point, 0, len(runs))
	for _, r := range runs {
		if r.Test.Minutes > 0 {
			points = append(points, Point{Setting: r.Setting, Violations: r.Test.Share(), Hours: r.Test.InstanceHours})
		}
	}
	slices.SortStableFunc(points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Hours, b.Hours), cmp.Compare(a.Violations, b.Violations))
	})
	var out []Point
	for _, p := range points {
		if len(out) == 0 || p.Violations < out[len(out)-1].Violations {
			out = append(out, p)
		}
	}
	return out
}

// Match says how the instance-hours of a policy at given violations were found.
type Match string

// A match is Exact between two settings, AtMost where even the leanest setting has fewer violations, so that the policy may need fewer
// hours than its leanest setting does, and Unreached where no setting has as few.
const (
	Exact     Match = "exact"
	AtMost    Match = "at most"
	Unreached Match = "unreached"
)

// Equal compares a policy with the subject at the subject's violations on the test part.
type Equal struct {
	Policy, Actuator string
	// Target is that for which the subject's setting was chosen, Violations what share of the test part it left short.
	Target, Violations float64
	// Hours are the policy's instance-hours at these violations, interpolated on its frontier, and Ratio those of the subject over them.
	// Both are NaN where the policy cannot reach them.
	Hours, Ratio float64
	Match        Match
}

// hoursAt returns the instance-hours of a frontier at a share of violations: between two points linear in the logarithm of the share,
// which is taken as at least half a minute.
func hoursAt(frontier []Point, share float64, minutes int) (float64, Match) {
	floor := 0.5 / float64(minutes)
	share = max(share, floor)
	for i, p := range frontier {
		v := max(p.Violations, floor)
		switch {
		case v > share:
			continue
		case v == share:
			return p.Hours, Exact
		case i == 0:
			return p.Hours, AtMost
		}
		before := frontier[i-1]
		u := max(before.Violations, floor)
		w := math.Log(u/share) / math.Log(u/v)
		return before.Hours + w*(p.Hours-before.Hours), Exact
	}
	return math.NaN(), Unreached
}

// equal compares the runs of one policy with the subject's chosen run.
func equal(runs []Run, subject Choice) Equal {
	test := subject.Run.Test
	e := Equal{Policy: runs[0].Policy, Actuator: subject.Run.Actuator, Target: subject.Target, Violations: test.Share()}
	e.Hours, e.Match = hoursAt(Frontier(runs), e.Violations, test.Minutes)
	e.Ratio = test.InstanceHours / e.Hours
	return e
}
