package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/forethought-autoscaler/forethought/replay"
)

// replayTable is a table of runs. Open says that it is shown without being asked for.
type replayTable struct {
	Title, Note string
	Open        bool
	Columns     []string
	Rows        []replayRow
}

// replayRow is one run. Subject marks the program's own.
type replayRow struct {
	Policy      string
	Subject     bool
	Chip, Class string
	Cells       []string
}

// results returns the choices for a target behind the i-th actuator, on one part.
func (r *replayReport) results(i int, target float64, part string) replayTable {
	name := r.Actuators[i]
	t := replayTable{
		Title: fmt.Sprintf("At most %s of minutes short: on %s", fine(target), part), Open: part == "test",
		Columns: r.columns(),
		Note:    "Each setting is the one that validation chose.",
	}
	if part == "validation" {
		t.Note = "The part on which settings were chosen: of course they fit it."
	}
	for _, x := range r.Choices {
		if x.Run.Actuator != name || x.Target != target {
			continue
		}
		o, met, where, bounds := x.Run.Test, x.OnTest, r.Parts.Test, r.Oracles[i].Test
		if part == "validation" {
			o, met, where, bounds = x.Run.Validation, x.OnValidation, r.Parts.Validation, r.Oracles[i].Validation
		}
		row := replayRow{Policy: x.Run.Policy, Subject: x.Run.Policy == r.Subject, Chip: metText(met), Class: "best"}
		if !met {
			row.Class = "worse"
		}
		row.Cells = append([]string{settingText(x.Run.Setting)}, r.cells(o, where, bounds)...)
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *replayReport) columns() []string {
	out := []string{"setting", "short min", "short", "unmet", "worst run", "hours", "× oracle", "× bound"}
	if r.o.Priced {
		out = append(out, "money", fmt.Sprintf("in %d days", month))
	}
	return append(out, "starts/day", "worst day")
}

// cells are the columns after the setting.
func (r *replayReport) cells(o replay.Outcome, part replay.Part, b replay.Bounds) []string {
	worst := dash
	switch {
	case o.WorstDay.IsZero():
	case o.Violations == 0:
		worst = fine(0)
	default:
		worst = fine(o.Worst) + ", " + o.WorstDay.UTC().Format("2 Jan")
	}
	out := []string{
		strconv.Itoa(o.Violations), fine(o.Share()), fine(o.Unmet / o.Offered), strconv.Itoa(o.WorstRun) + " min", orDash(o.InstanceHours),
		ratioText(o.InstanceHours / b.Physical.InstanceHours), ratioText(o.InstanceHours / b.Actuator.InstanceHours),
	}
	if r.o.Priced {
		out = append(out, r.money(o.Money), r.money(monthly(o.Money, part)))
	}
	return append(out, fmt.Sprintf("%.1f", float64(o.Starts)/inDays(part)), worst)
}

func settingText(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// allSettings returns every run behind the i-th actuator.
func (r *replayReport) allSettings(i int) replayTable {
	name := r.Actuators[i]
	t := replayTable{
		Title: "Every setting behind actuator " + name, Note: "What was tried, on both parts, and for which target it was chosen.",
		Columns: []string{"setting", "chosen for", "validation: short", "× oracle", "test: short", "× oracle", "hours"},
	}
	b := r.Oracles[i]
	for _, run := range r.Runs {
		if run.Actuator != name {
			continue
		}
		t.Rows = append(t.Rows, replayRow{Policy: run.Policy, Subject: run.Policy == r.Subject, Cells: []string{
			settingText(run.Setting), r.chosenFor(run), fine(run.Validation.Share()),
			ratioText(run.Validation.InstanceHours / b.Validation.Physical.InstanceHours),
			fine(run.Test.Share()), ratioText(run.Test.InstanceHours / b.Test.Physical.InstanceHours), orDash(run.Test.InstanceHours),
		}})
	}
	return t
}

// chosenFor lists the targets for which a run was chosen.
func (r *replayReport) chosenFor(run replay.Run) string {
	text := ""
	for _, target := range r.targets {
		x, ok := r.Chosen(run.Policy, run.Actuator, target)
		if !ok || x.Run.Setting != run.Setting {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fine(target)
	}
	return text
}

// minutesScored returns how many minutes of the test part were judged.
func (r *replayReport) minutesScored() int {
	i := slices.IndexFunc(r.Runs, func(run replay.Run) bool { return run.Test.Minutes > 0 })
	if i < 0 {
		return 0
	}
	return r.Runs[i].Test.Minutes
}
