package replay

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText prints what was chosen for each actuator and target, on validation and on test, and the subject at equal violations.
func (c *Comparison) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s: %d minutes from %s; %.3g days to learn, %.3g to choose, %.3g to judge\n", c.Load, c.Minutes,
		c.Start.UTC().Format(time.DateOnly), inDays(c.Parts.Train), inDays(c.Parts.Validation), inDays(c.Parts.Test))
	for _, o := range c.Oracles {
		for _, target := range c.targets() {
			c.writeChoices(out, o, target, "validation")
			c.writeChoices(out, o, target, "test")
			c.writeEquals(out, o.Actuator, target)
		}
	}
	fmt.Fprintf(out, "%s\ndata sha256 %s\nsettings sha256 %s\n", tableLegend, c.Manifest.Data, c.Manifest.Settings)
	return out.Flush()
}

const tableLegend = `
setting: chosen on validation as the leanest that meets nine tenths of the target, ! where none does; met: on test
short: minutes with any shortage; unmet: share of the load; run: the longest shortage in minutes; x oracle: instance-hours over the
least that whoever knows the future needs without shortage, x bound: behind this actuator; worst day: share of its minutes short
`

// targets returns the targets in the order of the choices.
func (c *Comparison) targets() []float64 {
	var out []float64
	for _, x := range c.Choices {
		if x.Run.Actuator == c.Choices[0].Run.Actuator && (len(out) == 0 || out[len(out)-1] != x.Target) {
			out = append(out, x.Target)
		}
	}
	return out
}

// part returns what belongs to the part of a name.
func (c *Comparison) part(o Oracles, name string) (Part, Bounds) {
	if name == "test" {
		return c.Parts.Test, o.Test
	}
	return c.Parts.Validation, o.Validation
}

func (r Run) part(name string) Outcome {
	if name == "test" {
		return r.Test
	}
	return r.Validation
}

// writeChoices prints the choices for one target on one part.
func (c *Comparison) writeChoices(w io.Writer, o Oracles, target float64, name string) {
	part, bounds := c.part(o, name)
	fmt.Fprintf(w, "\n%s, %s, at most %s %% of minutes short; the least is %.1f instance-hours, behind the actuator %.1f\n",
		name, o.Actuator, percent(target), bounds.Physical.InstanceHours, bounds.Actuator.InstanceHours)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := []string{"setting", "short", "%", "unmet %", "run", "hours", "x oracle", "x bound", "money", "starts/day", "worst day %", "met"}
	width := c.width()
	fmt.Fprintf(table, "  %-*s\t%s\t\n", width, "policy", strings.Join(header, "\t"))
	for _, x := range c.Choices {
		if x.Run.Actuator != o.Actuator || x.Target != target {
			continue
		}
		u := x.Run.part(name)
		fmt.Fprintf(table, "  %-*s\t%s\t\n", width, x.Run.Policy, strings.Join(append(x.cells(), u.cells(part, bounds, x.met(name))...), "\t"))
	}
	_ = table.Flush() // w is a bufio.Writer, whose Flush returns the error
}

// width is that of the longest policy's name.
func (c *Comparison) width() int {
	n := len("policy")
	for _, x := range c.Choices {
		n = max(n, len(x.Run.Policy))
	}
	return n
}

// cells are what is the same on both parts.
func (x Choice) cells() []string {
	setting := number(x.Run.Setting, 3)
	if !x.OnValidation {
		setting = "!" + setting
	}
	return []string{setting}
}

func (x Choice) met(part string) bool {
	if part == "test" {
		return x.OnTest
	}
	return x.OnValidation
}

