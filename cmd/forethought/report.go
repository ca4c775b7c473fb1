package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/plot"
)

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Parse(reportHTML))

// mostSections bounds the series that a report shows one by one, so that a browser can open it.
const mostSections = 20

// page is what the template of the report shows. It holds everything the reader sees: the file asks for nothing from outside.
type page struct {
	Title, Measured, Version string
	CSS                      template.CSS
	Verdict                  []string
	// Summary is about all series together, nil for one series.
	Summary  *section
	Sections []section
	// Left says which series have no section.
	Left string
}

// section is what is shown of one series, or of all together.
type section struct {
	ID, Title, Facts, Choice string
	Verdict, Skipped         []string
	Fans                     []template.HTML
	Bars, Coverage           template.HTML
	Columns                  []string
	Tables                   []htmlTable
}

// htmlTable is the methods of one range of distances ahead.
type htmlTable struct {
	Title, First string
	Rows         []htmlRow
}

type htmlRow struct {
	Method      string
	Best, Worse bool
	Cells       []string
}

// writeHTML writes the report.
func (b *backtest) writeHTML(w io.Writer, trials []*trial) error {
	p := page{
		Title: "Backtest of " + b.subject(trials), Measured: b.measured(trials), Version: version,
		CSS: template.CSS(plot.CSS()), //nolint:gosec // it is our own
	}
	for i, t := range trials {
		if i == mostSections {
			p.Left = fmt.Sprintf("%d more series are in the tables above only; --output=FILE.csv has every number, and --series chooses which are shown.",
				len(trials)-mostSections)
			break
		}
		s := t.section()
		s.ID = fmt.Sprintf("series-%d", i+1)
		p.Sections = append(p.Sections, s)
	}
	if len(trials) > 1 {
		all := summary(trials)
		p.Summary = &section{
			Title: fmt.Sprintf("All %d series together", len(trials)), Columns: columns, Tables: tablesOf(all),
			Bars: picture(scoreBars(all)), Coverage: picture(coveragePanel(all)),
			Facts: "Means over the series; of scaled and of skill, geometric ones. Best on counts the series on which a method has the best score.",
		}
		p.Verdict = verdict(all)
	} else {
		p.Verdict = p.Sections[0].Verdict
	}
	return reportTemplate.Execute(w, p)
}

// subject names what the report is about.
func (b *backtest) subject(trials []*trial) string {
	if len(trials) == 1 {
		return string(trials[0].y.Key)
	}
	return fmt.Sprintf("%d series of %s", len(trials), filepath.Base(b.place()))
}

// measured says in one paragraph what was done.
func (b *backtest) measured(trials []*trial) string {
	o := trials[0].options
	names := make([]string, 0, len(o.Methods))
	for _, m := range o.Methods {
		names = append(names, m.Name())
	}
	from := b.place()
	if b.fleet != "" {
		from = "the demand of fleet " + b.fleet + " in the Prometheus of " + b.configFile + ", without excluded windows"
	}
	return fmt.Sprintf("Source: %s. Each of %d methods (%s) forecast the last %.3g %% of each history from up to %d moments spread over it, up to %s ahead, "+
		"and was scored against what came. At each moment it knew what lay before and nothing else; it was fitted anew when its fit was %s old and "+
		"told every observation in between, as the running program does. Methods are compared with the last value, and with the copy of the "+
		"same time a season ago that did better with hindsight (seasonal naive).",
		from, len(o.Methods), strings.Join(names, ", "), 100*o.Share, o.Origins, model.Duration(o.Horizons[len(o.Horizons)-1]), model.Duration(o.Refit))
}

// section returns what is shown of t.
func (t *trial) section() section {
	all := rankings(t.rows, t.options.Seasonal)
	s := section{
		Title: string(t.y.Key), Facts: t.facts() + ".", Verdict: verdict(all), Skipped: t.skipped, Columns: columns, Tables: tablesOf(all),
		Bars: picture(scoreBars(all)), Coverage: picture(coveragePanel(all)),
	}
	if t.chosen != nil {
		s.Choice = choiceSentence(*t.chosen)
	}
	for i, trail := range t.trails {
		horizon := t.options.Horizons[max(0, len(t.options.Horizons)-2):][i]
		s.Fans = append(s.Fans, picture(fanPanel(t.y, trail, horizon).SVG()))
	}
	return s
}

func choiceSentence(c forecast.Selection) string {
	text := "From all of this history the program gives most weight to " + c.Method
	if c.RunnerUp != "" {
		text += ", then to " + c.RunnerUp
	}
	return text + ". Why: " + c.Reason + "."
}

// picture lets an SVG of package plot, which escapes what it is given, into the report.
func picture(svg string) template.HTML {
	return template.HTML(svg) //nolint:gosec // package plot escapes texts
}

func tablesOf(all []ranking) []htmlTable {
	out := make([]htmlTable, 0, len(all))
	for _, r := range all {
		t := htmlTable{Title: r.title, First: r.first}
		for _, row := range r.rows {
			t.Rows = append(t.Rows, htmlRow{Method: row.Method, Best: row.best, Worse: row.worse, Cells: row.cells()})
		}
		out = append(out, t)
	}
	return out
}

// verdict says in a sentence for each range how good the program's choice is, or the best method where that was not evaluated.
func verdict(all []ranking) []string {
	var out []string
	for _, r := range all {
		if len(r.rows) == 0 {
			continue
		}
		i := max(0, slices.IndexFunc(r.rows, func(row ranked) bool { return row.Method == forecast.Combination }))
		row := r.rows[i]
		out = append(out, fmt.Sprintf("%s: %s %s, and %s; its 80 %% interval held %s of what came.", capital(r.title), row.Method,
			against(row.SkillVsSeasonal, "seasonal naive"), against(row.SkillVsLast, "the last value"), percent(row.Coverage80)))
	}
	return out
}

// against says a skill in words.
func against(skill float64, what string) string {
	switch text := percent(skill); {
	case text == "-":
		return "can't be compared with " + what
	case skill >= 0.005:
		return fmt.Sprintf("is %.0f %% better than %s", 100*skill, what)
	case skill <= -0.005:
		return fmt.Sprintf("is %.0f %% worse than %s", -100*skill, what)
	}
	return "is as good as " + what
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// horizonName names a range by its end.
func horizonName(d time.Duration) string { return model.Duration(d).String() }
