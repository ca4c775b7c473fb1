package exporter

import (
	"math"
	"net/http"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// explainData is GET /api/v1/fleets/{name}/explain: every number of the latest decision, valid or not, and the same in words.
type explainData struct {
	Fleet       string     `json:"fleet"`
	Unit        string     `json:"unit"`
	State       string     `json:"state"`
	Reason      string     `json:"reason"`
	ReadyAt     *time.Time `json:"ready_at"`
	Mode        string     `json:"mode,omitempty"`
	Killed      bool       `json:"killed"`
	At          *time.Time `json:"at"`
	ValidUntil  *time.Time `json:"valid_until"`
	Valid       bool       `json:"valid"`
	Probability float64    `json:"probability"`
	// Working is the probability that the windows of this turn are sized with, null where that is not known.
	Working number     `json:"working_probability"`
	Input   *inputData `json:"input"`
	// Workload is null where nobody has looked at the demand.
	Workload  *workloadData `json:"workload"`
	Forecast  *explainAhead `json:"forecast"`
	Selection selectionData `json:"selection"`
	Pools     []poolData    `json:"pools"`
	Plans     *plansData    `json:"plans"`
	Guards    []guardData   `json:"guards"`
	Text      []string      `json:"text"`
}

type inputData struct {
	Demand   number     `json:"demand"`
	DemandAt *time.Time `json:"demand_at"`
	Pending  number     `json:"pending"`
}

// explainAhead holds the forecast at the fleet's horizons and probabilities.
type explainAhead struct {
	Method string     `json:"method"`
	Origin *time.Time `json:"origin"`
	Step   string     `json:"step"`
	Steps  []stepData `json:"steps"`
}

type selectionData struct {
	Method   string      `json:"method"`
	RunnerUp string      `json:"runner_up"`
	Reason   string      `json:"reason"`
	Limited  bool        `json:"limited"`
	ReadyAt  *time.Time  `json:"ready_at"`
	Scores   []scoreData `json:"scores"`
}

type scoreData struct {
	Method   string `json:"method"`
	FromStep int    `json:"from_step"`
	ToStep   int    `json:"to_step"`
	Quantile number `json:"quantile_score"`
	Scaled   number `json:"scaled_score"`
	Coverage number `json:"coverage"`
	N        int    `json:"n"`
}

// poolData is a pool as it stands. What is not known of its instances is null, and so is a price that is not known. Sizing and the three
// counts are null where the latest decision does not have them, and Desired also where that is no longer valid. Max is 0 where nothing but
// the types bounds the pool.
type poolData struct {
	Pool        string      `json:"pool"`
	Class       string      `json:"class"`
	Capacity    number      `json:"capacity"`
	Min         int         `json:"min"`
	Max         int         `json:"max"`
	LeadTime    string      `json:"lead_time"`
	HourlyPrice number      `json:"hourly_price"`
	Present     *int        `json:"present"`
	Warming     *int        `json:"warming"`
	Warm        *int        `json:"warm"`
	Active      *int        `json:"active"`
	Sizing      *sizingData `json:"sizing"`
	Desired     *int        `json:"desired"`
	Planned     *int        `json:"planned"`
	Reactive    *int        `json:"reactive"`
	// WarmDesired and Types are of what autoscalers are told, WarmPlanned and TypesPlanned of the plan.
	WarmDesired  *int       `json:"warm_desired"`
	WarmPlanned  *int       `json:"warm_planned"`
	Types        []typeData `json:"types,omitempty"`
	TypesPlanned []typeData `json:"types_planned,omitempty"`
}

// typeData is the instances of one type in a pool that has several.
type typeData struct {
	Type      string `json:"type"`
	Instances int    `json:"instances"`
}

// sizingData is how a pool's number came about before the guards. Previous is null where it is not known.
type sizingData struct {
	LeadTime   string `json:"lead_time"`
	Hold       string `json:"hold"`
	Foreseen   number `json:"foreseen_demand"`
	AddDemand  number `json:"add_demand"`
	KeepDemand number `json:"keep_demand"`
	Add        int    `json:"add"`
	Keep       int    `json:"keep"`
	Reactive   int    `json:"reactive"`
	Warm       int    `json:"warm"`
	Previous   *int   `json:"previous"`
	Wanted     int    `json:"wanted"`
}

// plansData holds the plans of the latest decision. Desired is null where that is no longer valid: autoscalers are told nothing.
type plansData struct {
	Desired  *planData `json:"desired"`
	Planned  planData  `json:"planned"`
	Reactive planData  `json:"reactive"`
}

// planData is a plan as a whole. HourlyCost is null where no pool has a price, and OnDemandHourlyCost where it is not known what as much
// capacity costs without commitments and interruptible instances.
type planData struct {
	Instances          int           `json:"instances"`
	Unmet              number        `json:"unmet_ratio"`
	HourlyCost         number        `json:"hourly_cost"`
	OnDemandHourlyCost number        `json:"on_demand_hourly_cost"`
	Moves              []moveData    `json:"moves"`
	Unmoved            []unmovedData `json:"unmoved"`
}

type guardData struct {
	Name   string `json:"name"`
	Pool   string `json:"pool,omitempty"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Reason string `json:"reason"`
}

// explain answers GET /api/v1/fleets/{name}/explain.
func (s *Server) explain(r *http.Request) (any, *apiError) {
	if fail := onlyParameters(r); fail != nil {
		return nil, fail
	}
	f, fail := s.fleet(r)
	if fail != nil {
		return nil, fail
	}
	return explainOf(f, s.o.Now()), nil
}

func explainOf(s pool.Snapshot, now time.Time) explainData {
	d := s.Decision
	out := explainData{
		Fleet: s.Fleet, Unit: string(s.Unit), State: string(s.State), Reason: s.Reason, ReadyAt: stamp(s.ReadyAt),
		Mode: string(d.Mode), Killed: d.Killed, At: stamp(d.At), ValidUntil: stamp(d.ValidUntil), Valid: d.Valid(now),
		Probability: s.Probability, Working: number(math.NaN()), Selection: selectionOf(s), Pools: poolsOf(s, now), Guards: make([]guardData, 0, len(d.Guards)),
		Workload: workloadOf(s.Workload), Text: Explain(s, now),
	}
	for _, g := range d.Guards {
		out.Guards = append(out.Guards, guardData(g))
	}
	if d.At.IsZero() {
		return out
	}
	out.Probability = d.Probability
	if d.Working > 0 {
		out.Working = number(d.Working)
	}
	out.Input = &inputData{Demand: number(demand(d.Demand)), DemandAt: stamp(d.DemandAt), Pending: number(demand(d.Pending))}
	out.Plans = &plansData{Planned: planDataOf(s, d.Plan), Reactive: planDataOf(s, d.Reactive)}
	if out.Valid {
		desired := planDataOf(s, d.Effective())
		out.Plans.Desired = &desired
	}
	out.Forecast = aheadOf(s)
	return out
}

func planDataOf(s pool.Snapshot, p pool.Plan) planData {
	out := planData{
		Instances: p.Total(), Unmet: number(p.Unmet), HourlyCost: number(hourlyCost(s, p)), OnDemandHourlyCost: number(onDemandCost(s, p)),
	}
	out.Moves, out.Unmoved = movesOf(p)
	return out
}

func selectionOf(s pool.Snapshot) selectionData {
	sel := s.Selection
	out := selectionData{
		Method: sel.Method, RunnerUp: sel.RunnerUp, Reason: sel.Reason, Limited: sel.Limited, ReadyAt: stamp(sel.ReadyAt),
		Scores: make([]scoreData, 0, len(sel.Scores)),
	}
	for _, c := range sel.Scores {
		out.Scores = append(out.Scores, scoreData{
			Method: c.Method, FromStep: c.FromStep, ToStep: c.ToStep,
			Quantile: number(c.Quantile), Scaled: number(c.Scaled), Coverage: number(c.Coverage), N: c.N,
		})
	}
	return out
}

// aheadOf returns the forecast at the fleet's horizons, those beyond its reach left out, nil where there is no forecast.
func aheadOf(s pool.Snapshot) *explainAhead {
	f := s.Decision.Forecast
	if len(f.Steps) == 0 || f.Step <= 0 {
		return nil
	}
	out := &explainAhead{Method: f.Method, Origin: stamp(f.Origin), Step: horizonText(f.Step), Steps: make([]stepData, 0, len(s.Horizons))}
	for _, horizon := range s.Horizons {
		if h := f.StepAt(f.Origin.Add(horizon)); h >= 1 && h <= len(f.Steps) {
			out.Steps = append(out.Steps, stepOf(s.Decision, h, s.Probabilities))
		}
	}
	return out
}

func poolsOf(s pool.Snapshot, now time.Time) []poolData {
	out := make([]poolData, 0, len(s.Pools))
	for _, p := range s.Pools {
		data := poolData{
			Pool: p.Name, Class: string(p.Class), Capacity: number(p.Capacity), Min: p.Min, Max: p.Max, LeadTime: horizonText(p.LeadTime),
			HourlyPrice: number(hourlyPrice(p)), Present: present(p), Warming: inPhase(p, p.Warming), Warm: inPhase(p, p.Warm), Active: inPhase(p, p.Active),
			Planned:  counted(s.Decision.Plan, p.Name),
			Reactive: counted(s.Decision.Reactive, p.Name),
		}
		data.WarmPlanned, data.TypesPlanned = composition(s.Decision.Plan, p)
		if s.Decision.Valid(now) {
			data.Desired = counted(s.Decision.Effective(), p.Name)
			data.WarmDesired, data.Types = composition(s.Decision.Effective(), p)
		}
		if z, ok := sizingOf(s.Decision, p.Name); ok {
			data.Sizing = sizingDataOf(z)
		}
		out = append(out, data)
	}
	return out
}

func counted(p pool.Plan, name string) *int {
	if n, ok := p.Instances(name); ok {
		return &n
	}
	return nil
}

// composition returns what a plan's instances of a pool consist of; warm is nil where the pool has no stock.
func composition(plan pool.Plan, p pool.Pool) (warm *int, types []typeData) {
	for _, t := range plan.Targets {
		if t.Pool != p.Name {
			continue
		}
		if p.Stock.HitRate > 0 {
			warm = &t.Warm
		}
		for _, k := range t.Types {
			types = append(types, typeData(k))
		}
	}
	return warm, types
}

func sizingDataOf(z pool.Sizing) *sizingData {
	out := &sizingData{
		LeadTime: horizonText(z.LeadTime), Hold: horizonText(z.Hold),
		Foreseen: number(demand(z.Foreseen)), AddDemand: number(demand(z.AddDemand)), KeepDemand: number(demand(z.KeepDemand)),
		Add: z.Add, Keep: z.Keep, Reactive: z.Reactive, Warm: z.Warm, Wanted: wanted(z),
	}
	if z.Previous >= 0 {
		out.Previous = &z.Previous
	}
	return out
}
