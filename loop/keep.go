package loop

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// ModelStore keeps the latest model of each fleet over a restart. It is safe for concurrent use.
type ModelStore interface {
	// Save replaces what is kept of a fleet: a model fitted up to a boundary, in a form of its own. The fingerprint names everything else
	// that it depends on.
	Save(fleet string, boundary time.Time, fingerprint string, state []byte) error
	// Load returns what is kept of a fleet under the fingerprint, a zero boundary where that is nothing, and an error where it can't be read
	// or is damaged.
	Load(fleet, fingerprint string) (boundary time.Time, state []byte, err error)
}

// fingerprint names everything that a model depends on besides the history itself.
func (w *worker) fingerprint() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %s %s %d ", w.Name, w.Query, w.Step, w.History, w.Horizon)
	fmt.Fprintf(sum, "%q %q %q %q %q", w.Exclude, w.Saturated, w.Leading, w.Method.Name(), w.Settings)
	if c := w.Calendar; c != nil {
		fmt.Fprintf(sum, " %s %q", c.Location(), c.Occasions())
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// kept is the form in which a model is kept.
type kept struct {
	Inputs []indicator
	State  []byte
}

// stateOf returns what keeps a model that has been told nothing after its fit, nil where it can't be kept.
func (w *worker) stateOf(f fitted) []byte {
	m, ok := f.model.(encoding.BinaryMarshaler)
	if _, keeper := w.Method.(forecast.Keeper); w.models == nil || !keeper || !ok {
		return nil
	}
	state, err := m.MarshalBinary()
	var b bytes.Buffer
	if err == nil {
		err = gob.NewEncoder(&b).Encode(kept{Inputs: f.inputs, State: state})
	}
	if err != nil {
		w.log.Warn("model can not be kept", "stage", "fit", "err", err)
		return nil
	}
	return b.Bytes()
}

// keepModel writes a model beside the turns.
func (w *worker) keepModel(f fitted) {
	w.beside.do(func() {
		if err := w.models.Save(w.Name, f.boundary, w.fingerprint(), f.state); err != nil {
			w.log.Warn("model is not kept", "stage", "fit", "err", err)
		}
	})
	w.state = nil
}

// restoreModel makes the kept model the one that forecasts, and reports whether it did: where the schedule's present model has its
// boundary, or it was fitted early since. A running process then holds the same. It is tried once, so that a model that panics is not come
// back to.
func (w *worker) restoreModel(at, current time.Time) bool {
	if w.models == nil || w.sought {
		return false
	}
	w.sought = true
	boundary, data, err := w.models.Load(w.Name, w.fingerprint())
	if err != nil {
		w.log.Warn("kept model is not used", "stage", "fit", "err", err)
		return false
	}
	if boundary.IsZero() || !w.isCurrent(boundary, at, current) {
		return false
	}
	f, err := w.revive(boundary, data)
	if err != nil {
		w.log.Warn("kept model is not used", "stage", "fit", "boundary", boundary, "err", err)
		return false
	}
	w.hold(f)
	w.log.Info("model is restored", "boundary", boundary)
	return true
}

// isCurrent reports whether a model with this boundary is the present one of the schedule, or one that was fitted early after that.
func (w *worker) isCurrent(boundary, at, current time.Time) bool {
	if boundary.Before(current) || at.Before(boundary.Add(w.delay)) && !boundary.Equal(current) {
		return false
	}
	b, _ := w.history.scheduled(w.Name, w.History, boundary)
	return boundary.Equal(current) || b.Equal(current)
}

// revive turns what was kept into a model.
func (w *worker) revive(boundary time.Time, data []byte) (f fitted, err error) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("restoring panics", "stage", "fit", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("restore %s of %s panics: %v", w.Method.Name(), w.Name, r)
		}
	}()
	keeper, ok := w.Method.(forecast.Keeper)
	if !ok {
		return f, fmt.Errorf("%s keeps no model", w.Method.Name())
	}
	var k kept
	if err = gob.NewDecoder(bytes.NewReader(data)).Decode(&k); err != nil {
		return f, fmt.Errorf("decode the model of %s: %w", w.Name, err)
	}
	l := w.history.lesson(boundary, w.History)
	if !slices.Equal(k.Inputs, l.inputs) {
		return f, fmt.Errorf("the model of %s is told %d leading indicators, not the same as there are now", w.Name, len(k.Inputs))
	}
	m, err := keeper.Restore(k.State)
	if err != nil {
		return f, fmt.Errorf("restore %s of %s: %w", w.Method.Name(), w.Name, err)
	}
	return fitted{model: m, boundary: boundary, inputs: l.inputs, seen: l.seen, left: l.left}, nil
}
