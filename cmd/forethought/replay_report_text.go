package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/replay"
)

const dash = "-"

// month is that of a price a month.
const month = 30

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// percentSign follows a number without a line break between.
const percentSign = "\u00a0%"

// fine prints a share as per cent with so many digits that little is told from nothing.
func fine(v float64) string {
	switch p := 100 * v; {
	case !finite(p):
		return dash
	case p > 0 && p < 0.001:
		return "under 0.001" + percentSign
	case p >= 1000:
		return strconv.FormatFloat(p, 'f', 0, 64) + percentSign
	default:
		return strconv.FormatFloat(p, 'g', 3, 64) + percentSign
	}
}

// orDash is amount for numbers that may be missing.
func orDash(v float64) string {
	if !finite(v) {
		return dash
	}
	return amount(v)
}

// money prints what a part cost, and dash where prices are not known.
func (r *replayReport) money(v float64) string {
	if !r.o.Priced {
		return dash
	}
	return orDash(v)
}

// inDays is the length of a part.
func inDays(p replay.Part) float64 { return float64(p.To-p.From) / (24 * 60) }

// monthly is what a part's money comes to in a month.
func monthly(v float64, p replay.Part) float64 { return v / inDays(p) * month }

// minutesText counts minutes.
func minutesText(n int) string {
	if n == 1 {
		return "1 minute"
	}
	return strconv.Itoa(n) + " minutes"
}

func (r *replayReport) at(minute int) time.Time {
	return r.Start.Add(time.Duration(minute) * time.Minute).UTC()
}

// partText says when a part was.
func (r *replayReport) partText(p replay.Part) string {
	return fmt.Sprintf("%s to %s UTC, %.3g days", r.at(p.From).Format("2006-01-02 15:04"), r.at(p.To).Format("2006-01-02 15:04"), inDays(p))
}

func (r *replayReport) lead() string {
	text := "What Forethought would have cost and missed beside other policies"
	if r.o.Fleet != "" {
		text += " for fleet " + r.o.Fleet
	}
	text += fmt.Sprintf(", simulated over %.3g days of its load and judged on the last %.3g of them, which no policy was tuned on.",
		float64(r.Minutes)/(24*60), inDays(r.Parts.Test))
	if r.o.Mode != "" {
		text += " Its mode is " + r.o.Mode + "."
	}
	if r.o.Version != "" {
		text += " Written by forethought " + r.o.Version + "."
	}
	return text
}

// oracleFacts says what the least is behind the i-th actuator.
func (r *replayReport) oracleFacts(i int) string {
	b := r.Oracles[i].Test
	text := fmt.Sprintf("On test, whoever knew the future would need %s instance-hours without any shortage (the oracle), and %s behind "+
		"this actuator (the bound).",
		orDash(b.Physical.InstanceHours), orDash(b.Actuator.InstanceHours))
	if i < len(r.o.Actuators) {
		text += " " + actuatorText(r.o.Actuators[i])
	}
	return text
}

// actuatorText says what lies between a plan and an instance.
func actuatorText(a replay.Actuator) string {
	if a.DownWindow == 0 && a.Unneeded == 0 && a.UpPeriod == 0 && a.Tolerance == 0 {
		return "What is asked for is started or stopped at the next tick."
	}
	text := fmt.Sprintf("The pod autoscaler ignores changes of up to %g %% and scales down to the highest wish of the last %s",
		100*a.Tolerance, model.Duration(a.DownWindow))
	if a.UpPeriod > 0 {
		text += fmt.Sprintf("; it adds at most %d pods or %d %% in %s, whichever is more", a.UpPods, a.UpPercent, model.Duration(a.UpPeriod))
	}
	return text + fmt.Sprintf("; the node autoscaler looks every %s and stops an instance that was idle for %s.",
		model.Duration(a.Scan), model.Duration(a.Unneeded))
}

