package exporter

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Explain answers, in a dozen lines for a person, why a fleet wants as many instances as it does: the demand, the forecast, each
// pool's sizing, the guards, the result, and what autoscalers are told. It is a pure function of the snapshot and the time.
func Explain(s pool.Snapshot, now time.Time) []string {
	d := s.Decision
	lines := []string{answer(s, now)}
	if d.At.IsZero() {
		return append(lines, waiting(s, now)...)
	}
	if s.State != pool.Ready {
		lines = append(lines, stateLine(s))
	}
	lines = append(lines, demandLine(s, now))
	if s.Workload.IsKnown() {
		lines = append(lines, workloadLine(s.Workload))
	}
	lines = append(lines, forecastLines(s, now)...)
	if isPaced(d) {
		lines = append(lines, fmt.Sprintf("The windows below are sized with %s so that %s of the minutes are met over time.",
			workingText(d), probabilityText(d.Probability)))
	}
	for _, t := range d.Plan.Targets {
		if z, ok := sizingOf(d, t.Pool); ok {
			lines = append(lines, sizingLines(s, z)...)
		}
	}
	lines = append(lines, guardLines(d.Guards)...)
	lines = append(lines, compositionLines(s)...)
	lines = append(lines, moveLines(d.Plan)...)
	lines = append(lines, resultLine(s), modeLine(d))
	return append(lines, validLine(d, now))
}

// answer is the first line: the conclusion.
func answer(s pool.Snapshot, now time.Time) string {
	d := s.Decision
	switch {
	case d.At.IsZero():
		return fmt.Sprintf("Fleet %s has no decision yet, so autoscalers that ask get an error instead of a number and hold what they have.", s.Fleet)
	case !d.Valid(now):
		return fmt.Sprintf("Fleet %s has no valid decision: the last one ran out at %s, so autoscalers that ask get an error instead of "+
			"a number and hold what they have. This is what the last one said.", s.Fleet, since(d.ValidUntil, now))
	}
	line := fmt.Sprintf("Fleet %s: autoscalers are told %s", s.Fleet, breakdown(d.Effective()))
	if told, planned := d.Effective().Total(), d.Plan.Total(); told != planned {
		line += fmt.Sprintf(", while the plan wants %d", planned)
	}
	return line + "."
}

// waiting explains a fleet that never had a decision.
func waiting(s pool.Snapshot, now time.Time) []string {
	var lines []string
	if s.State != "" {
		lines = append(lines, stateLine(s))
	}
	if !s.ReadyAt.IsZero() {
		lines = append(lines, fmt.Sprintf("What is missing is expected at %s.", since(s.ReadyAt, now)))
	}
	return lines
}

func stateLine(s pool.Snapshot) string {
	return strings.TrimSpace(fmt.Sprintf("State: %s. %s", s.State, sentence(s.Reason)))
}

func demandLine(s pool.Snapshot, now time.Time) string {
	d := s.Decision
	line := fmt.Sprintf("Demand: %s, observed at %s.", amount(d.Demand, s.Unit), since(d.DemandAt, now))
	if demand(d.Pending) > 0 {
		line += fmt.Sprintf(" Beside it, %s wait in a queue.", amount(d.Pending, s.Unit))
	}
	return line
}

func forecastLines(s pool.Snapshot, now time.Time) []string {
	f, sel := s.Decision.Forecast, s.Selection
	if len(f.Steps) == 0 {
		return []string{strings.TrimSpace("Forecast: none is usable. " + sentence(sel.Reason))}
	}
	line := fmt.Sprintf("Forecast: method %s, from observations up to %s.", f.Method, clock(f.Origin, now))
	if sel.Method != "" && sel.Method != f.Method {
		line = fmt.Sprintf("Forecast: method %s, in which %s weighs most, from observations up to %s.", f.Method, sel.Method, clock(f.Origin, now))
	}
	if sel.RunnerUp != "" {
		line += fmt.Sprintf(" The runner-up is %s.", sel.RunnerUp)
	}
	lines := []string{strings.TrimSpace(line + " " + sentence(sel.Reason))}
	if text := aheadText(s); text != "" {
		lines = append(lines, "It expects "+text+".")
	}
	if text := scoreText(s); text != "" {
		lines = append(lines, text)
	}
	return lines
}

