package main

import (
	"fmt"
	"io"
	"math"

	"github.com/forethought-autoscaler/forethought/pool"
)

// writeCommitments says for each pool that has a committed price how many instances are worth committing to, if the load goes on as it
// went: as many as are needed for the share of the time that the committed price is of the other.
func (s *situation) writeCommitments(w io.Writer) error {
	for _, p := range s.site.Pools {
		c := p.Price.Commitment
		if c.Ratio == 0 {
			continue
		}
		needed := make([]float64, 0, len(s.load.Values))
		for _, v := range s.load.Values {
			if !math.IsNaN(v) {
				needed = append(needed, v/p.Capacity)
			}
		}
		best, err := pool.Committed(needed, c.Ratio)
		if err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
		if p.Max > 0 {
			best = min(best, p.Max)
		}
		with, err := pool.CommittedCost(needed, best, c.Ratio, p.Price.Hourly)
		if err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
		without, err := pool.CommittedCost(needed, c.Instances, c.Ratio, p.Price.Hourly)
		if err != nil {
			return fmt.Errorf("pool %s: %w", p.Name, err)
		}
		fmt.Fprintf(w, "\ncommitment of %s: %d instances are needed for %.3g %% of the time, from which on %.3g of the price pays; with them the load costs "+
			"%.4g an hour, with the %d of now %.4g\n", p.Name, best, 100*c.Ratio, c.Ratio, with, c.Instances, without)
	}
	return nil
}