// cells are the columns from "short" on.
func (o Outcome) cells(part Part, b Bounds, met bool) []string {
	yes := "no"
	if met {
		yes = "yes"
	}
	money := "-" // a price that is not known costs an unknown amount, not nothing
	if o.Money > 0 {
		money = fmt.Sprintf("%.2f", o.Money)
	}
	return []string{
		strconv.Itoa(o.Violations), percent(o.Share()), percent(o.Unmet / o.Offered), strconv.Itoa(o.WorstRun),
		fmt.Sprintf("%.1f", o.InstanceHours), fixed(o.InstanceHours / b.Physical.InstanceHours), fixed(o.InstanceHours / b.Actuator.InstanceHours),
		money, fmt.Sprintf("%.1f", float64(o.Starts)/inDays(part)), percent(o.Worst), yes,
	}
}

// writeEquals prints the subject's instance-hours over those of the others at its violations.
func (c *Comparison) writeEquals(w io.Writer, actuator string, target float64) {
	first := true
	for _, e := range c.Equals {
		if e.Actuator != actuator || e.Target != target {
			continue
		}
		if first {
			fmt.Fprintf(w, "\ntest, %s: instance-hours of %s over those of the others at its %s %% of minutes short\n",
				actuator, c.Subject, percent(e.Violations))
			first = false
		}
		fmt.Fprintf(w, "  %-*s  %s\n", c.width(), e.Policy, e.text())
	}
}

func (e Equal) text() string {
	switch e.Match {
	case Unreached:
		return "does not get there with any setting"
	case AtMost:
		return fixed(e.Ratio) + " at least: its leanest setting is short less often"
	default:
		return fixed(e.Ratio)
	}
}

// WriteCSV writes one row for every run and part. Shares are 0 to 1, and cells that nobody knows are empty.
func (c *Comparison) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{
		"load", "actuator", "policy", "setting", "part", "minutes", "violations", "violation_share", "offered", "unmet", "unmet_share", "excess",
		"worst_run", "instance_hours", "over_oracle", "over_bound", "money", "starts", "starts_per_day", "interrupted", "worst_day",
		"worst_day_share", "chosen_for",
	})
	for _, r := range c.Runs {
		for _, name := range []string{"validation", "test"} {
			if err == nil {
				err = out.Write(append([]string{c.Load, r.Actuator, r.Policy, exact(r.Setting), name}, c.row(r, name)...))
			}
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// row are the cells of one run from "minutes" on.
func (c *Comparison) row(r Run, name string) []string {
	var bounds Bounds
	var part Part
	for _, o := range c.Oracles {
		if o.Actuator == r.Actuator {
			part, bounds = c.part(o, name)
		}
	}
	o := r.part(name)
	worst := ""
	if !o.WorstDay.IsZero() {
		worst = o.WorstDay.UTC().Format(time.DateOnly)
	}
	return []string{
		strconv.Itoa(o.Minutes), strconv.Itoa(o.Violations), exact(o.Share()), exact(o.Offered), exact(o.Unmet), exact(o.Unmet / o.Offered),
		exact(o.Excess), strconv.Itoa(o.WorstRun), exact(o.InstanceHours), exact(o.InstanceHours / bounds.Physical.InstanceHours),
		exact(o.InstanceHours / bounds.Actuator.InstanceHours), exact(o.Money), strconv.Itoa(o.Starts), exact(float64(o.Starts) / inDays(part)),
		strconv.Itoa(o.Interrupted), worst, exact(o.Worst), c.chosenFor(r),
	}
}

// chosenFor lists the targets for which the run was chosen.
func (c *Comparison) chosenFor(r Run) string {
	var out []string
	for _, x := range c.Choices {
		if x.Run.Policy == r.Policy && x.Run.Actuator == r.Actuator && x.Run.Setting == r.Setting {
			out = append(out, exact(x.Target))
		}
	}
	return strings.Join(out, " ")
}

func inDays(p Part) float64 { return float64(p.To-p.From) / minutesPerDay }

// exact prints a number so that it reads back the same; one that is not finite is not known.
func exact(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// number prints a number with so many significant digits.
func number(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// fixed prints a ratio.
func fixed(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

// percent prints a share as a percentage.
func percent(v float64) string { return number(100*v, 3) }