// aheadText says what the forecast expects at each horizon, with the fleet's own probability.
func aheadText(s pool.Snapshot) string {
	var parts []string
	for _, h := range s.Horizons {
		median, high := ahead(s.Decision.DemandAhead, h, 0.5), ahead(s.Decision.DemandAhead, h, s.Decision.Probability)
		if !math.IsNaN(median) && !math.IsNaN(high) {
			parts = append(parts, fmt.Sprintf("%s in %s (at most %s with probability %s)",
				figure(median), horizonText(h), figure(high), probabilityText(s.Decision.Probability)))
		}
	}
	return strings.Join(parts, ", ")
}

// scoreText says how good such forecasts have been, at the first horizon that has a score.
func scoreText(s pool.Snapshot) string {
	for _, h := range s.Horizons {
		score, ok := scoreAt(s, h)
		if !ok || math.IsNaN(demand(score.Scaled)) {
			continue
		}
		text := fmt.Sprintf("Tested on this history, %s ahead, its quantile score is %s of seasonal naive's (below 1 is better)",
			horizonText(h), figure(score.Scaled))
		if !math.IsNaN(score.Coverage) {
			text += fmt.Sprintf(", and %.0f %% of the observations fell inside the 80 %% interval", 100*score.Coverage)
		}
		return text + "."
	}
	return ""
}

// sizingLines is one pool's arithmetic, as pool.Decide documents it.
func sizingLines(s pool.Snapshot, z pool.Sizing) []string {
	p, prob := poolNamed(s, z.Pool), workingText(s.Decision)
	head := "Pool " + z.Pool
	if p.Capacity > 0 {
		kind := "an instance"
		if len(p.Types) > 0 {
			kind = "an ordinary instance"
		}
		head += fmt.Sprintf(" (%s, %s %s)", p.Class, amount(p.Capacity, s.Unit), kind)
	}
	if len(s.Decision.Forecast.Steps) == 0 {
		return []string{fmt.Sprintf("%s: the present demand needs %d of it.", head, z.Reactive)}
	}
	add := fmt.Sprintf("%s: an instance asked for now serves in %s; from then until the next turn takes effect demand stays at or below %s "+
		"with probability %s, which takes %d of this pool (add)%s.", head, span(z.LeadTime), figure(z.AddDemand), prob, z.Add, buffer(z))
	keep := fmt.Sprintf("  Giving one up pays only if it is not wanted for %s; until then demand stays at or below %s, which takes %d (keep).",
		span(z.LeadTime+z.Hold), figure(z.KeepDemand), z.Keep)
	if z.Previous >= 0 {
		keep += fmt.Sprintf(" The turn before decided %d.", z.Previous)
	}
	kept := fmt.Sprintf("min(previous %d, keep %d)", z.Previous, z.Keep)
	if z.Previous < 0 {
		kept = fmt.Sprintf("keep %d", z.Keep)
	}
	needs, reactive := fmt.Sprintf("  The present demand needs %d of it (reactive).", z.Reactive), fmt.Sprintf("reactive %d", z.Reactive)
	if z.Warm > 0 {
		needs += fmt.Sprintf(" Beside these it wants %d to stand by (warm).", z.Warm)
		reactive += fmt.Sprintf(" + warm %d", z.Warm)
	}
	return []string{add, keep, fmt.Sprintf("%s So it wants max(add %d, %s, %s) = %d.", needs, z.Add, kept, reactive, wanted(z))}
}

