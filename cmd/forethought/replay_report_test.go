package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/replay"
	"github.com/forethought-autoscaler/forethought/series"
)

// renamed is a cheap policy that stands for the program.
type renamed struct {
	replay.Policy
	name string
}

func (r renamed) Name() string { return r.name }

// waves is a load of so many days that follows the hour, with noise, a gap and a spike on its last day but one.
func waves(days int) replay.Load {
	rng := rand.New(rand.NewPCG(3, 9))
	l := replay.Load{Name: "waves <&>", Unit: series.Cores, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Step: time.Minute}
	for m := range days * 1440 {
		hour := float64(m%1440) / 60
		v := 60 + 50*math.Exp(-(hour-13)*(hour-13)/12)*(1+0.04*rng.NormFloat64())
		if m >= (days-2)*1440+600 && m < (days-2)*1440+640 {
			v *= 1.8
		}
		if m%1440 == 200 {
			v = math.NaN()
		}
		l.Values = append(l.Values, v)
	}
	return l
}

// wavesReport is what is shown of ten days of waves.
var wavesReport = sync.OnceValues(func() (*replay.Comparison, replayReportOptions) {
	const day = 1440
	parts := replay.Parts{
		Train: replay.Part{To: 3 * day}, Validation: replay.Part{From: 3 * day, To: 5 * day}, Test: replay.Part{From: 5 * day, To: 8 * day},
	}
	o := replay.Options{
		Load: waves(8), Parts: parts, Actuators: []replay.Actuator{replay.Direct(), replay.HPA()},
		Site: replay.Site{Pools: []pool.Pool{{
			Name: `a "b" <c>`, Capacity: 4, LeadTime: 4 * time.Minute, Max: 100, Price: pool.Price{Hourly: 0.5},
		}}, MinimumBill: time.Minute, Seed: 5},
		Policies: []replay.Policy{
			renamed{replay.SeasonalNaive(), "forethought"}, replay.StaticPeak(parts.Train.To), replay.HPADefault(), replay.HPATarget(), replay.LastValue(),
		},
		Targets: []float64{0.05, 0.001}, Subject: "forethought", WorstDay: true, Workers: 2,
	}
	c, err := replay.Compare(context.Background(), o)
	if err != nil {
		panic(err)
	}
	return c, replayReportOptions{
		Title: "Replay of waves <&>", Source: "waves.csv", Fleet: "web & <co>", Version: "v0", Priced: true, Mode: "shadow", Probability: 0.99,
		Site: o.Site, Actuators: o.Actuators, Interval: time.Minute, Step: 5 * time.Minute, Config: strings.Repeat("0a", 32),
	}
})

func reportText(t *testing.T, c *replay.Comparison, o replayReportOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeReplayReport(&b, c, o); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, outside := range []string{"<script", "<link", "@import", "url(", "src=", "NaN", "Inf", "ZgotmplZ", "%!", "the style of report.html"} {
		if strings.Contains(text, outside) {
			t.Errorf("the report holds %s", outside)
		}
	}
	if strings.Count(text, "http") != strings.Count(text, "http://www.w3.org/2000/svg") {
		t.Error("the report names an address")
	}
	return text
}

// wellFormed checks that what is opened is closed, and returns how many elements of each name there are.
func wellFormed(t *testing.T, text string) map[string]int {
	t.Helper()
	text = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(text, "<style></style>")
	text = regexp.MustCompile(`<meta [^>]*>`).ReplaceAllString(text, "")
	d := xml.NewDecoder(strings.NewReader(text))
	out := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			out[e.Name.Local]++
		}
	}
}

