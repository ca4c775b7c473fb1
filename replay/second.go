package replay

import (
	"context"
	"slices"
	"time"
)

// second runs every policy again, with the setting chosen for the first target and behind the first actuator only, for the minutes of
// the subject's worst day and for its decisions.
func (c *comparer) second(ctx context.Context, x *Comparison) (*WorstDay, error) {
	subject, _ := x.Chosen(c.Subject, c.Actuators[0].Name, c.Targets[0])
	day := c.dayOf(subject.Run.Test.WorstDay)
	var todo []int
	for i, p := range c.Policies {
		if c.WorstDay || p.Name() == c.Subject {
			todo = append(todo, i)
		}
	}
	lines := make([]Line, len(c.Policies))
	err := c.inParallel(ctx, todo, func(ctx context.Context, i int) error {
		choice, _ := x.Chosen(c.Policies[i].Name(), c.Actuators[0].Name, c.Targets[0])
		var err error
		lines[i], err = c.again(ctx, c.Policies[i], choice.Run.Setting, day)
		return err
	})
	if err != nil || !c.WorstDay {
		return nil, err
	}
	return &WorstDay{
		Start: c.Load.At(day.From), Load: slices.Clone(c.Load.Values[day.From:day.To]), Lines: lines,
	}, nil
}

// dayOf returns the minutes of the test part in the day that begins at a time.
func (c *comparer) dayOf(start time.Time) Part {
	from := int(start.Sub(c.Load.Start) / time.Minute)
	return Part{From: max(from, c.Parts.Test.From), To: min(from+minutesPerDay, c.Parts.Test.To)}
}

// again runs one policy with one setting and returns what it had in the minutes of a part. The subject's decisions are handed out on the
// way.
func (c *comparer) again(ctx context.Context, p Policy, setting float64, part Part) (Line, error) {
	line := Line{Policy: p.Name(), Setting: setting}
	report := c.Decisions != nil && p.Name() == c.Subject
	from, to := c.begin(), part.To
	if report {
		to = c.Parts.Test.To
	}
	var l *lane
	err := drive(ctx, p, c.Site, c.Load, to, []float64{setting}, func(m int, wanted [][]int) error {
		if m < from {
			return nil
		}
		var err error
		if m == from {
			if l, err = newLane(c.site(c.Actuators[0]), c.Load, c.Parts, wanted[0]); err != nil {
				return err
			}
		}
		u, err := l.minute(m, c.Load.Values[m], wanted[0])
		if err != nil {
			return err
		}
		if part.holds(m) {
			line.add(l.cluster, wanted[0])
		}
		if report && m >= c.Parts.Validation.From {
			return c.Decisions(Minute{At: c.Load.At(m), Load: c.Load.Values[m], Wanted: wanted[0], Usage: u})
		}
		return nil
	})
	return line, err
}

// add appends a cluster as it stands.
func (l *Line) add(c *Cluster, wanted []int) {
	var want, serving, paid float64
	for i, p := range c.Pools() {
		want += float64(wanted[i]) * p.Capacity
		serving += float64(p.Active) * p.Capacity
		paid += float64(p.Active+p.Warm+p.Warming) * p.Capacity
	}
	l.Wanted, l.Serving, l.Paid = append(l.Wanted, want), append(l.Serving, serving), append(l.Paid, paid)
}
