package config

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// believed is how many times the default a measured lead time is believed, as package loop has it.
const believed = 4

func (k *checker) pool(p *Pool, key string) {
	k.capacity(key+".capacity", p.Capacity)
	k.count(key+".min", p.Min, 0, maxInstances)
	k.count(key+".max", p.Max, 0, maxInstances)
	k.ensure(p.Max == 0 || p.Max >= p.Min, []string{key + ".max", key + ".min"},
		"%d is less than min, %d; allowed: min or more, or 0 for no upper bound", p.Max, p.Min)
	k.leadTime(p, key)
	k.price(&p.Price, key+".price")
	if share := key + ".share"; k.given(share) {
		k.ensure(p.Share > 0 && p.Share <= 1, []string{share}, "%v is no part of the demand; allowed: more than 0, at most 1", p.Share)
	}
	if domain := key + ".domain"; k.given(domain) {
		k.filled(domain, p.Domain)
	}
	k.shape(p.Shape, key+".shape")
	k.types(p, key)
	k.warm(p.Warm, key+".warm")
	k.burst(p.Burst, key+".burst")
	k.instances(p, key)
	k.nodes(p.Nodes, key+".nodes", k.selectors)
	k.actuate(p.Actuate, key+".actuate", k.objects)
}

func (k *checker) capacity(key string, v float64) {
	k.ensure(v > 0, []string{key}, "%v serves no demand; allowed: more than 0", v)
}

func (k *checker) leadTime(p *Pool, key string) {
	lead, l := key+".lead_time", p.LeadTime
	k.expr(lead+".query", l.Query)
	section := lead
	times := model.Duration(1)
	if k.given(lead+".default") || k.given(lead+".query") || k.given(lead+".learn") {
		lead, times = lead+".default", believed
		k.ensure(l.Learn != (l.Query != ""), []string{section, section + ".query", section + ".learn"},
			"it says not how it is measured, or says it twice; allowed: exactly one of query and learn: true, or a plain duration")
	}
	k.ensure(!l.Learn || p.Instances != "", []string{section + ".learn", key + ".instances"},
		"what there are of the pool is not known; allowed: with the key instances of the pool")
	k.within(lead, l.Default, time.Second, day)
	most := k.c.History / 2
	what := show(l.Default)
	if times > 1 {
		what = fmt.Sprintf("%s, which may be measured as up to %s,", what, show(times*l.Default))
	}
	k.ensure(times*l.Default <= most, []string{lead, section, "history"},
		"%s is longer than half the history of %s; allowed: at most %s", what, show(k.c.History), show(most/times))
}

func (k *checker) price(p *Price, key string) {
	k.notNegative(key+".hourly", p.Hourly)
	k.expr(key+".query", p.Query)
	k.notNegative(key+".interruptions_per_hour", p.InterruptionsPerHour)
	k.within(key+".restart", p.Restart, 0, day)
	if c := p.Commitment; c != nil {
		k.between(key+".commitment.ratio", c.Ratio, "is no lower price")
		k.count(key+".commitment.instances", c.Instances, 0, maxInstances)
		k.ensure(p.isKnown(), []string{key + ".commitment", key + ".hourly", key + ".type"},
			"it is a part of a price that is not known; allowed: with hourly, query or type")
	}
}

// isKnown reports whether something says what an instance costs.
func (p *Price) isKnown() bool { return p.Hourly > 0 || p.Query != "" || p.Type != "" }

// between reports a number that is not inside (0, 1).
func (k *checker) between(key string, v float64, what string) {
	k.ensure(v > 0 && v < 1, []string{key}, "%v %s; allowed: more than 0, less than 1", v, what)
}

func (k *checker) shape(s *Shape, key string) {
	if s == nil {
		return
	}
	k.notNegative(key+".cpu", s.CPU)
	k.notNegative(key+".memory", float64(s.Memory))
	k.notNegative(key+".gpu", s.GPU)
	if k.clean(key) {
		k.ensure(s.CPU > 0 || s.Memory > 0 || s.GPU > 0, []string{key}, "an instance offers nothing; allowed: cpu, memory or gpu above 0")
	}
}

func (k *checker) types(p *Pool, key string) {
	names := map[string]int{}
	for i := range p.Types {
		t, at := &p.Types[i], fmt.Sprintf("%s.types[%d]", key, i)
		k.name(at+".name", t.Name, names)
		k.capacity(at+".capacity", t.Capacity)
		k.count(at+".max", t.Max, 0, maxInstances)
		k.shape(t.Shape, at+".shape")
		k.price(&t.Price, at+".price")
	}
}

