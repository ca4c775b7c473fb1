// Package replay says what would have happened: it lets policies decide minute by minute over a load that is known, against a simulated
// cluster, and compares what they cost with what they left unserved.
//
// Two rules make the answer honest. A policy is handed what lies before the minute that it decides about and nothing more, as a slice
// without capacity beyond it. And every policy is run in the same cluster, with the same number of settings to choose from on the part of
// the trace that is for choosing, and is judged on the part after it.
package replay

import (
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// Load is the load offered to a fleet, which no decision changes. Values[m] is its mean over minute m after Start, in Unit, NaN where
// nobody knows it; such a minute is billed and is not scored. Where the source is coarser than a minute, each of its values, which came
// Step after the one before, stands in all of its minutes.
type Load struct {
	Name   string
	Unit   series.Unit
	Start  time.Time
	Step   time.Duration
	Values []float64
}

// Site is what a fleet runs on.
type Site struct {
	// Pools are as configured. What serves is their Capacity, Min, Max, LeadTime, which is the boot time, Price and Domain: a pool without
	// a domain loses its instances one by one, and the pools of one domain lose all that is ready at once.
	Pools    []pool.Pool
	Actuator Actuator
	// BootSpread is the standard deviation of the boot time over its mean, 0 for a constant one; lognormal.
	BootSpread float64
	// MinimumBill is the least time that a started instance is paid for.
	MinimumBill time.Duration
	// Backlog carries what is not served over to the next minute; without it, it is lost. Retries is the share of it that comes back, from 0,
	// which counts as 1, to 1.
	Backlog bool
	Retries float64
	// Seed is that of boot times and interruptions.
	Seed uint64
}

// Actuator is what lies between a wish and an instance: the horizontal pod autoscaler's arithmetic and the node autoscaler's patience.
type Actuator struct {
	Name string
	// Tolerance is the change, as a share of the present number, that the pod autoscaler ignores, that share included.
	Tolerance float64
	// DownWindow is the pod autoscaler's stabilisation window for scaling down: the highest recommendation in it counts.
	DownWindow time.Duration
	// UpPods and UpPercent bound what one UpPeriod adds, the larger of both; both zero for no bound.
	UpPods, UpPercent int
	UpPeriod          time.Duration
	// Scan is the time between two looks of the node autoscaler, a tick of 15 seconds at least, and Unneeded for how long an instance must
	// have been idle to be stopped.
	Scan, Unneeded time.Duration
}

// Direct is an actuator that does at the next tick what is asked for.
func Direct() Actuator { return Actuator{Name: "direct"} }

// HPA is the pod autoscaler and the node autoscaler with their documented defaults: 10 % tolerance, five minutes of stabilisation, four
// pods or 100 % up in 15 seconds, ten minutes until an idle node is stopped.
func HPA() Actuator {
	return Actuator{
		Name: "hpa", Tolerance: 0.1, DownWindow: 5 * time.Minute, UpPods: 4, UpPercent: 100, UpPeriod: 15 * time.Second,
		Scan: 10 * time.Second, Unneeded: 10 * time.Minute,
	}
}

// HPAZero is HPA with a tolerance of zero, which an exact plan needs.
func HPAZero() Actuator {
	a := HPA()
	a.Name, a.Tolerance = "hpa-zero", 0
	return a
}

// Policy decides how many instances are wanted. It has one setting, which trades cost for shortage.
type Policy interface {
	Name() string
	// Settings returns the values of the setting that are tried, the leanest first. All policies have as many, but those that need fewer.
	Settings() []float64
	// Start begins a replay at one site with all given settings at once.
	Start(s Site, settings []float64) (Planner, error)
}

// Planner is a Policy under way. Plan is called once for every minute, in order.
type Planner interface {
	// Plan is given the loads before minute m = len(past), which began at the given time, and sets wanted[k][i] to the instances of pool i
	// under the k-th setting. past must not be changed or kept. What wanted holds when it is called is what it was left with.
	Plan(at time.Time, past []float64, wanted [][]int) error
	// Close ends it.
	Close()
}

// Outcome is what one part of a run came to.
type Outcome struct {
	// Minutes is how many minutes were scored; Violations how many of them had any shortage, and WorstRun the longest run of these.
	Minutes, Violations, WorstRun int
	// Offered and Unmet are load in unit-minutes, with a backlog unmet in every minute in which it waits; Excess is capacity that stood ready
	// and was not used.
	Offered, Unmet, Excess float64
	// InstanceHours counts every instance from its start on, boot and minimum bill included, in instances of the first pool: one of another
	// pool counts as its capacity over that of the first. Money is at the pools' prices, what is committed and what interruptions made to
	// be done again included.
	InstanceHours, Money float64
	Starts, Interrupted  int
	// Worst is the share of violation minutes on the worst day, in UTC, which began at WorstDay.
	Worst    float64
	WorstDay time.Time
	// Days holds the share of violation minutes, the instance-hours and the unmet load of each day.
	Days []Day
}

// Day is one day of an Outcome.
type Day struct {
	Start         time.Time
	Violations    float64
	InstanceHours float64
	Unmet         float64
}
