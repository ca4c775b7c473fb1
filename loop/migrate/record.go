package migrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// What is written on nodes. The label makes nodes under migration cheap to find; the record says all that must be known of one. A node that
// migrated, and one that was brought back, says so afterwards.
const (
	prefix         = "forethought.dev/"
	migratingLabel = prefix + "migrating"
	recordKey      = prefix + "migration"
	migratedKey    = prefix + "migrated"
	undoneKey      = prefix + "migration-undone"
)

func reserved(key string) bool {
	return slices.Contains([]string{migratingLabel, recordKey, migratedKey, undoneKey}, key)
}

// phase is how far a migration is.
type phase string

// A node that is draining is cordoned and otherwise as it was. One that is joining has the labels and taints of its new pool and is
// cordoned still, so that the DaemonSets of that pool come before other pods do.
const (
	draining phase = "draining"
	joining  phase = "joining"
)

// record is a migration under way, as the node has it.
type record struct {
	Fleet    string    `json:"fleet"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Phase    phase     `json:"phase"`
	Started  time.Time `json:"started"`
	Deadline time.Time `json:"deadline"`
	// WasUnschedulable is what the node's spec.unschedulable goes back to.
	WasUnschedulable bool `json:"wasUnschedulable"`
	// Reason is why the plan wants the move.
	Reason string `json:"reason,omitempty"`
	// Labels, Added and Removed are what relabelling changed.
	Labels  map[string]change `json:"labels,omitempty"`
	Added   []corev1.Taint    `json:"addedTaints,omitempty"`
	Removed []placed          `json:"removedTaints,omitempty"`
}

// change is what a label was and what it was made; null for absent.
type change struct {
	Was *string `json:"was"`
	Is  *string `json:"is"`
}

// placed is a taint and where in the list it was.
type placed struct {
	Index int          `json:"index"`
	Taint corev1.Taint `json:"taint"`
}

// ended is what stays on a node after a migration.
type ended struct {
	Fleet   string    `json:"fleet"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Started time.Time `json:"started"`
	At      time.Time `json:"at"`
	// Reason is why it was undone.
	Reason string `json:"reason,omitempty"`
}

func (r record) pair() pair { return pair{r.Fleet, r.From, r.To} }

// read returns the value of an annotation; ok is false where the node has none.
func read[T record | ended](node *corev1.Node, key string) (v T, ok bool, err error) {
	text, ok := node.Annotations[key]
	if !ok {
		return v, false, nil
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return v, true, fmt.Errorf("annotation %s: %w", key, err)
	}
	return v, true, nil
}

// write sets an annotation.
func write[T record | ended](node *corev1.Node, key string, v T) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, times, numbers and taints always have a form in JSON
	}
	if node.Annotations == nil {
		node.Annotations = map[string]string{}
	}
	node.Annotations[key] = string(text)
}

// The functions below return what a node is to become; the node itself stays as it is.

// begin cordons a node and records the migration.
func (r record) begin(node *corev1.Node) *corev1.Node {
	out := node.DeepCopy()
	r.Phase, r.WasUnschedulable = draining, node.Spec.Unschedulable
	out.Spec.Unschedulable = true
	setLabel(out, migratingLabel, new("true"))
	write(out, recordKey, r)
	return out
}

// join gives a node the labels and taints of its new pool and records what they replace.
func (r record) join(node *corev1.Node, from, to Pool) *corev1.Node {
	out := node.DeepCopy()
	r.Phase = joining
	r.relabel(out, from, to)
	r.retaint(out, from, to)
	write(out, recordKey, r)
	return out
}

// finish ends a migration that succeeded.
func (r record) finish(node *corev1.Node, at time.Time) *corev1.Node {
	out := r.release(node)
	delete(out.Annotations, undoneKey)
	write(out, migratedKey, ended{r.Fleet, r.From, r.To, r.Started, at.UTC(), ""})
	return out
}

