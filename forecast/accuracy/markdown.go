package accuracy

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// WriteMarkdown writes rows as one Markdown table, in their order.
func WriteMarkdown(w io.Writer, rows []Row) error {
	var b strings.Builder
	b.WriteString("| series | horizon | method | quantile score | scaled | skill vs seasonal naive | skill vs last value " +
		"| MASE | coverage of 80 % | coverage of 95 % | not above 99 % | n |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %.4g | %s | %s | %s | %s | %.3f | %.3f | %.3f | %d |\n", r.Series, short(r.Horizon), r.Method, r.Quantile,
			cell(r.Scaled), cell(r.SkillVsSeasonal), cell(r.SkillVsLast), cell(r.MASE), r.Coverage80, r.Coverage95, r.Below99, r.N)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell prints a ratio, a dash where there is none.
func cell(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

// short prints a duration without its zero parts: 2h, not 2h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
