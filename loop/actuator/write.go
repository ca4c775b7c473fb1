package actuator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/forethought-autoscaler/forethought/pool"
)

// nobody is the field manager that the API server makes up for a scale subresource whose replicas no manager owns.
const nobody = "before-first-apply"

// result is what came of a look at a target.
type result struct {
	outcome outcome
	// ref is nil where the object was not read.
	ref *corev1.ObjectReference
	// from and to are the field's values; from means nothing unless fromSet.
	from, to int64
	fromSet  bool
	// raced says that the object was changed between the read and the write.
	raced bool
	// why is in words; same stays the same where nothing new is to be told.
	why, same string
}

// attempt brings one target to what its fleet's decision says.
func (a *Actuators) attempt(ctx context.Context, t Target) result {
	s, known := a.o.Board.Snapshot(t.Fleet)
	d := s.Decision
	switch {
	case !known:
		return result{outcome: expired, why: "there is no such fleet here"}
	case !d.Valid(a.o.Now()):
		return result{outcome: expired, why: strings.TrimSuffix("the fleet has no valid decision: "+s.Reason, ": ")}
	case d.Mode != pool.Act:
		return result{outcome: shadow, why: "the fleet is in mode shadow"}
	}
	wanted, err := t.replicas(d)
	if err != nil {
		return result{outcome: refused, why: err.Error()}
	}
	o, err := a.read(ctx, t)
	if err != nil {
		return problem(o, err)
	}
	r := result{ref: o.ref, from: o.present, fromSet: o.set, to: max(min(wanted, o.high), o.low)}
	switch {
	case o.refusal != "":
		r.outcome, r.why = refused, o.refusal
	case o.set && r.to == o.present:
		r.outcome = unchanged
	default:
		a.write(ctx, t, o, &r, d)
		if r.why == "" {
			r.why = because(s, t, wanted, o)
		}
	}
	return r
}

// write asks the API server by a dry run what would come of a change, and then makes it.
func (a *Actuators) write(ctx context.Context, t Target, o *object, r *result, d pool.Decision) {
	at := ""
	after, err := a.apply(ctx, o, r.to, at, true)
	if len(o.sub) > 0 && onlyOurs(err) {
		at = o.state.GetResourceVersion()
		after, err = a.apply(ctx, o, r.to, at, true)
	}
	if err != nil {
		*r = problemOf(*r, err)
		return
	}
	accepted, set, err := unstructured.NestedInt64(after.Object, o.path...)
	switch other := o.also(after); {
	case err != nil:
		*r = problemOf(*r, err)
	case other != "":
		r.outcome = refused
		r.why = fmt.Sprintf("the change would not be the only one: %s would change with it; field manager %s owns too much of the object", other, Manager)
	case o.set && (set || len(o.sub) > 0) && accepted == o.present:
		r.outcome, r.to = refused, accepted
		r.why = fmt.Sprintf("admission keeps %s at %d", o.name(), accepted)
	case t.DryRun:
		r.outcome, r.to, r.same = dryRun, accepted, strconv.FormatInt(accepted, 10)
	case !a.o.Leading() || !d.Valid(a.o.Now()):
		r.outcome = ""
	default:
		a.commit(ctx, o, r, at)
	}
}

// commit makes a change that the API server has said it would take.
func (a *Actuators) commit(ctx context.Context, o *object, r *result, at string) {
	after, err := a.apply(ctx, o, r.to, at, false)
	if err != nil {
		*r = problemOf(*r, err)
		return
	}
	if r.to, _, err = unstructured.NestedInt64(after.Object, o.path...); err != nil {
		*r = problemOf(*r, err)
		return
	}
	r.outcome = written
}

// apply sends a value by server-side apply, which the API server refuses where somebody else owns the field.
//
// It is forced in one case only, in which nobody else is in the way: where a dry run has said that the one owner of the replicas behind
// a scale subresource is this field manager under another name for it, or nobody. A field that kubectl applied under this field manager
// is such a one, since the API server tells what was applied to the subresource from what was applied to the object; and so is one that
// no manager owns. What is forced is bound to the version of the object, at, of which the dry run spoke, so that an owner who came since
// is not overridden.
func (a *Actuators) apply(ctx context.Context, o *object, value int64, at string, dry bool) (*unstructured.Unstructured, error) {
	body, err := o.patch(value, at)
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: Manager}
	if at != "" {
		options.Force = new(true)
	}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return a.send(ctx, o, body, options)
}

func (a *Actuators) send(ctx context.Context, o *object, body map[string]any, options metav1.PatchOptions) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return o.client.Patch(ctx, o.state.GetName(), types.ApplyPatchType, data, options, o.sub...)
}

// also is alsoChanges where what is written is the object itself.
func (o *object) also(after *unstructured.Unstructured) string {
	if len(o.sub) > 0 {
		return ""
	}
	return o.alsoChanges(after)
}

// owners returns the field managers that a conflict names, none where an error is not a conflict of owners.
func owners(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var names []string
	for _, c := range status.Status().Details.Causes {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		name := strings.TrimPrefix(c.Message, "conflict with ")
		if quoted, err := strconv.QuotedPrefix(name); err == nil {
			name, _ = strconv.Unquote(quoted)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// onlyOurs reports whether all that is in the way of an apply is this field manager itself, or nobody.
func onlyOurs(err error) bool {
	names := owners(err)
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return n != Manager && n != nobody })
}

// problem is the result of a read that failed.
func problem(o *object, err error) result {
	r := result{}
	if o != nil {
		r.ref, r.from, r.fromSet = o.ref, o.present, o.set
	}
	return problemOf(r, err)
}

// problemOf is the result of a request that failed.
func problemOf(r result, err error) result {
	names := owners(err)
	switch {
	case len(names) > 0:
		r.outcome = conflict
		r.why = fmt.Sprintf("%s owns the field, and it stays theirs until it is handed over to field manager %s", strings.Join(names, ", "), Manager)
		r.same = r.why
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		r.outcome, r.why = missing, err.Error()
	default:
		r.outcome, r.why, r.raced = failed, err.Error(), apierrors.IsConflict(err)
	}
	return r
}
