package replay

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Comparison is what a comparison came to.
type Comparison struct {
	Load      string
	Unit      string
	Start     time.Time
	Minutes   int
	Parts     Parts
	Actuators []string
	Subject   string
	// Oracles are lower bounds, one for each actuator.
	Oracles []Oracles
	// Runs are in the order of the policies, their settings and the actuators.
	Runs []Run
	// Choices are in the order of the actuators, the targets and the policies.
	Choices []Choice
	// Equals compares every other policy with the subject, for each actuator and target.
	Equals   []Equal
	WorstDay *WorstDay
	Manifest Manifest
}

// Compare runs every policy with each of its settings behind each actuator over the whole load, chooses settings on the validation part
// and judges them on the test part. Policies are called in goroutines of their own, each policy in one at a time. What it holds in memory
// does not grow with the load but for a few numbers a day. It refuses options that make no comparison, and returns the first error of a
// policy.
func Compare(ctx context.Context, o Options) (*Comparison, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := &comparer{Options: o, runs: make([][]Run, len(o.Policies))}
	if err := c.inParallel(ctx, c.order(), c.run); err != nil {
		return nil, err
	}
	out := &Comparison{
		Load: o.Load.Name, Unit: string(o.Load.Unit), Start: o.Load.Start, Minutes: len(o.Load.Values), Parts: o.Parts,
		Subject: o.Subject, Runs: slices.Concat(c.runs...), Manifest: manifest(o),
	}
	for _, a := range o.Actuators {
		out.Actuators = append(out.Actuators, a.Name)
	}
	out.choose(o)
	var err error
	if out.Oracles, err = oracles(o); err != nil {
		return nil, err
	}
	if o.Subject == "" || !o.WorstDay && o.Decisions == nil {
		return out, nil
	}
	out.WorstDay, err = c.second(ctx, out)
	return out, err
}

// comparer carries one comparison.
type comparer struct {
	Options

	runs [][]Run // by policy
	mu   sync.Mutex
	done int
}

// order returns the policies' indices, the subject first: it takes the longest.
func (c *comparer) order() []int {
	out := make([]int, len(c.Policies))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(c.rank(a), c.rank(b)) })
	return out
}

func (c *comparer) rank(policy int) int {
	if c.Policies[policy].Name() == c.Subject {
		return 0
	}
	return 1
}

// inParallel calls do for each index, Workers at a time, until one fails.
func (c *comparer) inParallel(ctx context.Context, indices []int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var group sync.WaitGroup
	for range max(c.Workers, 1) {
		group.Go(func() {
			for i := range work {
				if ctx.Err() != nil {
					continue
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, i := range indices {
		work <- i
	}
	close(work)
	group.Wait()
	return context.Cause(ctx)
}

// run runs one policy with all settings behind all actuators, and keeps the outcomes.
func (c *comparer) run(ctx context.Context, i int) error {
	p := c.Policies[i]
	settings := p.Settings()
	lanes := make([]*lane, 0, len(settings)*len(c.Actuators))
	from := c.begin()
	err := drive(ctx, p, c.Site, c.Load, c.Parts.Test.To, settings, func(m int, wanted [][]int) error {
		c.tell(m)
		if m < from {
			return nil
		}
		for n := range cap(lanes) {
			a, k := c.Actuators[n%len(c.Actuators)], n/len(c.Actuators)
			if m == from {
				l, err := newLane(c.site(a), c.Load, c.Parts, wanted[k])
				if err != nil {
					return err
				}
				lanes = append(lanes, l)
			}
			if _, err := lanes[n].minute(m, c.Load.Values[m], wanted[k]); err != nil {
				return err
			}
		}
		return nil
	})
	for n, l := range lanes {
		c.runs[i] = append(c.runs[i], Run{
			Policy: p.Name(), Setting: settings[n/len(c.Actuators)], Actuator: c.Actuators[n%len(c.Actuators)].Name,
			Validation: l.validation.Outcome(), Test: l.test.Outcome(),
		})
	}
	return err
}

// begin returns the minute from which clusters are run: a warm-up before the validation part.
func (c *comparer) begin() int { return max(c.Parts.Validation.From-int(Warmup/time.Minute), 0) }

// site returns the site behind an actuator.
func (c *comparer) site(a Actuator) Site {
	s := c.Site
	s.Actuator = a
	return s
}

// tell reports progress once for every day of a policy.
func (c *comparer) tell(m int) {
	if c.Progress == nil || (m+1)%minutesPerDay != 0 && m+1 != c.Parts.Test.To {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += m%minutesPerDay + 1
	c.Progress(c.done, len(c.Policies)*c.Parts.Test.To)
}

// choose fills Choices and Equals.
func (c *Comparison) choose(o Options) {
	for _, a := range c.Actuators {
		for _, target := range o.Targets {
			for _, p := range o.Policies {
				c.Choices = append(c.Choices, choose(c.Of(p.Name(), a), target))
			}
			subject, ok := c.Chosen(o.Subject, a, target)
			if !ok {
				continue
			}
			for _, p := range o.Policies {
				if p.Name() != o.Subject {
					c.Equals = append(c.Equals, equal(c.Of(p.Name(), a), subject))
				}
			}
		}
	}
}

// Of returns the runs of a policy behind an actuator, in the order of its settings.
func (c *Comparison) Of(policy, actuator string) []Run {
	var out []Run
	for _, r := range c.Runs {
		if r.Policy == policy && r.Actuator == actuator {
			out = append(out, r)
		}
	}
	return out
}

// Chosen returns the choice of a policy behind an actuator for a target; ok is false where there is none.
func (c *Comparison) Chosen(policy, actuator string, target float64) (choice Choice, ok bool) {
	for _, x := range c.Choices {
		if x.Run.Policy == policy && x.Run.Actuator == actuator && x.Target == target {
			return x, true
		}
	}
	return Choice{}, false
}
