package replay

import (
	"fmt"
	"time"
)

// Oracles are what whoever knows all of the load needs behind one actuator.
type Oracles struct {
	Actuator         string
	Validation, Test Bounds
}

// Bounds are the lower bounds of one part, in instances of the first pool; where pools differ in capacity they are no bounds but a
// yardstick.
type Bounds struct {
	// Physical leaves no shortage and stops instances at once; Actuator leaves none and waits as the actuator does.
	Physical, Actuator Optimum
	// Frontier is the least for less and less shortage, of the test part only, with the physical cycle.
	Frontier []Optimum
}

// frontierPrices are what a minute of one instance's unmet load is worth along the oracle's frontier, in minutes of an instance.
var frontierPrices = []float64{1.5, 2, 3, 5, 10, 20, 50, 100}

// oracles returns the oracles behind every actuator.
func oracles(o Options) ([]Oracles, error) {
	var out []Oracles
	for _, a := range o.Actuators {
		s := o.Site
		s.Actuator = a
		x := Oracles{Actuator: a.Name}
		for _, part := range []struct {
			Part
			to *Bounds
		}{{o.Parts.Validation, &x.Validation}, {o.Parts.Test, &x.Test}} {
			if err := part.to.find(o.Load.Values[part.From:part.To], s); err != nil {
				return nil, fmt.Errorf("compare on %s: %w", o.Load.Name, err)
			}
		}
		loads := o.Load.Values[o.Parts.Test.From:o.Parts.Test.To]
		var err error
		switch {
		case len(out) > 0: // the physical cycle is the same behind every actuator
			x.Test.Frontier = out[0].Test.Frontier
		default:
			x.Test.Frontier, err = OracleFrontier(loads, s.Pools[0].Capacity, s.Physical(), frontierPrices)
		}
		if err != nil {
			return nil, fmt.Errorf("compare on %s: %w", o.Load.Name, err)
		}
		out = append(out, x)
	}
	return out, nil
}

func (b *Bounds) find(loads []float64, s Site) error {
	var err error
	if b.Physical, err = Oracle(loads, s.Pools[0].Capacity, s.Physical()); err == nil {
		b.Actuator, err = Oracle(loads, s.Pools[0].Capacity, s.Bound())
	}
	return err
}

// WorstDay is the worst day of the test part under the subject's chosen setting, minute by minute.
type WorstDay struct {
	Start time.Time
	Load  []float64
	Lines []Line
}

// Line is what one policy had on a day, in the unit of the load: Wanted is what was asked for and Serving what was ready for it, at the
// end of each minute; Paid is everything that was there, what boots and what stands idle included.
type Line struct {
	Policy                string
	Setting               float64
	Wanted, Serving, Paid []float64
}
