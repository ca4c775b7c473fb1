package tree

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// stateVersion changes whenever what is written means something else: the fields below, the features or their order.
const stateVersion = "tree 2"

// modelState is what is written of a model.
type modelState struct {
	Version, Settings string
	Pool              uint64 // not zero where the head is that of a pool and left out
	Head              headState

	Key     string
	Unit    string
	End     time.Time
	Step    time.Duration
	Scale   int
	Scales  []int
	History []float64
	Leads   [][]float64
	Gap     int
}

// headState is what is written of a head: that of Boost has Median and Size, that of QuantileForest the others.
type headState struct {
	Rho          float64
	Errors       [][]float64
	Median, Size ensembleState
	Targets      []float64
	Forest       ensembleState
}

// ensembleState is what is written of an ensemble.
type ensembleState struct {
	Cuts  [][]float32
	Unit  int
	Start int32
	Trees []treeState
}

// treeState is what is written of a tree: its nodes, and of its leaves either values or the ends, the ranks and the counts of their targets.
type treeState struct {
	Features []uint16
	Bins     []byte
	Kids     []int32
	Leaf     []int32
	Values   []int32
	Spans    []int
	Ranks    []int32
	Counts   []int32
}

// line returns the settings in one line, in which methods that forecast differently differ.
func (s settings) line() string {
	line := fmt.Sprintf("%s horizon=%d seasons=%v", s.name, s.horizon, s.seasons)
	if s.calendar != nil {
		line += fmt.Sprintf(" calendar=%s:%s", s.calendar.Location(), strings.Join(s.calendar.Occasions(), ","))
	}
	return line
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *model) MarshalBinary() ([]byte, error) {
	s := modelState{
		Version: stateVersion, Settings: m.line(), Pool: m.print, Key: string(m.key), Unit: string(m.unit), End: m.end, Step: m.layout.step,
		Scale: int(m.scale), History: m.history, Leads: m.leads, Gap: m.gap,
	}
	for _, v := range m.scales {
		s.Scales = append(s.Scales, int(v))
	}
	if m.print == 0 {
		s.Head = m.head.state()
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("write model of %s: %w", m.key, err)
	}
	return b.Bytes(), nil
}

// check returns an error where the state is not that of a model of s and p, which may be nil.
func (w *modelState) check(s settings, p *pooled) error {
	switch {
	case w.Version != stateVersion:
		return fmt.Errorf("%s: %w: version %q, want %q", s.name, errState, w.Version, stateVersion)
	case w.Settings != s.line():
		return fmt.Errorf("%s: %w: settings %q, want %q", s.name, errState, w.Settings, s.line())
	case p == nil && w.Pool != 0, p != nil && (w.Pool != p.print || w.Step != p.layout.step):
		return fmt.Errorf("%s: %w: another pool", s.name, errState)
	case w.Step <= 0 || s.horizon < 1 || len(w.History) == 0 || len(w.Scales) != len(w.Leads) || w.Gap < 0:
		return fmt.Errorf("%s: %w: incomplete", s.name, errState)
	}
	for _, x := range w.Leads {
		if len(x) != len(w.History) {
			return fmt.Errorf("%s: %w: damaged", s.name, errState)
		}
	}
	return nil
}

// restore returns the model of a state; its head is p's where p is not nil.
func (s settings) restore(state []byte, p *pooled) (*model, error) {
	var w modelState
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&w); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s.name, errState, err)
	}
	if err := w.check(s, p); err != nil {
		return nil, err
	}
	l := newLayout(w.Step, s.horizon, s.seasons, s.calendar, len(w.Leads))
	m := &model{
		settings: s, key: series.Key(w.Key), unit: series.Unit(w.Unit), end: w.End.UTC(), layout: l, print: w.Pool,
		scale: forecast.Scale(w.Scale), gap: w.Gap, normal: forecast.NormalGrid(),
	}
	m.history = m.tail(w.History)
	for i, x := range w.Leads {
		m.scales, m.leads = append(m.scales, forecast.Scale(w.Scales[i])), append(m.leads, m.tail(x))
	}
	if p != nil {
		m.head = p.head
		return m, nil
	}
	if m.head = w.Head.head(l.count()); m.head == nil {
		return nil, fmt.Errorf("%s: %w: damaged", s.name, errState)
	}
	return m, nil
}

// state implements head.
func (h *boostHead) state() headState {
	s := headState{Rho: h.rho, Median: h.median.state(), Size: h.size.state()}
	s.Size.Cuts = nil // those of the median
	for _, g := range h.errors {
		s.Errors = append(s.Errors, g)
	}
	return s
}

// state implements head.
func (h *forestHead) state() headState {
	s := headState{Rho: h.rho, Targets: h.forest.targets, Forest: ensembleState{Cuts: cutState(h.forest.cuts)}}
	for i := range h.forest.trees {
		t := &h.forest.trees[i]
		w := t.state()
		w.Ranks, w.Counts = t.ranks, t.counts
		for _, p := range t.spans {
			w.Spans = append(w.Spans, p.from, p.to)
		}
		s.Forest.Trees = append(s.Forest.Trees, w)
	}
	return s
}

func (m *RegressorModel) state() ensembleState {
	s := ensembleState{Cuts: cutState(m.cuts), Unit: m.unit, Start: m.start}
	for i := range m.trees {
		w := m.trees[i].state()
		w.Values = m.trees[i].values
		s.Trees = append(s.Trees, w)
	}
	return s
}

func cutState(c []cuts) [][]float32 {
	out := make([][]float32, len(c))
	for i, v := range c {
		out[i] = v
	}
	return out
}

func (t *tree) state() treeState {
	s := treeState{Leaf: t.leaf}
	for _, n := range t.nodes {
		s.Features, s.Bins, s.Kids = append(s.Features, n.feature), append(s.Bins, n.bin), append(s.Kids, n.kids[0], n.kids[1])
	}
	return s
}
