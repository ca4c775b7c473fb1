package config

import (
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// The comments of this file are the text of CONFIG.md: WriteDoc reads them from here, of each the first paragraph.

// Expr is a PromQL expression. It is never empty where its key is present.
type Expr string

// Config is the whole file.
//
// A Config that Load or Parse returns is complete, since defaults are filled in, and checked. Nobody changes it afterwards.
type Config struct {
	// Prometheus says where histories are read. Exactly one of prometheus and embedded must be present.
	Prometheus *Prometheus `yaml:"prometheus,omitempty"`
	// Embedded starts a Prometheus in this process, for those who have none.
	Embedded *Embedded `yaml:"embedded,omitempty"`
	// Source is history where this process makes the decisions, and prometheus where it reads back those that other processes exported, to
	// serve them at its own doors. Then fleets are those to serve, all that are found where there are none, of which only the name matters.
	Source string `yaml:"source" oneof:"history,prometheus"`
	// Match restricts what is read back to series with further labels, such as cluster="eu", where one Prometheus API holds several
	// installations. It is for source: prometheus.
	Match string `yaml:"match,omitempty"`
	// Storage says where small state is kept.
	Storage Storage `yaml:"storage"`
	// Interval is the time between two turns, 1s to 1h. Each turn reads the demand, forecasts it and decides.
	Interval model.Duration `yaml:"interval"`
	// History is how much of the past a forecast learns from: at least 1d, and at most a million steps of any demand.
	History model.Duration `yaml:"history"`
	// Horizons are how far ahead forecasts are shown on /metrics, ascending, each a whole multiple of the step of every demand, the
	// last at most half the history. The external metrics API and /api/v1 answer for any horizon up to the longest.
	Horizons []model.Duration `yaml:"horizons"`
	// Probabilities are those with which demand stays at or below the forecasts shown on /metrics, ascending, 0.005 to 0.999. Horizons
	// times probabilities are at most 9, since each pair is a time series for every fleet.
	Probabilities []float64 `yaml:"probabilities"`
	// PriceFile is a CSV file of prices by type of instance, relative to the folder of this file: a header line with the columns type,
	// hourly and, where wanted, committed_ratio and interruptions_per_hour, and a row for each type. It is read again with this file.
	PriceFile string `yaml:"price_file,omitempty"`
	// Validity is how long a decision may be used, at least two intervals. A decision older than that disappears from every door.
	Validity model.Duration `yaml:"validity"`
	// ExternalMetrics is what the external metrics API serves beside our own metrics.
	ExternalMetrics ExternalMetrics `yaml:"external_metrics"`
	// Fleets are the demands to forecast, and the pools of instances that serve them. At least one is needed where source is history.
	Fleets []Fleet `yaml:"fleets"`

	hash  uint64
	hints []string
}

// Prometheus is any server with the Prometheus HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.
type Prometheus struct {
	// URL is the address of the server, http or https, with a path where the API is below one. It holds no user and no password: these
	// belong in http_config.
	URL string `yaml:"url"`
	// HTTPConfig is the authentication, the TLS, the proxy and the headers of the client.
	HTTPConfig promconfig.HTTPClientConfig `yaml:"http_config"`
	// Timeout bounds one request, 1s to 10m.
	Timeout model.Duration `yaml:"timeout"`
	// MaxPoints is how many points of one series the server returns to one query_range; longer ranges are read in slices.
	MaxPoints int `yaml:"max_points"`
	// Concurrency is how many requests may be under way at once, 1 to 64.
	Concurrency int `yaml:"concurrency"`
	// MaxClockOffset is how far the server's clock may differ from ours, 0 or 1s to 1h; 0 is no bound. Beyond it nothing is read, so that a
	// process whose clock is wrong decides nothing rather than take the past for the present.
	MaxClockOffset model.Duration `yaml:"max_clock_offset"`
	// QueryCheck refuses expressions that Prometheus's own parser does not accept. It is false for a dialect such as MetricsQL.
	QueryCheck bool `yaml:"query_check"`
}

// Embedded is the Prometheus in this process: storage, PromQL, scraping and the HTTP API.
type Embedded struct {
	// Path is the folder of its storage, relative to the working directory.
	Path string `yaml:"path"`
	// Retention is how long samples are kept, at least as long as history.
	Retention model.Duration `yaml:"retention"`
	// ListenAddress is the host and port of its HTTP API, which has no authentication: keep it on loopback. Port 0 takes a free one.
	ListenAddress string `yaml:"listen_address"`
	// ScrapeInterval is the time between two scrapes of a target, 1s to 2m: the storage takes a series for gone after 5m.
	ScrapeInterval model.Duration `yaml:"scrape_interval"`
	// ScrapeConfigs are what is scraped, as in a Prometheus configuration file. Relative names of files in it are relative to the
	// folder of this file.
	ScrapeConfigs ScrapeConfigs `yaml:"scrape_configs,omitempty"`
}

// Storage is where small state is kept, such as a kill switch that was set while running.
type Storage struct {
	// Path is the folder, relative to the working directory.
	Path string `yaml:"path"`
}

// Fleet is one demand and the pools of instances that serve it.
type Fleet struct {
	// Name is the fleet's name on every door, unique in the file: at most 63 letters, digits, '-', '_' and '.', of which the first and
	// the last are letters or digits.
	Name string `yaml:"name" required:"true"`
	// Demand is what is forecast.
	Demand Demand `yaml:"demand" required:"true"`
	// Leading lists expressions whose series run ahead of the demand, such as submissions by group; at most 16 expressions, and 16 series
	// of them all. They are used where that forecasts better. One that can't be read is missing, and holds nothing up.
	Leading []Expr `yaml:"leading,omitempty"`
	// Exclude lists expressions; the times at which one of them has a sample, such as a firing alert, are never learnt from.
	Exclude []Expr `yaml:"exclude,omitempty"`
	// Calendar says what is special about days to come. Without it days are those of UTC, and every week is like another.
	Calendar *Calendar `yaml:"calendar,omitempty"`
	// Policy is what the fleet may do.
	Policy Policy `yaml:"policy"`
	// Pools are what serves the demand. At least one is needed.
	Pools []Pool `yaml:"pools" required:"true"`
}

// Demand is the offered load of a fleet: never a utilisation, which changes when the fleet scales, and never a number of replicas, which
// is our own output.
type Demand struct {
	// Query yields the demand as one series.
	Query Expr `yaml:"query" required:"true"`
	// Unit is what the demand is counted in: cores, bytes, gpus, requests_per_second, requests, jobs, nodes, sessions or units.
	Unit string `yaml:"unit" required:"true"`
	// Step is the time between two observations, 1s to 1h. It divides a day, so that a season is a whole number of steps.
	Step model.Duration `yaml:"step" default:"interval"`
	// Pending yields the work that waits beside the demand, in the same unit, where full capacity hides a part of the demand. Where it
	// yields nothing, what it yielded last is assumed for a while: write "or vector(0)" where nothing means that nothing waits. It is added
	// to the present demand once, when a decision is made, and never learnt.
	Pending Expr `yaml:"pending,omitempty"`
	// Saturated yields a value other than 0 while full capacity hides a part of the demand, such as "sum(batch_used_cores) >=
	// 0.95 * sum(batch_cores)". An observation made then is a lower bound of the demand: one that is below what was observed at the same
	// time on earlier days counts as missing for learning, so that it never pulls the forecast down.
	Saturated Expr `yaml:"saturated,omitempty"`
	// Failing yields a value other than 0 while the served workload fails, such as a firing alert on its errors. Where the demand is less than
	// half of what it was within the last hour at the same time, or up to 10m after, nothing shrinks: the demand that an outage keeps away comes
	// back at once.
	Failing Expr `yaml:"failing,omitempty"`
	// Shapes yields how many jobs of each shape there are, as one series a shape whose labels cpu, memory and gpu say what one job
	// asks for: cores, bytes or a size such as 64GiB, and devices. A label that is absent is 0. What an instance of a pool with a shape
	// serves then follows from the jobs of the last whole hour.
	Shapes Expr `yaml:"shapes,omitempty"`
}

// Calendar is what is known about times, past and to come.
type Calendar struct {
	// TimeZone is the one that people keep, by its name in the IANA database: days begin at its midnight, and its clocks change.
	TimeZone string `yaml:"time_zone"`
	// Holidays are the regions whose public holidays are kept, by code: US, DE, DE-BY. A single one may be written without a list.
	Holidays Holidays `yaml:"holidays,omitempty"`
	// Events is an iCalendar file, relative to the folder of this file: each event is learnt under its name, and those of the category
	// EXCLUDE are windows that are never learnt from. It is read again with this file.
	Events string `yaml:"events,omitempty"`
}

// Policy is what the operator decides about one fleet.
type Policy struct {
	// Mode is shadow where everything is computed, shown and scored while doors answer with the reactive need, and act where doors
	// answer with the plan.
	Mode string `yaml:"mode" oneof:"shadow,act"`
	// Kill is the kill switch: while it is true, doors answer with the reactive need.
	Kill bool `yaml:"kill"`
	// Probability is that with which the demand is to be met: the one knob for risk, 0.005 to 0.999.
	Probability float64 `yaml:"probability,omitempty"`
	// Paced lets the probability be met over time: windows are sized with one that follows from how often the plans were enough. Without
	// it each window is sized with probability.
	Paced bool `yaml:"paced"`
	// Cost is what the probability follows from where it is not given: at most one of probability and cost may be present.
	Cost *Cost `yaml:"cost,omitempty"`
	// StaleAfter is the age from which an observation is no longer the present demand; nothing shrinks from then on. It is at
	// least two intervals; where the step of the demand is longer than the interval, the age counts from the end of the step.
	StaleAfter model.Duration `yaml:"stale_after"`
	// Hold is how long after that decisions go on without shrinking, at most 7d. Then none is made until the demand is observed again:
	// the last one runs out after validity, and doors answer with an error.
	Hold model.Duration `yaml:"hold"`
	// Churn is the extra price of one stop and start, in time of an idle instance, at most 1d. A surplus instance is kept for its lead
	// time, linger and churn together, the break-even time.
	Churn model.Duration `yaml:"churn"`
	// Linger is how long the platform keeps an idle instance anyway, at most 1d.
	Linger model.Duration `yaml:"linger"`
	// Limits bound what a forecast may do. The reactive need is met whatever they say.
	Limits Limits `yaml:"limits"`
	// Migration says when instances are to be moved from one pool to another.
	Migration Migration `yaml:"migration"`
}

// Cost is what a shortage costs. With it the demand is met with probability shortage / (shortage + idle), where idle is the lowest price
// of a unit of the demand for an hour among the pools, within 0.005 to 0.999.
type Cost struct {
	// Shortage is the money that one unit of the demand costs for each hour in which it is not served.
	Shortage float64 `yaml:"shortage" required:"true"`
}

// Migration says when a move of instances between pools is worth proposing. A move is a proposal, which act lets this program make; it changes
// no number that autoscalers are told. It stands while it is worth it, and counts as made when it stands no more. Only instances that are
// known to be warm are moved, so the pools need warm_instances and warming_instances, and equal shapes or types.
type Migration struct {
	// Enabled lets the plan propose moves.
	Enabled bool `yaml:"enabled"`
	// Act lets proposed moves be made, by draining nodes of the cluster and relabelling them. It needs mode act, and nodes.labels of each pool.
	Act bool `yaml:"act"`
	// Margin is by how much the saving must exceed what the move costs, as a share of the latter, at least 0.5.
	Margin float64 `yaml:"margin"`
	// Budget is how many instances may be moved in an hour, at least 1.
	Budget int `yaml:"budget"`
	// CoolDown is how long an instance stays where it was moved to, at most 1d. Nothing is moved back within the break-even time either.
	CoolDown model.Duration `yaml:"cool_down"`
	// Drain is how long an instance that leaves a pool serves nothing, at most 1d.
	Drain model.Duration `yaml:"drain"`
	// Disruption is what the move of one instance costs beside that, in the money of the pools' prices.
	Disruption float64 `yaml:"disruption"`
}

// Limits bound what a forecast may do. For each of them 0 is no limit.
type Limits struct {
	// Lift bounds the plan to this multiple of the capacity that the present demand needs, at least 1.
	Lift float64 `yaml:"lift"`
	// StepUp bounds the instances that one turn adds to a pool.
	StepUp int `yaml:"step_up"`
	// StepDown bounds the instances that one turn takes from a pool.
	StepDown int `yaml:"step_down"`
	// HourlyCost bounds what the plan costs in an hour, in the money of the pools' prices.
	HourlyCost float64 `yaml:"hourly_cost"`
}