// undo makes a node what it was. It leaves alone what somebody else has changed since.
func (r record) undo(node *corev1.Node, at time.Time, reason string) *corev1.Node {
	out := r.release(node)
	for key, c := range r.Labels {
		if same(label(out, key), c.Is) {
			setLabel(out, key, c.Was)
		}
	}
	out.Spec.Taints = slices.DeleteFunc(out.Spec.Taints, func(t corev1.Taint) bool { return contains(r.Added, t) })
	for _, p := range r.Removed {
		if !slices.ContainsFunc(out.Spec.Taints, func(t corev1.Taint) bool { return t.MatchTaint(&p.Taint) }) {
			out.Spec.Taints = slices.Insert(out.Spec.Taints, min(p.Index, len(out.Spec.Taints)), p.Taint)
		}
	}
	write(out, undoneKey, ended{r.Fleet, r.From, r.To, r.Started, at.UTC(), reason})
	return out
}

// release takes the record off a node and the cordon with it, unless the node was cordoned before.
func (r record) release(node *corev1.Node) *corev1.Node {
	out := node.DeepCopy()
	out.Spec.Unschedulable = node.Spec.Unschedulable && r.WasUnschedulable
	setLabel(out, migratingLabel, nil)
	delete(out.Annotations, recordKey)
	return out
}

func (r *record) relabel(node *corev1.Node, from, to Pool) {
	want := map[string]*string{}
	for key := range from.Labels {
		want[key] = nil
	}
	for key, value := range to.Labels {
		want[key] = &value
	}
	r.Labels = map[string]change{}
	for key, value := range want {
		if was := label(node, key); !same(was, value) {
			r.Labels[key] = change{Was: was, Is: value}
			setLabel(node, key, value)
		}
	}
}

// retaint takes off the taints of the old pool, and those of the same key and effect as one of the new pool, of which a node has one only.
func (r *record) retaint(node *corev1.Node, from, to Pool) {
	var kept []corev1.Taint
	r.Added, r.Removed = nil, nil
	for i, t := range node.Spec.Taints {
		replaced := slices.ContainsFunc(to.Taints, func(n corev1.Taint) bool { return n.MatchTaint(&t) })
		if !contains(to.Taints, t) && (replaced || contains(from.Taints, t)) {
			r.Removed = append(r.Removed, placed{i, t})
			continue
		}
		kept = append(kept, t)
	}
	for _, t := range to.Taints {
		if !contains(kept, t) {
			r.Added = append(r.Added, t)
			kept = append(kept, t)
		}
	}
	node.Spec.Taints = kept
}

// contains reports whether a taint is one of a list; since when a node has it does not matter.
func contains(taints []corev1.Taint, t corev1.Taint) bool {
	return slices.ContainsFunc(taints, func(o corev1.Taint) bool { return o.MatchTaint(&t) && o.Value == t.Value })
}

// label returns a label's value, nil where the node has none.
func label(node *corev1.Node, key string) *string {
	if value, ok := node.Labels[key]; ok {
		return &value
	}
	return nil
}

func setLabel(node *corev1.Node, key string, value *string) {
	if value == nil {
		delete(node.Labels, key)
		return
	}
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	node.Labels[key] = *value
}

func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// mergePatch returns the JSON merge patch (RFC 7396) that makes one node the other, refused by the API server where the node is no longer of the
// resource version that was read.
func mergePatch(was, is *corev1.Node) ([]byte, error) {
	meta := map[string]any{"resourceVersion": was.ResourceVersion}
	if d := difference(was.Labels, is.Labels); len(d) > 0 {
		meta["labels"] = d
	}
	if d := difference(was.Annotations, is.Annotations); len(d) > 0 {
		meta["annotations"] = d
	}
	spec := map[string]any{}
	if was.Spec.Unschedulable != is.Spec.Unschedulable {
		spec["unschedulable"] = is.Spec.Unschedulable
	}
	if !slices.EqualFunc(was.Spec.Taints, is.Spec.Taints, func(a, b corev1.Taint) bool { return contains([]corev1.Taint{a}, b) }) {
		spec["taints"] = is.Spec.Taints
	}
	return json.Marshal(map[string]any{"metadata": meta, "spec": spec})
}

// difference returns the values that differ, null for those that are to go.
func difference(was, is map[string]string) map[string]*string {
	out := map[string]*string{}
	for key := range was {
		out[key] = nil
	}
	for key, value := range is {
		out[key] = &value
	}
	maps.DeleteFunc(out, func(key string, value *string) bool {
		before, ok := was[key]
		return ok && value != nil && before == *value
	})
	return out
}
