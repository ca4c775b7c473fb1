package readback

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// skew is how far the clock of an exporter may be ahead of ours.
const skew = time.Minute

// candidate is a whole decision that is valid, with the exporter that exports it.
type candidate struct {
	*export
	decision pool.Decision
}

// leftOut is an exporter whose decision is not believed.
type leftOut struct {
	*export
	reason string // as in the metric
	why    string // for people
}

// chosen is what one read found about one fleet.
type chosen struct {
	snapshot pool.Snapshot // without a decision where no exporter has a whole and valid one
	found    bool          // whether snapshot has a decision
	left     []leftOut
	// disagreement says how exporters differ about one turn, empty where they do not.
	disagreement string
}

// choose returns the fleet as its exporters export it at a time. The decision is the latest; of several, no pool gets fewer instances than
// any of them asks for, so that no exporter's reactive need is missed, and a kill switch that is on at one is on.
func (r *Reader) choose(fleet string, exports []*export, at time.Time) chosen {
	c := chosen{}
	slices.SortFunc(exports, func(a, b *export) int { return cmp.Compare(a.labels, b.labels) })
	var candidates []candidate
	for _, e := range exports {
		d, out := r.believe(fleet, e, at)
		switch {
		case out != nil:
			c.left = append(c.left, *out)
		case !d.At.IsZero():
			candidates = append(candidates, candidate{export: e, decision: d})
		}
	}
	if len(candidates) == 0 {
		c.snapshot = r.without(fleet, exports, c.left)
		return c
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return b.decision.ValidUntil.Compare(a.decision.ValidUntil) })
	c.found, c.disagreement = true, disagreement(candidates)
	c.snapshot = r.snapshot(candidates, join(c.disagreement, outvoted(candidates), described(c.left)))
	return c
}

// believe returns the decision of one exporter, its zero value where it exports none, or why it is left out.
func (r *Reader) believe(fleet string, e *export, at time.Time) (pool.Decision, *leftOut) {
	now := float64(at.UnixNano()) / 1e9
	switch latest := now + (r.opts.Validity + skew).Seconds(); {
	case e.validUntil < now:
		return pool.Decision{}, &leftOut{e, expired, ""}
	case e.validUntil > latest:
		return pool.Decision{}, &leftOut{e, ahead, fmt.Sprintf("its decision is valid for %.0fs, more than the %s of the configuration: its clock is ahead",
			e.validUntil-now, r.opts.Validity)}
	case !(e.validUntil >= now): // none was ever made
		return pool.Decision{}, nil
	}
	d, err := e.decision(fleet, r.opts.Validity)
	if err != nil {
		return pool.Decision{}, &leftOut{e, incomplete, err.Error()}
	}
	return d, nil
}

// snapshot returns the fleet as the first of its candidates sees it, with the decision that they make together.
func (r *Reader) snapshot(candidates []candidate, note string) pool.Snapshot {
	first := candidates[0]
	d := together(candidates)
	s := pool.Snapshot{
		Fleet: d.Fleet, Unit: first.unit, State: first.state, Probability: d.Probability, Pools: first.standing(), Decision: d,
		Reason: join(fmt.Sprintf("read back from %s: decided at %s by %s", r.store, stamp(d.At), first.name), note),
	}
	for _, a := range d.Ahead {
		if !slices.Contains(s.Horizons, a.Horizon) {
			s.Horizons = append(s.Horizons, a.Horizon)
		}
		if !slices.Contains(s.Probabilities, a.Probability) {
			s.Probabilities = append(s.Probabilities, a.Probability)
		}
	}
	slices.Sort(s.Probabilities)
	return s
}

// together returns the first candidate's decision with, of each pool, the largest numbers of all candidates. The kill switch is on where
// any has it on, and it acts where any acts.
func together(candidates []candidate) pool.Decision {
	d := candidates[0].decision
	d.Reactive, d.Plan = pool.Plan{}, pool.Plan{}
	asked, acting := pool.Plan{}, false
	for _, c := range candidates {
		d.Killed = d.Killed || c.decision.Killed
		acting = acting || c.decision.Acting()
		asked = larger(asked, c.decision.Effective())
		d.Plan = larger(d.Plan, c.decision.Plan)
		d.Reactive = larger(d.Reactive, c.decision.Reactive)
	}
	if acting && !d.Killed {
		d.Mode, d.Plan = pool.Act, asked
	}
	return d
}