func TestReplayReport(t *testing.T) {
	c, o := wavesReport()
	text := reportText(t, c, o)
	e := wellFormed(t, text)
	// For each actuator a front, two days, two costs, two panels of days; a table for each actuator, target and part, and one of all settings.
	if e["svg"] != 2+2+2+2 || e["table"] != 2*(2*2+1) {
		t.Errorf("%d pictures and %d tables", e["svg"], e["table"])
	}
	if rows := 2 * (2*2*5 + 12*4 + 1); e["tr"] != rows+e["table"] {
		t.Errorf("%d rows, want %d and the headings", e["tr"], rows)
	}
	for _, want := range []string{
		"</html>", "prefers-color-scheme", "@media print", "waves &lt;&amp;&gt;", "web &amp; &lt;co&gt;", "a &#34;b&#34; &lt;c&gt;", `scope="row"`,
		`scope="col"`,
		"Against hpa-70%:", "Against hpa-70% behind actuator hpa", "Against static-peak:", "Against last-value:",
		c.Manifest.Data, c.Manifest.Settings, o.Config, "boots for 4m",
		"one value every 5m", "holds no whole week", "in 30 days", "at most 12 values",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the report", want)
		}
	}
	for _, id := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if strings.Count(text, `id="`+id[1]+`"`) != 1 {
			t.Errorf("%s is no place of the page, or several", id[1])
		}
	}
}

// What is not known is a dash or is left out, and never a zero.
func TestReplayReportOfLittle(t *testing.T) {
	known, _ := wavesReport()
	c := *known
	c.WorstDay, c.Subject, c.Equals = nil, "", nil
	c.Oracles = slices.Clone(known.Oracles)
	for i := range c.Oracles {
		c.Oracles[i].Test, c.Oracles[i].Validation = replay.Bounds{}, replay.Bounds{}
	}
	text := reportText(t, &c, replayReportOptions{Title: "little"})
	e := wellFormed(t, text)
	if e["svg"] != 1+2 || !strings.Contains(text, "<td>-</td>") {
		t.Errorf("%d pictures, want the cost and the days of %s", e["svg"], today)
	}
	if strings.Contains(text, "money") && !strings.Contains(text, "Prices") || !strings.Contains(text, "No verdict") {
		t.Error("the report tells money, or judges nothing")
	}
	if err := writeReplayReport(io.Discard, &replay.Comparison{}, replayReportOptions{}); err == nil {
		t.Error("an empty comparison is written")
	}
}

// choiceOf is a choice for 1 % whose test part has a thousand minutes.
func choiceOf(policy string, violations int, hours float64, onValidation bool) replay.Choice {
	o := replay.Outcome{Minutes: 1000, Violations: violations, InstanceHours: hours, Money: hours / 2}
	return replay.Choice{
		Target: 0.01, Run: replay.Run{Policy: policy, Actuator: "direct", Test: o}, OnValidation: onValidation, OnTest: violations <= 10,
	}
}

func TestStance(t *testing.T) {
	f := func(want stance, subject, now replay.Choice, others ...replay.Choice) {
		t.Helper()
		r := replayReport{Comparison: &replay.Comparison{Subject: "forethought", Choices: append([]replay.Choice{subject, now}, others...)}}
		got, why := r.stance(subject, now, now.Run.Policy != "")
		if got != want || why == "" {
			t.Errorf("%s (%s), want %s", got, why, want)
		}
	}
	us := func(violations int, hours float64) replay.Choice {
		return choiceOf("forethought", violations, hours, true)
	}
	they := func(violations int, hours float64) replay.Choice { return choiceOf(today, violations, hours, true) }
	f(stanceSupported, us(5, 80), they(20, 100))
	f(stanceSupported, us(5, 100), they(6, 100))
	f(stanceSupported, us(5, 100), they(5, 100))
	f(stanceRefused, us(11, 50), they(200, 100))                                     // the target was missed
	f(stanceRefused, choiceOf("forethought", 0, 50, false), they(200, 100))          // by luck
	f(stanceRefused, us(5, 100), they(5, 99))                                        // costs more for nothing
	f(stanceRefused, us(6, 101), they(5, 100))                                       //
	f(stanceOpen, us(5, 101), they(6, 100))                                          //
	f(stanceOpen, us(6, 99), they(5, 100))                                           //
	f(stanceOpen, us(5, 80), replay.Choice{})                                        // what runs today is not known
	f(stanceOpen, us(5, 80), they(20, 100), choiceOf("schedule", 9, 70, true))       // a simpler one is clearly cheaper
	f(stanceSupported, us(5, 80), they(20, 100), choiceOf("schedule", 9, 77, true))  // not clearly
	f(stanceSupported, us(5, 80), they(20, 100), choiceOf("schedule", 11, 70, true)) // it missed the target
	f(stanceSupported, us(5, 80), they(20, 100), choiceOf("schedule", 9, 70, false)) // validation would not have chosen it
	f(stanceSupported, us(5, 80), they(20, 100),
		replay.Choice{Target: 0.5, Run: they(0, 1).Run, OnValidation: true, OnTest: true}) // another target
}

