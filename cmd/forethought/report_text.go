package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/model"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
)

// mostTables bounds the series whose tables are printed; more are summed up.
const mostTables = 8

// writeText prints a table of each series, of all together where there are several, and what the words mean.
func writeText(w io.Writer, trials []*trial) error {
	out := bufio.NewWriter(w)
	if len(trials) <= mostTables {
		for _, t := range trials {
			fmt.Fprintf(out, "%s: %s\n", t.y.Key, t.facts())
			for _, text := range t.skipped {
				fmt.Fprintf(out, "not evaluated: %s\n", text)
			}
			if t.chosen != nil {
				fmt.Fprintf(out, "chosen now: %s\n", choiceText(*t.chosen))
			}
			writeTable(out, rankings(t.rows, t.options.Seasonal))
		}
	}
	if len(trials) > 1 {
		fmt.Fprintf(out, "all %d series: means, of scaled the geometric one\n", len(trials))
		writeTable(out, summary(trials))
	}
	fmt.Fprint(out, legend)
	return out.Flush()
}

const legend = `* best of its range   ! worse than seasonal naive
score: mean quantile score in the unit of the series, lower is better; scaled: over that of the better seasonal naive, below 1 is better
vs season, vs last: skill against seasonal naive and the last value, above 0 is better; in 80 %, in 95 %: share of what came inside the
interval; fit, step: processor time of a fit, and of one observation told and a forecast made
`

// facts says what the table of a series is about.
func (t *trial) facts() string {
	y := t.y
	n := y.Len()
	return fmt.Sprintf("%d observations at %s from %s to %s, %d missing; each method forecast up to %d times in the last %.3g %%",
		n, model.Duration(y.Step), y.Start.Format(time.DateOnly), y.End().Format(time.DateOnly), n-y.Present(), t.options.Origins, 100*t.options.Share)
}

// choiceText says what the program would use now and why.
func choiceText(s forecast.Selection) string {
	text := s.Method
	if s.RunnerUp != "" {
		text += ", then " + s.RunnerUp
	}
	return text + " (" + s.Reason + ")"
}

// ranking is the methods of one range of distances ahead, best first.
type ranking struct {
	title string
	// first is the heading of the first column.
	first string
	rows  []ranked
}

// ranked is a row with what stands out about it.
type ranked struct {
	accuracy.Row
	best, worse bool
	// wins is on how many series the method is the best, in a summary.
	wins string
}

// rankings sorts the rows of one series. seasonal names the seasonal naive methods, which are not worse than themselves.
func rankings(rows []accuracy.Row, seasonal []string) []ranking {
	var out []ranking
	var before time.Duration
	for _, h := range horizonsOf(rows) {
		r := ranking{title: rangeTitle(before, h), first: "score"}
		for _, row := range rows {
			if row.Horizon == h {
				r.rows = append(r.rows, ranked{Row: row, worse: row.Scaled > 1 && !slices.Contains(seasonal, row.Method)})
			}
		}
		slices.SortStableFunc(r.rows, func(a, b ranked) int { return cmp.Compare(orInf(a.Quantile), orInf(b.Quantile)) })
		if len(r.rows) > 0 {
			r.rows[0].best = !math.IsNaN(r.rows[0].Quantile)
		}
		out = append(out, r)
		before = h
	}
	return out
}

// horizonsOf returns the horizons of rows, ascending.
func horizonsOf(rows []accuracy.Row) []time.Duration {
	var out []time.Duration
	for _, r := range rows {
		out = append(out, r.Horizon)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func rangeTitle(from, to time.Duration) string {
	if from == 0 {
		return "up to " + model.Duration(to).String() + " ahead"
	}
	return fmt.Sprintf("%s to %s ahead", model.Duration(from), model.Duration(to))
}

func orInf(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

// writeTable prints rankings below each other, their columns aligned.
func writeTable(w io.Writer, all []ranking) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, r := range all {
		fmt.Fprintf(table, "\n  %s\n", r.title)
		fmt.Fprintf(table, "  %s\t\n", strings.Join(slices.Concat([]string{padded("method", r.rows), r.first}, columns), "\t"))
		for _, row := range r.rows {
			mark := " "
			switch {
			case row.best:
				mark = "*"
			case row.worse:
				mark = "!"
			}
			fmt.Fprintf(table, "%s %s\t\n", mark, strings.Join(append([]string{padded(row.Method, r.rows)}, row.cells()...), "\t"))
		}
	}
	fmt.Fprintln(table)
	_ = table.Flush() // w is a bufio.Writer, whose Flush returns the error
}

// padded makes names of one length, since the columns are aligned to the right.
func padded(name string, rows []ranked) string {
	width := len("method")
	for _, r := range rows {
		width = max(width, len(r.Method))
	}
	return fmt.Sprintf("%-*s", width, name)
}

// columns are the headings after the first column.
var columns = []string{"scaled", "vs season", "vs last", "in 80 %", "in 95 %", "MASE", "errors", "fit ms", "step ms"}

// cells returns the texts of the first column and of columns.
func (r ranked) cells() []string {
	return []string{
		cmp.Or(r.wins, fmt.Sprintf("%.4g", r.Quantile)), ratioText(r.Scaled), skill(r.SkillVsSeasonal), skill(r.SkillVsLast),
		percent(r.Coverage80), percent(r.Coverage95), ratioText(r.MASE), strconv.Itoa(r.N), millis(r.FitCPU), millis(r.StepCPU),
	}
}

// ratioText prints a ratio, a dash where there is none.
func ratioText(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

// percent prints a share as per cent.
func percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// skill prints a skill as per cent, without decimals where it is far from none.
func skill(v float64) string {
	if math.Abs(v) < 1 {
		return percent(v)
	}
	if text := percent(v); text == "-" {
		return text
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}

// millis prints a duration in milliseconds, three digits of it.
func millis(d time.Duration) string { return strconv.FormatFloat(d.Seconds()*1000, 'g', 3, 64) }

// writeRows writes every row of every series as CSV; what is not known is blank.
func writeRows(w io.Writer, trials []*trial) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"series", "method", "horizon", "quantile_score", "scaled", "skill_vs_seasonal_naive", "skill_vs_last", "mase", "coverage_80",
		"coverage_95", "below_99", "errors", "fit_cpu_ms", "step_cpu_ms",
	})
	for _, t := range trials {
		for _, r := range t.rows {
			record := []string{r.Series, r.Method, model.Duration(r.Horizon).String()}
			for _, v := range []float64{r.Quantile, r.Scaled, r.SkillVsSeasonal, r.SkillVsLast, r.MASE, r.Coverage80, r.Coverage95, r.Below99} {
				text := ""
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					text = strconv.FormatFloat(v, 'g', 6, 64)
				}
				record = append(record, text)
			}
			_ = out.Write(append(record, strconv.Itoa(r.N), millis(r.FitCPU), millis(r.StepCPU))) // Error returns the error
		}
	}
	out.Flush()
	return out.Error()
}