func (k *checker) warm(w *Warm, key string) {
	if w == nil {
		return
	}
	k.between(key+".hit_rate", w.HitRate, "is no share of claims to serve at once")
	if lead := key + ".lead_time"; k.given(lead) {
		k.within(lead, w.LeadTime, time.Second, day)
	}
}

func (k *checker) burst(b *Burst, key string) {
	if b == nil {
		return
	}
	k.between(key+".baseline", b.Baseline, "is no part of the capacity to fall back to")
	k.ensure(b.MaxCredits > 0, []string{key + ".max_credits"}, "%v saves nothing up; allowed: more than 0", b.MaxCredits)
	k.expr(key+".credits", b.Credits)
}

// instances checks the queries of what there is of a pool.
func (k *checker) instances(p *Pool, key string) {
	all, warm, warming := key+".instances", key+".warm_instances", key+".warming_instances"
	k.expr(all, p.Instances)
	k.expr(warm, p.WarmInstances)
	k.expr(warming, p.WarmingInstances)
	const rule = "allowed: warm_instances and warming_instances together, with instances"
	k.ensure(p.WarmInstances == "" || p.WarmingInstances != "" && p.Instances != "", []string{warm, warming, all},
		"the rest of the instances is not known; %s", rule)
	k.ensure(p.WarmingInstances == "" || p.WarmInstances != "" && p.Instances != "", []string{warming, warm, all},
		"the rest of the instances is not known; %s", rule)
}

// shapes refuses shapes of jobs that nothing can be made of.
func (k *checker) shapes(f *Fleet, key string) {
	if f.Demand.Shapes == "" || !k.clean(key+".pools") {
		return
	}
	at := key + ".demand.shapes"
	k.ensure(slices.Contains([]string{"cores", "bytes", "gpus", "jobs"}, f.Demand.Unit), []string{at, key + ".demand.unit"},
		"no shape says what a job asks for in %s; allowed: with the unit cores, bytes, gpus or jobs", f.Demand.Unit)
	offered := slices.ContainsFunc(f.Pools, func(p Pool) bool {
		return p.Shape != nil || slices.ContainsFunc(p.Types, func(t Type) bool { return t.Shape != nil })
	})
	k.ensure(offered, []string{at}, "no pool says what an instance offers; allowed: with a shape for the pools or their types")
}

// shares refuses parts of the demand that are not the whole of it.
func (k *checker) shares(f *Fleet, key string) {
	sum, n := 0.0, 0
	for i := range f.Pools {
		if share := fmt.Sprintf("%s.pools[%d].share", key, i); k.given(share) {
			sum, n = sum+f.Pools[i].Share, n+1
		}
	}
	if pools := key + ".pools"; n > 0 && k.clean(pools) {
		k.ensure(n == len(f.Pools), []string{pools}, "%d of %d pools have a share; allowed: a share for each pool, or for none", n, len(f.Pools))
		k.ensure(math.Abs(sum-1) < 1e-6, []string{pools}, "the shares of the pools add up to %g; allowed: 1", sum)
	}
}

// prices returns the least that an hour of the pool's min costs, as far as that is known, and whether any price of it is.
func (p *Pool) prices() (least float64, known bool) {
	known = p.Price.isKnown()
	for i := range p.Types {
		known = known || p.Types[i].Price.isKnown()
	}
	if p.Price.Query == "" && len(p.Types) == 0 {
		least = float64(p.Min) * p.Price.Hourly
	}
	return least, known
}

// budget refuses a bound on the cost that could never work.
func (k *checker) budget(f *Fleet, key string) {
	limit, at := f.Policy.Limits.HourlyCost, key+".policy.limits.hourly_cost"
	if limit <= 0 || !k.clean(key+".pools") {
		return
	}
	least, known := pricesOf(f)
	k.ensure(known, []string{at}, "no pool has a price, so that the limit has no effect; allowed: 0, or a price.hourly for the pools")
	k.ensure(limit >= least, []string{at}, "%v is less than the pools' min cost, %v; allowed: at least that, or 0 for no limit", limit, least)
}

// shortage refuses a price of shortage that nothing can be compared with.
func (k *checker) shortage(f *Fleet, key string) {
	if f.Policy.Cost == nil || !k.clean(key+".pools") {
		return
	}
	_, known := pricesOf(f)
	k.ensure(known, []string{key + ".policy.cost"}, "no pool has a price, so that no probability follows; allowed: with a price for the pools, or probability")
}

func pricesOf(f *Fleet) (least float64, known bool) {
	for i := range f.Pools {
		l, ok := f.Pools[i].prices()
		least, known = least+l, known || ok
	}
	return least, known
}
