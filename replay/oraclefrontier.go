package replay

import (
	"fmt"
	"math"
)

// OracleFrontier returns for each price the least of instance-minutes plus price times the unmet load, in minutes of one instance's capacity:
// what leaving a shortage gains who knows all of the load. The higher the price the less is unmet, and an infinite one is Oracle's. Each
// instance decides alone, since of the load beyond k-1 instances the k-th serves up to its capacity: a shortest path through on and off
// over the minutes in which it has something to serve.
func OracleFrontier(loads []float64, capacity float64, c Cycle, prices []float64) ([]Optimum, error) {
	need, err := needs(loads, capacity)
	if err != nil {
		return nil, err
	}
	out := make([]Optimum, len(prices))
	for i, price := range prices {
		if !(price > 0) {
			return nil, fmt.Errorf("oracle: price %v is not above 0", price)
		}
		p := path{
			price: price, start: float64(ticks(c.Start)) / float64(minuteTicks), linger: float64(ticks(c.Linger)) / float64(minuteTicks),
			end: len(loads),
		}
		out[i] = p.all(loads, capacity, need)
	}
	return out, nil
}

// path is the choice between on and off of one instance after the other. Times are minutes.
type path struct {
	price, start, linger float64
	end                  int
	// at are the minutes in which the instance has something to serve, and share how much of it.
	at    []int
	share []float64
	// wasOn[s][j] is whether the instance is best on at at[j-1] when it is off (s = 0) or on (1) at at[j].
	wasOn [2][]bool
}

func (p *path) all(loads []float64, capacity float64, need []int) Optimum {
	var o Optimum
	served := make([]int, len(loads))
	for t, n := range need {
		if n > 0 {
			p.at = append(p.at, t)
		}
	}
	for k := 0; len(p.at) > 0; k++ {
		p.share = p.share[:0]
		for _, t := range p.at {
			p.share = append(p.share, min(loads[t]/capacity-float64(k), 1))
		}
		p.back(p.forth(), &o, served)
		left := p.at[:0]
		for _, t := range p.at {
			if need[t] > k+1 {
				left = append(left, t)
			}
		}
		p.at = left
	}
	for t, n := range need {
		if served[t] < n {
			o.Violations++
		}
	}
	o.InstanceHours /= 60
	o.Unmet *= capacity
	return o
}

// forth finds the cheapest ways to be off and on at every minute, and returns whether the instance is best on at the last.
func (p *path) forth() bool {
	p.wasOn[0], p.wasOn[1] = p.wasOn[0][:0], p.wasOn[1][:0]
	off, on := 0.0, math.Inf(1)
	for j := range p.at {
		stop, begin, stay := on+p.stop(j-1), off+p.begin(j), on+p.stay(j)
		p.wasOn[0] = append(p.wasOn[0], stop < off)
		p.wasOn[1] = append(p.wasOn[1], stay <= begin)
		off = min(off, stop) + p.miss(j)
		on = min(begin, stay) + 1
	}
	return on+p.stop(len(p.at)-1) <= off
}

// back follows the cheapest way from its end and adds it to o.
func (p *path) back(on bool, o *Optimum, served []int) {
	last := len(p.at) - 1
	if on {
		o.InstanceHours += p.stop(last)
	}
	for j := last; j >= 0; j-- {
		if !on {
			o.Unmet += p.share[j]
			if on = p.wasOn[0][j]; on {
				o.InstanceHours += p.stop(j - 1)
			}
			continue
		}
		served[p.at[j]]++
		o.InstanceHours++
		if on = p.wasOn[1][j]; on {
			o.InstanceHours += p.stay(j)
			if p.gap(j) > p.start+p.linger {
				o.Starts++
			}
			continue
		}
		o.InstanceHours += p.begin(j)
		if float64(p.at[j]) > p.start {
			o.Starts++
		}
	}
}

// miss is the price of being off at at[j].
func (p *path) miss(j int) float64 { return p.price * p.share[j] }

// begin is what coming on for at[j] costs, stop what going off after at[j] does.
func (p *path) begin(j int) float64 { return min(p.start, float64(p.at[j])) }

func (p *path) stop(j int) float64 {
	if j < 0 {
		return 0
	}
	return min(p.linger, float64(p.end-1-p.at[j]))
}

// stay is what being on at at[j-1] and at at[j] costs between them.
func (p *path) stay(j int) float64 { return min(p.gap(j), p.start+p.linger) }

func (p *path) gap(j int) float64 {
	if j == 0 {
		return 0
	}
	return float64(p.at[j] - p.at[j-1] - 1)
}
