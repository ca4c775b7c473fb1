package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// designExample is the configuration that the design promises to accept.
const designExample = `prometheus: {url: http://localhost:9090}       # any PromQL API: Prometheus, Thanos, Mimir, VictoriaMetrics; or embedded: {path: data}
interval: 1m
history: 28d
horizons: [5m, 30m, 2h]
probabilities: [0.5, 0.9, 0.99]
fleets:
  - name: batch
    demand: {query: sum(batch_requested_cores), unit: cores, step: 1m, pending: sum(batch_queued_cores)}
    leading: ['sum by (group) (rate(forethought_behavior_submissions_total[5m]))']
    exclude: ['ALERTS{alertname="BatchOutage",alertstate="firing"}']
    calendar: {time_zone: America/New_York, holidays: US, events: events.ics}
    policy: {mode: shadow, probability: 0.99, limits: {lift: 3, step_up: 20, step_down: 5, hourly_cost: 500}}
    pools:
      - {name: batch-fixed, class: fixed, capacity: 16, min: 4, max: 40, lead_time: 4m, price: {hourly: 0.77, commitment: {ratio: 0.6}}}
      - {name: batch-spot, class: variable, capacity: 16, max: 200, lead_time: {query: 'forethought:node_lead_time:p95{pool="batch-spot"}'}, price: {hourly: 0.23, interruptions_per_hour: 0.05}}
`

func TestTheExampleOfTheDesign(t *testing.T) {
	c := mustParse(t, designExample)
	if p := c.Fleets[0].Pools[0].Price; p.Commitment == nil || p.Commitment.Ratio != 0.6 {
		t.Errorf("price of the fixed pool = %+v", p)
	}
	if p := c.Fleets[0].Pools[1].Price; p.InterruptionsPerHour != 0.05 {
		t.Errorf("price of the spot pool = %+v", p)
	}
	if h := c.Hints(); len(h) > 0 {
		t.Errorf("hints %q", h)
	}
}

func TestPriceErrors(t *testing.T) {
	f := func(price string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].pools[0].price." + want[i]
		}
		wantErrors(t, minimal+"    price: {"+price+"}\n", want...)
	}
	f("hourly: -1", "hourly: -1 is negative; allowed: 0 or more")
	f("hourly: 1, commitment: {ratio: 0}", "commitment.ratio: 0 is no lower price; allowed: more than 0, less than 1")
	f("hourly: 1, commitment: {}", "commitment.ratio: 0 is no lower price; allowed: more than 0, less than 1")
	f("hourly: 1, commitment: {ratio: 1, instances: -1}", "commitment.ratio: 1 is no lower price; allowed: more than 0, less than 1",
		"commitment.instances: -1 is out of range; allowed: 0 to 1000000")
	f("commitment: {ratio: 0.5}", "commitment: it is a part of a price that is not known; allowed: with hourly, query or type")
	f("interruptions_per_hour: -1, restart: 2d", "interruptions_per_hour: -1 is negative; allowed: 0 or more", "restart: 2d is out of range; allowed: 0s to 1d")
	f("query: spot(", "query: 1:4: parse error: unclosed left parenthesis; allowed: PromQL, or with prometheus.query_check: false a dialect of it")
	mustParse(t, minimal+"    price: {query: spot, commitment: {ratio: 0.5}}\n  policy: {limits: {hourly_cost: 5}}\n")
}

func TestPoolEconomyErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].pools[0]." + want[i]
		}
		wantErrors(t, minimal+"    "+text+"\n", want...)
	}
	f("share: 0", "share: 0 is no part of the demand; allowed: more than 0, at most 1")
	f("share: 1.5", "share: 1.5 is no part of the demand; allowed: more than 0, at most 1")
	f("domain: ' '", "domain: is empty; allowed: a string with content")
	f("shape: {}", "shape: an instance offers nothing; allowed: cpu, memory or gpu above 0")
	f("shape: {cpu: -1, memory: -1GiB}", "shape.cpu: -1 is negative; allowed: 0 or more", "shape.memory: -1.073741824e+09 is negative; allowed: 0 or more")
	f("shape: {memory: 64 gigs}", `shape.memory: "64 gigs" is not allowed; allowed: a number of bytes, or a size such as 64GiB`)
	f("types: [{name: s, capacity: 0}]", "types[0].capacity: 0 serves no demand; allowed: more than 0")
	f("types: [{name: s, capacity: 1, max: -1}]", "types[0].max: -1 is out of range; allowed: 0 to 1000000")
	f("types: [{name: s, capacity: 1, price: {hourly: -1}}]", "types[0].price.hourly: -1 is negative; allowed: 0 or more")
	f("types: [{name: s, capacity: 1}, {name: s, capacity: 2}]", `types[1].name: the name "s" is in line 11 already; allowed: each name once`)
	f("types: [{}]", "types[0].name: required key is missing; allowed: a string", "types[0].capacity: required key is missing; allowed: a finite number")
	f("warm: {hit_rate: 1}", "warm.hit_rate: 1 is no share of claims to serve at once; allowed: more than 0, less than 1")
	f("warm: {hit_rate: 0}", "warm.hit_rate: 0 is no share of claims to serve at once; allowed: more than 0, less than 1")
	f("warm: {lead_time: 2m}", "warm.hit_rate: required key is missing; allowed: a finite number")
	f("warm: {hit_rate: 0.9, lead_time: 0s}", "warm.lead_time: 0s is out of range; allowed: 1s to 1d")
	f("burst: {baseline: 1, max_credits: 0}", "burst.baseline: 1 is no part of the capacity to fall back to; allowed: more than 0, less than 1",
		"burst.max_credits: 0 saves nothing up; allowed: more than 0")
	f("burst: {}", "burst.baseline: required key is missing; allowed: a finite number", "burst.max_credits: required key is missing; allowed: a finite number")
	f("warm_instances: x", "warm_instances: the rest of the instances is not known; allowed: warm_instances and warming_instances together, with instances")
	f("warming_instances: x", "warming_instances: the rest of the instances is not known; allowed: warm_instances and warming_instances together, with instances")
	f("lead_time: {query: x, learn: true}", "lead_time: it says not how it is measured, or says it twice; allowed: exactly one of query and learn: true, or a plain duration")
	f("lead_time: {learn: true}", "lead_time.learn: what there are of the pool is not known; allowed: with the key instances of the pool")
	wantErrors(t, minimal+"  - {name: b, class: fixed, capacity: 1, share: 0.4}\n",
		"f.yml:7: fleets[0].pools: 1 of 2 pools have a share; allowed: a share for each pool, or for none")
	wantErrors(t, strings.Replace(minimal, "capacity: 2", "capacity: 2\n    share: 0.5", 1)+"  - {name: b, class: fixed, capacity: 1, share: 0.4}\n",
		"f.yml:7: fleets[0].pools: the shares of the pools add up to 0.9; allowed: 1")
}

func TestLeadTimesBeyondTheHistory(t *testing.T) {
	f := func(lead, want string) {
		t.Helper()
		wantErrors(t, minimal+"    lead_time: "+lead+"\n    instances: x\nhistory: 1d\n", "f.yml:11: fleets[0].pools[0]."+want)
	}
	f("13h", "lead_time: 13h is longer than half the history of 1d; allowed: at most 12h")
	f("{query: x, default: 4h}", "lead_time.default: 4h, which may be measured as up to 16h, is longer than half the history of 1d; allowed: at most 3h")
	f("{learn: true, default: 4h}", "lead_time.default: 4h, which may be measured as up to 16h, is longer than half the history of 1d; allowed: at most 3h")
	mustParse(t, minimal+"    lead_time: 12h\nhistory: 1d\n")
	mustParse(t, minimal+"    lead_time: {query: x, default: 3h}\nhistory: 1d\n")
}

