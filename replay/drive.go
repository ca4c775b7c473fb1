package replay

import (
	"context"
	"fmt"

	"github.com/forethought-autoscaler/forethought/pool"
)

// drive asks a policy for every minute [0, to) of a load, for all settings at once, and hands what is wanted to each, which must not keep
// or change it. The policy is handed the minutes before, as a slice without capacity beyond.
func drive(ctx context.Context, p Policy, s Site, l Load, to int, settings []float64, each func(m int, wanted [][]int) error) error {
	planner, err := p.Start(s, settings)
	if err != nil {
		return err
	}
	defer planner.Close()
	wanted := make([][]int, len(settings))
	for k := range wanted {
		wanted[k], _ = pool.Fill(s.Pools, 0)
	}
	for m := range to {
		if m%60 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err = planner.Plan(l.At(m), l.Values[:m:m], wanted); err == nil {
			err = each(m, wanted)
		}
		if err != nil {
			return fmt.Errorf("%s: minute %d: %w", p.Name(), m, err)
		}
	}
	return nil
}

// lane is one setting behind one actuator: a cluster of its own, and a score of each part that counts.
type lane struct {
	cluster          *Cluster
	validation, test *Score
	parts            Parts
}

// newLane returns a lane whose cluster stands as is wanted.
func newLane(s Site, l Load, parts Parts, wanted []int) (*lane, error) {
	c, err := NewCluster(s, wanted)
	if err != nil {
		return nil, err
	}
	return &lane{
		cluster: c, validation: NewScore(l.At(parts.Validation.From)), test: NewScore(l.At(parts.Test.From)), parts: parts,
	}, nil
}

// minute runs minute m.
func (a *lane) minute(m int, load float64, wanted []int) (Usage, error) {
	u, err := a.cluster.Minute(load, wanted)
	switch {
	case err != nil:
		return Usage{}, err
	case a.parts.Validation.holds(m):
		a.validation.Add(u)
	case a.parts.Test.holds(m):
		a.test.Add(u)
	}
	return u, nil
}

func (p Part) holds(m int) bool { return m >= p.From && m < p.To }
