package exporter

import (
	"fmt"
	"strings"

	"github.com/forethought-autoscaler/forethought/pool"
)

// workloadLine says what kind of workload it is and why.
func workloadLine(w pool.Workload) string {
	kind, first := "unknown", "What it runs out of first is unknown"
	if w.Pattern != pool.UnknownPattern {
		kind = fmt.Sprintf("%s (%.0f %% of the votes)", w.Pattern, 100*w.PatternVotes)
	}
	if w.Bound != "" {
		first = fmt.Sprintf("It runs out of %s first (%.0f %% of the votes)", w.Bound, 100*w.BoundVotes)
	}
	return fmt.Sprintf("Workload: %s%s. %s%s.", kind, cause(w.PatternReason), first, cause(w.BoundReason))
}

// cause writes a reason that begins with what it is the reason of, which is said already.
func cause(reason string) string {
	if _, after, ok := strings.Cut(reason, ": "); ok {
		reason = after
	}
	if reason == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(reason, ".")
}

// moveLines say which moves the plan proposes, and why, and why instances are not moved that could be.
func moveLines(p pool.Plan) []string {
	lines := make([]string, 0, len(p.Moves)+len(p.Unmoved))
	for _, m := range p.Moves {
		lines = append(lines, fmt.Sprintf("Proposed move of %s from %s to %s, which saves %s and costs %s: %s.",
			instances(m.Instances), m.From, m.To, figure(m.Saving), figure(m.Disruption), strings.TrimSuffix(m.Reason, ".")))
	}
	for _, u := range p.Unmoved {
		what := "Nothing is moved"
		if u.Instances > 0 {
			what = "Not moved: " + instances(u.Instances)
		}
		if u.From != "" {
			what += " from " + u.From
		}
		if u.To != "" {
			what += " to " + u.To
		}
		lines = append(lines, fmt.Sprintf("%s: %s.", what, strings.TrimSuffix(u.Reason, ".")))
	}
	return lines
}

// workloadData is what kind of workload the fleet has. Pattern and Bound are unknown where that is so; the reasons say why.
type workloadData struct {
	Pattern       string `json:"pattern"`
	PatternVotes  number `json:"pattern_votes"`
	PatternReason string `json:"pattern_reason"`
	Bound         string `json:"bound"`
	BoundVotes    number `json:"bound_votes"`
	BoundReason   string `json:"bound_reason"`
}

// unmovedData is what one pool has to spare and another lacks, and why it is not moved. Where it is a pool's own fault To is empty, where it
// is the fleet's both are, and Instances is 0.
type unmovedData struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Instances int    `json:"instances"`
	Reason    string `json:"reason"`
}

// moveData is a proposal. Saving and Disruption are what it saves and costs.
type moveData struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Instances  int    `json:"instances"`
	Saving     number `json:"saving"`
	Disruption number `json:"disruption"`
	Reason     string `json:"reason"`
}

func movesOf(p pool.Plan) ([]moveData, []unmovedData) {
	moves, unmoved := make([]moveData, 0, len(p.Moves)), make([]unmovedData, 0, len(p.Unmoved))
	for _, u := range p.Unmoved {
		unmoved = append(unmoved, unmovedData(u))
	}
	for _, m := range p.Moves {
		moves = append(moves, moveData{
			From: m.From, To: m.To, Instances: m.Instances, Saving: number(m.Saving), Disruption: number(m.Disruption), Reason: m.Reason,
		})
	}
	return moves, unmoved
}

func workloadOf(w pool.Workload) *workloadData {
	if !w.IsKnown() {
		return nil
	}
	pattern, bound := workloadNames(w)
	return &workloadData{
		Pattern: pattern, PatternVotes: number(w.PatternVotes), PatternReason: w.PatternReason,
		Bound: bound, BoundVotes: number(w.BoundVotes), BoundReason: w.BoundReason,
	}
}
