package config

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

func (k *checker) fleet(f *Fleet, key string) {
	k.demand(&f.Demand, key+".demand")
	for i, e := range f.Exclude {
		k.expr(fmt.Sprintf("%s.exclude[%d]", key, i), e)
	}
	k.leading(f.Leading, key+".leading")
	if f.Calendar != nil {
		k.calendar(f.Calendar, key+".calendar")
	}
	k.policy(&f.Policy, key+".policy")
	fresh := 2 * k.c.Interval
	k.ensure(f.Policy.StaleAfter >= fresh, []string{key + ".policy.stale_after", "interval"},
		"%s is less than two intervals, so that one late observation would be stale; allowed: %s or more",
		show(f.Policy.StaleAfter), show(fresh))
	k.ensure(len(f.Pools) > 0, []string{key + ".pools"}, "the list is empty; allowed: at least one pool")
	names := map[string]int{}
	for i := range f.Pools {
		pool := fmt.Sprintf("%s.pools[%d]", key, i)
		k.name(pool+".name", f.Pools[i].Name, names)
		k.pool(&f.Pools[i], pool)
	}
	k.shapes(f, key)
	k.shares(f, key)
	k.budget(f, key)
	k.shortage(f, key)
	k.movable(f, key)
}

func (k *checker) demand(d *Demand, key string) {
	k.expr(key+".query", d.Query)
	k.ownOutput(key+".query", d.Query)
	k.expr(key+".pending", d.Pending)
	k.expr(key+".saturated", d.Saturated)
	k.expr(key+".failing", d.Failing)
	k.expr(key+".shapes", d.Shapes)
	k.asked(key+".unit", k.checks.Unit, d.Unit)
	step := key + ".step"
	source := ""
	if _, given := k.lines[step]; given {
		k.within(step, d.Step, time.Second, time.Hour)
	} else {
		source = " (the interval)"
	}
	if !k.sound(step, "interval") || d.Step <= 0 {
		return
	}
	k.ensure(model.Duration(day)%d.Step == 0, []string{step, "interval"},
		"%s%s does not divide a day, so that no season is a whole number of steps; allowed: such as 15s, 1m, 5m, 1h", show(d.Step), source)
	for i, h := range k.c.Horizons {
		k.ensure(h%d.Step == 0, []string{step, fmt.Sprintf("horizons[%d]", i)},
			"the horizon %s is not a whole number of steps of %s%s; allowed: a step that divides each horizon", show(h), show(d.Step), source)
	}
	k.ensure(k.c.History/d.Step <= maxSteps, []string{step, "history"},
		"%s in steps of %s are %d observations; allowed: at most %d, by a longer step or a shorter history",
		show(k.c.History), show(d.Step), k.c.History/d.Step, maxSteps)
}

// maxLeading bounds the expressions of leading indicators: as many as the series that are used of them.
const maxLeading = 16

func (k *checker) leading(exprs []Expr, key string) {
	k.ensure(len(exprs) <= maxLeading, []string{key}, "%d expressions; allowed: at most %d", len(exprs), maxLeading)
	seen := map[Expr]int{}
	for i, e := range exprs {
		at := fmt.Sprintf("%s[%d]", key, i)
		if first, dup := seen[e]; dup && e != "" {
			k.ensure(false, []string{at}, "the expression is in line %d already; allowed: each once", first)
			continue
		}
		seen[e] = k.line(at)
		k.expr(at, e)
	}
}

func (k *checker) calendar(c *Calendar, key string) {
	zone := key + ".time_zone"
	_, err := time.LoadLocation(c.TimeZone)
	// The machine's own zone would let two replicas differ.
	k.ensure(err == nil && c.TimeZone != "" && c.TimeZone != "Local", []string{zone},
		"%q is no time zone; allowed: a name in the IANA database, such as America/New_York", c.TimeZone)
	seen := map[string]int{}
	for i, code := range c.Holidays {
		at := c.Holidays.key(key+".holidays", i, k.lines)
		if first, dup := seen[code]; dup {
			k.ensure(false, []string{at}, "%q is in line %d already; allowed: each once", code, first)
			continue
		}
		seen[code] = k.line(at)
		k.asked(at, k.checks.Holidays, code)
	}
	if c.Events != "" {
		k.asked(key+".events", k.checks.Events, c.Events)
	}
}

// asked reports what another package says about a value.
func (k *checker) asked(key string, check func(string) error, value string) {
	if check == nil || !k.sound(key) {
		return
	}
	if err := check(value); err != nil {
		k.add(key, "%v", err)
	}
}

func (k *checker) policy(p *Policy, key string) {
	k.risk(p, key)
	k.ensure(time.Duration(p.StaleAfter) <= day, []string{key + ".stale_after"}, "%s is out of range; allowed: at most 1d", show(p.StaleAfter))
	k.within(key+".hold", p.Hold, 0, 7*day)
	k.within(key+".churn", p.Churn, 0, day)
	k.within(key+".linger", p.Linger, 0, day)
	lift := p.Limits.Lift
	k.ensure(lift == 0 || lift >= 1, []string{key + ".limits.lift"},
		"%v would plan for less than the present demand; allowed: 1 or more, or 0 for no limit", lift)
	k.count(key+".limits.step_up", p.Limits.StepUp, 0, maxInstances)
	k.count(key+".limits.step_down", p.Limits.StepDown, 0, maxInstances)
	k.notNegative(key+".limits.hourly_cost", p.Limits.HourlyCost)
	k.migration(&p.Migration, key+".migration")
}

// risk checks the probability, or what it follows from.
func (k *checker) risk(p *Policy, key string) {
	probability, cost := key+".probability", key+".cost"
	if p.Cost == nil {
		k.probability(probability, p.Probability)
		return
	}
	k.ensure(p.Cost.Shortage > 0, []string{cost + ".shortage"}, "%v makes no shortage worth avoiding; allowed: more than 0", p.Cost.Shortage)
	if k.given(probability) {
		k.ensure(false, []string{cost}, "probability is present too, in line %d; allowed: at most one of probability and cost", k.line(probability))
	}
}

func (k *checker) migration(m *Migration, key string) {
	k.ensure(m.Margin >= 0.5, []string{key + ".margin"}, "%v would move instances for next to nothing; allowed: 0.5 or more", m.Margin)
	k.count(key+".budget", m.Budget, 1, maxInstances)
	k.within(key+".cool_down", m.CoolDown, 0, day)
	k.within(key+".drain", m.Drain, 0, day)
	k.notNegative(key+".disruption", m.Disruption)
}

// expr checks an expression that is present.
func (k *checker) expr(key string, e Expr) {
	if e == "" || k.checks.Expr == nil || !k.sound(key) {
		return
	}
	hint := ""
	if p := k.c.Prometheus; p != nil {
		if !p.QueryCheck {
			return
		}
		hint = ", or with prometheus.query_check: false a dialect of it"
	}
	if err := k.checks.Expr(string(e)); err != nil {
		k.add(key, "%v; allowed: PromQL%s", err, hint)
	}
}
