package exporter

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/pool"
)

// NewCollector returns a collector that makes every metric of the fleets from one reading of the board at each scrape, so that the
// values of one fleet in one scrape belong together. What a decision says disappears when the decision is no longer valid at now();
// NaN, infinite and negative demand are never exported. The caller registers it.
func NewCollector(board pool.Board, now func() time.Time) prometheus.Collector {
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("forethought_"+name, help, append([]string{"fleet"}, labels...), nil)
	}
	return &collector{
		board: board, now: now,

		demand:  gauge("demand", "Latest observation of the fleet's demand, in its unit.", "unit"),
		pending: gauge("demand_pending", "Work that waits beside the demand, as the latest decision counts it.", "unit"),
		forecast: gauge("demand_forecast",
			"Demand one horizon ahead that is not exceeded with this probability.", "unit", "horizon", "probability"),
		peak: gauge("demand_forecast_peak",
			"Largest demand from now to the horizon that is not exceeded with this probability.", "unit", "horizon", "probability"),
		forNow: gauge("demand_forecast_for_now",
			"What was forecast one horizon ago for the latest observation; subtract forethought_demand for the error.",
			"unit", "horizon", "probability"),

		skill: gauge("forecast_skill_ratio",
			"1 minus the quantile score relative to that of seasonal naive, on rolling origins: above 0 is better than seasonal naive.",
			"horizon"),
		coverage: gauge("forecast_coverage_ratio",
			"Share of observations inside the 80 % prediction interval, on rolling origins: 0.8 is perfect.", "horizon"),
		method: gauge("forecast_method_info", "1 for the method with the largest weight and its runner-up.", "method", "runner_up"),
		origin: gauge("forecast_origin_timestamp_seconds", "Time of the last observation that the forecast was made from."),

		instances: gauge("pool_instances", "Instances of the pool as they stand, by state.", "pool", "class", "state"),
		desired: gauge("pool_instances_desired",
			"Instances that autoscalers are told: the plan in mode act, the reactive need in mode shadow or with the kill switch on.",
			"pool", "class"),
		planned: gauge("pool_instances_planned", "Instances that the plan has, which is what mode act answers.", "pool", "class"),
		reactive: gauge("pool_instances_reactive",
			"Instances that the present demand needs, without any forecast.", "pool", "class"),
		spare: gauge("pool_instances_spare",
			"Instances that autoscalers are told beyond those that the present demand needs: what a placeholder or a buffer holds free.",
			"pool", "class"),
		leadTime: gauge("pool_lead_time_seconds", "Time from asking for an instance of the pool until it serves.", "pool"),
		price:    gauge("pool_price_hourly", "Price of one instance of the pool for an hour, where that is known.", "pool"),
		warm: gauge("pool_warm_instances_desired",
			"Instances standing by, of those that autoscalers are told, where the pool has a warm stock.", "pool"),
		types: gauge("pool_type_instances_desired",
			"Instances of one type, of those that autoscalers are told, where the pool has several types.", "pool", "type"),

		validUntil: gauge("decision_valid_until_timestamp_seconds", "Time after which the fleet's latest decision is not used."),
		checksum: gauge("decision_checksum",
			"Checksum of the decision: how long it is valid, mode, kill switch, instances planned and reactive. Who reads these back can tell that they belong together."),
		cost: gauge("plan_hourly_cost", "What the plan costs at the hourly prices of the pools, where they have any."),
		onDemand: gauge("plan_on_demand_hourly_cost",
			"What as much capacity costs without commitments and interruptible instances; subtract forethought_plan_hourly_cost for the saving."),
		moves: gauge("plan_moves", "Instances that the plan proposes to move from one pool into another.", "from", "to"),
		score: gauge("plan_quantile_score",
			"Mean quantile score of the windows that plans are sized for, over a day that fades: of the forecast (model) and of the last value with its usual changes (naive). Less is better.",
			"forecast"),
		probability: gauge("plan_probability",
			"Probability that the plan is sized with, so that over time the demand is met with the one that is asked for."),
		unmet: gauge("plan_unmet_ratio", "Share of the demand planned for that the bounds of the pools leave unserved."),
		workload: gauge("fleet_workload_info",
			"1 for what kind of workload the fleet has: how its demand goes over time, and what an instance runs out of first.", "pattern", "bound"),
		state: gauge("fleet_state", "1 for the state that the fleet is in and 0 for every other.", "state"),
		mode:  gauge("fleet_mode_info", "1 for the mode of the fleet.", "mode"),
		kill:  gauge("fleet_kill_switch", "1 while the kill switch holds the fleet on the reactive need, 0 otherwise."),
		asked: gauge("fleet_probability", "Probability with which the fleet's demand is to be met."),
	}
}

type collector struct {
	board pool.Board
	now   func() time.Time

	demand, forecast, peak, forNow        *prometheus.Desc
	skill, coverage, method, origin       *prometheus.Desc
	instances, desired, planned, reactive *prometheus.Desc
	leadTime, validUntil, cost, unmet     *prometheus.Desc
	price, warm, types                    *prometheus.Desc
	onDemand, moves, probability, score   *prometheus.Desc
	pending                               *prometheus.Desc
	workload, state, mode, kill, spare    *prometheus.Desc
	checksum, asked                       *prometheus.Desc
}

// Describe sends the description of every metric.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.demand, c.pending, c.forecast, c.peak, c.forNow, c.skill, c.coverage, c.method, c.origin, c.instances, c.desired, c.planned, c.reactive,
		c.leadTime, c.price, c.warm, c.types, c.validUntil, c.cost, c.onDemand, c.moves, c.probability, c.score, c.unmet, c.workload, c.state, c.mode,
		c.kill, c.spare, c.checksum, c.asked,
	} {
		ch <- d
	}
}

