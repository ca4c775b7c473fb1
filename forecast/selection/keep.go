package selection

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// kept is a model as it is written down. Its fields are those of model and of what that holds.
type kept struct {
	Settings  string
	Seasons   []time.Duration
	Name      string
	Key       series.Key
	Unit      series.Unit
	Step      time.Duration
	End       time.Time
	Scale     forecast.Scale
	Gap       int
	Top       float64
	Selection forecast.Selection

	Methods      []string // of each member; empty where it has no weight
	Members      [][]byte
	Shares, Errs [][]float64
	Power, Trust []float64
	Pooled       [][]float64
	Reach        int
	Calibration  *keptCalibration
	Tracker      *keptTracker
}

type keptCalibration struct {
	Kind         int
	Floor, Least float64
	Sigma        []float64
	Shape        []forecast.Grid
	Order        [][]uint16
	Window       int
}

type keptTracker struct {
	Followed     []keptFollowed
	N            int
	Up, Down     []float64
	Decay, Shock float64
	Drifted      bool
}

type keptFollowed struct {
	Bucket, Step int
	Share        float64
	Said         [][3]float64
	Mids         [][]float64
}

// settings identifies models of the same Auto.
func (a Auto) settings() string {
	names := make([]string, 0, len(a.Methods))
	for _, m := range a.Methods {
		names = append(names, m.Name())
	}
	return fmt.Sprintf("auto 2 %d %s", a.Horizon, strings.Join(names, " "))
}

// MarshalBinary implements encoding.BinaryMarshaler. It is an error where a member that forecasts cannot be written.
func (m *model) MarshalBinary() ([]byte, error) {
	k := kept{
		Settings: m.settings, Seasons: m.selection.Seasons, Name: m.name, Key: m.key, Unit: m.unit, Step: m.step, End: m.end, Scale: m.scale, Gap: m.gap, Top: m.top,
		Selection: m.selection, Methods: m.methods, Shares: m.weights.byBucket, Errs: m.weights.errs,
		Power: m.weights.power, Trust: m.weights.trust, Pooled: m.weights.pooled, Reach: m.weights.reach,
	}
	for i, member := range m.members {
		if member == nil {
			k.Members = append(k.Members, nil)
			continue
		}
		writer, ok := member.(encoding.BinaryMarshaler)
		if !ok {
			return nil, fmt.Errorf("write model of %s: models of %s are not kept", m.key, m.methods[i])
		}
		state, err := writer.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("write model of %s: %s: %w", m.key, m.methods[i], err)
		}
		k.Members = append(k.Members, state)
	}
	if c := m.calibration; c != nil {
		k.Calibration = &keptCalibration{int(c.kind), c.floor, c.least, c.sigma, c.shape, c.order, c.window}
	}
	if t := m.tracker; t != nil {
		k.Tracker = &keptTracker{N: t.n, Up: t.up, Down: t.down, Decay: t.decay, Shock: t.shock, Drifted: t.drifted}
		for _, f := range t.followed {
			w := keptFollowed{Bucket: f.bucket, Step: f.step, Share: f.share, Mids: f.mids}
			for _, s := range f.said {
				w.Said = append(w.Said, [3]float64{s.mid, s.up, s.down})
			}
			k.Tracker.Followed = append(k.Tracker.Followed, w)
		}
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(k)
	return b.Bytes(), err
}

// Restore implements forecast.Keeper.
func (a Auto) Restore(state []byte) (forecast.Model, error) {
	var k kept
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&k); err != nil {
		return nil, fmt.Errorf("restore %s: %w", a.Name(), err)
	}
	if k.Settings != a.settings() || len(k.Methods) != len(k.Members) {
		return nil, fmt.Errorf("restore %s: model of %q, want %q", a.Name(), k.Settings, a.settings())
	}
	m := &model{
		settings: k.Settings, name: k.Name, key: k.Key, unit: k.Unit, step: k.Step, end: k.End, scale: k.Scale, gap: k.Gap, top: k.Top,
		selection: k.Selection, methods: k.Methods,
		weights: weights{byBucket: k.Shares, errs: k.Errs, power: k.Power, trust: k.Trust, pooled: k.Pooled, reach: k.Reach},
	}
	for i, state := range k.Members {
		member, err := a.restoreMember(k.Methods[i], state)
		if err != nil {
			return nil, err
		}
		m.members = append(m.members, member)
	}
	if c := k.Calibration; c != nil {
		m.calibration = &calibration{
			kind: spreadKind(c.Kind), floor: c.Floor, least: c.Least, normal: forecast.NormalGrid(),
			sigma: c.Sigma, shape: c.Shape, order: c.Order, window: c.Window,
		}
	}
	if t := k.Tracker; t != nil {
		m.tracker = &tracker{n: t.N, up: t.Up, down: t.Down, decay: t.Decay, shock: t.Shock, drifted: t.Drifted}
		for _, w := range t.Followed {
			f := followed{bucket: w.Bucket, step: w.Step, share: w.Share, mids: w.Mids}
			for _, s := range w.Said {
				f.said = append(f.said, said{s[0], s[1], s[2]})
			}
			m.tracker.followed = append(m.tracker.followed, f)
		}
	}
	return m, nil
}

// restoreMember restores the model of the method with this name; nil where it had no weight.
func (a Auto) restoreMember(name string, state []byte) (forecast.Model, error) {
	if len(state) == 0 {
		return nil, nil
	}
	name = strings.TrimSuffix(name, leadingSuffix)
	methods := append(slices.Clone(a.Methods), a.Fallback)
	i := slices.IndexFunc(methods, func(m forecast.Method) bool { return m != nil && m.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("restore auto: no method %q", name)
	}
	keeper, ok := methods[i].(forecast.Keeper)
	if !ok {
		return nil, errors.New("restore auto: models of " + name + " are not kept")
	}
	return keeper.Restore(state)
}
