package replay

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// eightDays is a comparison of three policies behind two actuators.
func eightDays() Options {
	const day = minutesPerDay
	return Options{
		Load: week(8, 3), Site: twoPools(), Actuators: []Actuator{Direct(), HPA()},
		Parts:    Parts{Train: Part{0, 4 * day}, Validation: Part{4 * day, 6 * day}, Test: Part{6 * day, 8 * day}},
		Policies: []Policy{StaticPeak(4 * day), HPADefault(), SeasonalNaive()},
		Targets:  []float64{0.01, 0.001}, Subject: "seasonal-naive|reactive", Workers: 2,
	}
}

func compared(t *testing.T, o Options) *Comparison {
	t.Helper()
	c, err := Compare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompare(t *testing.T) {
	o := eightDays()
	c := compared(t, o)
	if n := len(c.Runs); n != (12+1+12)*2 {
		t.Errorf("%d runs", n)
	}
	if len(c.Choices) != 2*2*3 || len(c.Equals) != 2*2*2 || len(c.Oracles) != 2 {
		t.Errorf("%d choices, %d comparisons at equal violations, %d oracles", len(c.Choices), len(c.Equals), len(c.Oracles))
	}
	for _, r := range c.Runs {
		if len(r.Test.Days) != 2 || r.Test.Minutes > 2*minutesPerDay || r.Test.Minutes < 2*minutesPerDay-200 || r.Validation.Minutes == 0 {
			t.Errorf("%s %v: %d scored minutes in %d days", r.Policy, r.Setting, r.Test.Minutes, len(r.Test.Days))
		}
	}
	for _, r := range c.Of("static-peak", "direct") {
		if n := r.Test.InstanceHours / 48; math.Abs(n-math.Round(n)) > 1e-9 || r.Test.Starts != 0 {
			t.Errorf("static peak %v costs %v instances on average and %d starts", r.Setting, n, r.Test.Starts)
		}
	}
	if a, b := c.Oracles[0].Test, c.Oracles[1].Test; a.Physical != b.Physical || !(b.Actuator.InstanceHours > a.Actuator.InstanceHours) {
		t.Errorf("oracles %+v and %+v: only the bound depends on the actuator, and waiting costs", a, b)
	}
	f := c.Oracles[0].Test.Frontier
	for i := 1; i < len(f); i++ {
		if f[i].Unmet > f[i-1].Unmet || f[i].InstanceHours < f[i-1].InstanceHours-1e-9 {
			t.Errorf("the oracle's frontier is not one: %+v", f)
		}
	}
	o.Workers = 1
	if again := compared(t, o); fmt.Sprintf("%+v", *c) != fmt.Sprintf("%+v", *again) { // NaN differs from itself
		t.Error("one worker and two come to different results")
	}
}

// TestChoicesIgnoreTheTestPart changes the test part only.
func TestChoicesIgnoreTheTestPart(t *testing.T) {
	o := eightDays()
	before := compared(t, o)
	o.Load = o.Load.set(o.Parts.Test.From, o.Parts.Test.To, 500)
	after := compared(t, o)
	for i, x := range before.Choices {
		if y := after.Choices[i]; x.Run.Setting != y.Run.Setting || !reflect.DeepEqual(x.Run.Validation, y.Run.Validation) {
			t.Errorf("%s: %v is chosen, and %v with another test part", x.Run.Policy, x.Run.Setting, y.Run.Setting)
		}
	}
	if before.Manifest.Data == after.Manifest.Data || before.Manifest.Settings != after.Manifest.Settings {
		t.Error("the manifest does not tell the loads apart, or more than them")
	}
}

func TestSecondPass(t *testing.T) {
	o := eightDays()
	o.Load = o.Load.set(6*minutesPerDay+500, 6*minutesPerDay+560, 300)
	next := o.Load.At(o.Parts.Validation.From)
	short, known := map[time.Time]int{}, map[time.Time]int{}
	hours := 0.0
	o.WorstDay = true
	o.Decisions = func(m Minute) error {
		if !m.At.Equal(next) || len(m.Wanted) != 2 {
			t.Fatalf("minute %s, want %s; wanted %v", m.At, next, m.Wanted)
		}
		next = next.Add(time.Minute)
		if m.Usage.Known {
			known[m.At.Truncate(24*time.Hour)]++
		}
		if m.Usage.Short {
			short[m.At.Truncate(24*time.Hour)]++
		}
		if !m.At.Before(o.Load.At(o.Parts.Test.From)) {
			hours += m.Usage.InstanceHours
		}
		return nil
	}
	c := compared(t, o)
	if !next.Equal(o.Load.At(o.Parts.Test.To)) {
		t.Errorf("decisions end before %s", next)
	}
	x, _ := c.Chosen(o.Subject, "direct", 0.01)
	worst := x.Run.Test.WorstDay
	if share := float64(short[worst]) / float64(known[worst]); !(share > 0) || share != x.Run.Test.Worst {
		t.Errorf("share of violations on the worst day is %v, %v in its decisions", x.Run.Test.Worst, share)
	}
	if math.Abs(hours-x.Run.Test.InstanceHours) > 1e-6 {
		t.Errorf("%v instance-hours, %v in the decisions", x.Run.Test.InstanceHours, hours)
	}
	d := c.WorstDay
	if d == nil || !d.Start.Equal(x.Run.Test.WorstDay) || len(d.Load) != minutesPerDay || len(d.Lines) != len(o.Policies) {
		t.Fatalf("worst day %+v", d)
	}
	for i, l := range d.Lines {
		if l.Policy != o.Policies[i].Name() || len(l.Wanted) != len(d.Load) || len(l.Serving) != len(d.Load) || len(l.Paid) != len(d.Load) {
			t.Fatalf("line %s has %d, %d and %d minutes", l.Policy, len(l.Wanted), len(l.Serving), len(l.Paid))
		}
		for m := range l.Paid {
			if l.Serving[m] > l.Paid[m] || l.Serving[m] > l.Wanted[m] {
				t.Fatalf("%s serves with %v of %v, %v being wanted", l.Policy, l.Serving[m], l.Paid[m], l.Wanted[m])
			}
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	f := func(want string, change func(*Options)) {
		t.Helper()
		o := eightDays()
		change(&o)
		if _, err := Compare(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	const day = minutesPerDay
	f("no policies", func(o *Options) { o.Policies, o.Subject = nil, "" })
	f("no actuators", func(o *Options) { o.Actuators = nil })
	f("two actuators", func(o *Options) { o.Actuators = []Actuator{HPA(), HPA()} })
	f("two policies", func(o *Options) { o.Policies = append(o.Policies, HPADefault()) })
	f("13 settings", func(o *Options) { o.Policies = append(o.Policies, hpa("long", make([]float64, 13)...)) })
	f("oracle is not among", func(o *Options) { o.Subject = "oracle" })
	f("no targets", func(o *Options) { o.Targets = nil })
	f("target 0 ", func(o *Options) { o.Targets = []float64{0} })
	f("target 1 ", func(o *Options) { o.Targets = []float64{0.01, 1} })
	f("target NaN", func(o *Options) { o.Targets = []float64{math.NaN()} })
	f("do not follow", func(o *Options) { o.Parts.Test.To = 9 * day })
	f("do not follow", func(o *Options) { o.Parts.Test.From++ })
	f("validation has 1439 minutes", func(o *Options) {
		o.Parts = Parts{Train: Part{0, day}, Validation: Part{day, 2*day - 1}, Test: Part{2*day - 1, 8 * day}}
	})
	f("test has no minute with a known load", func(o *Options) { o.Load = o.Load.set(6*day, 8*day, math.NaN()) })
	f("train has no minute with a known load", func(o *Options) { o.Load = o.Load.set(0, 8*day, math.NaN()) })
	f("longer than the 5760 of the training part", func(o *Options) { o.Site.Pools[0].LeadTime = 96 * time.Hour })
	f("capacity 0", func(o *Options) { o.Site.Pools[0].Capacity = 0 })
	f("two pools", func(o *Options) { o.Site.Pools[1].Name = "fixed" })
	f("tolerance", func(o *Options) { o.Actuators[1].Tolerance = -1 })
	f("start seasonal-naive|reactive: setting -1", func(o *Options) { o.Policies[2] = &broken{Policy: o.Policies[2], settings: []float64{-1}} })
	f("minute 17: out of order", func(o *Options) { o.Policies[1] = failing{} })
	f("enough", func(o *Options) { o.Decisions = func(Minute) error { return errors.New("enough") } })
}

// broken is a policy with other settings.
type broken struct {
	Policy
	settings []float64
}

func (b *broken) Settings() []float64 { return b.settings }

// failing is a policy that fails at minute 17.
type failing struct{ peeker }

func (failing) Start(Site, []float64) (Planner, error) { return failing{}, nil }

func (failing) Plan(_ time.Time, past []float64, _ [][]int) error {
	if len(past) == 17 {
		return errors.New("out of order")
	}
	return nil
}

func TestCompareStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the user left"))
	if _, err := Compare(ctx, eightDays()); err == nil || !strings.Contains(err.Error(), "the user left") {
		t.Errorf("error %v", err)
	}
}

func TestProgress(t *testing.T) {
	o := eightDays()
	last, calls := 0, 0
	o.Progress = func(done, total int) {
		if done <= last || total != 3*8*minutesPerDay {
			t.Errorf("%d of %d minutes after %d", done, total, last)
		}
		last, calls = done, calls+1
	}
	compared(t, o)
	if last != 3*8*minutesPerDay || calls != 24 {
		t.Errorf("%d minutes were told of in %d calls", last, calls)
	}
}

func TestManifest(t *testing.T) {
	first := manifest(eightDays())
	f := func(data, settings bool, change func(*Options)) {
		t.Helper()
		o := eightDays()
		change(&o)
		if m := manifest(o); (m.Data != first.Data) != data || (m.Settings != first.Settings) != settings {
			t.Errorf("manifest %v, first %v: data other %v, settings other %v", m, first, data, settings)
		}
	}
	f(false, false, func(o *Options) { o.Workers, o.Load.Values = 7, slices.Clone(o.Load.Values) })
	f(true, false, func(o *Options) { o.Load = o.Load.set(70, 71, 1) })
	f(true, false, func(o *Options) { o.Load.Values = o.Load.Values[:8*minutesPerDay-1] })
	f(true, false, func(o *Options) { o.Load.Start = o.Load.Start.Add(time.Minute) })
	f(false, true, func(o *Options) { o.Site.Pools[0].Price.Hourly = 2 })
	f(false, true, func(o *Options) { o.Actuators = o.Actuators[:1] })
	f(false, true, func(o *Options) { o.Targets = o.Targets[:1] })
	f(false, true, func(o *Options) { o.Policies = o.Policies[:2] })
	f(false, true, func(o *Options) { o.Config = []byte("a: b") })
}

func TestText(t *testing.T) {
	o := eightDays()
	o.Site.Pools[0].Price.Hourly, o.Site.Pools[1].Price.Hourly = 0, 0
	c := compared(t, o)
	var out bytes.Buffer
	if err := c.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	x, _ := c.Chosen("seasonal-naive|reactive", "hpa", 0.001)
	for _, want := range []string{
		"web: 11520 minutes from 2026-03-02; 4 days to learn, 2 to choose, 2 to judge", "validation, direct, at most 1 % of minutes short",
		"test, hpa, at most 0.1 % of minutes short", fmt.Sprintf("%.1f", x.Run.Test.InstanceHours), c.Manifest.Data, c.Manifest.Settings,
		"test, direct: instance-hours of seasonal-naive|reactive over those of the others",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	for _, not := range []string{"NaN", "Inf", "0.00  "} { // a price that is unknown is not nothing
		if strings.Contains(text, not) {
			t.Errorf("the text has %q:\n%s", not, text)
		}
	}
	width := 0
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); {
		case len(fields) > 12 && fields[0] == "policy":
			width = len(line)
		case len(fields) == 13 && len(line) != width:
			t.Errorf("a row is not aligned: %q", line)
		}
	}
}

func TestCSV(t *testing.T) {
	c := compared(t, eightDays())
	c.Runs[0].Test = Outcome{InstanceHours: 3} // a part of which nothing was scored
	var out bytes.Buffer
	if err := c.WriteCSV(&out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 1+2*len(c.Runs) {
		t.Fatalf("%d rows of %d runs: %v", len(rows), len(c.Runs), err)
	}
	at := func(row int, column string) string { return rows[row][slices.Index(rows[0], column)] }
	if at(2, "violation_share") != "" || at(2, "worst_day") != "" || at(2, "instance_hours") != "3" {
		t.Errorf("row of a part that was not scored: %v", rows[2])
	}
	chosen := 0
	for i := range rows[1:] {
		r := c.Runs[i/2]
		if at(i+1, "policy") != r.Policy || at(i+1, "actuator") != r.Actuator || at(i+1, "setting") != exact(r.Setting) {
			t.Errorf("row %d is of %v", i, rows[i+1])
		}
		chosen += len(strings.Fields(at(i+1, "chosen_for")))
	}
	if chosen != 2*len(c.Choices) {
		t.Errorf("%d choices are marked, want each of %d in two parts", chosen, len(c.Choices))
	}
	i := slices.IndexFunc(c.Runs, func(r Run) bool { return r.Actuator == "hpa" && r.Setting == 0.7 })
	o, hours := c.Oracles[1].Validation, c.Runs[i].Validation.InstanceHours
	if row := 1 + 2*i; at(row, "over_oracle") != exact(hours/o.Physical.InstanceHours) || at(row, "over_bound") != exact(hours/o.Actuator.InstanceHours) {
		t.Errorf("%v instance-hours against %+v and %+v are %v", hours, o.Physical, o.Actuator, rows[row])
	}
}