func TestRiskErrors(t *testing.T) {
	const priced = "    price: {hourly: 1}\n"
	f := func(policy string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:12: fleets[0].policy." + want[i]
		}
		wantErrors(t, minimal+priced+"  policy: {"+policy+"}\n", want...)
	}
	f("probability: 0", "probability: 0 is no probability to plan for; allowed: 0.005 to 0.999, beyond which no quantile is kept")
	f("probability: 1", "probability: 1 is no probability to plan for; allowed: 0.005 to 0.999, beyond which no quantile is kept")
	f("probability: 0.9, cost: {shortage: 5}", "cost: probability is present too, in line 12; allowed: at most one of probability and cost")
	f("cost: {}", "cost.shortage: required key is missing; allowed: a finite number")
	f("cost: {shortage: 0}", "cost.shortage: 0 makes no shortage worth avoiding; allowed: more than 0")
	f("cost: {shortage: -1}", "cost.shortage: -1 makes no shortage worth avoiding; allowed: more than 0")
	wantErrors(t, minimal+"  policy: {cost: {shortage: 5}}\n",
		"f.yml:11: fleets[0].policy.cost: no pool has a price, so that no probability follows; allowed: with a price for the pools, or probability")
	f("migration: {margin: 0.4, budget: 0, cool_down: 2d, drain: 2d, disruption: -1}",
		"migration.margin: 0.4 would move instances for next to nothing; allowed: 0.5 or more", "migration.budget: 0 is out of range; allowed: 1 to 1000000",
		"migration.cool_down: 2d is out of range; allowed: 0s to 1d", "migration.drain: 2d is out of range; allowed: 0s to 1d",
		"migration.disruption: -1 is negative; allowed: 0 or more")
	mustParse(t, minimal+priced+"  policy: {cost: {shortage: 5}}\n")
}

func TestShapesErrors(t *testing.T) {
	f := func(unit, pool, want string) {
		t.Helper()
		text := strings.Replace(edit(t, "unit: cores", "unit: "+unit+"\n    shapes: sum by (cpu) (jobs)"), "capacity: 2", "capacity: 2\n"+pool, 1)
		if _, err := Parse("f.yml", []byte(text), Checks{}); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("unit %s: %v, want %s", unit, err, want)
		}
	}
	f("cores", "    shape: {cpu: 1}", "")
	f("jobs", "    types: [{name: t, capacity: 1, shape: {cpu: 1}}]", "")
	f("cores", "", "f.yml:7: fleets[0].demand.shapes: no pool says what an instance offers; allowed: with a shape for the pools or their types")
	f("sessions", "    shape: {cpu: 1}", "f.yml:7: fleets[0].demand.shapes: no shape says what a job asks for in sessions; allowed: with the unit cores, bytes, gpus or jobs")
}

func TestDemandThatIsOurOwnOutput(t *testing.T) {
	f := func(query string) {
		t.Helper()
		name := "forethought_pool_instances_desired"
		if strings.Contains(query, "plan_") {
			name = "forethought_plan_hourly_cost"
		}
		wantErrors(t, edit(t, "sum(up)", query), "f.yml:5: fleets[0].demand.query: "+name+
			" is what forethought decided, and would be learnt as the demand; allowed: the load that is offered")
	}
	f("sum(forethought_pool_instances_desired)")
	f(`sum(rate(x[5m])) + 2 * forethought_pool_instances_desired{fleet="web"}`)
	f(`sum({__name__="forethought_plan_hourly_cost"})`)
	mustParse(t, edit(t, "sum(up)", `sum(rate(http_requests_total{job="forethought_pool_a"}[5m]))`))
}

func TestHints(t *testing.T) {
	f := func(query string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "conf/f.yml:5: fleets[0].demand.query: " + want[i]
		}
		if diff := cmp.Diff(want, mustParse(t, edit(t, "sum(up)", query)).Hints()); diff != "" {
			t.Errorf("hints about %s (-want +got):\n%s", query, diff)
		}
	}
	f("sum(rate(http_requests_total[1m]))")
	f("sum(rate(forethought_behavior_submissions_total[5m]))")
	f(`sum(rate(x{deployment="replicas",job="forethought_x"}[1m]))`)
	f("sum(forethought_demand)", "forethought_demand is our own output: a forecast that reads it learns itself. The demand is the load that is offered")
	f("sum(kube_deployment_status_replicas)", "kube_deployment_status_replicas may count what was scaled: where it does, the forecast learns its own output. "+
		"The demand is the load that is offered")
	f("avg(node_cpu_utilisation)", "node_cpu_utilisation may be a utilisation, which falls when the fleet grows. "+
		"The demand is the load that is offered, such as a sum of cores in use")
}
