package replay

import (
	"fmt"
	"time"
)

// Warmup is the beginning of every part that is run and not scored, so that no policy gains from what it starts with.
const Warmup = 120 * time.Minute

// wholeDay is how many scored minutes make a day one that can be the worst, unless there is none: a quarter. The share of a few minutes
// says nothing about a day.
const wholeDay = 6 * 60

// Score adds up the minutes of one part. Its size grows with the days only.
type Score struct {
	at      time.Time
	out     Outcome
	run     int
	minutes []int // scored, by day
}

// NewScore returns a score of the minutes from a time on.
func NewScore(start time.Time) *Score { return &Score{at: start.UTC()} }

// Add counts the next minute.
func (s *Score) Add(u Usage) {
	d := s.day()
	s.at = s.at.Add(time.Minute)
	o := &s.out
	o.InstanceHours += u.InstanceHours
	o.Money += u.Money
	o.Starts += u.Starts
	o.Interrupted += u.Interrupted
	d.InstanceHours += u.InstanceHours
	if !u.Known {
		s.run = 0
		return
	}
	o.Minutes++
	s.minutes[len(s.minutes)-1]++
	o.Offered += u.Offered
	o.Unmet += u.Unmet
	o.Excess += u.Excess
	d.Unmet += u.Unmet
	if !u.Short {
		s.run = 0
		return
	}
	d.Violations++
	o.Violations++
	s.run++
	o.WorstRun = max(o.WorstRun, s.run)
}

// day returns the day of the next minute. Its Violations are minutes until Outcome makes them a share.
func (s *Score) day() *Day {
	start := s.at.Truncate(24 * time.Hour)
	n := len(s.out.Days)
	if n == 0 || !s.out.Days[n-1].Start.Equal(start) {
		s.out.Days = append(s.out.Days, Day{Start: start})
		s.minutes = append(s.minutes, 0)
		n++
	}
	return &s.out.Days[n-1]
}

// Outcome returns what the minutes so far came to. Days are those of UTC. A day without a scored minute has no violations, and the worst
// day is one with six scored hours at least where there is such a day. A minute without a known load ends a run.
func (s *Score) Outcome() Outcome {
	o := s.out
	o.Days = make([]Day, len(s.out.Days))
	longest := 0
	for i, d := range s.out.Days {
		if n := s.minutes[i]; n > 0 {
			d.Violations /= float64(n)
			longest = max(longest, n)
		}
		o.Days[i] = d
	}
	for i, d := range o.Days {
		if n := s.minutes[i]; n > 0 && n >= min(wholeDay, longest) && (o.WorstDay.IsZero() || d.Violations > o.Worst) {
			o.Worst, o.WorstDay = d.Violations, d.Start
		}
	}
	return o
}

// Simulate runs the minutes [from, to) of a load at a site and scores them without the Warmup. Wanted is called for every minute in order
// and sets the instances that are wanted of each pool; it is left with what it set before. What it sets at first stands ready at the
// beginning. The error names the minute.
func Simulate(l Load, s Site, from, to int, wanted func(minute int, out []int)) (Outcome, error) {
	warm := int(Warmup / time.Minute)
	if from < 0 || to > len(l.Values) || to-from <= warm {
		return Outcome{}, fmt.Errorf("simulate %s: minutes %d to %d of %d, of which the first %d are not scored",
			l.Name, from, to, len(l.Values), warm)
	}
	out := make([]int, len(s.Pools))
	wanted(from, out)
	c, err := NewCluster(s, out)
	if err != nil {
		return Outcome{}, fmt.Errorf("simulate %s: %w", l.Name, err)
	}
	score := NewScore(l.At(from + warm))
	for m := from; m < to; m++ {
		if m > from {
			wanted(m, out)
		}
		u, err := c.Minute(l.Values[m], out)
		if err != nil {
			return Outcome{}, fmt.Errorf("simulate %s: minute %d: %w", l.Name, m, err)
		}
		if m >= from+warm {
			score.Add(u)
		}
	}
	return score.Outcome(), nil
}