func TestHeadOf(t *testing.T) {
	f := func(s stance, mode, want string) {
		t.Helper()
		if got := headOf(s, mode); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(stanceSupported, "shadow", "This replay supports mode act")
	f(stanceSupported, "act", "Stay in mode act")
	f(stanceRefused, "shadow", "Stay in shadow")
	f(stanceRefused, "", "Stay in shadow")
	f(stanceRefused, "act", "Go back to shadow")
	f(stanceOpen, "act", "Yours to weigh")
}

func TestAgainst(t *testing.T) {
	f := func(violations, theirs int, hours, theirHours float64, priced bool, chip string, parts ...string) {
		t.Helper()
		r := replayReport{
			Comparison: &replay.Comparison{Parts: replay.Parts{Test: replay.Part{To: 1440}}}, o: replayReportOptions{Priced: priced},
		}
		got := r.against(choiceOf("forethought", violations, hours, true), choiceOf("x", theirs, theirHours, true), "x")
		if got.Chip != chip {
			t.Errorf("%+v, want %s", got, chip)
		}
		for _, want := range parts {
			if !strings.Contains(got.Text, want) {
				t.Errorf("no %q in %q", want, got.Text)
			}
		}
	}
	f(5, 50, 80, 100, false, "better", "20\u00a0% fewer instance-hours (80.00 against 100.0)", "5 minutes instead of 50, 10 times "+
		"fewer", "missed the target, with 5\u00a0%")
	f(50, 5, 100, 80, false, "worse", "25\u00a0% more instance-hours", "10 times as many")
	f(5, 6, 100, 80, true, "trade", "25\u00a0% more money (1500 against 1200 in 30 days)")
	f(5, 5, 80, 80, false, "equal", "as many instance-hours", "short in as many minutes, 5")
	f(0, 1, 80, 80, false, "better", "0 minutes instead of 1")
	f(1, 0, 80, 0, false, "worse", "not comparable", "1 minute instead of 0")
}

func TestReplaySplit(t *testing.T) {
	c, o := wavesReport()
	r := replayReport{Comparison: c, o: o}
	for _, run := range c.Runs {
		k := r.split(run.Test)
		hours := run.Test.InstanceHours
		if sum := k[0] + k[1] + k[2]; math.Abs(sum-hours) > 1e-6*sum || k[0] <= 0 || k[1] < 0 {
			t.Errorf("%s %v: %v of %v instance-hours", run.Policy, run.Setting, k, hours)
		}
		// What always stands neither boots nor leaves, so that the rest is the minutes that were not judged.
		if rest := hours * 3 / (3 * 1440); run.Policy == "static-peak" && math.Abs(k[2]-rest) > 1e-6 {
			t.Errorf("%v of static peak's instance-hours are left, want %v", k[2], rest)
		}
	}
	r.o.Site.Backlog = true
	if k := r.split(c.Runs[0].Test); !math.IsNaN(k[0]) || !math.IsNaN(k[1]) || k[2] != c.Runs[0].Test.InstanceHours {
		t.Errorf("a backlog is split into %v", k)
	}
}

func TestReplayMost(t *testing.T) {
	f := func(want string, priced bool, pools ...pool.Pool) {
		t.Helper()
		r := replayReport{o: replayReportOptions{Priced: priced, Site: replay.Site{Pools: pools}}}
		if got := strings.Join(r.most(), ""); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%q, want %q", got, want)
		}
	}
	a, b := pool.Pool{Name: "a", Max: 10, Price: pool.Price{Hourly: 2}}, pool.Pool{Name: "b", Max: 5, Price: pool.Price{Hourly: 1}}
	f("360.0 instances' hours a day, and 18000 in 30 days", true, a, b)
	f("360.0 instances' hours a day.", false, a, b)
	f("Pool c has no max", true, a, pool.Pool{Name: "c"})
	f("", true)
}

