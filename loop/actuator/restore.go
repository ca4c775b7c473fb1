package actuator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// restore takes a floor back to the minReplicas of before, and takes away the annotation that kept it. Where somebody else owns the
// floor since, only the annotation goes. A request that fails is made again at the next pass.
func (a *Actuators) restore(ctx context.Context, t Target) {
	o, err := a.read(ctx, t)
	r := result{outcome: written, why: "it is not in the configuration any more"}
	switch {
	case err != nil:
		r = problem(o, err)
	case o.annotations == nil || o.state.GetAnnotations()[FloorAnnotation] == "":
		a.restored(t.field()) // it was never raised, or is not to be touched
		return
	default:
		r.ref, r.from, r.fromSet, r.to = o.ref, o.present, o.set, o.low
		if err := a.giveBack(ctx, o); err != nil {
			r = problemOf(r, err)
		}
	}
	if ctx.Err() != nil || r.outcome == failed {
		a.o.Log.Debug("floor is not restored yet", "object", t.String(), "reason", r.why)
		return
	}
	a.tell(&task{Target: t}, r)
	a.restored(t.field())
}

// giveBack applies the minReplicas of before without the annotation, or nothing at all where that is somebody else's.
func (a *Actuators) giveBack(ctx context.Context, o *object) error {
	o.annotations = nil
	for _, dry := range []bool{true, false} {
		if !a.o.Leading() {
			return errors.New("this replica does not lead any more")
		}
		after, err := a.apply(ctx, o, o.low, "", dry)
		if len(owners(err)) > 0 {
			return a.letGo(ctx, o, err)
		}
		if err != nil {
			return err
		}
		if other := o.alsoChanges(after); dry && other != "" {
			return fmt.Errorf("field manager %s owns too much of the object: %s would change too", Manager, other)
		}
	}
	return nil
}

// letGo owns nothing any more, and returns why.
func (a *Actuators) letGo(ctx context.Context, o *object, why error) error {
	body, err := o.patch(o.low, "")
	if err != nil {
		return err
	}
	delete(body, "spec")
	if _, err := a.send(ctx, o, body, metav1.PatchOptions{FieldManager: Manager}); err != nil {
		a.o.Log.LogAttrs(ctx, slog.LevelDebug, "annotation stays", slog.String("reason", err.Error()))
	}
	return why
}
