package exporter

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// poolView is one pool; a count that nobody knows is a dash.
type poolView struct {
	Name, Class, Present, States     string
	Desired, Planned, Reactive, Lead string
	Why                              string
}

// moveView is a move between pools that is proposed, or one that is not, without what it saves and costs.
type moveView struct{ From, To, Instances, Saves, Costs, Why string }

func poolViews(s pool.Snapshot, now time.Time) []poolView {
	out := make([]poolView, 0, len(s.Pools))
	for _, p := range s.Pools {
		v := poolView{
			Name: p.Name, Class: string(p.Class), Present: text(present(p)), Lead: span(p.LeadTime),
			States:  states(p),
			Desired: "–", Planned: "–", Reactive: "–",
		}
		if d := s.Decision; d.Valid(now) {
			v.Desired, v.Planned, v.Reactive = count(d.Effective(), p.Name), count(d.Plan, p.Name), count(d.Reactive, p.Name)
			v.Why = why(d, p)
		}
		out = append(out, v)
	}
	return out
}

func moveViews(p pool.Plan) []moveView {
	out := make([]moveView, 0, len(p.Moves)+len(p.Unmoved))
	for _, m := range p.Moves {
		out = append(out, moveView{m.From, m.To, strconv.Itoa(m.Instances), figure(m.Saving), figure(m.Disruption), m.Reason})
	}
	for _, u := range p.Unmoved {
		v := moveView{cmp.Or(u.From, "–"), cmp.Or(u.To, "–"), "–", "–", "–", "not moved: " + u.Reason}
		if u.Instances > 0 {
			v.Why = fmt.Sprintf("%d not moved: %s", u.Instances, u.Reason)
		}
		out = append(out, v)
	}
	return out
}

// existing is the figure of the instances that there are.
func existing(s pool.Snapshot) figureView {
	there, warming, phases := present(s.Pools...), 0, true
	for _, p := range s.Pools {
		warming += p.Warming
		phases = phases && p.Phases
	}
	v := figureView{Name: "Existing now", Value: text(there), Note: "ready and starting ones"}
	switch {
	case there == nil:
		v.Note = "not known; see the key instances of a pool"
	case warming > 0:
		v.Note = fmt.Sprintf("%d of them still starting", warming)
	case phases:
		v.Note = "all of them ready"
	}
	return v
}

// text writes a count, and a dash where it is not known.
func text(n *int) string {
	if n == nil {
		return "–"
	}
	return strconv.Itoa(*n)
}

// states says what the instances of a pool do, those states left out that none is in.
func states(p pool.Pool) string {
	if !p.Observed || !p.Phases {
		return ""
	}
	var parts []string
	for _, s := range []struct {
		n    int
		name string
	}{{p.Active, "active"}, {p.Warm, "warm"}, {p.Warming, "warming"}} {
		if s.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", s.n, s.name))
		}
	}
	return strings.Join(parts, ", ")
}

func count(p pool.Plan, name string) string {
	if n, ok := p.Instances(name); ok {
		return strconv.Itoa(n)
	}
	return "–"
}

// why says in a few words what decided the number of a pool in the plan.
func why(d pool.Decision, p pool.Pool) string {
	for _, v := range slices.Backward(d.Guards) {
		if g := v; g.Pool == p.Name && g.From != g.To {
			return fmt.Sprintf("guard %s: %s", g.Name, g.Reason)
		}
	}
	z, ok := sizingOf(d, p.Name)
	n, planned := d.Plan.Instances(p.Name)
	switch {
	case !ok || !planned:
		return ""
	case n == p.Most():
		return "the pool's maximum"
	case n == p.Min:
		return "the pool's minimum"
	case n <= z.Reactive:
		return "the present demand needs them"
	case n <= z.Add:
		return fmt.Sprintf("demand may reach %s in %s", figure(z.AddDemand), span(z.LeadTime))
	default:
		return fmt.Sprintf("kept: demand may reach %s within %s", figure(z.KeepDemand), span(z.LeadTime+z.Hold))
	}
}