// Collect sends the metrics of every fleet on the board.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	now := c.now()
	for _, s := range c.board.Snapshots() {
		o := sink{ch: ch, fleet: s.Fleet}
		c.fleet(o, s)
		c.pools(o, s)
		c.selection(o, s)
		if s.Decision.Valid(now) {
			c.decision(o, s)
			c.ahead(o, s)
		}
	}
}

// sink sends gauges of one fleet; its label fleet comes first in every description.
type sink struct {
	ch    chan<- prometheus.Metric
	fleet string
}

// put sends v, and nothing where v is NaN or infinite.
func (o sink) put(d *prometheus.Desc, v float64, labels ...string) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	values := make([]string, 0, 1+len(labels))
	m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, append(append(values, o.fleet), labels...)...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	o.ch <- m
}

// fleet sends what is true of a fleet with or without a valid decision.
func (c *collector) fleet(o sink, s pool.Snapshot) {
	for _, state := range pool.States() {
		v := 0.0
		if s.State == state {
			v = 1
		}
		o.put(c.state, v, string(state))
	}
	if !s.Decision.At.IsZero() {
		o.put(c.validUntil, seconds(s.Decision.ValidUntil))
	}
	if s.Workload.IsKnown() {
		pattern, bound := workloadNames(s.Workload)
		o.put(c.workload, 1, pattern, bound)
	}
}

func (c *collector) pools(o sink, s pool.Snapshot) {
	for _, p := range s.Pools {
		if p.Observed {
			o.put(c.instances, float64(p.Active), p.Name, string(p.Class), "active")
		}
		if p.Observed && p.Phases {
			o.put(c.instances, float64(p.Warming), p.Name, string(p.Class), "warming")
			o.put(c.instances, float64(p.Warm), p.Name, string(p.Class), "warm")
		}
		o.put(c.leadTime, p.LeadTime.Seconds(), p.Name)
		o.put(c.price, hourlyPrice(p), p.Name)
	}
}

func (c *collector) selection(o sink, s pool.Snapshot) {
	if s.Selection.Method == "" {
		return
	}
	o.put(c.method, 1, s.Selection.Method, s.Selection.RunnerUp)
	for _, h := range s.Horizons {
		if score, ok := scoreAt(s, h); ok {
			o.put(c.skill, 1-score.Scaled, horizonText(h))
			o.put(c.coverage, score.Coverage, horizonText(h))
		}
	}
}

// decision sends what a valid decision says about the present.
func (c *collector) decision(o sink, s pool.Snapshot) {
	d := s.Decision
	o.put(c.demand, demand(d.Demand), string(s.Unit))
	o.put(c.pending, demand(d.Pending), string(s.Unit))
	o.put(c.mode, 1, string(d.Mode))
	o.put(c.cost, hourlyCost(s, d.Plan))
	o.put(c.onDemand, onDemandCost(s, d.Plan))
	if d.Working > 0 {
		o.put(c.probability, d.Working)
	}
	o.moved(c.moves, d.Plan.Moves)
	c.composition(o, s)
	o.put(c.unmet, d.Plan.Unmet)
	if model, naive, ok := d.Pace.Skill.Scores(); ok {
		o.put(c.score, model, "model")
		o.put(c.score, naive, "naive")
	}
	o.targets(c.desired, d.Effective())
	o.targets(c.planned, d.Plan)
	o.targets(c.reactive, d.Reactive)
	for _, t := range d.Effective().Targets {
		if n, known := d.Spare(t.Pool); known {
			o.put(c.spare, float64(n), t.Pool, string(t.Class))
		}
	}
	killed := 0.0
	if d.Killed {
		killed = 1
	}
	o.put(c.kill, killed)
	if d.Probability > 0 {
		o.put(c.asked, d.Probability)
	}
	if !d.ReadBack() { // only who made a decision vouches for it, so that nobody reads back what was read back
		o.put(c.checksum, float64(d.Checksum()))
	}
	if len(d.Forecast.Steps) > 0 {
		o.put(c.origin, seconds(d.Forecast.Origin))
	}
}

// moved sends the instances of each pair of pools once.
func (o sink) moved(d *prometheus.Desc, moves []pool.Move) {
	sums := map[[2]string]int{}
	for _, m := range moves {
		sums[[2]string{m.From, m.To}] += m.Instances
	}
	for pair, n := range sums {
		o.put(d, float64(n), pair[0], pair[1])
	}
}

// composition sends what the instances of each pool that autoscalers are told consist of.
func (c *collector) composition(o sink, s pool.Snapshot) {
	for _, t := range s.Decision.Effective().Targets {
		if poolNamed(s, t.Pool).Stock.HitRate > 0 {
			o.put(c.warm, float64(t.Warm), t.Pool)
		}
		for _, k := range t.Types {
			o.put(c.types, float64(k.Instances), t.Pool, k.Type)
		}
	}
}

func (o sink) targets(d *prometheus.Desc, p pool.Plan) {
	for _, t := range p.Targets {
		o.put(d, float64(t.Instances), t.Pool, string(t.Class))
	}
}

// ahead sends what a valid decision says about the future, and what earlier ones said about the present.
func (c *collector) ahead(o sink, s pool.Snapshot) {
	for _, h := range s.Horizons {
		for _, p := range s.Probabilities {
			labels := []string{string(s.Unit), horizonText(h), probabilityText(p)}
			o.put(c.forecast, ahead(s.Decision.DemandAhead, h, p), labels...)
			o.put(c.peak, ahead(s.Decision.PeakAhead, h, p), labels...)
		}
	}
	for _, f := range s.ForNow {
		o.put(c.forNow, demand(f.Value), string(s.Unit), horizonText(f.Horizon), probabilityText(f.Probability))
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
