package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/pool"
)

const (
	// lag is how long before a decision a migration must have ended to be seen in its numbers. The nodes of a pool are counted from a watch,
	// which is behind by seconds. What ended later is taken off the move, which then makes too few and never too many.
	lag = 30 * time.Second
	// looks is for how many nodes of a pool a pass lists the pods.
	looks = 64
)

// propose begins what the decision about a fleet wants, as far as it may.
func (p *pass) propose(ctx context.Context, f *fleet) {
	d := p.decision(f.name)
	if !d.Valid(p.at) {
		return
	}
	for _, move := range d.Plan.Moves {
		of := pair{f.name, move.From, move.To}
		if p.answered[of].Equal(d.At) {
			continue
		}
		if reason := p.act(ctx, f, d, move); reason != "" {
			p.answered[of] = d.At
			p.metrics.count(of, refused)
			if p.may("refused" + f.name + move.From + move.To) {
				p.o.Log.Info("move is not made", "fleet", f.name, "from", move.From, "to", move.To, "instances", move.Instances, "reason", reason)
			}
		}
	}
}

// act begins the migrations of a move. What it returns is why it begins no more of them in this turn; it is silent where there are enough
// or the next pass goes on.
func (p *pass) act(ctx context.Context, f *fleet, d pool.Decision, move pool.Move) string {
	of := pair{f.name, move.From, move.To}
	ours := func(q pair) bool { return q.fleet == f.name }
	switch {
	case halted(d) != "":
		return halted(d)
	case f.pools[move.From] == nil || f.pools[move.To] == nil:
		return "one of the pools has no nodes that are configured"
	case p.flying(ours) >= f.concurrent():
		return ""
	}
	standing, err := p.standing(ctx, f)
	if err != nil {
		return err.Error()
	}
	wanted := move.Instances - p.flying(func(q pair) bool { return q == of }) - p.done(standing, of, d.At.Add(-lag))
	for ; wanted > 0 && p.flying(ours) < f.concurrent(); wanted-- {
		if p.used(standing, ours) >= f.PerHour {
			return fmt.Sprintf("the budget of %d an hour is used up", f.PerHour)
		}
		if begun, reason := p.start(ctx, f, move, standing[move.From]); !begun {
			return reason
		}
	}
	return ""
}

// standing reads the nodes of a fleet by pool.
func (p *pass) standing(ctx context.Context, f *fleet) (map[string][]corev1.Node, error) {
	out := map[string][]corev1.Node{}
	for _, n := range f.Pools {
		list, err := p.o.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: n.Selector})
		if err != nil {
			return nil, fmt.Errorf("list nodes of pool %s: %w", n.Name, err)
		}
		out[n.Name] = list.Items
	}
	return out, nil
}

// done returns how many nodes migrated between two pools after a time.
func (p *pass) done(standing map[string][]corev1.Node, of pair, since time.Time) int {
	n := 0
	for _, nodes := range standing {
		for i := range nodes {
			e, ok, err := read[ended](&nodes[i], migratedKey)
			if ok && err == nil && (pair{e.Fleet, e.From, e.To}) == of && e.At.After(since) {
				n++
			}
		}
	}
	return n
}

// used returns how many migrations of a fleet count for the hour: those under way, and those that ended in it, however they ended. A node
// rests for an hour at least, so that its annotations stand for all that ended in the hour. One that can't be read counts.
func (p *pass) used(standing map[string][]corev1.Node, ours func(pair) bool) int {
	n := p.flying(ours)
	for _, nodes := range standing {
		for i := range nodes {
			if p.recent(&nodes[i]) {
				n++
			}
		}
	}
	return n
}

func (p *pass) recent(node *corev1.Node) bool {
	for _, key := range []string{migratedKey, undoneKey} {
		e, ok, err := read[ended](node, key)
		if err != nil || ok && p.at.Sub(e.At) < time.Hour {
			return true
		}
	}
	return false
}