func guardLines(guards []pool.Guard) []string {
	if len(guards) == 0 {
		return []string{"Guards: none changed this."}
	}
	lines := make([]string, 0, len(guards))
	for _, g := range guards {
		lines = append(lines, "Guard "+guardText(g))
	}
	return lines
}

// compositionLines say what the plan's instances of a pool consist of, where they are not all alike.
func compositionLines(s pool.Snapshot) []string {
	var lines []string
	for _, t := range s.Decision.Plan.Targets {
		var parts []string
		if t.Warm > 0 {
			stand := fmt.Sprintf("of %s, %d to stand by, ready and idle", instances(t.Instances), t.Warm)
			if hit := poolNamed(s, t.Pool).Stock.HitRate; hit > 0 {
				stand += fmt.Sprintf(", so that %s %% of the claims find one", figure(100*hit))
			}
			parts = append(parts, stand)
		}
		if text := typesText(t.Types); text != "" {
			parts = append(parts, "by type "+text)
		}
		if len(parts) > 0 {
			lines = append(lines, fmt.Sprintf("Pool %s in the plan: %s.", t.Pool, strings.Join(parts, "; ")))
		}
	}
	return lines
}

func guardText(g pool.Guard) string {
	where := g.Name
	if g.Pool != "" {
		where += " on pool " + g.Pool
	}
	if g.From != g.To {
		where += fmt.Sprintf(", %d to %d", g.From, g.To)
	}
	return fmt.Sprintf("%s: %s.", where, strings.TrimSuffix(g.Reason, "."))
}

// breakdown writes a plan as a total and its pools.
func breakdown(p pool.Plan) string {
	if len(p.Targets) < 2 {
		return instances(p.Total())
	}
	parts := make([]string, 0, len(p.Targets))
	for _, t := range p.Targets {
		parts = append(parts, fmt.Sprintf("%s %d", t.Pool, t.Instances))
	}
	return fmt.Sprintf("%s (%s)", instances(p.Total()), strings.Join(parts, ", "))
}

func resultLine(s pool.Snapshot) string {
	d := s.Decision
	line := fmt.Sprintf("Result: the plan is %s; without a forecast it is %s.", breakdown(d.Plan), breakdown(d.Reactive))
	if there := present(s.Pools...); there != nil {
		line += fmt.Sprintf(" %d exist now.", *there)
	}
	if cost := costText(s, d.Plan); cost != "" {
		line += fmt.Sprintf(" The plan costs %s.", cost)
	}
	if d.Plan.Unmet > 0 {
		line += fmt.Sprintf(" The bounds of the pools leave %s %% of the demand planned for unserved.", figure(100*d.Plan.Unmet))
	}
	return line
}

func modeLine(d pool.Decision) string {
	switch {
	case d.Killed:
		return fmt.Sprintf("The kill switch is on: autoscalers are told what the present demand needs, %s, until it is resumed.", instances(d.Reactive.Total()))
	case d.Mode == pool.Act:
		return fmt.Sprintf("Mode act: autoscalers are told the plan, %s.", instances(d.Plan.Total()))
	}
	return fmt.Sprintf("Mode shadow: the plan is published and scored only; autoscalers are told what the present demand needs, %s. "+
		"`mode: act` in the fleet's policy hands out the plan.", instances(d.Reactive.Total()))
}

func validLine(d pool.Decision, now time.Time) string {
	if d.Valid(now) {
		return fmt.Sprintf("Decided at %s, valid until %s. After that, autoscalers get an error instead of a number.",
			clock(d.At, now), since(d.ValidUntil, now))
	}
	return fmt.Sprintf("Decided at %s, valid until %s.", clock(d.At, now), since(d.ValidUntil, now))
}

// buffer says how much of what is planned for is foreseen.
func buffer(z pool.Sizing) string {
	if z.Foreseen <= 0 || z.Foreseen >= z.AddDemand {
		return ""
	}
	return fmt.Sprintf("; as likely as not it stays below %s, and the rest is for what can't be foreseen", figure(z.Foreseen))
}
