package replay

import (
	"math"
	"testing"
)

// outcome is a run's part with a thousand scored minutes.
func outcome(violations int, hours, money float64) Outcome {
	return Outcome{Minutes: 1000, Violations: violations, InstanceHours: hours, Money: money}
}

func TestChoose(t *testing.T) {
	f := func(target float64, setting float64, onValidation, onTest bool, validation, test []Outcome) {
		t.Helper()
		var runs []Run
		for i := range validation {
			runs = append(runs, Run{Policy: "p", Actuator: "direct", Setting: float64(i), Validation: validation[i], Test: test[i]})
		}
		c := choose(runs, target)
		if c.Run.Setting != setting || c.OnValidation != onValidation || c.OnTest != onTest {
			t.Errorf("chose %v, met on validation %v, on test %v, want %v, %v, %v",
				c.Run.Setting, c.OnValidation, c.OnTest, setting, onValidation, onTest)
		}
	}
	v := []Outcome{outcome(50, 10, 1), outcome(9, 12, 2), outcome(3, 14, 3), outcome(0, 13, 4)}
	test := []Outcome{outcome(0, 10, 1), outcome(11, 12, 2), outcome(0, 14, 3), outcome(1, 13, 4)}
	f(0.01, 1, true, false, v, test) // nine tenths of the target; the test part has no say
	f(0.001, 3, true, true, v, test)
	f(0.009, 3, true, true, v, test)                                                       // cheaper than a leaner setting
	f(0.056, 0, true, true, v, test)                                                       //
	f(0.001, 2, false, true, v[:3], test)                                                  // none meets it: the fewest violations
	f(0.1, 1, true, true, []Outcome{v[1], outcome(9, 12, 1)}, []Outcome{test[1], test[1]}) // as many hours: the money
	f(0.1, 0, true, true, []Outcome{v[1], v[1]}, []Outcome{test[1], test[1]})              // the leanest
	f(0.1, 0, false, false, []Outcome{{}}, []Outcome{{}})                                  // nothing was scored
}

func TestFrontier(t *testing.T) {
	var runs []Run
	for _, o := range []Outcome{outcome(100, 10, 0), outcome(50, 12, 0), outcome(60, 13, 0), outcome(50, 14, 0), outcome(0, 20, 0), {}} {
		runs = append(runs, Run{Test: o})
	}
	got := Frontier(runs)
	want := []Point{{Violations: 0.1, Hours: 10}, {Violations: 0.05, Hours: 12}, {Violations: 0, Hours: 20}}
	if len(got) != len(want) {
		t.Fatalf("frontier %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("point %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestHoursAt(t *testing.T) {
	frontier := []Point{{Violations: 0.1, Hours: 10}, {Violations: 0.001, Hours: 20}}
	f := func(points []Point, share, want float64, match Match) {
		t.Helper()
		got, m := hoursAt(points, share, 1000)
		if m != match || math.Abs(got-want) > 1e-9 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("%v hours (%s) at %v, want %v (%s)", got, m, share, want, match)
		}
	}
	f(frontier, 0.1, 10, Exact)
	f(frontier, 0.001, 20, Exact)
	f(frontier, 0.01, 15, Exact) // halfway in logarithms
	f(frontier, 0.2, 10, AtMost) // its leanest has fewer already
	f(frontier, 0.0009, math.NaN(), Unreached)
	f(frontier, 0, math.NaN(), Unreached)
	f([]Point{{Violations: 0.05, Hours: 10}, {Violations: 0, Hours: 20}}, 0, 20, Exact) // none is half a minute
	f([]Point{{Violations: 0.05, Hours: 10}, {Violations: 0, Hours: 20}}, 0.005, 15, Exact)
	f(nil, 0.1, math.NaN(), Unreached)
}

func TestEqual(t *testing.T) {
	runs := []Run{{Policy: "p", Test: outcome(100, 10, 0)}, {Policy: "p", Test: outcome(1, 20, 0)}}
	e := equal(runs, Choice{Target: 0.01, Run: Run{Actuator: "hpa", Test: outcome(10, 12, 0)}})
	if e.Policy != "p" || e.Actuator != "hpa" || e.Violations != 0.01 || math.Abs(e.Hours-15) > 1e-9 || math.Abs(e.Ratio-0.8) > 1e-9 {
		t.Errorf("%+v", e)
	}
}
