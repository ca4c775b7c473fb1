package actuator

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// longestNote is what the API server takes as the note of an event, less than its 1024 bytes.
const longestNote = 1000

// reasons are the reasons of events, by outcome; an outcome without one makes no event.
var reasons = map[outcome]string{
	written: "Scaled", dryRun: "ScaleDryRun", conflict: "ScaleConflict", refused: "ScaleRefused", failed: "ScaleFailed",
}

// tell logs what came of a look at a target, and makes an event of it on the object: once, until something else comes of it.
func (a *Actuators) tell(t *task, r result) {
	what := r.why
	if r.same != "" {
		what = r.same
	}
	said := string(r.outcome) + " " + what
	if said == t.said && r.outcome != written {
		return
	}
	t.said = said
	attributes := []slog.Attr{
		slog.String("fleet", t.Fleet), slog.String("pool", t.Pool), slog.String("actuator", string(t.Kind)),
		slog.String("object", t.String()), slog.String("outcome", string(r.outcome)),
	}
	if r.ref != nil {
		attributes = append(attributes, slog.String("from", r.present()), slog.Int64("to", r.to))
	}
	attributes = append(attributes, slog.String("reason", r.why))
	a.o.Log.LogAttrs(context.Background(), r.outcome.level(), "object follows a pool", attributes...)
	if reason := reasons[r.outcome]; reason != "" && r.ref != nil {
		a.event(r, reason, r.note(*t))
	}
}

func (a *Actuators) event(r result, reason, note string) {
	kind, action := corev1.EventTypeNormal, "Scale"
	if r.outcome.level() > slog.LevelInfo {
		kind = corev1.EventTypeWarning
	}
	if r.outcome == dryRun { // the object stays as it is, so that only this tells one number from the next
		action = fmt.Sprintf("ScaleTo%d", r.to)
	}
	if len(note) > longestNote {
		note = note[:longestNote] + "..."
	}
	a.o.Events.Eventf(r.ref, nil, kind, reason, action, "%s", note)
}

// level is how much an outcome matters to an operator.
func (o outcome) level() slog.Level {
	switch o {
	case unchanged:
		return slog.LevelDebug
	case written, dryRun, shadow:
		return slog.LevelInfo
	default:
		return slog.LevelWarn
	}
}

// present writes the value that the field had.
func (r result) present() string {
	if !r.fromSet {
		return "unset"
	}
	return strconv.FormatInt(r.from, 10)
}

// note is an event's text.
func (r result) note(t task) string {
	who := fmt.Sprintf("for pool %s of fleet %s", t.Pool, t.Fleet)
	switch {
	case r.outcome == written:
		return fmt.Sprintf("from %s to %d %s: %s", r.present(), r.to, who, r.why)
	case r.outcome == dryRun:
		return fmt.Sprintf("would go from %s to %d %s, and dry_run leaves it: %s", r.present(), r.to, who, r.why)
	case !r.fromSet:
		return fmt.Sprintf("stays as it is %s: %s", who, r.why)
	}
	return fmt.Sprintf("stays at %d %s: %s", r.from, who, r.why)
}