// rules are the assumptions of the simulation.
func (r *replayReport) rules() []replayEntry {
	entries := []replayEntry{
		{"load", r.loadText()},
		{"parts", fmt.Sprintf("Learnt from: %s. Settings chosen on (validation): %s. Judged on (test): %s.",
			r.partText(r.Parts.Train), r.partText(r.Parts.Validation), r.partText(r.Parts.Test))},
		{"what a decision sees", "The load of the minutes before the one that it decides about, and nothing of that minute or later. Models " +
			"are fitted " +
			"on the way, as in the running program, and never on what lies ahead."},
		{"tuning", r.tuning()},
		{"time", "The cluster runs in ticks of 15 s. In each: interruptions, then the pod autoscaler looks at what is wanted, missing " +
			"instances are started, " +
			"unneeded ones stopped, the load is served by what is ready and wanted, and every instance is billed. Two hours before the " +
			"validation part are run and not scored."},
	}
	if len(r.o.Site.Pools) > 0 {
		entries = append(entries, r.siteRules()...)
	}
	return append(entries,
		replayEntry{"shortage", "A minute is short where the load was above what served it at any tick. Minutes whose load is unknown are " +
			"billed and not judged."},
		replayEntry{"oracle", "The least instance-hours that serve the load without shortage for who knows all of it, with the same boot " +
			"time: each instance pays the " +
			"minutes in which it is needed and, of every gap, the gap or a stop and a start, whichever is less. The bound adds the time for " +
			"which the actuator keeps idle " +
			"instances. With random boots, interruptions or pools of unlike capacity they are a yardstick and no strict bound."})
}

func (r *replayReport) loadText() string {
	text := fmt.Sprintf("%s in %s, the mean of each minute, %s. No decision changes it.", r.Load, r.Unit, r.partText(replay.Part{To: r.Minutes}))
	if r.o.Source != "" {
		text = "Source: " + r.o.Source + ". " + text
	}
	if r.o.Step > time.Minute {
		text += fmt.Sprintf(" The source has one value every %s, which stands in all of its minutes.", model.Duration(r.o.Step))
	}
	return text
}

// tuning says what each policy could choose from.
func (r *replayReport) tuning() string {
	counts := make([]string, 0, len(r.names()))
	for _, name := range r.names() {
		counts = append(counts, fmt.Sprintf("%s %d", name, len(r.Of(name, r.Actuators[0]))))
	}
	return fmt.Sprintf("Every policy has one setting and at most %d values of it (%s). For each target and actuator the cheapest in "+
		"instance-hours that meets "+
		"the target on validation is chosen; where none does, the one with the fewest short minutes. The test part has no say.",
		replay.Budget, strings.Join(counts, ", "))
}

// siteRules are the assumptions about the instances.
func (r *replayReport) siteRules() []replayEntry {
	s := r.o.Site
	var out []replayEntry
	for _, p := range s.Pools {
		out = append(out, replayEntry{"pool " + p.Name, r.poolText(p)})
	}
	boot := "Each start takes its pool's boot time."
	if s.BootSpread > 0 {
		boot = fmt.Sprintf("Boot times are lognormal, with the pool's as their mean and a standard deviation of %s of it, from seed "+
			"%d.", fine(s.BootSpread), s.Seed)
	}
	billing := "An instance is paid from its start until its stop, boot included."
	if s.MinimumBill > 0 {
		billing += fmt.Sprintf(" It is paid for %s at least.", model.Duration(s.MinimumBill))
	}
	if !r.o.Priced {
		billing += " Prices are not known, so that cost is counted in instance-hours."
	}
	queue := "What is not served is lost."
	if s.Backlog {
		share := s.Retries
		if share == 0 {
			share = 1
		}
		queue = fmt.Sprintf("What is not served waits, and %s of it comes back in the next minute.", fine(share))
	}
	return append(out, replayEntry{"boot", boot}, replayEntry{"billing", billing}, replayEntry{"unserved load", queue})
}

func (r *replayReport) poolText(p pool.Pool) string {
	text := fmt.Sprintf("One instance serves %s %s and boots for %s", orDash(p.Capacity), r.Unit, model.Duration(p.LeadTime))
	if p.Min > 0 {
		text += fmt.Sprintf(", at least %d", p.Min)
	}
	if p.Max > 0 {
		text += fmt.Sprintf(", at most %d", p.Max)
	}
	if p.Price.Hourly > 0 {
		text += fmt.Sprintf("; %s an hour", orDash(p.Price.Hourly))
	}
	if c := p.Price.Commitment; c.Instances > 0 {
		text += fmt.Sprintf(", %d of them committed at %s of it", c.Instances, fine(c.Ratio))
	}
	if h := p.Price.InterruptionsPerHour; h > 0 {
		text += fmt.Sprintf("; interrupted %s times an hour on average, from seed %d", orDash(h), r.o.Site.Seed)
	}
	return text + "."
}

