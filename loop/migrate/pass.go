package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/forethought-autoscaler/forethought/pool"
)

const (
	// passLimit ends a pass whose API server does not answer.
	passLimit = time.Minute
	// orphaned is for how long after its deadline a migration of a fleet that this process does not know is left to whoever does.
	orphaned = 10 * time.Minute
)

// pass is one look at the cluster and what is done about it. It reads what it needs once.
type pass struct {
	*Migrator
	at     time.Time
	fleets map[string]*fleet
	// flights are the migrations under way that this process answers for, by node.
	flights map[string]*flight
	budgets budgets
}

// flight is a migration under way.
type flight struct {
	node   *corev1.Node
	record record
	// later is when an eviction that was put off is tried again, by pod, and answer why it was. Neither outlives the process.
	later  map[types.UID]retry
	answer string
}

// pass carries on what is under way and begins what the plans want. It does nothing, not even read, while another process leads.
func (m *Migrator) pass(ctx context.Context, at time.Time) {
	m.passing.Lock()
	defer m.passing.Unlock()
	if !m.o.Leading() {
		clear(m.last)
		m.metrics.inProgress.Reset()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	p := &pass{Migrator: m, at: at, fleets: *m.fleets.Load(), flights: map[string]*flight{}}
	for name := range p.fleets {
		m.mine[name] = true
	}
	if err := p.find(ctx); err != nil {
		if len(m.mine) == 0 && apierrors.IsForbidden(err) {
			return // no fleet migrates here, so that the rights to look at nodes may be missing
		}
		p.warn(ctx, "find", "", err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.flights)) {
		p.advance(ctx, p.flights[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.fleets)) {
		p.propose(ctx, p.fleets[name])
	}
	m.last = p.flights
	for name := range p.fleets {
		m.metrics.inProgress.WithLabelValues(name).Set(float64(p.flying(func(q pair) bool { return q.fleet == name })))
	}
}

// find reads which nodes are under migration.
func (p *pass) find(ctx context.Context) error {
	list, err := p.o.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: migratingLabel})
	if err != nil {
		return err
	}
	for i := range list.Items {
		node := &list.Items[i]
		r, ok, err := read[record](node, recordKey)
		switch {
		case err == nil && !ok:
			err = fmt.Errorf("it has the label %s and no annotation %s", migratingLabel, recordKey)
		case err == nil && r.Phase != draining && r.Phase != joining:
			err = fmt.Errorf("annotation %s: phase %q; allowed: %s and %s", recordKey, r.Phase, draining, joining)
		}
		if err != nil {
			p.warn(ctx, "read", node.Name, err)
			continue
		}
		if p.answersFor(r) {
			p.flights[node.Name] = p.resume(node, r)
		}
	}
	p.miss()
	return nil
}

// answersFor reports whether a migration is for this process to carry on: another shard may have fleets of its own.
func (p *pass) answersFor(r record) bool {
	return p.mine[r.Fleet] || p.at.After(r.Deadline.Add(orphaned))
}

// resume returns a migration with what this process knows of it beside its record.
func (p *pass) resume(node *corev1.Node, r record) *flight {
	f := &flight{node: node, record: r, later: map[types.UID]retry{}}
	if before := p.last[node.Name]; before != nil && before.record.Started.Equal(r.Started) {
		f.later, f.answer = before.later, before.answer
	}
	return f
}

// miss counts the migrations that somebody else ended: the node is gone, or its record was taken off.
func (p *pass) miss() {
	for name, f := range p.last {
		if p.flights[name] == nil {
			p.metrics.count(f.record.pair(), undone)
			p.o.Log.Info("migration was ended by somebody else", "fleet", f.record.Fleet, "node", name, "from", f.record.From, "to", f.record.To)
		}
	}
}

// flying returns how many migrations are under way between pools.
func (p *pass) flying(of func(pair) bool) int {
	n := 0
	for _, f := range p.flights {
		if of(f.record.pair()) {
			n++
		}
	}
	return n
}

// decision returns the latest decision about a fleet, whether it may be used or not; its zero value where there is none.
func (p *pass) decision(fleet string) pool.Decision {
	s, _ := p.o.Board.Snapshot(fleet)
	return s.Decision
}

// halted says why a decision lets no node be moved, or nothing where it does. A decision that is too old says so as well.
func halted(d pool.Decision) string {
	switch {
	case d.Killed:
		return "the kill switch is on"
	case !d.Acting():
		return fmt.Sprintf("the fleet is in mode %s", d.Mode)
	}
	return ""
}

// home returns the names of the pools that select a node, those of other fleets included.
func (p *pass) home(node *corev1.Node) []string {
	var out []string
	for _, f := range p.fleets {
		for _, n := range f.pools {
			if n.selector.Matches(labels.Set(node.Labels)) {
				out = append(out, f.name+"/"+n.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}
