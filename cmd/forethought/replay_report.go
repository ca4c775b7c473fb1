package main

import (
	_ "embed"
	"errors"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/plot"
	"github.com/forethought-autoscaler/forethought/replay"
)

//go:embed replay.html
var replayHTML string

// replayTemplate begins with the style of the backtest's report.
var replayTemplate = template.Must(template.New("replay").Parse(strings.Replace(replayHTML, "/* the style of report.html "+
	"*/", styleOf(reportHTML), 1)))

// styleOf returns what stands in the style element of a page.
func styleOf(page string) string {
	_, rest, _ := strings.Cut(page, "<style>\n")
	style, _, _ := strings.Cut(rest, "</style>")
	return style
}

// today is the policy that stands for what is run without a forecast.
const today = "hpa-70%"

// replayReportOptions is what a replay's report tells that its comparison does not know. An empty field is left out of the page.
type replayReportOptions struct {
	Title, Fleet, Version string
	// Source says where the load is from; Config is the SHA-256 of the configuration.
	Source, Config string
	// Priced says that the pools have prices, so that Money counts.
	Priced bool
	// Mode is the fleet's present mode, and Probability its configured one.
	Mode        string
	Probability float64
	// Site is what was simulated, behind each of Actuators, and Interval the time between two turns of the program.
	Site      replay.Site
	Actuators []replay.Actuator
	Interval  time.Duration
	// Step is that of the source.
	Step time.Duration
}

// replayReport writes a comparison as a page that asks for nothing from outside.
type replayReport struct {
	*replay.Comparison
	o       replayReportOptions
	targets []float64
}

// replayPage is what the template shows.
type replayPage struct {
	Title, Lead, Version string
	CSS                  template.CSS
	Verdict              replayVerdict
	Actuators            []replayActuator
	Worst                *replayFigures
	Cost, Days           replayFigures
	Rules                []replayEntry
	Policies             []replayEntry
	Limits               []string
	Manifest             []replayEntry
}

// replayActuator is everything behind one actuator.
type replayActuator struct {
	ID, Title, Facts string
	Pareto           replayFigures
	Results          []replayTable
	Settings         replayTable
}

// replayFigures are pictures with what there is to say about them.
type replayFigures struct {
	Text     string
	Pictures []template.HTML
	Notes    []string
}

// replayEntry is a term with what is said of it.
type replayEntry struct{ Term, Text string }

// writeReplayReport writes the page from which an operator decides about mode act: a verdict, what every policy cost and missed, and what
// was assumed. It refuses a comparison in which nothing was chosen.
func writeReplayReport(w io.Writer, c *replay.Comparison, o replayReportOptions) error {
	if len(c.Choices) == 0 || len(c.Actuators) == 0 || len(c.Oracles) != len(c.Actuators) {
		return errors.New("write report: the comparison holds no choices, or no oracle for an actuator")
	}
	r := &replayReport{Comparison: c, o: o}
	for _, x := range c.Choices {
		if !slices.Contains(r.targets, x.Target) {
			r.targets = append(r.targets, x.Target)
		}
	}
	return replayTemplate.Execute(w, r.page())
}

func (r *replayReport) page() replayPage {
	p := replayPage{
		Title: r.o.Title, Lead: r.lead(), Version: r.o.Version, CSS: template.CSS(plot.CSS()), //nolint:gosec // it is our own
		Verdict: r.verdict(), Worst: r.worstDay(), Cost: r.costs(), Days: r.days(),
		Rules: r.rules(), Policies: r.policies(), Limits: r.limits(), Manifest: r.manifest(),
	}
	for i, name := range r.Actuators {
		p.Actuators = append(p.Actuators, r.actuator(i, name))
	}
	return p
}

// actuator returns what is shown of the i-th actuator.
func (r *replayReport) actuator(i int, name string) replayActuator {
	out := replayActuator{
		ID: "actuator-" + name, Title: "Results behind actuator " + name, Facts: r.oracleFacts(i), Pareto: r.pareto(i), Settings: r.allSettings(i),
	}
	for _, target := range r.targets {
		out.Results = append(out.Results, r.results(i, target, "test"), r.results(i, target, "validation"))
	}
	return out
}

// chosen returns the choice of a policy for the first target behind the first actuator; ok is false where it was not replayed.
func (r *replayReport) chosen(policy string) (replay.Choice, bool) {
	return r.Chosen(policy, r.Actuators[0], r.targets[0])
}

// names returns the policies in the order of the comparison.
func (r *replayReport) names() []string {
	var out []string
	for _, x := range r.Choices {
		if !slices.Contains(out, x.Run.Policy) {
			out = append(out, x.Run.Policy)
		}
	}
	return out
}
