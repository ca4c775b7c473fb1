package replay

import (
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Beside returns a policy that asks of each pool for what p wants or what other wants with one setting, whichever is more, as a pod
// autoscaler does that is given both. Its settings are p's.
func Beside(p, other Policy, setting float64) Policy {
	return &beside{Policy: p, other: other, setting: setting}
}

type beside struct {
	Policy
	other   Policy
	setting float64
}

// Name returns both names.
func (b *beside) Name() string { return b.Policy.Name() + "|" + b.other.Name() }

// Start refuses what either refuses.
func (b *beside) Start(s Site, settings []float64) (Planner, error) {
	first, err := b.Policy.Start(s, settings)
	if err != nil {
		return nil, err
	}
	second, err := b.other.Start(s, []float64{b.setting})
	if err != nil {
		first.Close()
		return nil, err
	}
	least, _ := pool.Fill(s.Pools, 0)
	p := &besidePlanner{first: first, second: second, also: [][]int{least}}
	for range settings {
		p.own = append(p.own, slices.Clone(least))
	}
	return p, nil
}

type besidePlanner struct {
	first, second Planner
	own, also     [][]int
}

func (p *besidePlanner) Plan(at time.Time, past []float64, wanted [][]int) error {
	if err := p.first.Plan(at, past, p.own); err != nil {
		return err
	}
	if err := p.second.Plan(at, past, p.also); err != nil {
		return err
	}
	for k := range wanted {
		for i := range wanted[k] {
			wanted[k][i] = max(p.own[k][i], p.also[0][i])
		}
	}
	return nil
}

func (p *besidePlanner) Close() {
	p.first.Close()
	p.second.Close()
}
