package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// advance does the next step of a migration, or undoes it.
func (p *pass) advance(ctx context.Context, f *flight) {
	released := f.record.Phase == joining && !f.node.Spec.Unschedulable // somebody uncordoned it in its new pool: so shall it be
	if reason := p.against(f); reason != "" && !released {
		p.undo(ctx, f, reason)
		return
	}
	if f.record.Phase == joining {
		p.finish(ctx, f)
		return
	}
	p.drain(ctx, f)
}

// against says why a migration must not go on, or nothing where it may. A decision that is too old holds it and does not end it, nor does one
// that is not made yet.
func (p *pass) against(f *flight) string {
	owner, d := p.fleets[f.record.Fleet], p.decision(f.record.Fleet)
	switch {
	case owner == nil:
		return "migrations of the fleet are not configured any more"
	case owner.pools[f.record.From] == nil || owner.pools[f.record.To] == nil:
		return "one of the pools is not configured any more"
	case owner.DryRun:
		return "the fleet is on dry run"
	case !d.At.IsZero() && halted(d) != "":
		return halted(d)
	case f.record.Phase == draining && !f.node.Spec.Unschedulable:
		return "somebody uncordoned the node"
	case f.record.Phase == joining && !owner.pools[f.record.To].selects(f.node):
		return "somebody changed its labels, which the pool does not select any more"
	}
	return unusable(f.node)
}

// unusable says why a node is no good for any pool, or nothing where it is.
func unusable(node *corev1.Node) string {
	switch {
	case node.DeletionTimestamp != nil:
		return "it is being deleted"
	case !slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	}):
		return "it is not ready"
	}
	for _, t := range node.Spec.Taints {
		if t.Key == "ToBeDeletedByClusterAutoscaler" || t.Key == "karpenter.sh/disrupted" {
			return "it has the taint " + t.Key
		}
	}
	return ""
}

// drain evicts the pods of a node, and relabels it once they are gone.
func (p *pass) drain(ctx context.Context, f *flight) {
	left, err := p.pods(ctx, f.node.Name)
	valid := p.decision(f.record.Fleet).Valid(p.at)
	switch {
	case err == nil && len(left) == 0 && valid:
		p.join(ctx, f)
	case p.at.After(f.record.Deadline):
		p.undo(ctx, f, p.late(f, left, err))
	case err != nil:
		p.warn(ctx, "drain", f.node.Name, err)
	case valid:
		p.evictAll(ctx, f, left)
	}
}

// late says what kept a drain from being done in time.
func (p *pass) late(f *flight, left []*corev1.Pod, err error) string {
	after := f.record.Deadline.Sub(f.record.Started).Round(time.Second)
	switch {
	case err != nil:
		return fmt.Sprintf("not drained within %s: %v", after, err)
	case len(left) == 0:
		return fmt.Sprintf("not done within %s, and there is no valid decision", after)
	}
	names := make([]string, 0, len(left))
	for _, pod := range left {
		names = append(names, pod.Namespace+"/"+pod.Name)
	}
	reason := fmt.Sprintf("not drained within %s, still there: %s", after, abridged(names))
	if f.answer != "" {
		reason += ": " + f.answer
	}
	return reason
}

// abridged lists the first five of what may be many.
func abridged(all []string) string {
	if n := len(all) - 5; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:5], ", "), n)
	}
	return strings.Join(all, ", ")
}

// evictAll evicts pods, none of them where one of them must stay.
func (p *pass) evictAll(ctx context.Context, f *flight, pods []*corev1.Pod) {
	disruption, err := p.disruption(ctx)
	if err != nil {
		p.warn(ctx, "drain", f.node.Name, err)
		return
	}
	for _, pod := range pods {
		reason := cmp.Or(unevictable(pod), disruption.never(pod))
		if reason != "" && pod.DeletionTimestamp == nil {
			p.undo(ctx, f, fmt.Sprintf("pod %s/%s can't be evicted: %s", pod.Namespace, pod.Name, reason))
			return
		}
	}
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil || p.at.Before(f.later[pod.UID].at) {
			continue
		}
		switch err := p.evict(ctx, pod); {
		case err == nil:
			p.event(pod, f.node, corev1.EventTypeNormal, "EvictedForMigration", "Evict", fmt.Sprintf("Node %s moves from pool %s to pool %s of fleet %s: %s",
				f.node.Name, f.record.From, f.record.To, f.record.Fleet, f.record.Reason))
		case apierrors.IsNotFound(err): // it is gone
		case final(err):
			p.undo(ctx, f, fmt.Sprintf("pod %s/%s can't be evicted: %v", pod.Namespace, pod.Name, err))
			return
		default:
			f.postpone(pod, p.at, p.o.Interval, err)
		}
	}
}

