package pool

import (
	"errors"
	"fmt"
)

// Jobs is a number of jobs of one shape.
type Jobs struct {
	Shape Shape
	Count int
}

// Packing is how jobs are put into instances.
type Packing struct {
	// Instances is the number of instances of each type, in the order of the types.
	Instances []TypeTarget
	// Fillings say what the instances hold.
	Fillings []Filling
	// Cost is what the instances cost in an hour, and LowerBound what no packing of these jobs costs less than. Where a type's price is
	// unknown, Priced is false and both count instances of the largest type instead, a smaller one as its share of that.
	Cost, LowerBound float64
	Priced           bool
	// Utilisation is the share, 0 to 1, of what the instances offer that the jobs in them ask for; 0 in a dimension that none offers.
	Utilisation Shape
	// Misfits are the jobs that no type can hold, and Overflow those that fit a type whose Max leaves no instance for them.
	Misfits  []Misfit
	Overflow []Jobs
	// Uncounted names the dimensions that jobs ask for and that did not count, since no type says what it offers of them.
	Uncounted []string
}

// Filling is a number of instances of one type that hold the same jobs. Jobs are those in one instance.
type Filling struct {
	Type      string
	Instances int
	Jobs      []Jobs
}

// Misfit is jobs of a shape that no type can hold.
type Misfit struct {
	Jobs
	// Dimensions name what no type has enough of: cpu, memory or gpu. There is none where every dimension fits some type and no type has
	// all of them, and where the shape is zero.
	Dimensions []string
	// Reason says in words what does not fit.
	Reason string
}

// dimensions are the names of what a vector holds, in its order.
var dimensions = [...]string{"cpu", "memory", "gpu"}

type vector [len(dimensions)]float64

func (s Shape) vector() vector { return vector{s.CPU, s.Memory, s.GPU} }

func (v vector) shape() Shape { return Shape{CPU: v[0], Memory: v[1], GPU: v[2]} }

// fits reports whether v is at most free in every dimension, but for what rounding adds to instances that offer whole.
func (v vector) fits(free, whole vector) bool {
	for d := range v {
		if v[d] > free[d]+roundOff*whole[d] {
			return false
		}
	}
	return true
}

// lacks returns the first dimension in which v is more than an instance offers, -1 where there is none.
func (v vector) lacks(offer vector) int {
	for d := range v {
		if v[d] > offer[d]*(1+roundOff) {
			return d
		}
	}
	return -1
}

// Pack puts jobs into instances of the given types at little cost. It returns an error for a shape, count, price or bound that is none.
// The result does not depend on the order of jobs, and jobs of equal shapes count as one entry. Prices are the types' Hourly.
//
// Instances are filled one at a time by dot product: the next job is the one whose shape, weighted by the mean share of each dimension in
// the demand, points most along what is still free (Panigrahy et al. 2011, Heuristics for Vector Bin Packing, section 3), or in a second
// variant the largest that fits, as in first-fit decreasing. What fills one instance fills as many alike as there are jobs for, so that
// the time depends on the number of shapes and not on that of jobs. The next instance is of the type that costs least for the weighted
// share that it takes of the demand; this is tried with all types, with each alone and with each pair, and the cheapest result is kept.
func Pack(jobs []Jobs, types []Type) (Packing, error) {
	if err := packable(jobs, types); err != nil {
		return Packing{}, fmt.Errorf("pack: %w", err)
	}
	p := newPacker(jobs, types, counted(types))
	return p.packing(p.cheapest()), nil
}

// packable refuses what cannot be packed or packed into.
func packable(jobs []Jobs, types []Type) error {
	if len(types) == 0 {
		return errors.New("no instance types")
	}
	seen := map[string]bool{}
	for i, t := range types {
		switch {
		case seen[t.Name]:
			return fmt.Errorf("types[%d]: there are two types called %q", i, t.Name)
		case t.Max < 0:
			return fmt.Errorf("types[%d] %s: max %d is negative", i, t.Name, t.Max)
		case !finite(t.Price.Hourly):
			return fmt.Errorf("types[%d] %s: hourly price %v is not a finite number at least 0", i, t.Name, t.Price.Hourly)
		case t.Shape == Shape{}:
			return fmt.Errorf("types[%d] %s: the shape is zero: nothing fits", i, t.Name)
		}
		if err := t.Shape.sound(); err != nil {
			return fmt.Errorf("types[%d] %s: %w", i, t.Name, err)
		}
		seen[t.Name] = true
	}
	for i, j := range jobs {
		if err := j.Shape.sound(); err != nil {
			return fmt.Errorf("jobs[%d]: %w", i, err)
		}
		if j.Count < 0 {
			return fmt.Errorf("jobs[%d]: count %d is negative", i, j.Count)
		}
	}
	return nil
}

// sound refuses a shape with a dimension that is no amount.
func (s Shape) sound() error {
	for d, v := range s.vector() {
		if !finite(v) {
			return fmt.Errorf("shape: %s %v is not a finite number at least 0", dimensions[d], v)
		}
	}
	return nil
}
