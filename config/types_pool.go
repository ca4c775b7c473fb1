package config

import "github.com/prometheus/common/model"

// The comments of this file are the text of CONFIG.md too.

// Bytes is an amount of memory.
type Bytes float64

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
	// LeadTime is the time from asking for an instance until it serves, at most half the history.
	LeadTime LeadTime `yaml:"lead_time"`
	// Price is what an instance costs.
	Price Price `yaml:"price"`
	// Share is the part of the demand that the pool serves, above 0; those of all pools of a fleet add up to 1. Without it the parts are
	// chosen by cost.
	Share float64 `yaml:"share,omitempty"`
	// Domain names what fails together, such as a zone. Pools without one fail alone.
	Domain string `yaml:"domain,omitempty"`
	// Shape is what one instance offers, for a demand whose jobs have shapes.
	Shape *Shape `yaml:"shape,omitempty"`
	// Types are the kinds of instances that the pool chooses from by cost, each with values of its own. Without them all instances are
	// alike; with them capacity, shape and price of the pool are those of an ordinary one.
	Types []Type `yaml:"types,omitempty"`
	// Warm asks for instances that stand by, ready and idle, beside those that serve.
	Warm *Warm `yaml:"warm,omitempty"`
	// Burst describes burstable instances.
	Burst *Burst `yaml:"burst,omitempty"`
	// Nodes says which nodes of the cluster are the pool's instances, which are then counted without queries.
	Nodes *Nodes `yaml:"nodes,omitempty"`
	// Actuate lists what is written into Kubernetes objects after each decision.
	Actuate []Actuate `yaml:"actuate,omitempty"`
	// Instances yields how many instances there are now, as one series.
	Instances Expr `yaml:"instances,omitempty"`
	// WarmInstances yields how many of these are ready and idle, held for demand to come. It goes with warming_instances.
	WarmInstances Expr `yaml:"warm_instances,omitempty"`
	// WarmingInstances yields how many of these are not ready yet.
	WarmingInstances Expr `yaml:"warming_instances,omitempty"`
}

// LeadTime is a duration, or a query that measures it, or learnt from the instances that there were, with a duration for when that is not
// known. At most four times that duration is believed.
//
// In Go, a plain duration is a LeadTime with that Default and nothing else.
type LeadTime struct {
	// Query yields the measured lead time in seconds, as one series.
	Query Expr `yaml:"query,omitempty"`
	// Learn takes the time within which 95 % of the instances that autoscalers were told to add were there, over the last three days, of ten
	// instances at least. It compares the pool's instances, warming ones left out, with our own forethought_pool_instances_desired in the
	// same Prometheus; so it needs autoscalers that follow that number.
	Learn bool `yaml:"learn,omitempty"`
	// Default is the lead time where it is not measured, 1s to 1d.
	Default model.Duration `yaml:"default"`
}

// Price is what an instance costs. Where nothing says so it is unknown, and never 0.
type Price struct {
	// Hourly is the price of one instance for an hour, in any one money; 0 where it is unknown.
	Hourly float64 `yaml:"hourly"`
	// Query yields that price, as one series, such as that of a spot market. What it yielded last holds while it yields nothing, and
	// hourly before it ever did.
	Query Expr `yaml:"query,omitempty"`
	// Type is a row of price_file, whose values hold where they are not given here.
	Type string `yaml:"type,omitempty"`
	// Commitment is a lower price for instances that are paid whether used or not.
	Commitment *Commitment `yaml:"commitment,omitempty"`
	// InterruptionsPerHour is how often a running instance is taken away, 0 for never.
	InterruptionsPerHour float64 `yaml:"interruptions_per_hour"`
	// Restart is the work that is lost then, in time of one instance, at most 1d.
	Restart model.Duration `yaml:"restart"`
}

// Commitment is a lower price for instances that are paid whether used or not.
type Commitment struct {
	// Ratio is the committed price over hourly, above 0 and below 1. It is required unless price_file has it.
	Ratio float64 `yaml:"ratio"`
	// Instances is how many are committed already.
	Instances int `yaml:"instances"`
}

// Shape is what one instance offers. One of its keys at least is above 0.
type Shape struct {
	// CPU is the number of cores.
	CPU float64 `yaml:"cpu"`
	// Memory is in bytes, or a size such as 64GiB.
	Memory Bytes `yaml:"memory"`
	// GPU is the number of devices.
	GPU float64 `yaml:"gpu"`
}

// Type is one kind of instance of a pool that has several.
type Type struct {
	// Name is the type's name, unique in the pool, of the same characters as that of the fleet.
	Name string `yaml:"name" required:"true"`
	// Capacity is the demand that one instance serves, in the unit of the demand.
	Capacity float64 `yaml:"capacity" required:"true"`
	// Max is the number of instances of the type that there may be; 0 is no upper bound.
	Max int `yaml:"max"`
	// Shape is what one instance offers.
	Shape *Shape `yaml:"shape,omitempty"`
	// Price is what an instance costs.
	Price Price `yaml:"price"`
}

// Warm asks for instances that stand by.
type Warm struct {
	// HitRate is the share of claims that are to find an instance standing by, above 0 and below 1.
	HitRate float64 `yaml:"hit_rate" required:"true"`
	// LeadTime is the time from asking for a warm instance until it stands by, at most 1d.
	LeadTime model.Duration `yaml:"lead_time,omitempty" default:"lead_time"`
}

// Burst describes burstable instances: one serves its capacity while it has credits, and a part of that without.
type Burst struct {
	// Baseline is the share of capacity that is earned all the time, above 0 and below 1.
	Baseline float64 `yaml:"baseline" required:"true"`
	// MaxCredits is what one instance saves up at most, above 0. A credit is one full instance for a minute.
	MaxCredits float64 `yaml:"max_credits" required:"true"`
	// Credits yields what an instance has now on average, as one series. Where it is not known an instance counts as without.
	Credits Expr `yaml:"credits,omitempty"`
}