// retry is when an eviction is tried again, and how long was waited for that.
type retry struct {
	at   time.Time
	wait time.Duration
}

// mostWait bounds how long an eviction waits to be tried again.
const mostWait = time.Minute

// postpone puts an eviction off: for one interval at first, twice as long each time, and no less than the API server says.
func (f *flight) postpone(pod *corev1.Pod, at time.Time, interval time.Duration, err error) {
	wait := max(interval, 2*f.later[pod.UID].wait)
	if seconds, told := apierrors.SuggestsClientDelay(err); told {
		wait = max(wait, time.Duration(seconds)*time.Second)
	}
	wait = min(wait, mostWait)
	f.later[pod.UID] = retry{at: at.Add(wait), wait: wait}
	f.answer = err.Error()
}

// join gives a drained node the labels and taints of its new pool.
func (p *pass) join(ctx context.Context, f *flight) {
	owner := p.fleets[f.record.Fleet]
	is := f.record.join(f.node, owner.pools[f.record.From].Pool, owner.pools[f.record.To].Pool)
	if home := p.home(is); !slices.Equal(home, []string{owner.name + "/" + f.record.To}) {
		p.undo(ctx, f, fmt.Sprintf("it would be selected by the pools %v", home))
		return
	}
	switch err := p.patch(ctx, f.node, is); {
	case err == nil:
		p.o.Log.Info("node is drained and relabelled", "fleet", owner.name, "node", f.node.Name, "from", f.record.From, "to", f.record.To)
	case final(err):
		p.undo(ctx, f, fmt.Sprintf("it can't be relabelled: %v", err))
	case p.at.After(f.record.Deadline) && !apierrors.IsConflict(err):
		p.undo(ctx, f, fmt.Sprintf("it is not relabelled in time: %v", err))
	default:
		p.hold(ctx, f, err)
	}
}

// hold leaves a step to the next pass. A node that has changed since it was read is nothing to speak of.
func (p *pass) hold(ctx context.Context, f *flight, err error) {
	if !apierrors.IsConflict(err) {
		p.warn(ctx, string(f.record.Phase), f.node.Name, err)
	}
}

// finish uncordons a node in its new pool. It needs no valid decision, since it disturbs nothing.
func (p *pass) finish(ctx context.Context, f *flight) {
	if err := p.patch(ctx, f.node, f.record.finish(f.node, p.at)); err != nil {
		p.hold(ctx, f, err)
		return
	}
	took := p.end(f, migrated)
	p.o.Log.Info("node has migrated", "fleet", f.record.Fleet, "node", f.node.Name, "from", f.record.From, "to", f.record.To, "took", took)
	p.event(f.node, nil, corev1.EventTypeNormal, "Migrated", "Migrate", fmt.Sprintf("Moved from pool %s to pool %s of fleet %s in %s: %s",
		f.record.From, f.record.To, f.record.Fleet, took, f.record.Reason))
}

// undo makes a node what it was before its migration.
func (p *pass) undo(ctx context.Context, f *flight, reason string) {
	if err := p.patch(ctx, f.node, f.record.undo(f.node, p.at, reason)); err != nil {
		p.hold(ctx, f, err)
		return
	}
	p.end(f, undone)
	p.o.Log.Warn("migration is undone", "fleet", f.record.Fleet, "node", f.node.Name, "from", f.record.From, "to", f.record.To, "reason", reason)
	p.event(f.node, nil, corev1.EventTypeWarning, "MigrationUndone", "Undo", fmt.Sprintf("Left in pool %s of fleet %s and not moved to pool %s: %s",
		f.record.From, f.record.Fleet, f.record.To, reason))
}

// end counts a migration that is over and returns how long it took.
func (p *pass) end(f *flight, outcome string) time.Duration {
	delete(p.flights, f.node.Name)
	took := max(p.at.Sub(f.record.Started), 0)
	p.metrics.count(f.record.pair(), outcome)
	p.metrics.duration.WithLabelValues(outcome).Observe(took.Seconds())
	return took.Round(time.Second)
}
