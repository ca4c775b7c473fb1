package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// against says what speaks against moving instances of one pool to another, nothing where nothing does.
func (m *mover) against(c candidate) string {
	a, b := m.in.Pools[c.from], m.in.Pools[c.to]
	if reason := unlike(a.Pool, b.Pool); reason != "" {
		return reason
	}
	if class, ok := m.in.Pattern.Prefers(); ok && a.Pool.Class == class && b.Pool.Class != class {
		return fmt.Sprintf("the demand is %s, which pools of class %s suit better than those of class %s", m.in.Pattern, class, b.Pool.Class)
	}
	if reason := m.resting(a, b); reason != "" {
		return reason
	}
	if !c.worth(m.in.Policy.Margin) {
		return fmt.Sprintf("moving one saves %s and costs %s, and must save %g times what it costs",
			c.money(c.saving, 1), c.money(c.disruption, 1), 1+m.in.Policy.Margin)
	}
	return ""
}

// unlike says why an instance of a cannot serve in b.
func unlike(a, b Pool) string {
	switch {
	case len(a.Types) > 0 && len(b.Types) > 0:
		if !slices.Equal(typeNames(a), typeNames(b)) {
			return fmt.Sprintf("the types differ: %s and %s", strings.Join(typeNames(a), ", "), strings.Join(typeNames(b), ", "))
		}
	case a.Shape == Shape{} || b.Shape == Shape{}:
		return "the shape of one of them is not known"
	case a.Shape != b.Shape:
		return fmt.Sprintf("the shapes differ: %s and %s", a.Shape.words(), b.Shape.words())
	}
	return ""
}

// words prints the dimensions that are not zero.
func (s Shape) words() string {
	var parts []string
	for d, v := range s.vector() {
		if v != 0 {
			parts = append(parts, fmt.Sprintf("%s %g", dimensions[d], v))
		}
	}
	return strings.Join(parts, " ")
}

// typeNames returns the names of the types of p in alphabetical order.
func typeNames(p Pool) []string {
	names := make([]string, len(p.Types))
	for i, t := range p.Types {
		names[i] = t.Name
	}
	slices.Sort(names)
	return names
}

// resting says which earlier move keeps instances from moving from a to b. The pair rests for the cool-down; within its break-even time,
// and the cool-down where that is longer, what moved does not move back or on.
func (m *mover) resting(a, b MovePool) string {
	cooldown := max(m.in.Policy.Cooldown, a.Pool.LeadTime, b.Pool.LeadTime)
	rest := max(cooldown, a.Sizing.Hold, b.Sizing.Hold)
	for _, r := range m.in.Recent {
		age := max(m.in.Now.Sub(r.At), 0)
		ago := brief(age.Round(time.Second))
		switch {
		case r.Instances <= 0:
		case age < cooldown && r.From == a.Pool.Name && r.To == b.Pool.Name:
			return fmt.Sprintf("the last move between them was %s ago and the cool-down is %s", ago, brief(cooldown))
		case age < rest && r.To == a.Pool.Name:
			return fmt.Sprintf("%s was given instances %s ago: within %s none moves back or on", a.Pool.Name, ago, brief(rest))
		case age < rest && r.From == b.Pool.Name:
			return fmt.Sprintf("%s gave instances away %s ago: within %s none moves back", b.Pool.Name, ago, brief(rest))
		}
	}
	return ""
}

// reason says for a person why n instances move.
func (m *mover) reason(c candidate, n int) string {
	a, b := m.in.Pools[c.from], m.in.Pools[c.to]
	out := fmt.Sprintf("%s has %d more than it must keep and %s lacks %d: starting %d there and leaving as many idle here costs %s, moving them %s",
		a.Pool.Name, m.surplus[c.from], b.Pool.Name, m.deficit[c.to], n, c.money(c.saving, n), c.money(c.disruption, n))
	if class, ok := m.in.Pattern.Prefers(); ok && b.Pool.Class == class {
		out += fmt.Sprintf("; the demand is %s, which class %s suits", m.in.Pattern, class)
	}
	return out
}

// money prints n times v, in the operator's money or, where that is not known, in instance-hours.
func (c candidate) money(v float64, n int) string {
	unit, format := "", "%.2f%s"
	if !c.priced {
		unit = " instance-hours"
	}
	if v *= float64(n); v < 1 {
		format = "%.3g%s"
	}
	return fmt.Sprintf(format, v, unit)
}