// larger returns the larger number of each pool of two plans, in the order of the pools' names.
func larger(a, b pool.Plan) pool.Plan {
	out := pool.Plan{Targets: slices.Clone(a.Targets)}
	for _, t := range b.Targets {
		i, known := slices.BinarySearchFunc(out.Targets, t, func(a, b pool.Target) int { return cmp.Compare(a.Pool, b.Pool) })
		switch {
		case !known:
			out.Targets = slices.Insert(out.Targets, i, t)
		case t.Instances > out.Targets[i].Instances:
			out.Targets[i] = t
		}
	}
	return out
}

// sameTargets reports whether two plans, in the order of the pools' names, ask for the same.
func sameTargets(a, b pool.Plan) bool {
	return slices.EqualFunc(a.Targets, b.Targets, func(a, b pool.Target) bool { return a.Pool == b.Pool && a.Instances == b.Instances })
}

// sameTurn reports whether two decisions were made in the same turn: replicas make it for the same time.
func sameTurn(a, b pool.Decision) bool { return a.ValidUntil.Sub(b.ValidUntil).Abs() < time.Second }

// disagreement says how the candidates of the latest turn differ, and is empty where they do not: replicas are to decide the same.
func disagreement(candidates []candidate) string {
	first, same := candidates[0].decision, true
	var asked, killed []string
	for _, c := range candidates {
		if !sameTurn(first, c.decision) {
			continue
		}
		same = same && first.Killed == c.decision.Killed && sameTargets(first.Effective(), c.decision.Effective())
		asked = append(asked, fmt.Sprintf("%s for %d", c.name, c.decision.Effective().Total()))
		if c.decision.Killed {
			killed = append(killed, c.name)
		}
	}
	switch {
	case same:
		return ""
	case len(killed) > 0 && len(killed) < len(asked):
		return "exporters disagree: the kill switch, which is on at " + strings.Join(killed, " and ") + " only, holds the fleet on the reactive need"
	}
	return "exporters disagree, and each pool gets the largest number: " + strings.Join(asked, ", ") + " asks in all"
}

// outvoted says that an earlier turn's decision asks for more than the latest, empty where none does.
func outvoted(candidates []candidate) string {
	latest := pool.Plan{}
	for _, c := range candidates {
		if sameTurn(candidates[0].decision, c.decision) {
			latest = larger(latest, c.decision.Effective())
		}
	}
	for _, c := range candidates {
		if with := larger(latest, c.decision.Effective()); !sameTargets(with, latest) {
			return fmt.Sprintf("an earlier decision of %s, valid until %s, asks for more and is met until then", c.name, stamp(c.decision.ValidUntil))
		}
	}
	return ""
}

// described says which exporters are left out and why. One whose decision ran out needs no words beside one that has another.
func described(left []leftOut) string {
	var out []string
	for _, l := range left {
		if l.why != "" {
			out = append(out, fmt.Sprintf("%s is left out: %s", l.name, l.why))
		}
	}
	return strings.Join(out, "; ")
}

// without returns the fleet where no exporter has a whole and valid decision.
func (r *Reader) without(fleet string, exports []*export, left []leftOut) pool.Snapshot {
	s := pool.Snapshot{Fleet: fleet, State: pool.Failed}
	if len(exports) == 0 {
		s.Reason = "no exporter of it is seen in " + r.store
		return s
	}
	reason := described(left)
	for _, l := range left {
		if l.reason == expired {
			reason = join(reason, fmt.Sprintf("that of %s, which is %s, ran out at %s", l.name, l.state, stamp(timeOf(l.validUntil))))
		}
	}
	for _, e := range exports {
		if !math.IsNaN(e.validUntil) || e.state == "" {
			continue
		}
		reason = join(reason, fmt.Sprintf("%s has had none and is %s", e.name, e.state))
		if e.state == pool.Starting {
			s.State = pool.Starting
		}
	}
	s.Reason = join("no decision is exported to "+r.store+" that can be used", reason)
	return s
}
