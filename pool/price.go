package pool

import "time"

// Price is what one instance costs. Money is whatever one money the operator counts in; a zero Price is unknown, and then nothing is
// chosen by cost.
type Price struct {
	// Hourly is the price of one instance for an hour where nothing is committed.
	Hourly float64
	// Commitment is what is promised for a lower price.
	Commitment Commitment
	// InterruptionsPerHour is the hazard with which a running instance is taken away, 0 for never; Restart is the work that is lost then, in
	// time of one instance.
	InterruptionsPerHour float64
	Restart              time.Duration
}

// Commitment is a lower price for instances that are paid whether used or not.
type Commitment struct {
	// Ratio is the committed price over Hourly, in (0, 1); 0 where no commitment is to be had.
	Ratio float64
	// Instances is how many are committed already.
	Instances int
}

// Risk says what interruptions are guarded with. It is the fleet's, alike in all its pools.
type Risk struct {
	// Probability is that with which enough interruptible instances are to be left at the end of a lead time; 0 for no more instances than
	// the demand needs.
	Probability float64
	// Shortage is the price of one unit of the demand that is not served for an hour, 0 for none.
	Shortage float64
}

// Shape is what one job asks for, or what one instance offers: cores, bytes of memory, and devices. A dimension that is 0 in every offer
// does not count.
type Shape struct{ CPU, Memory, GPU float64 }

// Type is one kind of instance of a pool that has several.
type Type struct {
	Name string
	// Capacity is the demand that one instance serves, in the fleet's unit, and Max how many there may be, 0 for no bound.
	Capacity float64
	Max      int
	Shape    Shape
	Price    Price
}

// WarmPolicy asks for instances that stand by, ready and idle, beside those that serve.
type WarmPolicy struct {
	// HitRate is the share of claims that are to find an instance standing by, in (0, 1); 0 for no warm stock.
	HitRate float64
	// LeadTime is the time from asking for a warm instance until it stands by; 0 is the pool's own.
	LeadTime time.Duration
}

// Burst describes burstable instances: one serves Capacity while it has credits and Baseline of that without. A credit is one full
// instance for a minute.
type Burst struct {
	// Baseline is the share of Capacity that is earned all the time, in (0, 1); 0 for instances that are not burstable.
	Baseline float64
	// MaxCredits bounds what one instance saves up; Credits is what an instance has now on average, NaN where that is not known.
	MaxCredits, Credits float64
}