// policyTexts say what the policies do and what their setting is.
var policyTexts = map[string]string{
	"forethought": "This program's own loop: it forecasts the load's distribution and sizes for the window that an instance asked for " +
		"now can serve. " +
		"Setting: the probability with which demand is met.",
	"static-peak": "A constant number of instances. Setting: the quantile of the training load that they serve, above 1 a multiple of " +
		"its largest.",
	"hpa":         "The horizontal pod autoscaler, tuned: the last minute's load over a target. Setting: the target utilisation.",
	today:         "The horizontal pod autoscaler with a target of 70 %, not tuned: what many run, and taken here for what runs today.",
	"hpa-70%+20%": "The same with a fifth more of everything, not tuned.",
	"schedule":    "A weekly timetable of the training part's largest load of each half hour, begun a boot time early. Setting: a factor.",
	"last-value":  "Forecasts that the last minute's load stays. Setting: a factor.",
	"seasonal-naive|reactive": "The largest load of the coming window a week ago, or a day ago where that was closer, and never less " +
		"than the last " +
		"minute's load. Setting: a factor.",
	"holt-winters|reactive": "Additive Holt-Winters smoothing, and never less than the last minute's load. Setting: a factor.",
	"cloud-hourly|reactive": "Hourly predictive scaling in the manner of the clouds, whose models are not published, and never less than " +
		"the last " +
		"minute's load. Setting: a factor.",
}

// policies explains those that were replayed.
func (r *replayReport) policies() []replayEntry {
	var out []replayEntry
	for _, name := range r.names() {
		text := policyTexts[name]
		if first, second, two := strings.Cut(name, "|"); two && text == "" { // replay.Beside
			text = fmt.Sprintf("What %s or %s wants, whichever is more.", first, second)
		}
		if text != "" {
			out = append(out, replayEntry{name, text})
		}
	}
	return out
}

// limits says what the page can't tell.
func (r *replayReport) limits() []string {
	out := []string{
		"It is a simulation on the past: a load that behaves otherwise than on these days is served otherwise.",
		"The demand must be the offered load. If it was measured where capacity was short, what was turned away is missing, and every " +
			"policy looks better than it is.",
		"Instances serve their whole capacity as soon as they have booted: cold caches, failed starts, sold-out instance types and slow " +
			"image pulls are not simulated.",
	}
	if d := inDays(r.Parts.Test); d < 7 {
		out = append(out, fmt.Sprintf("The test part of %.3g days holds no whole week, so that the days of the week it lacks are not judged.", d))
	}
	test := r.Choices[0].Run.Test
	if share := 1 - float64(test.Minutes)/float64(r.Parts.Test.To-r.Parts.Test.From); share > 0.01 {
		out = append(out, fmt.Sprintf("The load of %s of the test part's minutes is unknown; they were billed and not judged.", fine(share)))
	}
	if r.o.Step > time.Minute {
		out = append(out, fmt.Sprintf("The source has one value every %s: what happens within is not seen, and shortage shorter than that "+
			"is not either.",
			model.Duration(r.o.Step)))
	}
	return append(out, "It is one run: it has no interval of confidence. Differences of a few minutes or per cent may be luck.")
}

// manifest identifies what was compared.
func (r *replayReport) manifest() []replayEntry {
	entries := []replayEntry{{"load, SHA-256", r.Manifest.Data}, {"settings, SHA-256", r.Manifest.Settings}}
	if r.o.Config != "" {
		entries = append(entries, replayEntry{"configuration, SHA-256", r.o.Config})
	}
	if r.o.Version != "" {
		entries = append(entries, replayEntry{"program", "forethought " + r.o.Version})
	}
	return entries
}