func TestDayEnds(t *testing.T) {
	f := func(low, high float64, load, paid []float64) {
		t.Helper()
		d := &replay.WorstDay{Load: load, Lines: []replay.Line{{Policy: "x", Serving: load, Paid: paid}, {Policy: "other", Paid: []float64{1e9}}}}
		gotLow, gotHigh := dayEnds(d, []string{"x"})
		if math.Abs(gotLow-low) > 1e-9 || math.Abs(gotHigh-high) > 1e-9 {
			t.Errorf("%v..%v, want %v..%v", gotLow, gotHigh, low, high)
		}
	}
	f(47.5, 103, []float64{50, math.NaN(), 80}, []float64{60, 70, 100})
	f(0, 103, []float64{30, 80}, []float64{60, 100})
	f(0, 1, []float64{0, 0}, []float64{0, 0})
	f(0, 1, []float64{math.NaN()}, nil)
}

func TestEdge(t *testing.T) {
	f := func(want float64, choices ...replay.Choice) {
		t.Helper()
		r := replayReport{Comparison: &replay.Comparison{Subject: "forethought", Choices: choices}}
		if got := r.edge("direct", 100); math.Abs(got-want) > 1e-9 {
			t.Errorf("the edge is at %v, want %v", got, want)
		}
	}
	us := choiceOf("forethought", 1, 120, true)
	f(1.3)
	f(1.3, us)
	f(1.62, us, choiceOf("hpa", 1, 150, true))
	f(2.4, us, choiceOf("schedule", 1, 400, true))
	f(4.32, choiceOf("schedule", 1, 400, true)) // there is no subject
	f(1.3, us, choiceOf("static-peak", 1, 400, true))
	f(8, choiceOf("hpa", 1, 4000, true))
}

func TestFine(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := fine(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
	f(0, "0\u00a0%")
	f(1, "100\u00a0%")
	f(0.01234, "1.23\u00a0%")
	f(0.00001, "0.001\u00a0%")
	f(0.000001, "under 0.001\u00a0%")
	f(math.NaN(), "-")
	f(math.Inf(1), "-")
	f(12.345, "1234\u00a0%")
}

func TestClipped(t *testing.T) {
	f := func(x, y, wantX, wantY []float64) {
		t.Helper()
		gotX, gotY := clipped(1, 2, x, y)
		same := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) }
		if !slices.EqualFunc(gotX, wantX, same) || !slices.EqualFunc(gotY, wantY, same) {
			t.Errorf("%v, %v, want %v, %v", gotX, gotY, wantX, wantY)
		}
	}
	nan := math.NaN()
	f([]float64{1, 1.5, 2}, []float64{9, 5, 1}, []float64{1, 1.5, 2}, []float64{9, 5, 1})
	f([]float64{1.5, 2.5}, []float64{100, 1}, []float64{1.5, 2, nan}, []float64{100, 10, 1})                              // halfway in logarithms
	f([]float64{0.5, 2.5}, []float64{100, 1}, []float64{nan, 1, 2, nan}, []float64{100, 31.6227766017, 3.16227766017, 1}) // through both
	f([]float64{2.5, 0.5}, []float64{100, 1}, []float64{nan, 2, 1, nan}, []float64{100, 31.6227766017, 3.16227766017, 1})
	f([]float64{3, 4}, []float64{1, 1}, []float64{nan, nan}, []float64{1, 1})
	f([]float64{nan, 1.5}, []float64{1, 1}, []float64{nan, 1.5}, []float64{1, 1})
}
