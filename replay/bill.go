package replay

import (
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// tickHours is how much of an hour a tick is.
const tickHours = float64(tick) / float64(time.Hour)

// cost returns the money that a tick with n instances of a pool costs, and owed more instance-ticks. What is committed is paid at its
// ratio whether there are as many instances or not, and what there is beyond at the full price.
func cost(p pool.Price, n, owed int) float64 {
	full := n
	var committed float64
	if c := p.Commitment; c.Ratio > 0 && c.Instances > 0 {
		full = max(n-c.Instances, 0)
		committed = c.Ratio * float64(c.Instances)
	}
	return p.Hourly * tickHours * (committed + float64(full+owed))
}

// redone returns the money that n interruptions cost: the work that is done again.
func redone(p pool.Price, n int) float64 { return p.Hourly * p.Restart.Hours() * float64(n) }
