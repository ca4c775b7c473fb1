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
	// Validity is how long a decision may be used, at least two intervals. A decision older than that disappears from every door.
	Validity model.Duration `yaml:"validity"`
	// Fleets are the demands to forecast, and the pools of instances that serve them. At least one is needed.
	Fleets []Fleet `yaml:"fleets" required:"true"`

	hash uint64
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
	// yields nothing, what it yielded last is assumed for a while: write "or vector(0)" where nothing means that nothing waits.
	Pending Expr `yaml:"pending,omitempty"`
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
	Probability float64 `yaml:"probability"`
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

// Pool is a set of interchangeable instances.
type Pool struct {
	// Name is the pool's name on every door, unique in the fleet, of the same characters as that of the fleet.
	Name string `yaml:"name" required:"true"`
	// Class is fixed for a guaranteed shape that is paid whether used or not, and variable for spot and other elastic instances.
	Class string `yaml:"class" required:"true" oneof:"fixed,variable"`
	// Capacity is the demand that one instance serves, in the unit of the demand.
	Capacity float64 `yaml:"capacity" required:"true"`
	// Min is the number of instances that the pool always has.
	Min int `yaml:"min"`
	// Max is the number of instances that the pool has at most; 0 is no upper bound.
	Max int `yaml:"max"`
	// LeadTime is the time from asking for an instance until it serves.
	LeadTime LeadTime `yaml:"lead_time"`
	// Price is what an instance costs.
	Price Price `yaml:"price"`
	// Instances yields how many instances there are now, as one series.
	Instances Expr `yaml:"instances,omitempty"`
}

// LeadTime is a duration, or a query with a duration for when it has no answer.
//
// In Go, a plain duration is a LeadTime with that Default and no Query.
type LeadTime struct {
	// Query yields the measured lead time in seconds, as one series.
	Query Expr `yaml:"query,omitempty" required:"true"`
	// Default is the lead time where the query has no answer, 1s to 1d.
	Default model.Duration `yaml:"default"`
}

// Price is what an instance of a pool costs.
type Price struct {
	// Hourly is the price of one instance for an hour, in any one money.
	Hourly float64 `yaml:"hourly"`
}