// start begins the migration of the node that it disturbs least. Where it begins none it may say why.
func (p *pass) start(ctx context.Context, f *fleet, move pool.Move, nodes []corev1.Node) (begun bool, reason string) {
	node, reason := p.choose(ctx, f, move, nodes)
	if node == nil {
		return false, reason
	}
	r := record{
		Fleet: f.name, From: move.From, To: move.To, Started: p.at.UTC(), Deadline: p.at.UTC().Add(f.Drain), Reason: move.Reason,
	}
	// What is refused at the end had better be refused before anything is disturbed.
	err := p.patch(ctx, node, r.join(node, f.pools[move.From].Pool, f.pools[move.To].Pool), metav1.DryRunAll)
	if err == nil && f.DryRun {
		return false, fmt.Sprintf("dry run: node %s would be moved", node.Name)
	}
	is := r.begin(node)
	if err == nil {
		err = p.patch(ctx, node, is)
	}
	switch {
	case err == nil:
	case apierrors.IsConflict(err) || errors.Is(err, errResigned):
		return false, "" // the next pass looks again
	default:
		return false, fmt.Sprintf("node %s: %v", node.Name, err)
	}
	r, _, _ = read[record](is, recordKey)
	p.flights[node.Name] = p.resume(is, r)
	p.o.Log.Info("node is cordoned to be moved", "fleet", f.name, "node", node.Name, "from", move.From, "to", move.To, "reason", move.Reason)
	p.event(node, nil, corev1.EventTypeNormal, "MigrationStarted", "Migrate",
		fmt.Sprintf("Moving from pool %s to pool %s of fleet %s, until %s at the latest: %s",
			move.From, move.To, f.name, r.Deadline.Format(time.RFC3339), move.Reason))
	return true, ""
}

// choose returns the node of a pool whose pods are the fewest, none at best, among those that can leave it; nil, and why, where none can.
func (p *pass) choose(ctx context.Context, f *fleet, move pool.Move, nodes []corev1.Node) (best *corev1.Node, reason string) {
	disruption, err := p.disruption(ctx)
	if err != nil {
		return nil, err.Error()
	}
	of := pair{f.name, move.From, move.To}
	var least burden
	var out []string
	looked, first := 0, p.offset[of]
	for i := range nodes {
		at := (first + i) % len(nodes)
		node := &nodes[at]
		if reason := p.unfit(f, move, node); reason != "" {
			out = append(out, node.Name+": "+reason)
			continue
		}
		if looked == looks {
			p.offset[of] = at
			break
		}
		looked++
		pods, err := p.pods(ctx, node.Name)
		if err != nil {
			return nil, err.Error()
		}
		if i := slices.IndexFunc(pods, func(pod *corev1.Pod) bool { return disruption.keeps(pod) != "" }); i >= 0 {
			out = append(out, node.Name+": "+disruption.keeps(pods[i]))
			continue
		}
		if b := weigh(pods); best == nil || b.less(least) {
			best, least = node, b
		}
		if least == (burden{}) {
			break
		}
	}
	if len(out) > 0 && p.may("left out"+f.name+move.From) {
		p.o.Log.Info("nodes are left out", "fleet", f.name, "pool", move.From, "nodes", len(out), "reasons", abridged(out))
	}
	if best == nil {
		return nil, fmt.Sprintf("no node of pool %s can leave it: %d are left out", move.From, len(out))
	}
	return best, ""
}

// unfit says why a node can't be moved, whatever runs on it, or nothing where it can.
func (p *pass) unfit(f *fleet, move pool.Move, node *corev1.Node) string {
	_, labelled := node.Labels[migratingLabel]
	_, recorded := node.Annotations[recordKey]
	switch {
	case p.flights[node.Name] != nil || labelled || recorded:
		return "it is on its way"
	case node.Spec.Unschedulable:
		return "it is cordoned"
	case unusable(node) != "":
		return unusable(node)
	}
	for _, key := range []string{migratedKey, undoneKey} {
		e, ok, err := read[ended](node, key)
		switch left := f.rest() - p.at.Sub(e.At); {
		case err != nil:
			return err.Error()
		case ok && left > 0:
			return fmt.Sprintf("it rests for another %s after a migration from %s to %s", left.Round(time.Second), e.From, e.To)
		}
	}
	is := record{}.join(node, f.pools[move.From].Pool, f.pools[move.To].Pool)
	if home := p.home(is); !slices.Equal(home, []string{f.name + "/" + move.To}) {
		return fmt.Sprintf("with the labels of %s it would be selected by the pools %v", move.To, home)
	}
	return ""
}
